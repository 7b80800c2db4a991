//! Records that were looked up a moment ago, so that a busy caller costs the database one query in a thousand requests.

use super::guard::make_room;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A revoked token or share is refused everywhere at the latest after this long: how old a kept record may be. Long enough
/// to spare the database, short enough for an operator in a hurry.
pub const REVOCATION_DELAY: Duration = Duration::from_secs(5);

/// Records kept at once, of some 300 to 500 bytes each.
const KEPT: usize = 1024;

/// Records by their id, each believed for [`REVOCATION_DELAY`].
pub(crate) struct Recent<Id, Record> {
    kept: Mutex<HashMap<Id, (Record, Instant)>>,
}

impl<Id, Record> Default for Recent<Id, Record> {
    fn default() -> Self {
        Self { kept: Mutex::default() }
    }
}

impl<Id: Copy + Eq + Hash, Record: Clone> Recent<Id, Record> {
    /// The record, if it was kept lately.
    pub(crate) fn find(&self, id: Id, now: Instant) -> Option<Record> {
        let kept = self.kept();
        kept.get(&id).filter(|(_, at)| now.duration_since(*at) < REVOCATION_DELAY).map(|(record, _)| record.clone())
    }

    /// Keeps what was looked up now.
    pub(crate) fn keep(&self, id: Id, record: Record, now: Instant) {
        let mut kept = self.kept();
        make_room(&mut kept, KEPT, |(_, at)| *at, now, REVOCATION_DELAY);
        kept.insert(id, (record, now));
    }

    /// Forgets one at once, when this very process has changed it.
    pub(crate) fn forget(&self, id: Id) {
        self.kept().remove(&id);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Id, (Record, Instant)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
