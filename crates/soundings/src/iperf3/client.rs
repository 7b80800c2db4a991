//! The client: one test, asked for by us.

use super::control::{Control, Heard, at};
use super::engine::{self, Engine};
use super::flow::{Link, datagrams_to};
use super::server::options;
use net::{SocketOptions, connect_tuned};
use soundings_core::iperf3::model::{Interval, Role, Start, Test};
use soundings_core::iperf3::session::{ClientEvent, ClientSession, Ending};
use soundings_core::iperf3::spec::{COOKIE_BYTES, Deadlines, UDP_CONNECT, UDP_REPLY, UDP_REPLY_OLD, UDP_STRAYS_MAX};
use soundings_core::iperf3::wire::{Cookie, Direction, Parameters, Protocol};
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A connect datagram that got no answer is sent again after this, so often.
const UDP_TRIES: u32 = 10;
const UDP_TRY: Duration = Duration::from_millis(500);

/// What a test is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// As the user named it.
    pub host: String,
    /// What that is.
    pub address: SocketAddr,
    /// Send from this address.
    pub bind: Option<IpAddr>,
    /// And the first stream from this port, the others from those that follow.
    pub client_port: Option<u16>,
    /// The test.
    pub parameters: Parameters,
    /// Interval of reports.
    pub interval: Option<Duration>,
    /// For opening a connection.
    pub connect_timeout: Duration,
    /// How long to wait for our turn.
    pub patience: Duration,
    /// For each step.
    pub deadlines: Deadlines,
}

/// What is told as the test goes.
#[derive(Debug)]
pub enum News<'a> {
    /// The control connection is open; the server may let us wait for our turn.
    Connected,
    /// It has not asked for our parameters yet: another test is running.
    Waiting,
    /// Data begin to flow.
    Started(&'a Start),
    /// An interval is over.
    Interval(&'a Start, &'a Interval),
}

/// How it ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    /// As much as there is of it.
    pub test: Test,
    /// Why it is not whole.
    pub problem: Option<Problem>,
}

/// Runs a test. When `interrupt` becomes true the server is told, and what was measured so far is given.
pub async fn run(ask: Ask, interrupt: watch::Receiver<bool>, mut tell: impl FnMut(News<'_>) + Send) -> Ended {
    let mut test = Test::default();
    let outcome = attempt(&ask, interrupt, &mut test, &mut tell).await;
    let problem = outcome.err().map(|fault| fault.told(&ask));
    test.error = problem.as_ref().map(|problem| format!("{} {}", problem.detail, problem.next));
    Ended { test, problem }
}

/// What went wrong.
enum Fault {
    Connect(io::Error),
    Stream(io::Error),
    Session(Ending),
}

impl From<Ending> for Fault {
    fn from(ending: Ending) -> Self {
        Self::Session(ending)
    }
}

async fn attempt(
    ask: &Ask,
    interrupt: watch::Receiver<bool>,
    test: &mut Test,
    tell: &mut (impl FnMut(News<'_>) + Send),
) -> Result<(), Fault> {
    let mut seed = [0; COOKIE_BYTES - 1];
    net::fill_random(&mut seed);
    let cookie = Cookie::of_seed(&seed);
    let control = connect_control(ask).await.map_err(Fault::Connect)?;
    let segment_bytes = net::socket_facts(&control).ok().and_then(|facts| facts.segment_bytes);
    tell(News::Connected);
    let mut parameters = ask.parameters.clone();
    parameters.block_bytes = block_bytes(&parameters, segment_bytes);
    let origin = Instant::now();
    let machine = ClientSession::new(Duration::ZERO, cookie, &parameters, ask.deadlines, ask.patience);
    let mut session = Session {
        ask,
        cookie,
        segment_bytes,
        control: Control::new(control),
        machine,
        origin,
        interrupt,
        parameters,
        test,
        runs: false,
    };
    let outcome = session.go(tell).await;
    if let Some(last) = session.machine.poll_transmit() {
        session.control.say(&last);
    }
    session.control.farewell().await;
    outcome
}

/// iperf3's choice of datagram, where the user made none: what fits the path of the control connection.
fn block_bytes(parameters: &Parameters, segment_bytes: Option<u32>) -> u64 {
    if parameters.block_bytes > 0 || parameters.protocol == Protocol::Tcp {
        return engine::block_bytes(parameters);
    }
    // The segment of TCP fits, for its head is larger than that of UDP.
    segment_bytes.map_or_else(|| engine::block_bytes(parameters), |bytes| u64::from(bytes).clamp(16, 65_507))
}

async fn connect_control(ask: &Ask) -> io::Result<TcpStream> {
    let bind = ask.bind.map(|ip| SocketAddr::new(ip, 0));
    let options = SocketOptions { bind, no_delay: true, ..SocketOptions::default() };
    let stream = connect(ask.address, options, ask.connect_timeout).await?;
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

async fn connect(address: SocketAddr, options: SocketOptions, deadline: Duration) -> io::Result<std::net::TcpStream> {
    let connecting = tokio::task::spawn_blocking(move || connect_tuned(address, &options, deadline));
    connecting.await.map_err(io::Error::other)?
}

struct Session<'a> {
    ask: &'a Ask,
    cookie: Cookie,
    segment_bytes: Option<u32>,
    control: Control<TcpStream>,
    machine: ClientSession,
    origin: Instant,
    interrupt: watch::Receiver<bool>,
    parameters: Parameters,
    test: &'a mut Test,
    /// The server has said that data may flow.
    runs: bool,
}

/// What may come while data flow.
enum Step {
    Event(ClientEvent),
    Interval,
    Enough,
    Moved,
}

impl Session<'_> {
    async fn go(&mut self, tell: &mut (impl FnMut(News<'_>) + Send)) -> Result<(), Fault> {
        self.await_turn(tell).await?;
        let links = self.open_streams().await?;
        if !self.runs {
            match self.next().await {
                ClientEvent::Run => {}
                event => return Err(ended(event).into()),
            }
        }
        let start = self.started(&links).map_err(Fault::Stream)?;
        tell(News::Started(&start));
        self.test.start = Some(start.clone());
        let task = engine::task(&self.parameters, None, true);
        let mut engine = Engine::start(links, task, &self.parameters, self.ask.interval).map_err(Fault::Stream)?;
        let broken_off = self.running(&mut engine, &start, tell).await.err();
        let udp = self.parameters.protocol == Protocol::Udp;
        let (measured, last) = engine.stop(udp).await;
        if let Some(last) = last {
            tell(News::Interval(&start, &last));
            self.test.intervals.push(last);
        }
        self.test.end = Some(measured.end(None));
        if let Some(ending) = broken_off {
            return Err(ending.into());
        }
        loop {
            match self.next().await {
                ClientEvent::WantResults => {
                    let now = self.origin.elapsed();
                    self.machine.results(now, &measured.results());
                }
                ClientEvent::PeerResults(theirs) => self.test.end = Some(measured.end(Some(&theirs))),
                ClientEvent::Over(Ending::Done) => break,
                event => return Err(ended(event).into()),
            }
        }
        match measured.broken {
            Some(error) => Err(Fault::Stream(error)),
            None => Ok(()),
        }
    }

    /// The next thing to do; until then octets go both ways and time passes.
    async fn next(&mut self) -> ClientEvent {
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
                () = interrupted(&mut self.interrupt) => self.machine.interrupt(),
            }
        }
    }

    async fn await_turn(&mut self, tell: &mut (impl FnMut(News<'_>) + Send)) -> Result<(), Fault> {
        let news = Instant::now() + Duration::from_secs(2);
        let event = tokio::select! {
            event = self.next() => event,
            () = at(Some(news)) => {
                tell(News::Waiting);
                self.next().await
            }
        };
        match event {
            ClientEvent::OpenStreams => Ok(()),
            event => Err(ended(event).into()),
        }
    }

    /// Those on which we send come first, then those on which we receive.
    async fn open_streams(&mut self) -> Result<Vec<(Link, bool)>, Fault> {
        let total = self.parameters.streams_total() as usize;
        let mut links = Vec::with_capacity(total);
        for place in 0..total {
            let sends = !self.parameters.server_sends_on(place);
            let port = self.ask.client_port.map(|port| port.saturating_add(u16::try_from(place).unwrap_or(u16::MAX)));
            let bind = match (self.ask.bind, port) {
                (None, None) => None,
                (ip, port) => Some(SocketAddr::new(ip.unwrap_or(any(self.ask.address)), port.unwrap_or(0))),
            };
            let options = SocketOptions { bind, ..options(&self.parameters) };
            let (address, cookie, timeout) = (self.ask.address, self.cookie, self.ask.connect_timeout);
            let udp = self.parameters.protocol == Protocol::Udp;
            let opening = tokio::task::spawn_blocking(move || {
                if udp { open_udp(address, &options) } else { open_tcp(address, &options, cookie, timeout) }
            });
            let mut opening = std::pin::pin!(opening);
            let opened = tokio::select! {
                opened = &mut opening => opened,
                event = self.next() => match event {
                    // The server has seen the last stream before this task has.
                    ClientEvent::Run => {
                        self.runs = true;
                        opening.await
                    }
                    event => return Err(ended(event).into()),
                },
            };
            let opened = opened.map_err(io::Error::other).and_then(|opened| opened);
            links.push((opened.map_err(Fault::Stream)?, sends));
        }
        Ok(links)
    }

    async fn running(
        &mut self,
        engine: &mut Engine,
        start: &Start,
        tell: &mut (impl FnMut(News<'_>) + Send),
    ) -> Result<(), Ending> {
        let asked = &self.parameters;
        let ends_by_time = asked.bytes == 0 && asked.blocks == 0;
        let end = Instant::now() + Duration::from_secs(asked.seconds + asked.omit_seconds);
        let common = Arc::clone(&engine.common);
        loop {
            let due = engine.due().filter(|(when, _)| !ends_by_time || *when <= end);
            let step = tokio::select! {
                biased;
                event = self.next() => Step::Event(event),
                () = at(due.map(|(when, _)| when)) => Step::Interval,
                () = at(ends_by_time.then_some(end)) => Step::Enough,
                () = common.news.notified() => Step::Moved,
            };
            match step {
                Step::Event(event) => return Err(ended(event)),
                Step::Interval => {
                    if let Some(interval) = due.and_then(|(_, due)| engine.handle(due)) {
                        tell(News::Interval(start, &interval));
                        engine::keep(&mut self.test.intervals, Some(start), interval);
                    }
                }
                // A stream that broke ends the test too: what is left would measure something else.
                Step::Enough | Step::Moved => {
                    self.machine.finish(self.origin.elapsed());
                    if let Some(octets) = self.machine.poll_transmit() {
                        self.control.say(&octets);
                    }
                    return Ok(());
                }
            }
        }
    }

    fn started(&self, links: &[(Link, bool)]) -> io::Result<Start> {
        let (send_buffer_bytes, receive_buffer_bytes) = links.first().map_or((0, 0), |(link, _)| engine::buffers(link));
        Ok(Start {
            role: Role::Client,
            parameters: self.parameters.clone(),
            program: engine::program(),
            system: engine::system(),
            unix_seconds: engine::unix_seconds(),
            host: self.ask.host.clone(),
            port: self.ask.address.port(),
            cookie: self.cookie.as_str().to_owned(),
            segment_bytes: self.segment_bytes,
            send_buffer_bytes,
            receive_buffer_bytes,
            streams: engine::stream_starts(links)?,
        })
    }
}

fn ended(event: ClientEvent) -> Ending {
    match event {
        ClientEvent::Over(ending) => ending,
        _ => Ending::Ended,
    }
}

fn any(server: SocketAddr) -> IpAddr {
    match server {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

async fn interrupted(interrupt: &mut watch::Receiver<bool>) {
    if interrupt.wait_for(|now| *now).await.is_err() {
        // Nobody can interrupt any more.
        std::future::pending().await
    }
}

fn open_tcp(server: SocketAddr, options: &SocketOptions, cookie: Cookie, deadline: Duration) -> io::Result<Link> {
    let mut stream = connect_tuned(server, options, deadline)?;
    stream.write_all(&cookie.0)?;
    Ok(Link::Tcp(Arc::new(stream)))
}

fn open_udp(server: SocketAddr, options: &SocketOptions) -> io::Result<Link> {
    let socket = datagrams_to(server, options)?;
    socket.set_read_timeout(Some(UDP_TRY))?;
    for _ in 0..UDP_TRIES {
        socket.send(&UDP_CONNECT)?;
        if answered(&socket)? {
            return Ok(Link::Udp(Arc::new(socket)));
        }
    }
    let detail = "the server answered no connect datagram: UDP does not pass here, or not on this port";
    Err(io::Error::new(io::ErrorKind::TimedOut, detail))
}

fn answered(socket: &UdpSocket) -> io::Result<bool> {
    let mut octets = [0; 65_536];
    for _ in 0..=UDP_STRAYS_MAX {
        match socket.recv(&mut octets) {
            Ok(4) if octets[..4] == UDP_REPLY || octets[..4] == UDP_REPLY_OLD => return Ok(true),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

impl Fault {
    fn told(self, ask: &Ask) -> Problem {
        let server = format!("{} ({})", ask.host, ask.address);
        match self {
            Self::Connect(error) => Problem {
                status: 502,
                kind: "iperf3-connect",
                title: "the server cannot be reached",
                // Who refuses was reached.
                blame: if error.kind() == io::ErrorKind::ConnectionRefused { Blame::Peer } else { Blame::Path },
                detail: format!("No connection to {server}: {error}."),
                retry: Retry::Soon,
                next: "Look whether an iperf3 server runs there, and whether its port is open on the way.".to_owned(),
            },
            Self::Stream(error) => Problem {
                status: 502,
                kind: "iperf3-stream",
                title: "a stream failed",
                detail: format!("A stream to {server} failed: {error}."),
                blame: Blame::Path,
                retry: Retry::Soon,
                next: "A congestion control or size that this host lacks, and UDP that is closed on the way, look like this."
                    .to_owned(),
            },
            Self::Session(ending) => session_problem(&ending, &server, ask.parameters.direction),
        }
    }
}

fn session_problem(ending: &Ending, server: &str, direction: Direction) -> Problem {
    let (blame, retry, next) = match ending {
        Ending::Denied => (Blame::Peer, Retry::Soon, "Try again when the test that runs there is over."),
        Ending::Refused { .. } => (Blame::Caller, Retry::Never, "Ask for less, or with a right to more."),
        Ending::Ended => (Blame::Caller, Retry::Soon, "What was measured until then is shown."),
        Ending::Interrupted => (Blame::Peer, Retry::Soon, "What was measured until then is shown."),
        Ending::Malformed(_) => (Blame::Peer, Retry::Never, "Look whether it is an iperf3 server, and of version 3."),
        Ending::Silent { .. } | Ending::Vanished { .. } if direction != Direction::Forward => {
            (Blame::Peer, Retry::Soon, "Look at the server's log.")
        }
        _ => (Blame::Peer, Retry::Soon, "Look at the server's log, and at the way to it."),
    };
    Problem {
        status: 502,
        kind: "iperf3-test",
        title: "the test did not end as agreed",
        detail: format!("The test with {server}: {ending}."),
        blame,
        retry,
        next: next.to_owned(),
    }
}
