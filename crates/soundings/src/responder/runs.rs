//! What runs and what ran: for pages, metrics and the interface.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;

/// What a test speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protocol {
    /// iperf3's.
    Iperf3,
    /// Our own.
    Throughput,
    /// ndt7.
    Ndt7,
    /// Synthetic bytes by HTTP.
    Synthetic,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Iperf3, Self::Throughput, Self::Ndt7, Self::Synthetic];

    /// Its name in metrics and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iperf3 => "iperf3",
            Self::Throughput => "throughput",
            Self::Ndt7 => "ndt7",
            Self::Synthetic => "synthetic",
        }
    }
}

/// Why a caller was sent away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// All turns and places to wait are taken, or the wait is too long.
    Busy,
    /// More was asked than this caller may have.
    Allowance,
    /// A credential was presented that is not good.
    Credential,
    /// What it said cannot be understood.
    Malformed,
    /// It said nothing for too long.
    Silent,
    /// The responder, or this address, has as many connections as it may.
    Connections,
    /// A cookie that leads nowhere.
    Cookie,
    /// The responder is stopping.
    Draining,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Busy,
        Self::Allowance,
        Self::Credential,
        Self::Malformed,
        Self::Silent,
        Self::Connections,
        Self::Cookie,
        Self::Draining,
    ];

    /// Its name in metrics and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Allowance => "allowance",
            Self::Credential => "credential",
            Self::Malformed => "malformed",
            Self::Silent => "silent",
            Self::Connections => "connections",
            Self::Cookie => "cookie",
            Self::Draining => "draining",
        }
    }
}

/// A test that begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// What it speaks.
    pub protocol: Protocol,
    /// Whose it is: `anonymous`, or a name.
    pub who: String,
    /// The other end.
    pub peer: SocketAddr,
    /// What it does, in a few words: `TCP, 4 streams, receiving`.
    pub what: String,
    /// How long it takes at most.
    pub longest: Duration,
}

/// All tests of a responder. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Runs {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    running: BTreeMap<u64, Running>,
    totals: Totals,
}

struct Running {
    start: Start,
    since: Instant,
    began: SystemTime,
    moved: Arc<Moved>,
}

/// Counters since the start; `tests` and bytes count when a test ends.
#[derive(Clone, Default, Debug)]
pub struct Totals {
    /// Tests that ended well, by protocol.
    pub finished: BTreeMap<Protocol, u64>,
    /// Tests that broke off, by protocol.
    pub broken: BTreeMap<Protocol, u64>,
    /// Bytes received, by protocol.
    pub received_bytes: BTreeMap<Protocol, u64>,
    /// Bytes sent, by protocol.
    pub sent_bytes: BTreeMap<Protocol, u64>,
    /// Callers sent away, by protocol (`None`: before that was known) and reason.
    pub refused: BTreeMap<(Option<Protocol>, Refusal), u64>,
}

/// What a running test has moved.
#[derive(Debug, Default)]
pub struct Moved {
    /// Bytes received.
    pub received_bytes: AtomicU64,
    /// Bytes sent.
    pub sent_bytes: AtomicU64,
}

/// A test that runs. It counts as broken off, unless [`Run::finish`] says otherwise; dropped, it is no longer listed.
pub struct Run {
    number: u64,
    finished: AtomicBool,
    moved: Arc<Moved>,
    runs: Runs,
}

/// A running test, to be shown.
#[derive(Clone, Debug)]
pub struct RunView {
    /// What began.
    pub start: Start,
    /// When.
    pub began: SystemTime,
    /// How long ago.
    pub after: Duration,
    /// Bytes received so far.
    pub received_bytes: u64,
    /// Bytes sent so far.
    pub sent_bytes: u64,
}

impl Runs {
    /// Lists a test until the answer is dropped.
    pub fn begin(&self, start: Start) -> Run {
        let moved = Arc::<Moved>::default();
        let running = Running { start, since: Instant::now(), began: SystemTime::now(), moved: Arc::clone(&moved) };
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.running.insert(number, running);
        drop(state);
        Run { number, finished: AtomicBool::new(false), moved, runs: self.clone() }
    }

    /// Counts a caller that was sent away.
    pub fn refused(&self, protocol: Option<Protocol>, why: Refusal) {
        *self.lock().totals.refused.entry((protocol, why)).or_default() += 1;
    }

    /// What runs now, the oldest first.
    pub fn look(&self) -> Vec<RunView> {
        let view = |running: &Running| RunView {
            start: running.start.clone(),
            began: running.began,
            after: running.since.elapsed(),
            received_bytes: running.moved.received_bytes.load(Relaxed),
            sent_bytes: running.moved.sent_bytes.load(Relaxed),
        };
        self.lock().running.values().map(view).collect()
    }

    /// The counters.
    pub fn totals(&self) -> Totals {
        self.lock().totals.clone()
    }

    /// Returns when nothing runs.
    pub async fn idle(&self) {
        loop {
            let ended = self.inner.ended.notified();
            if self.lock().running.is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Where its bytes are counted, from any thread.
    pub fn moved(&self) -> &Arc<Moved> {
        &self.moved
    }

    /// It ended as it should.
    pub fn finish(&self) {
        self.finished.store(true, Relaxed);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut state = self.runs.lock();
        if let Some(running) = state.running.remove(&self.number) {
            let protocol = running.start.protocol;
            let totals = &mut state.totals;
            let ended = if self.finished.load(Relaxed) { &mut totals.finished } else { &mut totals.broken };
            *ended.entry(protocol).or_default() += 1;
            *totals.received_bytes.entry(protocol).or_default() += self.moved.received_bytes.load(Relaxed);
            *totals.sent_bytes.entry(protocol).or_default() += self.moved.sent_bytes.load(Relaxed);
        }
        drop(state);
        self.runs.inner.ended.notify_waiters();
    }
}
