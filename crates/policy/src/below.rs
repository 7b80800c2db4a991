//! Whether one answer holds for a whole folder.

use crate::facts::Facts;
use crate::{Ask, Policy};

impl Policy {
    /// May the answer be another one for something below this path than it is for all that is there? `false`: whatever is
    /// below, existing or not, this is allowed. Never `false` wrongly; where it is `true`, each name must be asked.
    pub fn differs_below(&self, ask: &Ask<'_>) -> bool {
        let mentions = &self.engine.compiled.mentions;
        if mentions.any_below(ask.path) {
            return true;
        }
        // No rule names anything below, so that all names there look alike to the rules, but for what they ask of a file.
        let Ok(child) = ask.path.join(ANY_NAME) else { return true };
        let child = Ask { path: &child, ..*ask };
        let of_one = Facts::OBJECT.union(Facts::PATH).union(Facts::BYTES);
        self.engine.wants(&child).intersects(of_one) || !self.decide(child).allows()
    }
}

/// A name as good as any.
const ANY_NAME: &str = "x";
