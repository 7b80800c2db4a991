//! Refusals from one source are written up to a number a minute, and counted beyond: who asks for what he may not have
//! cannot fill the disk, nor push out what was written before.

use super::event::Event;
use api::{AuditDecision, AuditRecord};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Refusals from one source that are written in one window. At 500 bytes each and for a whole day it is 430 MB.
pub(super) const WRITTEN: u64 = 600;

/// How long a window is.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Sources counted at once, of about 100 bytes each; those beyond share one count.
const SOURCES: usize = 4_096;

#[derive(Default)]
pub(super) struct Suppressor {
    sources: HashMap<Option<IpAddr>, Count>,
    window: Option<Instant>,
}

#[derive(Default)]
struct Count {
    seen: u64,
    first: String,
    last: String,
}

impl Suppressor {
    /// Is this to be written?
    pub(super) fn admits(&mut self, record: &AuditRecord, now: Instant) -> bool {
        let refused = matches!(record.decision, Some(AuditDecision::Refused | AuditDecision::Unauthenticated));
        if !refused && record.event != Event::SignInFailed.name() {
            return true;
        }
        self.window.get_or_insert(now);
        let source = record.from.as_deref().and_then(|from| from.parse().ok()).map(crate::auth::source);
        let source = if self.sources.len() < SOURCES || self.sources.contains_key(&source) { source } else { None };
        let count = self.sources.entry(source).or_default();
        count.seen += 1;
        if count.seen <= WRITTEN {
            return true;
        }
        if count.first.is_empty() {
            count.first.clone_from(&record.at);
        }
        count.last.clone_from(&record.at);
        false
    }

    /// When the window ends, so that what was counted is told then.
    pub(super) fn due(&self) -> Option<Instant> {
        self.window.map(|began| began + WINDOW)
    }

    /// The lines that tell what was counted, once the window is over (or `at_once`).
    pub(super) fn told(&mut self, now: Instant, at_once: bool) -> Vec<AuditRecord> {
        if !self.due().is_some_and(|due| at_once || due <= now) {
            return Vec::new();
        }
        self.window = None;
        let counted = self.sources.drain().filter(|(_, count)| count.seen > WRITTEN);
        counted
            .map(|(source, Count { seen, first, last })| {
                let more = seen - WRITTEN;
                let told = format!("{more} more refusals from there between {first} and {last} are not written");
                AuditRecord { from: source.map(|address| address.to_string()), ..Event::Suppressed.record(told) }
            })
            .collect()
    }
}
