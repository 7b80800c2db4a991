//! What is gathered while a test runs, and the evidence that it makes.

use net::Upgraded;
use net::websocket::WebSocket;
use soundings_core::ndt7::{BbrInfo, Evidence, Measurement, Side, TcpInfo, Test};
use std::time::Duration;
use terms::Rate;

/// First and last of something.
type Ends = Option<(TcpInfo, TcpInfo)>;

/// What both ends told so far.
pub(super) struct Gathered {
    side: Side,
    test: Test,
    ours: Ends,
    theirs: Ends,
    our_settled: Option<TcpInfo>,
    their_settled: Option<TcpInfo>,
    our_looks: Looks,
    their_looks: Looks,
    round_trips: Vec<Duration>,
    our_control: Option<String>,
    their_control: Option<String>,
    processor_at: Duration,
}

/// Round-trip times kept; a test makes some forty.
const ROUND_TRIPS_MAX: usize = 1024;

/// When slow start is over: at 200 ms it takes some 2 s to 10 Gbit/s.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// Those before this are of slow start, and of an empty path.
const LOADED_AFTER: Duration = Duration::from_secs(1);

impl Gathered {
    /// At the beginning of a test.
    pub(super) fn new(side: Side, test: Test, socket: &WebSocket<Upgraded>) -> Self {
        let our_control = net::socket_facts(socket.stream()).ok().and_then(|facts| facts.congestion_control);
        let mut gathered = Self {
            side,
            test,
            ours: None,
            theirs: None,
            our_settled: None,
            their_settled: None,
            our_looks: Looks::default(),
            their_looks: Looks::default(),
            round_trips: Vec::new(),
            our_control,
            their_control: None,
            processor_at: processor_time(),
        };
        gathered.look(socket, Duration::ZERO);
        gathered
    }

    /// Asks our kernel now.
    pub(super) fn look(&mut self, socket: &WebSocket<Upgraded>, now: Duration) -> Option<&TcpInfo> {
        let told = TcpInfo::of_kernel(&net::tcp_info_bytes(socket.stream()).ok()?, now);
        // Whose end sends has a fresh round-trip time; the other's is of the few texts that it sends, and that is what
        // shows the queue before it.
        self.keep_round_trip(&told, now);
        settle(&mut self.our_settled, &told, now);
        self.our_looks.count(&told);
        keep(&mut self.ours, told);
        self.ours.as_ref().map(|(_, last)| last)
    }

    /// Notes what the peer says.
    pub(super) fn hear(&mut self, heard: &Measurement, now: Duration) {
        if let Some(told) = &heard.tcp_info {
            if self.side == Side::Client && self.test == Test::Download {
                self.keep_round_trip(told, now);
            }
            settle(&mut self.their_settled, told, now);
            self.their_looks.count(told);
            keep(&mut self.theirs, told.clone());
        }
        if heard.bbr_info.is_some() {
            self.their_control = Some("bbr".to_owned());
        }
        if let Some(name) = heard.congestion_control.as_ref().filter(|name| is_name(name)) {
            self.their_control = Some(name.clone());
        }
    }

    fn keep_round_trip(&mut self, told: &TcpInfo, now: Duration) {
        let Some(micros) = told.rtt.filter(|_| now >= LOADED_AFTER) else { return };
        // A client that receives acknowledges and sends nothing: its own time is that of the handshake.
        let idle = self.side == Side::Client && self.test == Test::Download && self.round_trips.is_empty();
        if self.round_trips.len() < ROUND_TRIPS_MAX && !(idle && self.theirs.is_none()) {
            self.round_trips.push(Duration::from_micros(micros.unsigned_abs()));
        }
    }

    /// Our congestion control.
    pub(super) fn our_control(&self) -> Option<&str> {
        self.our_control.as_deref()
    }

    /// What BBR knows, where it is ours.
    pub(super) fn bbr(&self, socket: &WebSocket<Upgraded>, now: Duration) -> Option<BbrInfo> {
        if self.our_control() != Some("bbr") {
            return None;
        }
        BbrInfo::of_kernel(&net::congestion_info_bytes(socket.stream()).ok()?, now)
    }

    /// Bytes acknowledged since the test began.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        let (first, last) = self.ours.as_ref()?;
        u64::try_from(last.bytes_acked?.checked_sub(first.bytes_acked?)?).ok()
    }

    /// All of it, for judgement; `bytes` are those that the receiver has.
    pub(super) fn evidence(
        &self,
        elapsed: Duration,
        bytes: u64,
        allowance: Option<Rate>,
        other_way: Option<Rate>,
    ) -> Evidence {
        let we_send = (self.side == Side::Server) == (self.test == Test::Download);
        let processor =
            processor_time().saturating_sub(self.processor_at).as_secs_f64() / elapsed.as_secs_f64().max(1e-3);
        let (ours, theirs) = (self.ours.clone(), self.theirs.clone());
        let (sender, receiver) = if we_send { (ours, theirs) } else { (theirs, ours) };
        Evidence {
            elapsed,
            bytes,
            sender: sender.filter(|(first, last)| first != last),
            settled: if we_send { self.our_settled.clone() } else { self.their_settled.clone() },
            receiver,
            timeouts: if we_send { self.our_looks.share() } else { self.their_looks.share() },
            round_trips: self.round_trips.clone(),
            congestion_control: if we_send { self.our_control.clone() } else { self.their_control.clone() },
            allowance,
            // "This responder" is the server's.
            processor: (self.side == Side::Server).then_some(processor),
            other_way,
        }
    }
}

/// How often a sender was found waiting for a timeout.
#[derive(Clone, Copy, Default)]
struct Looks {
    all: u32,
    waiting: u32,
}

/// `TCP_CA_Loss` of linux/tcp.h.
const RECOVERS_BY_TIMEOUT: i64 = 4;

impl Looks {
    fn count(&mut self, told: &TcpInfo) {
        self.all = self.all.saturating_add(1);
        self.waiting = self.waiting.saturating_add(u32::from(told.ca_state == Some(RECOVERS_BY_TIMEOUT)));
    }

    fn share(self) -> Option<f64> {
        (self.all > 0).then(|| f64::from(self.waiting) / f64::from(self.all))
    }
}

fn settle(settled: &mut Option<TcpInfo>, told: &TcpInfo, now: Duration) {
    if settled.is_none() && now >= SETTLED_AFTER {
        *settled = Some(told.clone());
    }
}

fn keep(ends: &mut Ends, told: TcpInfo) {
    match ends {
        Some((_, last)) => *last = told,
        None => *ends = Some((told.clone(), told)),
    }
}

/// What a peer calls its congestion control goes into sentences: short and plain, or not at all.
fn is_name(name: &str) -> bool {
    (1..=16).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// What all threads of this program have used of processors.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
