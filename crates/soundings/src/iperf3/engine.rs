//! A test that runs, the same for both roles: streams, intervals, the whole at the end.

use super::flow::{Common, Flow, Link, Task};
use super::gauge::Gauge;
use super::load;
use soundings_core::iperf3::model::{End, Interval, RttSeen, Span, Start, StreamEnd};
use soundings_core::iperf3::spec::stream_id;
use soundings_core::iperf3::wire::{Parameters, Protocol, Results, StreamResults};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Shorter remainders than this part of an interval are not shown as intervals of their own.
const REMAINDER: f64 = 0.1;

/// A test whose streams run.
#[derive(Debug)]
pub(super) struct Engine {
    flows: Vec<Flow>,
    pub(super) common: Arc<Common>,
    gauge: Gauge,
    begun: Instant,
    omit: Option<Duration>,
    interval: Option<Duration>,
    ticks: u32,
    /// Where the interval's clock counts from.
    origin: Instant,
    any: bool,
}

/// What a test measured on our side.
#[derive(Debug)]
pub(super) struct Measured {
    streams: Vec<(Span, RttSeen, (u64, u64))>,
    sends: Vec<bool>,
    pub(super) cpu: [f64; 3],
    pub(super) congestion: Option<String>,
    udp: bool,
    /// The first stream that broke.
    pub(super) broken: Option<io::Error>,
    /// The sockets stay open until the session is over: who is still sending must not meet a closed one.
    links: Vec<Link>,
}

/// What the engine has to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Interval,
    Warm,
}

impl Engine {
    /// Lets data flow on these links; each with whether we send on it.
    pub(super) fn start(
        links: Vec<(Link, bool)>,
        task: Task,
        parameters: &Parameters,
        interval: Option<Duration>,
    ) -> io::Result<Self> {
        let common = Common::new(task);
        let mut flows = Vec::with_capacity(links.len());
        for (link, sends) in links {
            flows.push(Flow::start(link, sends, &common)?);
        }
        let omit = Some(Duration::from_secs(parameters.omit_seconds)).filter(|omit| !omit.is_zero());
        let gauge = Gauge::new(&flows, omit.is_some());
        let begun = Instant::now();
        Ok(Self { flows, common, gauge, begun, omit, interval, ticks: 0, origin: begun, any: false })
    }

    /// When there is something to do next.
    pub(super) fn due(&self) -> Option<(Instant, Due)> {
        let warm = self.omit.map(|omit| (self.begun + omit, Due::Warm));
        let interval = self.interval.map(|span| (self.origin + span * (self.ticks + 1), Due::Interval));
        // Where both fall together the interval belongs to the warm-up.
        [interval, warm].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Does it.
    pub(super) fn handle(&mut self, due: Due) -> Option<Interval> {
        match due {
            Due::Interval => {
                self.ticks += 1;
                self.any = true;
                Some(self.gauge.tick(&self.flows))
            }
            Due::Warm => {
                self.omit = None;
                let rest = self.remainder();
                self.gauge.warm(&self.flows);
                self.common.warm();
                self.origin = Instant::now();
                self.ticks = 0;
                self.any = false;
                rest
            }
        }
    }

    fn remainder(&mut self) -> Option<Interval> {
        let interval = self.interval?;
        let worth = !self.any || self.gauge.since_last() >= REMAINDER * interval.as_secs_f64();
        worth.then(|| self.gauge.tick(&self.flows))
    }

    /// Octets in all, for those who watch a bound: sent and received.
    pub(super) fn moved(&self) -> (u64, u64) {
        self.flows.iter().fold((0, 0), |(sent, received), flow| {
            let bytes = flow.counters.bytes.load(std::sync::atomic::Ordering::Relaxed);
            if flow.sends { (sent + bytes, received) } else { (sent, received + bytes) }
        })
    }

    /// Stops all streams and counts. The last interval comes with it, unless it is too short to mean something.
    pub(super) async fn stop(mut self, udp: bool) -> (Measured, Option<Interval>) {
        let end = self.gauge.seconds();
        let last = self.remainder();
        self.common.stop();
        // Joining takes as long as one call of a thread lasts; not to be waited for where others are served.
        let stopped = tokio::task::spawn_blocking(move || {
            let ended: Vec<_> = self.flows.iter_mut().map(Flow::join).collect();
            (self, ended)
        });
        let Ok((mut engine, ended)) = stopped.await else { return (Measured::nothing(), last) };
        let in_all = engine.begun.elapsed();
        let mut used = [Duration::ZERO; 2];
        let mut broken = None;
        for (fault, cpu) in ended {
            used = [used[0] + cpu[0], used[1] + cpu[1]];
            broken = broken.or(fault);
        }
        let congestion = engine.flows.first().and_then(|flow| match &flow.link {
            Link::Tcp(stream) => net::socket_facts(&**stream).ok()?.congestion_control,
            Link::Udp(_) => None,
        });
        let sends = engine.flows.iter().map(|flow| flow.sends).collect();
        let streams = engine.gauge.whole(&engine.flows, end);
        let links = engine.flows.iter().map(|flow| flow.link.clone()).collect();
        let cpu = load::percent(used, in_all);
        (Measured { streams, sends, cpu, congestion, udp, broken, links }, last)
    }
}

impl Measured {
    fn nothing() -> Self {
        Self {
            streams: Vec::new(),
            sends: Vec::new(),
            cpu: [0.0; 3],
            congestion: None,
            udp: false,
            broken: None,
            links: Vec::new(),
        }
    }

    /// Says on each stream on which we sent that nothing more comes. iperf3's client reads whole blocks, and would wait for
    /// the rest of one for ten seconds.
    pub(super) fn hang_up(&self) {
        for (link, _) in self.links.iter().zip(&self.sends).filter(|(_, sends)| **sends) {
            if let Link::Tcp(stream) = link {
                // One that is closed already needs no end.
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
        }
    }

    /// As the other side wants it.
    pub(super) fn results(&self) -> Results {
        let streams = self.streams.iter().zip(&self.sends).enumerate();
        let streams = streams.map(|(place, ((span, _, (packets, lost)), sends))| StreamResults {
            id: stream_id(place),
            bytes: span.bytes,
            retransmits: span.tcp.filter(|_| *sends && !self.udp).map(|(count, _)| count),
            jitter_seconds: span.jitter_seconds,
            errors: span.lost + lost,
            omitted_errors: *lost,
            packets: span.packets + packets,
            omitted_packets: *packets,
            start: span.start,
            end: span.end,
        });
        let sender = self.sends.iter().any(|sends| *sends);
        Results {
            cpu: self.cpu,
            sender_has_retransmits: sender.then_some(!self.udp),
            congestion_used: self.congestion.clone(),
            streams: streams.collect(),
            output_text: None,
            output_json: None,
        }
    }

    /// With what the other side told.
    pub(super) fn end(&self, theirs: Option<&Results>) -> End {
        let parts = self.streams.iter().zip(&self.sends).enumerate();
        let streams = parts.map(|(place, ((span, seen, _), sends))| {
            let other = theirs.and_then(|theirs| theirs.stream(stream_id(place)));
            StreamEnd::of(*span, *sends, self.udp, *seen, other)
        });
        End::of(streams.collect(), self.cpu, self.congestion.clone(), theirs)
    }
}

/// What the streams are to do by these parameters. `receive_rate` bounds all receivers of ours together.
pub(super) fn task(parameters: &Parameters, receive_rate: Option<u64>, ends_by_bytes: bool) -> Task {
    let block = parameters.block_bytes.max(1);
    let bytes = match (parameters.bytes, parameters.blocks) {
        (0, 0) => None,
        (0, blocks) => Some(blocks.saturating_mul(block)),
        (bytes, _) => Some(bytes),
    };
    Task {
        block_bytes: usize::try_from(block).unwrap_or(usize::MAX),
        rate: parameters.rate,
        burst: parameters.burst,
        pacing_timer: Duration::from_micros(parameters.pacing_timer_us.clamp(1, 1_000_000)),
        enough_bytes: bytes.filter(|_| ends_by_bytes),
        receive_rate,
        wide: parameters.wide_counters,
        repeating: parameters.repeating_payload,
        zero_copy: parameters.zero_copy && parameters.protocol == Protocol::Tcp,
    }
}

/// The block that is used where the client named none.
pub(super) fn block_bytes(parameters: &Parameters) -> u64 {
    use soundings_core::iperf3::spec::{TCP_BLOCK_BYTES, UDP_BLOCK_BYTES};
    match (parameters.block_bytes, parameters.protocol) {
        (0, Protocol::Tcp) => TCP_BLOCK_BYTES,
        (0, Protocol::Udp) => UDP_BLOCK_BYTES,
        (bytes, _) => bytes,
    }
}

/// Buffers of a link as they are: sending, receiving.
pub(super) fn buffers(link: &Link) -> (u64, u64) {
    let facts = match link {
        Link::Tcp(stream) => net::socket_facts(&**stream),
        Link::Udp(socket) => net::socket_facts(&**socket),
    };
    facts.map_or((0, 0), |facts| (facts.send_buffer_bytes as u64, facts.receive_buffer_bytes as u64))
}

/// `uname -a`, as far as it tells of the machine.
pub(super) fn system() -> String {
    let name = rustix::system::uname();
    let parts = [name.sysname(), name.nodename(), name.release(), name.version(), name.machine()];
    parts.map(|part| part.to_string_lossy().into_owned()).join(" ")
}

/// How our program calls itself.
pub(super) fn program() -> String {
    format!("Portolan {}", env!("CARGO_PKG_VERSION"))
}

/// Seconds since 1970.
pub(super) fn unix_seconds() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The start of a test on these links, as reports tell it.
pub(super) fn stream_starts(links: &[(Link, bool)]) -> io::Result<Vec<soundings_core::iperf3::model::StreamStart>> {
    let ends = |link: &Link| match link {
        Link::Tcp(stream) => Ok::<_, io::Error>((stream.local_addr()?, stream.peer_addr()?)),
        Link::Udp(socket) => Ok((socket.local_addr()?, socket.peer_addr()?)),
    };
    let start = |(link, sends): &(Link, bool)| {
        let (local, remote) = ends(link)?;
        Ok(soundings_core::iperf3::model::StreamStart { socket: link.number(), sends: *sends, local, remote })
    };
    links.iter().map(start).collect()
}

/// So many intervals are kept of a test at most; of longer ones the server keeps the first.
pub(super) const INTERVALS_MAX: usize = 4096;

/// Adds one within the bound.
pub(super) fn keep(intervals: &mut Vec<Interval>, start: Option<&Start>, interval: Interval) {
    let streams = start.map_or(1, |start| start.streams.len().max(1));
    if intervals.len() * streams < INTERVALS_MAX * 8 {
        intervals.push(interval);
    }
}
