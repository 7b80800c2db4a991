//! What counts as one download: as many bytes of a file as it has.
//!
//! A file that comes in ranges, by sixteen connections or in several tries is one download; a file whose bytes were sent
//! two and a half times is three. So ranges save nobody a download and cost nobody one. Thinking only: no clock, no lock.

use std::time::Instant;

/// This part of a file may be sent once more for nothing: what was lost on the way when a connection broke, or when a
/// program that fetches by many of them ended the first, which had begun with the whole. It is given once, not for each
/// download, so that it cannot add up to another one.
const LOST_PART: u64 = 16;
/// As much as two kernels hold of some connections; but never more than half the file.
const LOST_BYTES: u64 = 64 << 20;

/// The downloads of one file by one share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    /// Bytes of the file; 1 for an empty one, which is one unit to send.
    size: u64,
    /// Downloads taken from the budget for it.
    paid: u64,
    /// Bytes sent, and those promised to answers on their way.
    used: u64,
    /// Answers on their way.
    open: u32,
    /// When one was last begun.
    pub(super) touched: Instant,
}

impl Account {
    pub(super) fn new(size_bytes: u64, now: Instant) -> Self {
        Self { size: size_bytes.max(1), paid: 0, used: 0, open: 0, touched: now }
    }

    /// Downloads that must be taken from the budget before so many bytes more are sent.
    pub(super) fn wants(&self, bytes: u64) -> u64 {
        self.needed(self.used.saturating_add(units(bytes))).saturating_sub(self.paid)
    }

    /// So many downloads were taken, and so many bytes are now promised.
    pub(super) fn begin(&mut self, downloads: u64, bytes: u64, now: Instant) {
        self.paid += downloads;
        self.used = self.used.saturating_add(units(bytes));
        self.open += 1;
        self.touched = now;
    }

    /// Of the promised bytes so many were not sent. Answers how many downloads were taken too much.
    pub(super) fn end(&mut self, unsent: u64) -> u64 {
        self.used = self.used.saturating_sub(unsent);
        self.open = self.open.saturating_sub(1);
        let paid = self.needed(self.used).min(self.paid);
        std::mem::replace(&mut self.paid, paid) - paid
    }

    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    fn needed(&self, used: u64) -> u64 {
        match used {
            0 => 0,
            _ => used.saturating_sub(self.lost()).div_ceil(self.size).max(1),
        }
    }

    /// Bytes that may be sent twice.
    fn lost(&self) -> u64 {
        (self.size / LOST_PART).max(LOST_BYTES.min(self.size / 2))
    }
}

/// An empty file has nothing to send, and yet it is downloaded.
pub(super) fn units(bytes: u64) -> u64 {
    bytes.max(1)
}
