//! The server: one test of one client on the measurement port.

use super::control::{Control, Heard, at};
use super::door::Door;
use super::engine::{self, Engine, Measured};
use super::flow::{Link, pace_link};
use super::grant::{Granted, judge};
use crate::guard::turn::{Claim, NoTurn, Turn};
use crate::responder::{self, Arrival, Cookie, Place, Protocol as Spoken, Refusal, Run, Shared};
use net::{Connection, SocketOptions};
use soundings_core::iperf3::model::{Interval, Role, Start, Test};
use soundings_core::iperf3::report;
use soundings_core::iperf3::session::{Ending, ServerEvent, ServerSession};
use soundings_core::iperf3::spec::{Deadlines, ErrorNumber};
use soundings_core::iperf3::text::{Format, Text};
use soundings_core::iperf3::wire::{Cookie as Named, Parameters, Protocol, Results};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use terms::{Principal, Timestamp};

/// How often a running test is compared with what it may have, and its octets are told.
const WATCH: Duration = Duration::from_millis(250);

/// Longer than any test that may run before one.
const LONGEST_WAIT: Duration = Duration::from_secs(100 * 86_400);

/// How a server wants it, and who hears of it.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) deadlines: Deadlines,
    /// Of its own reports.
    pub(super) interval: Option<Duration>,
    pub(super) json: bool,
    pub(super) format: Format,
    /// Hears of the test as it goes.
    pub(super) tell: Option<Hear>,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            interval: Some(Duration::from_secs(1)),
            json: false,
            format: Format::default(),
            tell: None,
        }
    }
}

/// Hears of tests as they go.
pub type Hear = Arc<dyn Fn(ServerNews<'_>) + Send + Sync>;

/// What a server that stands alone hears.
pub enum ServerNews<'a> {
    /// Data begin to flow.
    Started(&'a Start),
    /// An interval is over.
    Interval(&'a Start, &'a Interval),
    /// A test ended, this way.
    Ended(&'a Test, &'a Ending),
}

/// Answers an iperf3 client on the measurement port, from after its cookie to the end of its test.
pub async fn serve_control(connection: Connection, cookie: Cookie, peer: SocketAddr, shared: Arc<Shared>) {
    serve(connection, cookie, peer, shared, &Manner::default()).await;
}

/// The same, in a manner.
pub(super) async fn serve(
    connection: Connection,
    cookie: Cookie,
    peer: SocketAddr,
    shared: Arc<Shared>,
    manner: &Manner,
) {
    let local = connection.peer().local;
    let segment_bytes = connection.tcp_info().ok().map(|info| info.segment_bytes);
    let mut session = Session {
        control: Control::new(connection),
        machine: ServerSession::new(manner.deadlines),
        origin: Instant::now(),
        ends: Ends { cookie, peer, local, segment_bytes },
        places: Vec::new(),
        manner,
        shared,
        report: Test::default(),
        measured: None,
    };
    let ending = session.go().await;
    if let Some(last) = session.machine.poll_transmit() {
        session.control.say(&last);
    }
    session.control.farewell().await;
    // Only now the streams are closed.
    session.measured = None;
    if let Some(tell) = &manner.tell {
        if ending != Ending::Done {
            session.report.error = Some(ending.to_string());
        }
        tell(ServerNews::Ended(&session.report, &ending));
    }
    match &ending {
        Ending::Done => tracing::debug!(%peer, "an iperf3 test ended"),
        other => tracing::info!(%peer, ending = %other, "an iperf3 test did not end as agreed"),
    }
}

/// Both ends of the control connection.
struct Ends {
    cookie: Cookie,
    peer: SocketAddr,
    local: SocketAddr,
    segment_bytes: Option<u32>,
}

struct Session<'a> {
    control: Control<Connection>,
    machine: ServerSession,
    origin: Instant,
    ends: Ends,
    /// Of the data connections, which count as connections of the responder.
    places: Vec<Place>,
    manner: &'a Manner,
    shared: Arc<Shared>,
    report: Test,
    measured: Option<Measured>,
}

impl Session<'_> {
    async fn go(&mut self) -> Ending {
        let shared = Arc::clone(&self.shared);
        let who = match shared.callers.who(self.ends.peer, false, None).await {
            Ok(who) => who,
            Err(problem) => {
                tracing::info!(peer = %self.ends.peer, %problem, "an iperf3 client was sent away");
                return self.deny(Refusal::Credential);
            }
        };
        if shared.drain.is_draining() {
            return self.deny(Refusal::Draining);
        }
        self.machine.ask(self.now());
        let mut parameters = match self.next().await {
            ServerEvent::Asked(parameters) => *parameters,
            ServerEvent::Over(ending) => {
                shared.runs.refused(Some(Spoken::Iperf3), refusal(&ending));
                return ending;
            }
            _ => return Ending::Ended,
        };
        parameters.block_bytes = engine::block_bytes(&parameters);
        let allowance = shared.guard.allowance(&who, instant());
        let granted = match judge(&parameters, &allowance) {
            Ok(granted) => granted,
            Err(number) => return self.refuse(number, 0, &parameters),
        };
        if allowance != shared.guard.anyone() {
            // It is on record who had more than anybody may.
            let _ = shared.guard.used(&who, instant());
        }
        match self.turn(&granted).await {
            Ok(turn) => {
                let ending = self.with_turn(&who, parameters, &granted).await;
                drop(turn);
                ending
            }
            Err(ending) => ending,
        }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The next thing to do; until then octets go both ways and time passes.
    async fn next(&mut self) -> ServerEvent {
        let shared = Arc::clone(&self.shared);
        loop {
            if let Some(octets) = self.machine.poll_transmit() {
                self.control.say(&octets);
            }
            if let Some(event) = self.machine.poll_event() {
                return event;
            }
            let until = self.machine.poll_timeout().and_then(|after| self.origin.checked_add(after));
            tokio::select! {
                heard = self.control.hear(until) => {
                    let now = self.origin.elapsed();
                    match heard {
                        Heard::Octets(octets) => self.machine.handle_bytes(now, &octets),
                        Heard::Closed => self.machine.handle_closed(),
                        Heard::Late => self.machine.handle_timeout(now),
                    }
                }
                () = shared.cut() => self.machine.terminate(),
            }
        }
    }

    /// The same, where nothing but the end of the session is a thing to do.
    async fn over(&mut self) -> Ending {
        loop {
            if let ServerEvent::Over(ending) = self.next().await {
                return ending;
            }
        }
    }

    fn deny(&mut self, why: Refusal) -> Ending {
        self.shared.runs.refused(Some(Spoken::Iperf3), why);
        self.machine.deny();
        Ending::Denied
    }

    fn refuse(&mut self, number: ErrorNumber, errno: i32, parameters: &Parameters) -> Ending {
        let asked = in_words(parameters);
        tracing::info!(peer = %self.ends.peer, number = number.0, asked, "an iperf3 test was refused");
        self.shared.runs.refused(Some(Spoken::Iperf3), Refusal::Allowance);
        self.machine.refuse(number, errno);
        Ending::Refused { number, errno }
    }

    /// Waits in the queue: after the parameters, so that it is known how long each test takes, and that nobody holds a
    /// turn in silence. One that is gone leaves the queue.
    async fn turn(&mut self, granted: &Granted) -> Result<Turn, Ending> {
        let shared = Arc::clone(&self.shared);
        let slack = self.manner.deadlines;
        let peer = self.ends.peer;
        let claim = Claim {
            what: "iperf3",
            who: peer.ip().to_canonical().to_string(),
            longest: granted.longest + slack.streams + slack.overtime + slack.results,
        };
        // Most tests end before they must, so it is the waiting itself that has a limit, and not what may come of it.
        let patience = shared.settings.patience;
        let turn = shared.turn(claim, LONGEST_WAIT, |waiting| {
            let at_most_s = waiting.at_most.as_secs();
            tracing::info!(%peer, ahead = waiting.ahead, at_most_s, "an iperf3 client waits for its turn");
        });
        let asked = tokio::select! {
            asked = tokio::time::timeout(patience, turn) => asked.map_err(|_| "its patience is over".to_owned()),
            ending = self.over() => return Err(ending),
            () = shared.drain.begun() => return Err(self.deny(Refusal::Draining)),
        };
        asked.and_then(|turn| turn.map_err(|why: NoTurn| why.to_string())).map_err(|why| {
            tracing::info!(%peer, why, "an iperf3 client was sent away");
            self.deny(Refusal::Busy)
        })
    }

    async fn with_turn(&mut self, who: &Principal, parameters: Parameters, granted: &Granted) -> Ending {
        let run = self.shared.runs.begin(responder::Start {
            protocol: Spoken::Iperf3,
            who: who.name().to_owned(),
            peer: self.ends.peer,
            what: in_words(&parameters),
            longest: granted.longest,
        });
        let opened = match parameters.protocol {
            Protocol::Tcp => self.tcp_streams(&parameters, granted).await,
            Protocol::Udp => self.udp_streams(&parameters, granted).await,
        };
        let ending = match opened {
            Ok(links) => self.test(parameters, links, granted, &run).await,
            Err(ending) => ending,
        };
        if ending == Ending::Done {
            run.finish();
        }
        ending
    }

    /// Lets the client open its streams, all of them or none. The last is told to the machine when the test begins.
    async fn tcp_streams(&mut self, asked: &Parameters, granted: &Granted) -> Result<Vec<(Link, bool)>, Ending> {
        let total = asked.streams_total();
        let expected = self.shared.registry.expect(self.ends.cookie, self.ends.peer.ip(), total as usize);
        let Some(mut expected) = expected else {
            // Two tests cannot have one cookie; iperf3's are random.
            return Err(self.deny(Refusal::Cookie));
        };
        self.machine.accept(self.now(), total, granted.longest);
        let mut arrivals = Vec::with_capacity(total as usize);
        loop {
            let arrival = tokio::select! {
                ending = self.over() => return Err(ending),
                arrival = expected.next() => arrival,
            };
            arrivals.push(arrival);
            if arrivals.len() == total as usize {
                break;
            }
            self.machine.stream_arrived(self.now());
        }
        // What a stream is for is told by nothing but the order in which the client opened them.
        arrivals.sort_by_key(|arrival| arrival.number);
        self.links(arrivals, asked, granted)
    }

    fn links(
        &mut self,
        arrivals: Vec<Arrival>,
        asked: &Parameters,
        granted: &Granted,
    ) -> Result<Vec<(Link, bool)>, Ending> {
        let mut links = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let sends = asked.server_sends_on(links.len());
            let tuned = net::retune(&arrival.stream, arrival.local.is_ipv6(), &options(asked));
            let link = Link::Tcp(Arc::new(arrival.stream));
            if let Err(error) = tuned.and_then(|()| hold(&link, sends, asked, granted)) {
                return Err(self.refuse(unsettable(asked), error.raw_os_error().unwrap_or(0), asked));
            }
            self.places.push(arrival.place);
            links.push((link, sends));
        }
        Ok(links)
    }

    async fn udp_streams(&mut self, asked: &Parameters, granted: &Granted) -> Result<Vec<(Link, bool)>, Ending> {
        let total = asked.streams_total() as usize;
        let door = match Door::at(self.ends.local) {
            Ok(door) => door,
            Err(error) => {
                tracing::warn!(local = %self.ends.local, %error, "no UDP socket could be opened for an iperf3 test");
                return Err(self.refuse(ErrorNumber::CREATE_STREAM, error.raw_os_error().unwrap_or(0), asked));
            }
        };
        // Another test of the same address may be at the door; each of them has its deadline there.
        let wait = self.manner.deadlines.streams * 4;
        let from = self.ends.peer.ip();
        let mut guest = tokio::select! {
            ending = self.over() => return Err(ending),
            guest = tokio::time::timeout(wait, door.expect(from)) => match guest {
                Ok(guest) => guest,
                Err(_) => return Err(self.deny(Refusal::Busy)),
            },
        };
        self.machine.accept(self.now(), asked.streams_total(), granted.longest);
        let mut links = Vec::with_capacity(total);
        loop {
            let stream = tokio::select! {
                ending = self.over() => return Err(ending),
                stream = guest.next() => stream,
            };
            let sends = asked.server_sends_on(links.len());
            let ready = stream.and_then(|stream| {
                net::retune_datagrams(&stream, self.ends.local.is_ipv6(), &options(asked))?;
                Ok(Link::Udp(Arc::new(stream)))
            });
            match ready {
                Ok(link) => links.push((link, sends)),
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(0);
                    return Err(self.refuse(ErrorNumber::CREATE_STREAM, errno, asked));
                }
            }
            if links.len() == total {
                return Ok(links);
            }
            self.machine.stream_arrived(self.now());
        }
    }

    /// Data flow, until the client has enough.
    async fn test(&mut self, parameters: Parameters, links: Vec<(Link, bool)>, granted: &Granted, run: &Run) -> Ending {
        let udp = parameters.protocol == Protocol::Udp;
        self.machine.stream_arrived(self.now());
        match self.next().await {
            ServerEvent::Run => {}
            ServerEvent::Over(ending) => return ending,
            _ => return Ending::Ended,
        }
        let started = self.started(&parameters, &links).and_then(|start| {
            let receive_rate = granted.rate.filter(|_| !udp && parameters.client_sends());
            let task = granted.hold(engine::task(&parameters, receive_rate, false), udp, parameters.streams);
            Ok((start, Engine::start(links, task, &parameters, self.manner.interval)?))
        });
        let (start, mut engine) = match started {
            Ok(started) => started,
            Err(error) => {
                return self.refuse(ErrorNumber::CREATE_STREAM, error.raw_os_error().unwrap_or(0), &parameters);
            }
        };
        self.tell(&ServerNews::Started(&start));
        self.report.start = Some(start);
        let ending = self.running(&mut engine, &parameters, granted, run).await;
        let (sent, received) = engine.moved();
        let (measured, last) = engine.stop(udp).await;
        run.moved().sent_bytes.store(sent, Relaxed);
        run.moved().received_bytes.store(received, Relaxed);
        if let Some(last) = last {
            self.interval(last, &parameters);
        }
        if let Some(error) = &measured.broken {
            tracing::debug!(peer = %self.ends.peer, %error, "a stream of an iperf3 test broke");
        }
        match ending {
            Some(ending) => {
                self.report.end = Some(measured.end(None));
                self.measured = Some(measured);
                ending
            }
            None => self.results(&measured, &parameters).await,
        }
    }

    /// While data flow; `None` when the client has ended the test as agreed.
    async fn running(
        &mut self,
        engine: &mut Engine,
        parameters: &Parameters,
        granted: &Granted,
        run: &Run,
    ) -> Option<Ending> {
        let begun = Instant::now();
        let mut watch = tokio::time::interval(WATCH);
        loop {
            let due = engine.due();
            tokio::select! {
                event = self.next() => match event {
                    ServerEvent::Stop => return None,
                    ServerEvent::Over(ending) => return Some(ending),
                    _ => {}
                },
                () = at(due.map(|(when, _)| when)) => {
                    if let Some(interval) = due.and_then(|(_, due)| engine.handle(due)) {
                        self.interval(interval, parameters);
                    }
                }
                _ = watch.tick() => {
                    let (sent, received) = engine.moved();
                    run.moved().sent_bytes.store(sent, Relaxed);
                    run.moved().received_bytes.store(received, Relaxed);
                    if parameters.protocol == Protocol::Udp && granted.is_flooded(received, begun.elapsed()) {
                        return Some(self.refuse(ErrorNumber::TOTAL_RATE, 0, parameters));
                    }
                }
            }
        }
    }

    async fn results(&mut self, measured: &Measured, parameters: &Parameters) -> Ending {
        measured.hang_up();
        let mut ours = measured.results();
        if parameters.want_server_output {
            self.report.end = Some(measured.end(None));
            self.attach_output(&mut ours);
        }
        self.machine.results(self.now(), &ours);
        self.report.end = Some(measured.end(None));
        loop {
            match self.next().await {
                ServerEvent::PeerResults(theirs) => self.report.end = Some(measured.end(Some(&theirs))),
                ServerEvent::Over(ending) => return ending,
                _ => {}
            }
        }
    }

    fn attach_output(&self, ours: &mut Results) {
        let (Some(start), Some(end)) = (&self.report.start, &self.report.end) else { return };
        if self.manner.json {
            ours.output_json = Some(report::foreign(&self.report));
            return;
        }
        let text = Text::new(start, self.manner.format);
        let mut lines = text.opening();
        lines.extend(self.report.intervals.iter().flat_map(|interval| text.interval(interval)));
        lines.extend(text.closing(end));
        lines.push(String::new());
        ours.output_text = Some(lines.join("\n"));
    }

    fn tell(&self, news: &ServerNews<'_>) {
        if let Some(tell) = &self.manner.tell {
            tell(match news {
                ServerNews::Started(start) => ServerNews::Started(start),
                ServerNews::Interval(start, interval) => ServerNews::Interval(start, interval),
                ServerNews::Ended(test, ending) => ServerNews::Ended(test, ending),
            });
        }
    }

    /// An interval is shown where somebody looks, and kept where it will be shown.
    fn interval(&mut self, interval: Interval, parameters: &Parameters) {
        if let Some(start) = &self.report.start {
            self.tell(&ServerNews::Interval(start, &interval));
        }
        if parameters.want_server_output || self.manner.json {
            engine::keep(&mut self.report.intervals, self.report.start.as_ref(), interval);
        }
    }

    fn started(&self, parameters: &Parameters, links: &[(Link, bool)]) -> std::io::Result<Start> {
        let (send_buffer_bytes, receive_buffer_bytes) = links.first().map_or((0, 0), |(link, _)| engine::buffers(link));
        Ok(Start {
            role: Role::Server,
            parameters: parameters.clone(),
            program: engine::program(),
            system: engine::system(),
            unix_seconds: engine::unix_seconds(),
            host: self.ends.peer.ip().to_canonical().to_string(),
            port: self.ends.peer.port(),
            cookie: Named(self.ends.cookie).as_str().to_owned(),
            segment_bytes: self.ends.segment_bytes,
            send_buffer_bytes,
            receive_buffer_bytes,
            streams: engine::stream_starts(links)?,
        })
    }
}

/// What a client asks of its streams' sockets, on our side.
pub(super) fn options(asked: &Parameters) -> SocketOptions {
    let window = asked.window_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    SocketOptions {
        congestion_control: asked.congestion.clone().filter(|_| asked.protocol == Protocol::Tcp),
        send_buffer_bytes: window,
        receive_buffer_bytes: window,
        segment_bytes: asked.segment_bytes.filter(|_| asked.protocol == Protocol::Tcp),
        pacing_bytes_per_second: asked.kernel_rate.map(|rate| rate / 8),
        traffic_class: Some(asked.traffic_class).filter(|class| *class > 0),
        no_delay: asked.no_delay,
        ..SocketOptions::default()
    }
}

/// Holds a sending stream to its part of the rate; the kernel does, for it sees what goes out.
fn hold(link: &Link, sends: bool, asked: &Parameters, granted: &Granted) -> std::io::Result<()> {
    match granted.rate.filter(|_| sends) {
        Some(rate) => {
            let part = rate / u64::from(asked.streams.max(1));
            pace_link(link, asked.kernel_rate.map_or(part, |kernel| kernel.min(part)))
        }
        None => Ok(()),
    }
}

/// The number for a socket that does not take an option: most often there is no such congestion control here.
fn unsettable(asked: &Parameters) -> ErrorNumber {
    if asked.congestion.is_some() { ErrorNumber::CONGESTION } else { ErrorNumber::CREATE_STREAM }
}

fn refusal(ending: &Ending) -> Refusal {
    match ending {
        Ending::Malformed(_) => Refusal::Malformed,
        _ => Refusal::Silent,
    }
}

/// `TCP, 4 streams, receiving`.
fn in_words(parameters: &Parameters) -> String {
    use soundings_core::iperf3::wire::Direction;
    let protocol = if parameters.protocol == Protocol::Udp { "UDP" } else { "TCP" };
    let streams =
        if parameters.streams == 1 { "1 stream".to_owned() } else { format!("{} streams", parameters.streams) };
    let direction = match parameters.direction {
        Direction::Forward => "receiving",
        Direction::Reverse => "sending",
        Direction::Both => "both ways",
    };
    format!("{protocol}, {streams}, {direction}")
}

/// Now, for rules that speak of time.
fn instant() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
