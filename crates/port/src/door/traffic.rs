//! What passed through the door: counters for metrics, and the last transfers for the first page.

use http::{Method, StatusCode};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use terms::{LogicalPath, Timestamp};

/// How many transfers are remembered: a page full, some 30 KB.
pub const REMEMBERED: usize = 100;

/// Complete transfers below this are too many for a log that people read.
pub const TOLD_FROM_BYTES: u64 = 1024 * 1024;

/// The methods that are counted apart; all others are counted as the last.
pub const METHODS: [&str; 15] = [
    "GET",
    "HEAD",
    "PUT",
    "PATCH",
    "POST",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "other",
];

/// Upper bounds of the classes of group sizes; the last class has none.
pub const GROUP_SIZES: [u64; 6] = [1, 4, 16, 64, 256, u64::MAX];

/// Counters and the last transfers. Reading never waits for a transfer.
#[derive(Default)]
pub struct Traffic {
    /// Bytes of bodies received.
    pub received_bytes: AtomicU64,
    /// Bytes of bodies sent.
    pub sent_bytes: AtomicU64,
    /// Bodies being received now.
    pub active_receiving: AtomicU64,
    /// Files being sent now.
    pub active_sending: AtomicU64,
    /// Groups that the publisher committed.
    pub groups: AtomicU64,
    /// Files in them.
    pub grouped_files: AtomicU64,
    /// Bodies whose digest was not the claimed one.
    pub digest_mismatches: AtomicU64,
    group_sizes: [AtomicU64; GROUP_SIZES.len()],
    requests: [[AtomicU64; 5]; METHODS.len()],
    refused: Mutex<BTreeMap<&'static str, u64>>,
    recent: Mutex<VecDeque<Transfer>>,
}

/// How a transfer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// As it should.
    Complete,
    /// The connection ended first, or the client had enough.
    Broken,
    /// By a problem of this kind.
    Failed(&'static str),
}

/// One transfer that ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// When it ended.
    pub ended: Timestamp,
    /// Who.
    pub who: String,
    /// From or to where.
    pub peer: Option<SocketAddr>,
    /// `GET`, `PUT`, `PATCH`, `COPY`.
    pub verb: &'static str,
    /// Which file.
    pub path: LogicalPath,
    /// Bytes of its body.
    pub bytes: u64,
    /// From the request to the end.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

impl Traffic {
    /// Counts one answered request.
    pub(crate) fn count_request(&self, method: &Method, status: StatusCode) {
        let row = METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len() - 1);
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.requests[row][class].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one refused request by the kind of its problem; there are as many kinds as our program has words.
    pub(crate) fn count_refusal(&self, kind: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// Counts one group of the publisher.
    pub(crate) fn count_group(&self, files: usize) {
        let files = files as u64;
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.grouped_files.fetch_add(files, Ordering::Relaxed);
        if let Some(class) = GROUP_SIZES.iter().position(|bound| files <= *bound) {
            self.group_sizes[class].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Remembers one transfer, forgetting the oldest, and tells the log of it in one line: small ones that went well on
    /// level `debug`, since the line costs as much as the transfer, all others on `info`.
    pub(crate) fn remember(&self, transfer: Transfer) {
        let Transfer { verb, path, bytes, duration, who, peer, outcome, .. } = &transfer;
        let (peer, seconds) = (peer.map(tracing::field::display), duration.as_secs_f64());
        if *outcome == Outcome::Complete && *bytes < TOLD_FROM_BYTES {
            tracing::debug!(%path, bytes, seconds, %who, peer, ?outcome, "{verb}");
        } else {
            tracing::info!(%path, bytes, seconds, %who, peer, ?outcome, "{verb}");
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(transfer);
    }

    /// Requests by method and status class (1 to 5), those that occurred.
    pub fn requests(&self) -> Vec<(&'static str, u16, u64)> {
        let mut all = Vec::new();
        for (method, row) in METHODS.iter().zip(&self.requests) {
            for (class, count) in (1..).zip(row) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    all.push((*method, class, count));
                }
            }
        }
        all
    }

    /// Refused requests by the kind of their problem.
    pub fn refused(&self) -> Vec<(&'static str, u64)> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(kind, n)| (*kind, *n)).collect()
    }

    /// Groups by the class of their size, see [`GROUP_SIZES`]; not cumulative.
    pub fn group_sizes(&self) -> [u64; GROUP_SIZES.len()] {
        std::array::from_fn(|class| self.group_sizes[class].load(Ordering::Relaxed))
    }

    /// The last transfers, the newest first.
    pub fn recent(&self) -> Vec<Transfer> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

/// Counts up a gauge, and down again when dropped.
pub(crate) struct Active<'a>(&'a AtomicU64);

impl<'a> Active<'a> {
    pub(crate) fn begin(gauge: &'a AtomicU64) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
