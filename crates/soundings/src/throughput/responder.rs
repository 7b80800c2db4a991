//! The responder: one control connection, one test.

use super::control::Control;
use super::engine::{Pipe, Running};
use super::streams::{Disks, NUMBER_BYTES, SCRATCH_BYTES_MAX, Stores, option_refused, options, plan};
use super::worker::Store;
use crate::guard::Allowance;
use crate::guard::host::{self, HostTurn};
use crate::guard::turn::{Claim, NoTurn, Turn, Waiting};
use crate::responder::{self, Arrival, Expected, Protocol, Refusal, Shared, Start};
use net::Connection;
use soundings_core::throughput::series::End;
use soundings_core::throughput::session::{Heard, Responder};
use soundings_core::throughput::spec;
use soundings_core::throughput::wire::{self, Direction, FarStore, Grant, Hello, Message, Request, Wait, Welcome};
use std::io::Read as _;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use terms::{Blame, Principal, Problem, Retry};
use tokio::sync::mpsc;

/// Serves one control connection to its end.
pub async fn serve_control(connection: Connection, peer: SocketAddr, shared: Arc<Shared>) {
    let tls = connection.peer().tls.is_some();
    let mut test = Test {
        control: Control::new(connection),
        session: Responder::new(Duration::ZERO),
        begun: Instant::now(),
        peer,
        tls,
        shared: Arc::clone(&shared),
    };
    match test.run().await {
        Ok(()) => test.control.close().await,
        Err(problem) => {
            tracing::info!(%peer, kind = problem.kind, detail = problem.detail, "a throughput test ended early");
            shared.runs.refused(Some(Protocol::Throughput), counted_as(&problem));
            if problem.kind != "peer-gone" {
                // It may be gone; then it needs no reason.
                let _ = test.control.send(&Message::Refusal((&problem).into())).await;
            }
            test.control.close().await;
        }
    }
}

/// How a problem counts among the refusals of a responder.
fn counted_as(problem: &Problem) -> Refusal {
    match problem.kind {
        "no-turn" => Refusal::Busy,
        "peer-silent" | "peer-gone" => Refusal::Silent,
        "stopping" => Refusal::Draining,
        "protocol" | "version" | "option-refused" => Refusal::Malformed,
        _ if problem.status == 401 => Refusal::Credential,
        _ => Refusal::Allowance,
    }
}

struct Test {
    control: Control,
    session: Responder,
    begun: Instant,
    peer: SocketAddr,
    tls: bool,
    shared: Arc<Shared>,
}

impl Test {
    async fn run(&mut self) -> Result<(), Problem> {
        let Heard::Caller(hello) = self.heard().await? else { return Ok(()) };
        let (who, allowance) = self.judge(&hello).await?;
        let welcome = Welcome { version: spec::VERSION, program: program() };
        self.control.send(&Message::Welcome(welcome)).await?;
        self.session.admit(self.now());
        let Heard::Request(request) = self.heard().await? else { return Ok(()) };
        let longest = self.permit(&request, &allowance)?;
        if allowance != self.shared.guard.anyone() {
            // It is on record who had more than anybody may.
            let _ = self.shared.guard.used(&who, std::time::SystemTime::now().into());
        }
        let turn = self.turn(&who, &request, longest).await?;
        let host = self.host_turn(&who, &hello, longest).await?;
        let run = self.shared.runs.begin(Start {
            protocol: Protocol::Throughput,
            who: called(&who, self.peer.ip()),
            peer: self.peer,
            what: described(&request),
            longest,
        });
        let mut pipes = self.streams(&request, &allowance, longest).await?;
        let stores = self.stores(&request).await?;
        let rate = allowance.stream_rate.map(|rate| rate.0);
        let mut plan = plan(&request, rate, rate, longest + spec::DRAIN_MAX * 2);
        (plan.read, plan.written) = stores.facts();
        stores.give(&mut pipes);
        let running = Running::start(pipes, plan).map_err(|error| option_refused(&error, &request))?;
        self.session.ready(self.now());
        self.control.send(&Message::Ready).await?;
        let end = self.stream(running, &run).await?;
        // The way is free for the next; what follows is only talk.
        drop((turn, host));
        for message in wire::results(&end) {
            self.control.send(&message).await?;
        }
        self.session.finished(self.now());
        while !self.session.is_over() {
            self.heard().await?;
        }
        run.finish();
        Ok(())
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The next thing to do, within the session's deadline.
    async fn heard(&mut self) -> Result<Heard, Problem> {
        loop {
            let heard = self.heard_one().await?;
            if let Heard::GaveUp(refusal) = heard {
                return Err(refusal.into_problem());
            }
            if heard != Heard::Nothing {
                return Ok(heard);
            }
        }
    }

    async fn heard_one(&mut self) -> Result<Heard, Problem> {
        let left = self.session.deadline().map(|deadline| deadline.saturating_sub(self.now()));
        let cut = Arc::clone(&self.shared);
        let message = tokio::select! {
            message = self.control.next() => message?,
            () = wait(left) => return self.expired(),
            () = cut.cut() => return Err(stopping()),
        };
        self.session.handle(self.now(), message)
    }

    fn expired(&mut self) -> Result<Heard, Problem> {
        let now = self.now();
        self.session.expire(now).map_or(Ok(Heard::Nothing), Err)
    }

    async fn judge(&self, hello: &Hello) -> Result<(Principal, Allowance), Problem> {
        if hello.token.is_some() && !self.tls && !self.peer.ip().to_canonical().is_loopback() {
            return Err(token_in_clear());
        }
        let who = self.shared.callers.who(self.peer, self.tls, hello.token.as_deref()).await?;
        let allowance = self.shared.guard.allowance(&who, std::time::SystemTime::now().into());
        Ok((who, allowance))
    }

    /// May this be? Answers how long it takes at most.
    fn permit(&self, request: &Request, allowance: &Allowance) -> Result<Duration, Problem> {
        if self.shared.drain.is_draining() {
            return Err(stopping());
        }
        if request.streams > allowance.streams_max {
            let why = format!("{} streams were asked for, and {} are allowed", request.streams, allowance.streams_max);
            return Err(not_allowed(&why));
        }
        if request.store == FarStore::Disk && !allowance.disk {
            return Err(not_allowed("the disk of this host is not for everybody"));
        }
        if request.store == FarStore::Disk && self.shared.settings.scratch.is_none() {
            return Err(no_scratch());
        }
        let Some(duration) = request.duration() else { return Ok(allowance.longest) };
        let whole = duration + request.omit();
        if whole > allowance.longest {
            let longest = allowance.longest.as_secs();
            let why =
                format!("{:.1} s were asked for, warm-up included, and {longest} s are allowed", whole.as_secs_f64());
            return Err(not_allowed(&why));
        }
        Ok(whole)
    }

    /// Waits for a turn, and tells the client so; a client that goes leaves the queue.
    async fn turn(&mut self, who: &Principal, request: &Request, longest: Duration) -> Result<Turn, Problem> {
        let claim = Claim { what: "throughput", who: called(who, self.peer.ip()), longest: longest + spec::DRAIN_MAX };
        let patience = request.patience().min(self.shared.settings.patience);
        let (tell, mut news) = mpsc::unbounded_channel();
        let shared = Arc::clone(&self.shared);
        let turn = async move {
            let tell = |waiting: &Waiting| {
                // Nobody listens any more: then nobody waits.
                let _ = tell.send(waiting.clone());
            };
            shared.turn(claim, patience, tell).await
        };
        tokio::pin!(turn);
        let mut last: Option<(Waiting, Instant)> = None;
        loop {
            let cut = Arc::clone(&self.shared);
            tokio::select! {
                turn = &mut turn => return turn.map_err(|error| no_turn(&error)),
                message = self.control.next() => {
                    let message = message?;
                    if let Heard::GaveUp(refusal) = self.session.handle(self.now(), message)? {
                        return Err(refusal.into_problem());
                    }
                }
                Some(waiting) = news.recv() => {
                    self.control.send(&Message::Wait(told(&waiting, Duration::ZERO))).await?;
                    last = Some((waiting, Instant::now()));
                }
                () = tokio::time::sleep(spec::WAIT_EVERY), if last.is_some() => {
                    if let Some((waiting, since)) = &last {
                        self.control.send(&Message::Wait(told(waiting, since.elapsed()))).await?;
                    }
                }
                () = cut.cut() => return Err(stopping()),
            }
        }
    }

    /// The turn of this host, unless the client is on it and has it. It is not waited for: two hosts that measure each
    /// other would wait for each other. The client gives its own back, and tries again.
    async fn host_turn(&self, who: &Principal, hello: &Hello, longest: Duration) -> Result<Option<HostTurn>, Problem> {
        let Some(name) = &self.shared.settings.host_turn else { return Ok(None) };
        let claim = Claim { what: "throughput", who: called(who, self.peer.ip()), longest: longest + spec::DRAIN_MAX };
        let taken = host::take(name, &claim, "", hello.turn.as_deref(), Duration::ZERO, |_| {}).await;
        taken.map_err(|error| no_turn(&error))
    }

    /// Grants the test, and takes its streams as they come.
    async fn streams(
        &mut self,
        request: &Request,
        allowance: &Allowance,
        longest: Duration,
    ) -> Result<Vec<Pipe>, Problem> {
        let kinds = request.kinds();
        let (cookie, mut expected) = self.expect(kinds.len());
        let grant = Grant {
            cookie: String::from_utf8_lossy(&cookie[..spec::COOKIE_CHARACTERS]).into_owned(),
            rate_bits_per_second: allowance.stream_rate.map(|rate| rate.0),
            longest_seconds: longest.as_secs_f64(),
        };
        self.session.grant(self.now(), longest);
        self.control.send(&Message::Grant(grant)).await?;
        let mut pipes: Vec<Pipe> = Vec::with_capacity(kinds.len());
        while pipes.len() < kinds.len() {
            let left = self.session.deadline().map(|deadline| deadline.saturating_sub(self.now()));
            let cut = Arc::clone(&self.shared);
            let arrival = tokio::select! {
                arrival = expected.next() => arrival,
                heard = self.heard_one() => match heard? {
                    Heard::GaveUp(refusal) => return Err(refusal.into_problem()),
                    _ => continue,
                },
                () = wait(left) => return Err(self.expired().err().unwrap_or_else(stopping)),
                () = cut.cut() => return Err(stopping()),
            };
            let left =
                self.session.deadline().map_or(spec::STREAMS_LIMIT, |deadline| deadline.saturating_sub(self.now()));
            let pipe = received(arrival, request, left).await?;
            if pipes.iter().any(|other| other.number == pipe.number) {
                return Err(not_a_stream("two connections have the same number"));
            }
            pipes.push(pipe);
        }
        pipes.sort_by_key(|pipe| pipe.number);
        Ok(pipes)
    }

    /// The disks, if they are asked for.
    async fn stores(&self, request: &Request) -> Result<Stores, Problem> {
        let folder = match request.store {
            FarStore::Memory => None,
            FarStore::Disk => Some(self.shared.settings.scratch.clone().ok_or_else(no_scratch)?),
        };
        let disks = Disks { source: None, scratch_source: folder.clone(), sink: folder };
        let kinds = request.kinds();
        let receiving = kinds.iter().filter(|kind| kind.to_responder).count() as u64;
        let sending = kinds.len() as u64 - receiving;
        let open = move || Stores::open(&disks, sending, receiving, Some(SCRATCH_BYTES_MAX));
        tokio::task::spawn_blocking(open).await.unwrap_or_else(|_| Err(no_scratch()))
    }

    fn expect(&self, streams: usize) -> (responder::Cookie, Expected) {
        loop {
            let mut random = [0; spec::COOKIE_CHARACTERS];
            net::fill_random(&mut random);
            let cookie = wire::cookie(&random);
            if let Some(expected) = self.shared.registry.expect(cookie, self.peer.ip(), streams) {
                return (cookie, expected);
            }
        }
    }

    /// Lets the streams run to their end.
    async fn stream(&mut self, mut running: Running, run: &responder::Run) -> Result<End, Problem> {
        while self.heard().await? != Heard::Start {}
        running.go();
        let mut tick = tokio::time::interval(spec::PROGRESS_EVERY);
        loop {
            let left = self.session.deadline().map(|deadline| deadline.saturating_sub(self.now()));
            let cut = Arc::clone(&self.shared);
            tokio::select! {
                end = running.ended() => {
                    count(&running, run);
                    return match running.why_cut() {
                        None => Ok(end),
                        Some(why) => Err(was_cut(&why)),
                    };
                }
                _ = tick.tick() => {
                    count(&running, run);
                    self.control.send(&Message::Progress(running.progress())).await?;
                }
                message = self.control.next() => {
                    let message = message?;
                    if let Heard::GaveUp(refusal) = self.session.handle(self.now(), message)? {
                        return Err(refusal.into_problem());
                    }
                }
                () = wait(left) => { self.expired()?; }
                () = cut.cut() => return Err(stopping()),
            }
        }
    }
}

fn count(running: &Running, run: &responder::Run) {
    let progress = running.progress();
    run.moved().sent_bytes.store(progress.sent_bytes, Relaxed);
    run.moved().received_bytes.store(progress.received_bytes, Relaxed);
}

/// Until then, or for ever.
async fn wait(left: Option<Duration>) {
    match left {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// A stream out of a connection whose cookie is taken: its number is next. Inside TLS a single record may come in as many
/// pieces as it has octets, so that the limit is of the whole: a test holds its turn meanwhile.
pub(super) async fn received(arrival: Arrival, request: &Request, limit: Duration) -> Result<Pipe, Problem> {
    let request = request.clone();
    let socket = arrival.stream.try_clone().map_err(|error| not_a_stream(&format!("it cannot be held: {error}")))?;
    let numbered = tokio::task::spawn_blocking(move || number(arrival, &request));
    match tokio::time::timeout(limit, numbered).await {
        Ok(numbered) => numbered.unwrap_or_else(|_| Err(not_a_stream("its thread failed"))),
        Err(_) => {
            // Ends the thread that reads; a socket that is closed already needs no closing.
            let _ = socket.shutdown(Shutdown::Both);
            Err(not_a_stream("its number did not come in time"))
        }
    }
}

fn number(arrival: Arrival, request: &Request) -> Result<Pipe, Problem> {
    let Arrival { stream, peer, tls, place, .. } = arrival;
    let broken = |error: std::io::Error| not_a_stream(&format!("it broke at its beginning: {error}"));
    if tls.is_some() != request.tls {
        return Err(not_a_stream("it is inside TLS and should not be, or the other way round"));
    }
    stream.set_nonblocking(false).map_err(broken)?;
    stream.set_read_timeout(Some(spec::MESSAGE_LIMIT)).map_err(broken)?;
    let mut octets = [0; NUMBER_BYTES];
    let tls = match tls {
        None => {
            (&stream).read_exact(&mut octets).map_err(broken)?;
            None
        }
        Some(session) => {
            let mut over = session.over(stream.try_clone().map_err(broken)?);
            over.read_exact(&mut octets).map_err(broken)?;
            Some(over.into_session())
        }
    };
    stream.set_read_timeout(None).map_err(broken)?;
    let number = u32::from_be_bytes(octets);
    let kind = request.kinds().get(number as usize).copied();
    let kind = kind.ok_or_else(|| not_a_stream("it has a number that is not of this test"))?;
    let sending = !kind.to_responder;
    net::retune(&stream, peer.is_ipv6(), &options(request, sending))
        .map_err(|error| option_refused(&error, request))?;
    Ok(Pipe { number, sending, stream, tls, store: Store::Memory, place: Some(place) })
}

/// Our name and version, for the other end's log.
pub(super) fn program() -> String {
    format!("portolan {}", env!("CARGO_PKG_VERSION"))
}

fn called(who: &Principal, address: IpAddr) -> String {
    match who.is_anonymous() {
        true => address.to_canonical().to_string(),
        false => who.name().to_owned(),
    }
}

fn described(request: &Request) -> String {
    let layer = if request.tls { "TLS" } else { "TCP" };
    let way = match request.direction {
        Direction::To => "receiving",
        Direction::From => "sending",
        Direction::Both => "both ways",
    };
    let store = if request.store == FarStore::Disk { ", disk" } else { "" };
    format!("{layer}, {} streams, {way}{store}", request.streams)
}

pub(super) fn told(waiting: &Waiting, since: Duration) -> Wait {
    let left = |span: Duration| span.saturating_sub(since).as_secs_f64();
    let running = waiting.running.iter().map(|(claim, span)| wire::Running {
        what: claim.what.to_owned(),
        who: claim.who.clone(),
        seconds_left: left(*span),
    });
    Wait { position: waiting.ahead as u64, running: running.collect(), at_most_seconds: left(waiting.at_most) }
}

pub(super) fn no_turn(error: &NoTurn) -> Problem {
    let again = error.again();
    Problem {
        status: 503,
        kind: "no-turn",
        title: "there is no turn to be had",
        detail: format!("Tests of throughput run one after the other, and {error}."),
        blame: Blame::Peer,
        retry: Retry::After(again.max(Duration::from_secs(1))),
        next: "Try again then, or allow for a longer wait.".to_owned(),
    }
}

fn not_allowed(why: &str) -> Problem {
    Problem {
        status: 403,
        kind: "not-allowed",
        title: "this host does not allow such a test",
        detail: format!("Of what may be asked: {why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask for less, or ask its administrator for the right to 'measure' and bring a token.".to_owned(),
    }
}

fn no_scratch() -> Problem {
    Problem {
        status: 403,
        kind: "no-scratch",
        title: "this host lends no disk",
        detail: "Its responder has no scratch folder, so its disk cannot be measured.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Measure against its memory, or ask its administrator to set a scratch folder.".to_owned(),
    }
}

fn not_a_stream(why: &str) -> Problem {
    Problem {
        status: 400,
        kind: "protocol",
        title: "a data connection is not as agreed",
        detail: format!("Of one of the streams: {why}."),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "Try again; if it stays so, see what stands between the two hosts.".to_owned(),
    }
}

fn token_in_clear() -> Problem {
    Problem {
        status: 400,
        kind: "token-refused",
        title: "a token came in clear",
        detail: "A token was sent over a connection without TLS: whoever listens on the way has it now.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Revoke this token, and use TLS for the next.".to_owned(),
    }
}

fn was_cut(why: &str) -> Problem {
    Problem {
        status: 403,
        kind: "rate-exceeded",
        title: "the test was cut",
        detail: format!("This host cut all streams: {why}."),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "Keep to the rate and the time that were granted.".to_owned(),
    }
}

fn stopping() -> Problem {
    Problem {
        status: 503,
        kind: "stopping",
        title: "this responder is stopping",
        detail: format!("Of its tests: {}.", responder::CUT),
        blame: Blame::Peer,
        retry: Retry::After(Duration::from_secs(60)),
        next: "Try again in a minute.".to_owned(),
    }
}
