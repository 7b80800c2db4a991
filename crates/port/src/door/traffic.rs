//! What passed through the door: counters for metrics, and the last transfers for the first page.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters and the last transfers.
#[derive(Default)]
pub struct Traffic {
    /// Bytes of bodies received.
    pub received_bytes: AtomicU64,
    /// Bytes of bodies sent.
    pub sent_bytes: AtomicU64,
    recent: Mutex<VecDeque<()>>,
}

impl Traffic {
    /// How many transfers are remembered now.
    pub fn remembered(&self) -> usize {
        let _ = self.received_bytes.load(Ordering::Relaxed);
        self.recent.lock().map_or(0, |recent| recent.len())
    }
}
