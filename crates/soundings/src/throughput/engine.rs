//! All streams of one end: their threads, and one that looks at them while they run.

use super::counters::{Counters, host_ticks, nanos, process_cpu};
use super::worker::{self, Bucket, Common, Gate, Store, Wire};
use crate::responder::Place;
use net::TlsSession;
use soundings_core::throughput::series::{Cpu, DiskFacts, End, Sample, StreamEnd, TcpSample};
use soundings_core::throughput::spec::{DRAIN_MAX, RATE_BURST_BYTES, RATE_TOLERANCE};
use soundings_core::throughput::wire::Progress;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A stream that is connected and has said its cookie.
pub(super) struct Pipe {
    pub(super) number: u32,
    pub(super) sending: bool,
    pub(super) stream: TcpStream,
    pub(super) tls: Option<TlsSession>,
    pub(super) store: Store,
    /// Its place among the connections of a responder, kept as long as it runs.
    pub(super) place: Option<Place>,
}

/// How this end's streams run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// `None` when bytes are counted.
    pub(super) duration: Option<Duration>,
    pub(super) omit: Duration,
    /// Of each stream.
    pub(super) stream_bytes: Option<u64>,
    pub(super) block_bytes: usize,
    /// Bound of what this end sends, all streams together, bytes per second.
    pub(super) rate_out: Option<u64>,
    /// Bound of what it lets itself be sent.
    pub(super) rate_in: Option<u64>,
    /// After this all is cut, whatever happens.
    pub(super) longest: Duration,
    pub(super) sample_every: Duration,
    pub(super) read: Option<DiskFacts>,
    pub(super) written: Option<DiskFacts>,
}

/// One end's streams while they run. Dropping it cuts them all.
pub(super) struct Running {
    shared: Arc<State>,
    ended: oneshot::Receiver<End>,
}

struct State {
    common: Common,
    streams: Vec<Stream>,
    /// Why all was cut.
    cut: Mutex<Option<String>>,
    /// Somebody wants an end, now.
    cutting: AtomicBool,
}

struct Stream {
    number: u32,
    sending: bool,
    socket: Arc<TcpStream>,
    counters: Arc<Counters>,
}

impl Running {
    /// Starts the threads. Receivers receive at once, senders wait for [`Running::go`].
    pub(super) fn start(pipes: Vec<Pipe>, plan: Plan) -> io::Result<Self> {
        let senders = pipes.iter().filter(|pipe| pipe.sending).count().max(1) as u64;
        let each = plan.rate_out.map(|rate| rate / senders);
        let block_bytes = each.map_or(plan.block_bytes, |rate| Bucket::block(rate, plan.block_bytes));
        let common =
            Common { gate: Gate::default(), stop: AtomicBool::new(false), origin: Instant::now(), block_bytes };
        let mut streams = Vec::with_capacity(pipes.len());
        let mut work = Vec::with_capacity(pipes.len());
        for pipe in pipes {
            pipe.stream.set_nonblocking(false)?;
            if let (true, Some(rate)) = (pipe.sending, each) {
                net::pace(&pipe.stream, rate)?;
            }
            let socket = Arc::new(pipe.stream);
            let wire = match pipe.tls {
                None => Wire::Plain(Arc::clone(&socket)),
                Some(session) => Wire::Tls(Box::new(session.over(socket.try_clone()?)), Arc::clone(&socket)),
            };
            let counters = Arc::new(Counters::default());
            streams.push(Stream {
                number: pipe.number,
                sending: pipe.sending,
                socket,
                counters: Arc::clone(&counters),
            });
            work.push((wire, pipe.store, counters, pipe.sending, pipe.number, pipe.place));
        }
        let shared = Arc::new(State { common, streams, cut: Mutex::default(), cutting: AtomicBool::new(false) });
        let (tell, ended) = oneshot::channel();
        // From here on whoever is dropped cuts what was started.
        let running = Self { shared: Arc::clone(&shared), ended };
        let mut threads = Vec::with_capacity(work.len());
        for (mut wire, store, counters, sending, number, place) in work {
            let shared = Arc::clone(&shared);
            let bucket = each.filter(|_| sending).map(Bucket::new);
            let stream_bytes = plan.stream_bytes;
            let thread = thread::Builder::new().name(format!("stream-{number}")).spawn(move || {
                match sending {
                    true => worker::send(&mut wire, store, &shared.common, &counters, stream_bytes, bucket),
                    false => worker::receive(&mut wire, store, &shared.common, &counters),
                }
                counters.done.store(true, Relaxed);
                drop(place);
            })?;
            threads.push(thread);
        }
        thread::Builder::new().name("stream-looks".to_owned()).spawn(move || {
            let end = Looks::new(&shared, &plan).run(threads);
            // Nobody waits for it any more: then nobody needs it.
            let _ = tell.send(end);
        })?;
        Ok(running)
    }

    /// Lets the senders send.
    pub(super) fn go(&self) {
        self.shared.common.gate.open();
    }

    /// How far it is.
    pub(super) fn progress(&self) -> Progress {
        let sum = |sending: bool| {
            let streams = self.shared.streams.iter().filter(|stream| stream.sending == sending);
            streams.map(|stream| stream.counters.bytes.load(Relaxed)).sum()
        };
        let at_ns = nanos(self.shared.common.origin.elapsed());
        Progress { at_ns, sent_bytes: sum(true), received_bytes: sum(false) }
    }

    /// Why they were cut, if they were.
    pub(super) fn why_cut(&self) -> Option<String> {
        self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns when all streams have ended. Ask once.
    pub(super) async fn ended(&mut self) -> End {
        (&mut self.ended).await.unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.cut("nobody waits for the result any more");
    }
}

impl State {
    fn cut(&self, why: &str) {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.to_owned());
        self.cutting.store(true, Relaxed);
        self.common.stop.store(true, Relaxed);
        self.common.gate.wall();
        for stream in &self.streams {
            // What is closed already needs no closing.
            let _ = stream.socket.shutdown(Shutdown::Both);
        }
    }
}

/// Looks at the streams from time to time, ends them when their time is over, and keeps what it saw.
struct Looks<'a> {
    state: &'a State,
    plan: &'a Plan,
    samples: Vec<Vec<Sample>>,
    /// When our senders began.
    went: Duration,
}

/// How long a look sleeps at most, so that an end is seen soon.
const NAP: Duration = Duration::from_millis(10);

impl<'a> Looks<'a> {
    fn new(state: &'a State, plan: &'a Plan) -> Self {
        Self { state, plan, samples: vec![Vec::new(); state.streams.len()], went: Duration::ZERO }
    }

    fn run(mut self, threads: Vec<JoinHandle<()>>) -> End {
        self.state.common.gate.wait();
        self.went = self.now();
        let begun = (process_cpu(), host_ticks(), self.went);
        let mut next = self.went;
        let mut moments = self.moments(true);
        while !self.is_over() {
            let now = self.now();
            if now >= next || moments.first().is_some_and(|moment| now >= *moment) {
                self.look();
                self.guard_rate();
                if now >= next {
                    next = now.max(next) + self.plan.sample_every;
                }
                moments = self.moments(false);
            }
            self.end_in_time();
            let until = moments.first().map_or(next, |moment| next.min(*moment));
            thread::sleep(until.saturating_sub(self.now()).min(NAP));
        }
        self.look();
        let cpu = self.cpu(begun);
        for thread in threads {
            // A thread that panicked has told so by itself; its stream is not done, and counts as it is.
            let _ = thread.join();
        }
        self.end(cpu)
    }

    fn now(&self) -> Duration {
        self.state.common.origin.elapsed()
    }

    /// When the counted part begins and ends, at this end: moments at which a look must not be missed.
    fn moments(&self, first: bool) -> Vec<Duration> {
        let now = self.now();
        let mut moments = Vec::with_capacity(4);
        for sending in [true, false] {
            let Some(begin) = self.first(sending) else { continue };
            moments.push(begin + self.plan.omit);
            moments.extend(self.plan.duration.map(|duration| begin + self.plan.omit + duration));
        }
        moments.retain(|moment| first || *moment > now);
        moments.sort_unstable();
        moments
    }

    /// When the first byte moved in this direction.
    fn first(&self, sending: bool) -> Option<Duration> {
        let streams = self.state.streams.iter().filter(|stream| stream.sending == sending);
        let first = streams.map(|stream| stream.counters.first_ns.load(Relaxed)).filter(|first| *first > 0).min();
        first.map(Duration::from_nanos)
    }

    fn look(&mut self) {
        for (stream, samples) in self.state.streams.iter().zip(&mut self.samples) {
            let counters = &stream.counters;
            let tcp = net::tcp_info(&*stream.socket).ok();
            let sample = Sample {
                at_ns: nanos(self.state.common.origin.elapsed()),
                bytes: counters.bytes.load(Relaxed),
                socket_ns: counters.socket_ns.load(Relaxed),
                disk_ns: counters.disk_ns.load(Relaxed),
                cpu_ns: counters.cpu_ns.load(Relaxed).max(counters.disk_cpu_ns.load(Relaxed)),
                tcp: tcp.as_ref().map(TcpSample::from),
            };
            samples.push(sample);
        }
    }

    fn is_over(&self) -> bool {
        self.state.streams.iter().all(|stream| stream.counters.done.load(Relaxed))
    }

    /// Stops the senders when their time is over, and cuts what does not end by itself.
    fn end_in_time(&self) {
        let now = self.now();
        if now > self.went + self.plan.longest {
            return self.state.cut("the test lasted longer than it may");
        }
        let Some(duration) = self.plan.duration else { return };
        let whole = self.plan.omit + duration;
        if now >= self.went + whole {
            self.state.common.stop.store(true, Relaxed);
        }
        let late = self.first(false).unwrap_or(self.went).max(self.went) + whole + DRAIN_MAX;
        if now >= late {
            for stream in self.state.streams.iter().filter(|stream| !stream.counters.done.load(Relaxed)) {
                // What is closed already needs no closing.
                let _ = stream.socket.shutdown(Shutdown::Both);
            }
        }
    }

    /// Cuts all when a sender takes more than it was granted.
    fn guard_rate(&self) {
        let (Some(rate), Some(first)) = (self.plan.rate_in, self.first(false)) else { return };
        let streams = self.state.streams.iter().filter(|stream| !stream.sending);
        let received: u64 = streams.map(|stream| stream.counters.bytes.load(Relaxed)).sum();
        let since = self.now().saturating_sub(first).as_secs_f64();
        if received as f64 > rate as f64 * RATE_TOLERANCE * since + RATE_BURST_BYTES as f64 {
            self.state.cut("more was sent than this host allows");
        }
    }

    fn cpu(&self, begun: (u64, Option<(u64, u64)>, Duration)) -> Cpu {
        let (process, host, since) = begun;
        let host_busy = match (host, host_ticks()) {
            (Some((busy, all)), Some((busy_now, all_now))) if all_now > all => {
                Some((busy_now.saturating_sub(busy)) as f64 / (all_now - all) as f64)
            }
            _ => None,
        };
        Cpu {
            process_ns: process_cpu().saturating_sub(process),
            over_ns: nanos(self.now().saturating_sub(since)),
            processors: thread::available_parallelism().map_or(0, |count| u32::try_from(count.get()).unwrap_or(0)),
            host_busy,
        }
    }

    fn end(self, cpu: Cpu) -> End {
        let known = |ns: u64| (ns > 0).then_some(ns);
        let streams = self.state.streams.iter().zip(self.samples).map(|(stream, samples)| {
            let facts = net::socket_facts(&*stream.socket).ok();
            StreamEnd {
                number: stream.number,
                sending: stream.sending,
                bytes: stream.counters.bytes.load(Relaxed),
                first_ns: known(stream.counters.first_ns.load(Relaxed)),
                last_ns: known(stream.counters.last_ns.load(Relaxed)),
                failure: stream.counters.failure(),
                congestion_control: facts.as_ref().and_then(|facts| facts.congestion_control.clone()),
                send_buffer_bytes: facts.as_ref().map_or(0, |facts| facts.send_buffer_bytes as u64),
                receive_buffer_bytes: facts.as_ref().map_or(0, |facts| facts.receive_buffer_bytes as u64),
                samples,
            }
        });
        End { streams: streams.collect(), cpu, read: self.plan.read.clone(), written: self.plan.written.clone() }
    }
}
