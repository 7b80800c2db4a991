//! What is counted while a load runs, by all its workers at once.

use net::ConnectionFacts;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a load has done so far: for who watches it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of bodies, received or handed over for sending.
    pub bytes: AtomicU64,
    /// Requests completed.
    pub requests: AtomicU64,
    /// Requests and connections that failed.
    pub failures: AtomicU64,
    /// The warm-up is over.
    pub measuring: AtomicBool,
    /// Connections that are open.
    open: Mutex<Vec<ConnectionFacts>>,
}

/// What was counted at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    pub(super) at: Instant,
    pub(super) cpu: Duration,
    pub(super) bytes: u64,
}

impl Progress {
    pub(super) fn opened(&self, facts: &ConnectionFacts) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(facts.clone());
    }

    /// Now. Of uploads only what the other end has acknowledged counts: the rest lies in our own buffers.
    pub(super) fn snapshot(&self, uploading: bool) -> Snapshot {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut underway = 0;
        if uploading {
            open.retain(|facts| {
                let Some(info) = facts.tcp_info() else { return false };
                underway +=
                    info.acknowledged_bytes.map_or(0, |acknowledged| facts.sent_bytes().saturating_sub(acknowledged));
                true
            });
        }
        let bytes = self.bytes.load(Relaxed).saturating_sub(underway);
        Snapshot { at: Instant::now(), cpu: super::processor_time(), bytes }
    }
}
