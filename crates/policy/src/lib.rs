//! Who may do what: one decision function, through which every request passes, and which always says why.
//!
//! Never here: files, clocks, sockets, or an answer without a reason.
//!
//! A question ([`Ask`]) goes through these steps, and the first that refuses ends it:
//!
//! 1. This host itself may do everything.
//! 2. Every bound of the credential must cover what is asked.
//! 3. The rules decide, by [Cedar](https://www.cedarpolicy.com): a rule that forbids wins over all that allow; what no
//!    rule allows is refused. A credential that grants by itself ([`terms::Identity::authorises`]) is one rule more that
//!    allows.
//!
//! Rules come in a short form ([`Rule`], [`Embargo`]) or in Cedar's own language over the schema that [`Policy::schema`]
//! prints. The short form is written out in Cedar ([`Policy::cedar`]); there is one engine.

mod ask;
mod below;
mod callers;
mod compile;
mod decide;
mod engine;
mod error;
mod explain;
mod facts;
mod index;
mod mentions;
mod names;
mod parts;
mod request;
mod rights;
mod rule;
mod schema;
mod short;

pub use ask::{Ask, Decision, Effect, Object};
pub use compile::{RULE_NAME_MAX_BYTES, RULES_MAX};
pub use error::PolicyError;
pub use explain::{Explanation, MatchingRule, NEARLY_TOLD_MAX, NearlyRule};
pub use rights::{Rights, Witness};
pub use rule::{Conditions, Embargo, Rule, RuleEffect, RuleSource, Subject};
pub use short::Part;

use engine::Engine;
use std::fmt::Write as _;
use std::sync::Arc;
use terms::{LogicalPath, VerbSet};

#[cfg(test)]
mod tests;

/// What anonymous visitors, and so everybody, may do below one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnonymousGrant {
    /// This path and all below it.
    pub path: LogicalPath,
    /// What they may do there. An empty set closes a place inside an open one.
    pub verbs: VerbSet,
}

/// The rules in force. Cheap to clone.
#[derive(Clone)]
pub struct Policy {
    engine: Arc<Engine>,
}

impl Policy {
    /// Anonymous visitors, and so everybody, may do this; of several grants that cover a path, the longest path decides.
    /// Nothing else is allowed, but what credentials grant by themselves.
    pub fn new(anonymous: Vec<AnonymousGrant>) -> Self {
        Self::with_anonymous(anonymous, &RuleSource::default())
            .expect("a grant can be written as a rule, whatever its path")
    }

    /// Reads and checks rules. A policy with anything wrong in it never comes into force; all that is wrong is told.
    pub fn compile(source: RuleSource) -> Result<Self, Vec<PolicyError>> {
        Self::with_anonymous(Vec::new(), &source)
    }

    /// The same, with grants to anonymous visitors as in [`Policy::new`].
    pub fn with_anonymous(mut anonymous: Vec<AnonymousGrant>, source: &RuleSource) -> Result<Self, Vec<PolicyError>> {
        // The first of several grants for one path is the one that counts.
        let mut seen = std::collections::HashSet::new();
        anonymous.retain(|grant| seen.insert(grant.path.clone()));
        let compiled = compile::compile(&anonymous, source)?;
        Ok(Self { engine: Arc::new(Engine::new(compiled)) })
    }

    /// The schema that rules in Cedar's language are written over, in Cedar's schema language.
    pub fn schema() -> &'static str {
        schema::text()
    }

    /// All rules in force in Cedar's language, those of the short form and the built-in one, too.
    pub fn cedar(&self) -> String {
        let mut text = String::new();
        for entry in &self.engine.compiled.entries {
            let _ = writeln!(text, "{}\n", entry.whole);
        }
        text
    }

    /// How many rules there are, the built-in one not counted.
    pub fn rule_count(&self) -> usize {
        self.engine.compiled.entries.len().saturating_sub(1)
    }
}

/// No rules: nobody may do anything, but for what credentials grant by themselves.
impl Default for Policy {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Policy({} rules)", self.rule_count())
    }
}
