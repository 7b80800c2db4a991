//! What a running copy tells: counters that anybody may read at any time, and events.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use terms::{Digest, Problem};

/// Counters of a whole copy. They only grow, but for [`bytes_moved`](Self::bytes_moved) when a file has to begin again.
#[derive(Debug, Default)]
pub struct Tally {
    /// Files met so far.
    pub files_found: AtomicU64,
    /// Their bytes.
    pub bytes_found: AtomicU64,
    /// Have all been met?
    pub found_all: AtomicBool,
    /// Files copied.
    pub files_copied: AtomicU64,
    /// Bytes that travelled, those of files that failed later included.
    pub bytes_moved: AtomicU64,
    /// Files that were there already.
    pub files_skipped: AtomicU64,
    /// Bytes that needed not travel: of skipped files, and of parts that an earlier run brought.
    pub bytes_skipped: AtomicU64,
    /// Files that failed.
    pub files_failed: AtomicU64,
    /// Where the time of all workers went.
    pub meter: Meter,
    /// What the kernel says of the connections that bytes were sent by.
    pub(crate) sending: SendingFacts,
}

/// What the kernel says of connections that bytes were sent by, each weighed by its bytes.
#[derive(Debug, Default)]
pub(crate) struct SendingFacts {
    bytes: AtomicU64,
    receiver_limited_bytes: AtomicU64,
}

impl SendingFacts {
    /// Takes account of one connection after so many bytes were sent by it.
    pub(crate) fn count(&self, bytes: u64, facts: Option<&net::ConnectionFacts>) {
        let Some(info) = facts.and_then(net::ConnectionFacts::tcp_info) else { return };
        let (Some(busy), Some(receiver_limited)) = (info.busy, info.receiver_limited) else { return };
        let share = receiver_limited.as_secs_f64() / busy.as_secs_f64().max(1e-9);
        add(&self.bytes, bytes);
        add(&self.receiver_limited_bytes, (bytes as f64 * share.min(1.0)) as u64);
    }

    /// In what share of the sending was the receiver's window full?
    pub(crate) fn receiver_limited(&self) -> Option<f64> {
        let bytes = value(&self.bytes);
        (bytes > 0).then(|| value(&self.receiver_limited_bytes) as f64 / bytes as f64)
    }
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

pub(crate) fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// One file on its way.
#[derive(Debug)]
pub struct FileTally {
    /// A number of its own within the copy.
    pub id: u64,
    /// Where it comes from.
    pub source: String,
    /// Where it goes.
    pub target: String,
    /// Its size, where known.
    pub size_bytes: Option<u64>,
    /// Bytes that are there: those that travelled and those that were there before.
    pub bytes_done: AtomicU64,
}

/// How one file ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It travelled.
    Copied {
        /// The digest by which both ends were found equal; `None` when the server offers none.
        proof: Option<Digest>,
    },
    /// It was there.
    Skipped,
    /// It did not come through.
    Failed(Problem),
}

/// Told of a copy's course. Calls come from many tasks at once and must return quickly.
pub trait Observer: Send + Sync {
    /// A file begins.
    fn file_started(&self, _file: &std::sync::Arc<FileTally>) {}
    /// A file has ended.
    fn file_ended(&self, _file: &FileTally, _outcome: &Outcome, _elapsed: Duration) {}
    /// A source or a folder failed before any file of it began.
    fn source_failed(&self, _source: &str, _problem: &Problem) {}
    /// Something that a person may want to know.
    fn notice(&self, _text: &str) {}
}

/// Nobody listens.
pub struct Silent;

impl Observer for Silent {}

/// What a worker can wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// The server's answer to a request.
    Answer,
    /// Bytes from the server, or room to send more: the network, or the server's disk behind it.
    Network,
    /// Our own disk.
    Disk,
    /// Our own processor, computing digests.
    Digest,
}

const KINDS: [(Waiting, &str); 4] = [
    (Waiting::Answer, "the server's answers"),
    (Waiting::Network, "the network or the server's disk"),
    (Waiting::Disk, "the disk of this machine"),
    (Waiting::Digest, "digests on this machine"),
];

/// Nanoseconds that all workers together spent waiting, by what for.
#[derive(Debug, Default)]
pub struct Meter([AtomicU64; 4]);

/// Counts until it is dropped.
pub(crate) struct Running<'a> {
    counter: &'a AtomicU64,
    since: Instant,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        add(self.counter, u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Meter {
    pub(crate) fn start(&self, waiting: Waiting) -> Running<'_> {
        Running { counter: &self.0[waiting as usize], since: Instant::now() }
    }

    /// Adds what was waited elsewhere.
    pub(crate) fn spend(&self, waiting: Waiting, span: Duration) {
        add(&self.0[waiting as usize], u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The shares of what was waited for; empty when nothing was.
    pub fn shares(&self) -> Vec<(Waiting, f64)> {
        let spent: Vec<u64> = self.0.iter().map(value).collect();
        let all = spent.iter().sum::<u64>();
        let share = |(at, (waiting, _)): (usize, &(Waiting, &str))| (*waiting, spent[at] as f64 / all as f64);
        if all == 0 { Vec::new() } else { KINDS.iter().enumerate().map(share).collect() }
    }
}

/// How a copy went.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Files copied.
    pub files: u64,
    /// Bytes that travelled.
    pub bytes: u64,
    /// Files that were there already.
    pub skipped: u64,
    /// Bytes that needed not travel.
    pub bytes_skipped: u64,
    /// Files that failed.
    pub failed: u64,
    /// Files copied without a digest from the server to compare with.
    pub unproven: u64,
    /// From begin to end.
    pub elapsed: Duration,
    /// Shares of what the workers waited for.
    pub shares: Vec<(Waiting, f64)>,
    /// The share of the sending in which the receiving program took bytes no faster, as the kernel measured it; `None` where
    /// nothing was sent.
    pub receiver_limited: Option<f64>,
    /// The first failures, with the sources they belong to, at most [`MAX_FAILURES`].
    pub failures: Vec<(String, Problem)>,
}

/// Failures that a summary keeps; more are only counted. Half a kilobyte each.
pub const MAX_FAILURES: usize = 1_000;

impl Summary {
    /// Bytes that travelled in a second.
    pub fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// What held the copy up most, in words; `None` when nothing was waited for.
    pub fn limit(&self) -> Option<Limit> {
        let (waiting, share) = self.shares.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Limit { waiting, share, receiver_limited: self.receiver_limited })
    }
}

/// What held a copy up most.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limit {
    /// What was waited for.
    pub waiting: Waiting,
    /// Its share of all waiting, 0 to 1.
    pub share: f64,
    /// As in [`Summary::receiver_limited`].
    pub receiver_limited: Option<f64>,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = KINDS.iter().find(|(waiting, _)| *waiting == self.waiting).map_or("", |(_, words)| words);
        let words = match (self.waiting, self.receiver_limited) {
            (Waiting::Network, Some(share)) if share > 0.5 => "the server, which took bytes no faster",
            (Waiting::Network, Some(share)) if share < 0.1 => "the network",
            _ => words,
        };
        write!(f, "{words} ({:.0} % of the waiting)", self.share * 100.0)
    }
}
