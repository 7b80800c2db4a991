//! What each caller moved today, for rules that ask. Kept in memory; the archive follows every few seconds, and tells what
//! others moved who serve from the same archive.

use super::{Inner, problem};
use archive::{Archive, ArchiveError, UsageRecord};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use terms::Problem;

/// Callers counted on one day, of about 100 bytes each; those beyond share one count under their common name.
const MAX_CALLERS: usize = 65_536;

/// Under which those beyond are counted.
const OTHERS: &str = "others";

/// How often the archive is told: what was moved since then is forgotten by a crash, and the caller may move it again.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// After so many times the archive is asked, too: other processes may serve from it. Until then what they moved does not
/// count here: a minute.
const LOAD_EVERY: u32 = 12;

/// Bytes moved today (UTC), by name of the principal.
#[derive(Default)]
pub struct Usage {
    counts: Mutex<Counts>,
    /// Held while the archive is told, so that it is told once.
    saving: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Counts {
    day: u32,
    used: HashMap<String, u64>,
    /// Not yet in the archive, by day and name.
    unsaved: HashMap<(u32, String), u64>,
}

impl Usage {
    /// As the archive has it.
    pub(crate) async fn load(archive: &Archive) -> Result<Self, Problem> {
        let usage = Self::default();
        usage.refresh(archive).await.map_err(|error| problem::of_archive(&error))?;
        Ok(usage)
    }

    /// Asks the archive what others moved meanwhile.
    pub(crate) async fn refresh(&self, archive: &Archive) -> Result<(), ArchiveError> {
        // Nothing may go over to the archive between its answer and the use of it: that would not count.
        let _saving = self.saving.lock().await;
        self.replace(archive.usage_since(today()).await?);
        Ok(())
    }

    /// Bytes that this caller moved today.
    pub fn used_bytes(&self, name: &str) -> u64 {
        let counts = self.today();
        let others = || counts.used.get(OTHERS).filter(|_| counts.used.len() >= MAX_CALLERS);
        counts.used.get(name).or_else(others).copied().unwrap_or(0)
    }

    /// Counts.
    pub fn add(&self, name: &str, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let mut counts = self.today();
        let name = if counts.used.len() < MAX_CALLERS || counts.used.contains_key(name) { name } else { OTHERS };
        counts.add(name, bytes);
    }

    /// Tells the archive what it does not know yet. What it does not take now it is told the next time.
    pub(crate) async fn save(&self, archive: &Archive) {
        let _saving = self.saving.lock().await;
        let unsaved = self.unsaved();
        if let Err(error) = archive.add_usage(&unsaved).await {
            tracing::warn!("could not record what was moved: {error}; trying again");
            return;
        }
        self.saved(&unsaved);
    }

    /// The archive's counts take the place of ours, with what it does not know yet.
    fn replace(&self, records: Vec<UsageRecord>) {
        let mut counts = self.today();
        let day = counts.day;
        let records = records.into_iter().filter(|record| record.day == day);
        counts.used = records.map(|record| (record.principal, record.bytes)).collect();
        let Counts { used, unsaved, .. } = &mut *counts;
        for ((of, name), bytes) in unsaved.iter() {
            if *of == day {
                *used.entry(name.clone()).or_default() += bytes;
            }
        }
    }

    fn unsaved(&self) -> Vec<UsageRecord> {
        let counts = self.today();
        let record = |((day, principal), bytes): (&(u32, String), &u64)| UsageRecord {
            principal: principal.clone(),
            day: *day,
            bytes: *bytes,
        };
        counts.unsaved.iter().map(record).collect()
    }

    /// The archive has these.
    fn saved(&self, records: &[UsageRecord]) {
        let mut counts = self.today();
        for record in records {
            let key = (record.day, record.principal.clone());
            match counts.unsaved.get_mut(&key) {
                Some(bytes) if *bytes > record.bytes => *bytes -= record.bytes,
                _ => drop(counts.unsaved.remove(&key)),
            }
        }
    }

    fn today(&self) -> std::sync::MutexGuard<'_, Counts> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let day = today();
        if counts.day != day {
            counts.day = day;
            counts.used.clear();
        }
        counts
    }
}

impl Counts {
    fn add(&mut self, name: &str, bytes: u64) {
        match self.used.get_mut(name) {
            Some(used) => *used = used.saturating_add(bytes),
            None => drop(self.used.insert(name.to_owned(), bytes)),
        }
        let unsaved = self.unsaved.entry((self.day, name.to_owned())).or_default();
        *unsaved = unsaved.saturating_add(bytes);
    }
}

/// Until the door is gone.
pub(super) async fn save_now_and_then(door: Weak<Inner>) {
    let mut round = 0;
    loop {
        tokio::time::sleep(SAVE_EVERY).await;
        let Some(inner) = door.upgrade() else { return };
        inner.usage.save(&inner.archive).await;
        round = (round + 1) % LOAD_EVERY;
        if round == 0
            && let Err(error) = inner.usage.refresh(&inner.archive).await
        {
            tracing::warn!("could not read what was moved: {error}");
        }
    }
}

/// Days since the epoch.
fn today() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u32::try_from(seconds / 86_400).unwrap_or(u32::MAX)
}
