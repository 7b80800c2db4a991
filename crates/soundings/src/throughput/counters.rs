//! What the thread of a stream counts, and others look at while it runs.

use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

/// Written by one thread, in a cache line of its own.
#[repr(align(128))]
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) bytes: AtomicU64,
    pub(super) socket_ns: AtomicU64,
    pub(super) disk_ns: AtomicU64,
    /// Of the thread at the socket.
    pub(super) cpu_ns: AtomicU64,
    /// Of its companion at the disk.
    pub(super) disk_cpu_ns: AtomicU64,
    /// 0: none yet.
    pub(super) first_ns: AtomicU64,
    pub(super) last_ns: AtomicU64,
    pub(super) done: AtomicBool,
    pub(super) failure: Mutex<Option<String>>,
}

impl Counters {
    pub(super) fn fail(&self, why: String) {
        let mut failure = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        failure.get_or_insert(why);
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Processor time of this thread so far.
pub(super) fn thread_cpu() -> u64 {
    clock(rustix::time::ClockId::ThreadCPUTime)
}

/// Processor time of this process so far.
pub(super) fn process_cpu() -> u64 {
    clock(rustix::time::ClockId::ProcessCPUTime)
}

fn clock(id: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(id);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Ticks that a host's processors were busy, and all ticks, since it started (`/proc/stat`).
pub(super) fn host_ticks() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> =
        text.lines().next()?.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    let [_, _, _, idle, waiting, ..] = fields[..] else { return None };
    let all: u64 = fields.iter().sum();
    Some((all - idle - waiting, all))
}

/// How often a thread asks for its processor time: a system call.
const CPU_EVERY: Duration = Duration::from_millis(20);

/// The clock of a thread at a socket: what goes on between two looks is booked.
pub(super) struct Book<'a> {
    counters: &'a Counters,
    origin: Instant,
    now: Instant,
    cpu_at: Instant,
    bytes: u64,
    socket: Duration,
    disk: Duration,
}

impl<'a> Book<'a> {
    pub(super) fn new(counters: &'a Counters, origin: Instant) -> Self {
        let now = Instant::now();
        Self { counters, origin, now, cpu_at: now, bytes: 0, socket: Duration::ZERO, disk: Duration::ZERO }
    }

    /// All bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The time up to now was spent in the socket, and so many bytes moved.
    #[inline]
    pub(super) fn moved(&mut self, bytes: usize) {
        let now = Instant::now();
        self.socket += now - self.now;
        self.now = now;
        let at = nanos(now - self.origin);
        if self.bytes == 0 && bytes > 0 {
            self.counters.first_ns.store(at.max(1), Relaxed);
        }
        self.bytes += bytes as u64;
        self.counters.last_ns.store(at, Relaxed);
        self.counters.bytes.store(self.bytes, Relaxed);
        self.counters.socket_ns.store(nanos(self.socket), Relaxed);
        if now - self.cpu_at >= CPU_EVERY {
            self.cpu_at = now;
            self.counters.cpu_ns.store(thread_cpu(), Relaxed);
        }
    }

    /// The time up to now was spent waiting for the disk.
    #[inline]
    pub(super) fn waited_for_disk(&mut self) {
        let now = Instant::now();
        self.disk += now - self.now;
        self.now = now;
        self.counters.disk_ns.store(nanos(self.disk), Relaxed);
    }

    /// The time up to now belongs to neither.
    #[inline]
    pub(super) fn idled(&mut self) {
        self.now = Instant::now();
    }

    /// Since when bytes move.
    pub(super) fn now(&self) -> Instant {
        self.now
    }
}

impl Drop for Book<'_> {
    fn drop(&mut self) {
        self.counters.cpu_ns.store(thread_cpu(), Relaxed);
    }
}

pub(super) fn nanos(span: Duration) -> u64 {
    soundings_core::throughput::series::nanos(span)
}
