//! One stream: a thread with a blocking socket that sends or receives as fast as it may, and counts.

use super::load::thread_cpu;
use net::{datagrams, pace};
use soundings_core::iperf3::datagram::{Arrivals, Head};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// How long a thread is in one call at most before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// How long a receiver takes at the end what has arrived already.
const DRAIN_MAX: Duration = Duration::from_millis(500);

/// Stack of such a thread: it calls nothing deep, and there may be hundreds.
const STACK_BYTES: usize = 128 << 10;

/// The socket of a stream.
#[derive(Clone, Debug)]
pub(super) enum Link {
    Tcp(Arc<TcpStream>),
    Udp(Arc<UdpSocket>),
}

impl Link {
    pub(super) fn number(&self) -> i32 {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Udp(socket) => socket.as_raw_fd(),
        }
    }
}

/// What the streams of one test have in common.
#[derive(Debug)]
pub(super) struct Common {
    stage: AtomicU8,
    /// The test began.
    begun: Instant,
    /// The same by the clock on the wall, for the heads of datagrams.
    begun_wall: Duration,
    /// Octets of one write or datagram.
    pub(super) block_bytes: usize,
    /// Of each stream, bits per second; 0 is without bound.
    pub(super) rate: u64,
    /// Blocks in one go.
    pub(super) burst: u64,
    /// How long a paced sender may sleep.
    pub(super) pacing_timer: Duration,
    /// Octets after which all streams together have sent enough.
    enough: AtomicU64,
    claimed: AtomicU64,
    /// Octets received after which it is enough, and how many there were.
    received: AtomicU64,
    /// Hears when there is enough, or when a stream broke.
    pub(super) news: Notify,
    pub(super) is_enough: AtomicBool,
    /// Bound of all receivers together, bits per second.
    pub(super) receive_rate: Option<u64>,
    pub(super) wide: bool,
    pub(super) repeating: bool,
    pub(super) zero_copy: bool,
}

const RUNNING: u8 = 0;
const DRAINING: u8 = 1;

/// What a test asks of its streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) block_bytes: usize,
    pub(super) rate: u64,
    pub(super) burst: u64,
    pub(super) pacing_timer: Duration,
    pub(super) enough_bytes: Option<u64>,
    pub(super) receive_rate: Option<u64>,
    pub(super) wide: bool,
    pub(super) repeating: bool,
    pub(super) zero_copy: bool,
}

impl Common {
    pub(super) fn new(task: Task) -> Arc<Self> {
        Arc::new(Self {
            stage: AtomicU8::new(RUNNING),
            begun: Instant::now(),
            begun_wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            block_bytes: task.block_bytes,
            rate: task.rate,
            burst: task.burst,
            pacing_timer: task.pacing_timer,
            enough: AtomicU64::new(task.enough_bytes.unwrap_or(u64::MAX)),
            claimed: AtomicU64::new(0),
            received: AtomicU64::new(0),
            news: Notify::new(),
            is_enough: AtomicBool::new(false),
            receive_rate: task.receive_rate,
            wide: task.wide,
            repeating: task.repeating,
            zero_copy: task.zero_copy,
        })
    }

    /// Senders stop, receivers take what is there and stop.
    pub(super) fn stop(&self) {
        self.stage.store(DRAINING, Relaxed);
    }

    /// The warm-up is over: what counts towards "enough" begins here.
    pub(super) fn warm(&self) {
        self.claimed.store(0, Relaxed);
        self.received.store(0, Relaxed);
    }

    fn runs(&self) -> bool {
        self.stage.load(Relaxed) == RUNNING
    }

    fn has_bound(&self) -> bool {
        self.enough.load(Relaxed) != u64::MAX
    }

    /// Takes the right to send one block more.
    fn claim(&self) -> bool {
        if !self.has_bound() {
            return true;
        }
        let before = self.claimed.fetch_add(self.block_bytes as u64, Relaxed);
        let left = before < self.enough.load(Relaxed);
        if !left {
            self.enough_now();
        }
        left
    }

    fn received(&self, bytes: u64) {
        if self.has_bound() || self.receive_rate.is_some() {
            let all = self.received.fetch_add(bytes, Relaxed) + bytes;
            if all >= self.enough.load(Relaxed) {
                self.enough_now();
            }
        }
    }

    fn enough_now(&self) {
        if !self.is_enough.swap(true, Relaxed) {
            self.news.notify_one();
        }
    }

    /// How long receivers must wait so that all of them together stay within their rate.
    fn receivers_wait(&self, since: Instant) -> Option<Duration> {
        let rate = self.receive_rate?;
        let due = self.received.load(Relaxed) as f64 * 8.0 / rate.max(1) as f64;
        let wait = due - since.elapsed().as_secs_f64();
        (wait > 0.0).then(|| Duration::from_secs_f64(wait.min(LOOK.as_secs_f64())))
    }
}

/// What one stream has done so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) bytes: AtomicU64,
    /// Datagrams sent.
    pub(super) packets: AtomicU64,
    arrivals: Mutex<Arrivals>,
    broken: Mutex<Option<io::Error>>,
    cpu: Mutex<[Duration; 2]>,
}

impl Counters {
    pub(super) fn arrivals(&self) -> Arrivals {
        *lock(&self.arrivals)
    }

    pub(super) fn warm(&self) {
        lock(&self.arrivals).warm();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream that runs. Dropped, its thread ends within [`LOOK`].
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) link: Link,
    pub(super) sends: bool,
    pub(super) counters: Arc<Counters>,
    common: Arc<Common>,
    thread: Option<JoinHandle<()>>,
}

impl Flow {
    /// Lets it run. The socket is blocking from here on.
    pub(super) fn start(link: Link, sends: bool, common: &Arc<Common>) -> io::Result<Self> {
        match &link {
            Link::Tcp(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(LOOK))?;
                stream.set_write_timeout(Some(LOOK))?;
            }
            Link::Udp(socket) => {
                socket.set_nonblocking(false)?;
                socket.set_read_timeout(Some(LOOK))?;
                socket.set_write_timeout(Some(LOOK))?;
            }
        }
        let counters = Arc::<Counters>::default();
        let worker = Worker { link: link.clone(), common: Arc::clone(common), counters: Arc::clone(&counters) };
        let thread = std::thread::Builder::new()
            .name("iperf3-stream".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || worker.work(sends))?;
        Ok(Self { link, sends, counters, common: Arc::clone(common), thread: Some(thread) })
    }

    /// Waits for its thread, which was told to stop; what broke it, and its CPU time.
    pub(super) fn join(&mut self) -> (Option<io::Error>, [Duration; 2]) {
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has counted until then.
            let _ = thread.join();
        }
        (lock(&self.counters.broken).take(), *lock(&self.counters.cpu))
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.common.stop();
    }
}

struct Worker {
    link: Link,
    common: Arc<Common>,
    counters: Arc<Counters>,
}

impl Worker {
    fn work(&self, sends: bool) {
        let outcome = match (&self.link, sends) {
            (Link::Tcp(stream), true) if self.common.zero_copy => self.send_without_copy(stream),
            (Link::Tcp(stream), true) => self.send(stream),
            (Link::Tcp(stream), false) => self.receive(stream),
            (Link::Udp(socket), true) => self.send_datagrams(socket),
            (Link::Udp(socket), false) => self.receive_datagrams(socket),
        };
        *lock(&self.counters.cpu) = thread_cpu();
        if let Err(error) = outcome {
            *lock(&self.counters.broken) = Some(error);
            self.common.news.notify_one();
        }
    }

    fn payload(&self) -> Vec<u8> {
        let mut block = vec![0; self.common.block_bytes];
        if self.common.repeating {
            for (at, octet) in block.iter_mut().enumerate() {
                *octet = b'0' + (at % 10) as u8;
            }
        } else {
            net::fill_random(&mut block);
        }
        block
    }

    fn pacer(&self) -> Pacer {
        Pacer::new(self.common.rate, self.common.burst, self.common.block_bytes, self.common.pacing_timer)
    }

    fn sent(&self, bytes: usize) {
        self.counters.bytes.fetch_add(bytes as u64, Relaxed);
    }

    fn send(&self, mut stream: &TcpStream) -> io::Result<()> {
        let block = self.payload();
        let mut pacer = self.pacer();
        while self.common.runs() {
            if pacer.wait() {
                continue;
            }
            if !self.common.claim() {
                return Ok(());
            }
            let mut rest = block.as_slice();
            while !rest.is_empty() {
                match stream.write(rest) {
                    Ok(count) => {
                        self.sent(count);
                        rest = &rest[count..];
                    }
                    Err(error) if is_pause(&error) && self.common.runs() => {}
                    Err(error) if is_pause(&error) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// From a file in memory, so that the processor does not touch the payload.
    fn send_without_copy(&self, stream: &TcpStream) -> io::Result<()> {
        let file = self.payload_file()?;
        let mut pacer = self.pacer();
        while self.common.runs() {
            if pacer.wait() {
                continue;
            }
            if !self.common.claim() {
                return Ok(());
            }
            let mut offset = 0;
            while (offset as usize) < self.common.block_bytes {
                let rest = self.common.block_bytes - offset as usize;
                match rustix::fs::sendfile(stream.as_fd(), &file, Some(&mut offset), rest) {
                    Ok(count) => self.sent(count),
                    Err(errno) => {
                        let error = io::Error::from(errno);
                        match (is_pause(&error), self.common.runs()) {
                            (true, true) => {}
                            (true, false) => return Ok(()),
                            (false, _) => return Err(error),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn payload_file(&self) -> io::Result<OwnedFd> {
        let file = rustix::fs::memfd_create("iperf3-payload", rustix::fs::MemfdFlags::CLOEXEC)?;
        let block = self.payload();
        let mut at = 0;
        while at < block.len() {
            at += rustix::io::write(&file, &block[at..])?;
        }
        Ok(file)
    }

    fn receive(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut block = vec![0; self.common.block_bytes];
        let since = Instant::now();
        let mut until = None;
        loop {
            if until.is_none() && !self.common.runs() {
                stream.set_nonblocking(true)?;
                until = Some(Instant::now() + DRAIN_MAX);
            }
            if until.is_some_and(|until| Instant::now() > until) {
                return Ok(());
            }
            if until.is_none()
                && let Some(wait) = self.common.receivers_wait(since)
            {
                std::thread::sleep(wait);
                continue;
            }
            match stream.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    self.counters.bytes.fetch_add(count as u64, Relaxed);
                    self.common.received(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_pause(&error) && until.is_some() => return Ok(()),
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn send_datagrams(&self, socket: &UdpSocket) -> io::Result<()> {
        let mut datagram = self.payload();
        let mut pacer = self.pacer();
        let mut number = 0;
        while self.common.runs() {
            if pacer.wait() {
                continue;
            }
            if !self.common.claim() {
                return Ok(());
            }
            number += 1;
            let sent = self.common.begun_wall + self.common.begun.elapsed();
            Head { sent, number }.write(self.common.wide, &mut datagram);
            loop {
                match socket.send(&datagram) {
                    Ok(count) => {
                        self.sent(count);
                        self.counters.packets.fetch_add(1, Relaxed);
                        break;
                    }
                    Err(error) if is_pause(&error) && self.common.runs() => {}
                    Err(error) if is_pause(&error) => return Ok(()),
                    // The queue of the interface is full: as lost as on the way.
                    Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn receive_datagrams(&self, socket: &UdpSocket) -> io::Result<()> {
        // Also what is longer than agreed is taken whole, and counted.
        let mut datagram = vec![0; self.common.block_bytes.max(2048)];
        let mut until = None;
        loop {
            if until.is_none() && !self.common.runs() {
                socket.set_nonblocking(true)?;
                until = Some(Instant::now() + DRAIN_MAX);
            }
            if until.is_some_and(|until| Instant::now() > until) {
                return Ok(());
            }
            match socket.recv(&mut datagram) {
                Ok(count) => {
                    let now = self.common.begun_wall + self.common.begun.elapsed();
                    // What has no head is not of the test: a connect datagram sent twice.
                    if let Some(head) = datagram.get(..count).and_then(|octets| Head::read(self.common.wide, octets)) {
                        self.counters.bytes.fetch_add(count as u64, Relaxed);
                        lock(&self.counters.arrivals).arrived(head, now);
                        self.common.received(count as u64);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_pause(&error) && until.is_some() => return Ok(()),
                Err(error) if is_pause(&error) => {}
                // A sender that is gone; the control connection says so too.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// Keeps a sender at its rate, measured from its beginning, as iperf3 does: after a stall it catches up.
struct Pacer {
    rate: u64,
    burst: u64,
    block_bits: u64,
    timer: Duration,
    begun: Instant,
    blocks: u64,
    left: u64,
}

impl Pacer {
    fn new(rate: u64, burst: u64, block_bytes: usize, timer: Duration) -> Self {
        let block_bits = 8 * block_bytes as u64;
        Self { rate, burst: burst.max(1), block_bits, timer, begun: Instant::now(), blocks: 0, left: 0 }
    }

    /// Whether it has slept because the next block is not due yet; if not, the block is on its way.
    fn wait(&mut self) -> bool {
        if self.rate == 0 {
            return false;
        }
        if self.left == 0 {
            let due = (self.blocks as f64 * self.block_bits as f64) / self.rate as f64;
            let early = due - self.begun.elapsed().as_secs_f64();
            if early > 0.0 {
                // Long gaps are slept in parts, so that the end of the test is seen; short ones to the timer.
                std::thread::sleep(Duration::from_secs_f64(early).min(LOOK).max(self.timer.min(LOOK) / 10));
                return true;
            }
            self.left = self.burst;
        }
        self.left -= 1;
        self.blocks += 1;
        false
    }
}

/// Paces a sending TCP stream by the kernel; refused, the stream is not paced, and the test would be above its rate.
pub(super) fn pace_link(link: &Link, bits_per_second: u64) -> io::Result<()> {
    match link {
        Link::Tcp(stream) => pace(&**stream, bits_per_second / 8),
        Link::Udp(socket) => pace(&**socket, bits_per_second / 8),
    }
}

/// Opens a UDP socket towards a server.
pub(super) fn datagrams_to(server: std::net::SocketAddr, options: &net::SocketOptions) -> io::Result<UdpSocket> {
    let any: std::net::IpAddr = match server {
        std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = datagrams(options.bind.unwrap_or_else(|| (any, 0).into()), false, options)?;
    socket.connect(server)?;
    Ok(socket)
}
