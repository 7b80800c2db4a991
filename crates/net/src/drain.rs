//! The orderly end: no new connections, running requests finish, and at last the rest is cut.

use crate::peer::Sums;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::watch;

/// A handle by which [`crate::serve()`] is told to end; clones are the same handle. It also carries the counters of all
/// listeners that serve with it.
#[derive(Clone, Debug)]
pub struct Drain {
    begun: Arc<watch::Sender<bool>>,
    sums: Arc<Sums>,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// A handle not yet draining.
    pub fn new() -> Self {
        Self { begun: Arc::new(watch::Sender::new(false)), sums: Arc::default() }
    }

    /// Begins draining. Calling it again does nothing.
    pub fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        *self.begun.borrow()
    }

    /// Returns when draining has begun.
    pub async fn begun(&self) {
        let mut watched = self.begun.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = watched.wait_for(|begun| *begun).await;
    }

    /// The connections open now, of all listeners that serve with this handle.
    pub fn open_connections(&self) -> u64 {
        self.sums.open.load(Relaxed)
    }

    /// Counters of all listeners that serve with this handle.
    pub fn totals(&self) -> Totals {
        Totals {
            open_connections: self.open_connections(),
            accepted_connections: self.sums.accepted.load(Relaxed),
            received_bytes: self.sums.received_bytes.load(Relaxed),
            sent_bytes: self.sums.sent_bytes.load(Relaxed),
        }
    }

    pub(crate) fn sums(&self) -> &Arc<Sums> {
        &self.sums
    }
}

/// How a listener ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drained {
    /// Connections that ended by themselves after draining began.
    pub finished: u64,
    /// Connections that were cut when the time was over.
    pub cut: u64,
}

/// Counters since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Connections open now.
    pub open_connections: u64,
    /// Connections accepted.
    pub accepted_connections: u64,
    /// Bytes received, TLS and heads included, of connections open and closed.
    pub received_bytes: u64,
    /// Bytes sent, likewise.
    pub sent_bytes: u64,
}
