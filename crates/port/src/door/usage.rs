//! What each caller moved today, for rules that ask.

use archive::UsageRecord;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Callers counted on one day, of about 100 bytes each; those beyond share one count under their common name.
const MAX_CALLERS: usize = 65_536;

/// Under which those beyond are counted.
const OTHERS: &str = "others";

/// Bytes moved today (UTC), by name of the principal.
#[derive(Default)]
pub struct Usage {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    day: u32,
    used: HashMap<String, u64>,
    /// Not yet in the archive.
    unsaved: HashMap<String, u64>,
}

impl Usage {
    /// Bytes that this caller moved today.
    pub fn used_bytes(&self, name: &str) -> u64 {
        let inner = self.today();
        inner.used.get(name).or_else(|| inner.used.get(OTHERS)).copied().unwrap_or(0)
    }

    /// Counts.
    pub fn add(&self, name: &str, bytes: u64) {
        let mut inner = self.today();
        let name = if inner.used.len() < MAX_CALLERS || inner.used.contains_key(name) { name } else { OTHERS };
        *inner.used.entry(name.to_owned()).or_default() += bytes;
        *inner.unsaved.entry(name.to_owned()).or_default() += bytes;
    }

    /// What was counted before a restart.
    pub fn restore(&self, records: Vec<UsageRecord>) {
        let mut inner = self.today();
        let day = inner.day;
        for record in records.into_iter().filter(|record| record.day == day) {
            *inner.used.entry(record.principal).or_default() += record.bytes;
        }
    }

    /// What the archive does not know yet; it is taken for known from now on.
    pub fn take_unsaved(&self) -> Vec<UsageRecord> {
        let mut inner = self.today();
        let day = inner.day;
        inner.unsaved.drain().map(|(principal, bytes)| UsageRecord { principal, day, bytes }).collect()
    }

    fn today(&self) -> std::sync::MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let day = today();
        if inner.day != day {
            *inner = Inner { day, ..Inner::default() };
        }
        inner
    }
}

/// Days since the epoch.
pub fn today() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u32::try_from(seconds / 86_400).unwrap_or(u32::MAX)
}
