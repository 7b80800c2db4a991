//! The client: asks, opens the streams, lets them run, and brings both ends' figures home.

use super::control::Control;
use super::engine::{Pipe, Running};
use super::responder::{no_turn, program, told};
use super::streams::{Disks, Stores, option_refused, options, plan};
use super::worker::Store;
use crate::guard::host::{self, HostTurn};
use crate::guard::turn::{Claim, Waiting};
use net::client::{ClientTls, Trust};
use net::{Connection, Drain};
use soundings_core::throughput::series::End;
use soundings_core::throughput::session::{Client, Told};
use soundings_core::throughput::spec;
use soundings_core::throughput::wire::{self, Grant, Hello, Message, Progress, Request, Wait};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};
use tokio::task::JoinSet;

/// Whom to measure against, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The responder.
    pub address: SocketAddr,
    /// Its name, for its certificate.
    pub host: String,
    /// What is asked. Its field `tls` says whether control and data are inside TLS 1.3.
    pub request: Request,
    /// Whom to believe.
    pub trust: Trust,
    /// Believe any certificate.
    pub insecure: bool,
    /// Shown to the responder.
    pub token: Option<String>,
    /// What is sent is read from this file; `None` is memory.
    pub source: Option<PathBuf>,
    /// What is received is written to a new file here, which has no name while it is used and is gone afterwards.
    pub sink: Option<PathBuf>,
    /// The name by which throughput tests of all programs on this host take turns; without it this one does not care.
    pub host_turn: Option<String>,
    /// Show it on loopback even without TLS.
    pub token_in_clear: bool,
    /// Bind to this address.
    pub bind: Option<std::net::IpAddr>,
    /// For the address to answer.
    pub connect_timeout: Duration,
}

/// What happens meanwhile.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// Not our turn yet.
    Wait(Wait),
    /// The responder has no turn for us now; it is asked again soon.
    SentAway(Problem),
    /// It runs: what this end and the other have moved so far.
    Progress {
        /// Of this end.
        here: Progress,
        /// Of the other.
        there: Option<Progress>,
    },
}

/// Both ends' figures.
#[derive(Clone, PartialEq, Debug)]
pub struct Ends {
    /// Of this end.
    pub here: End,
    /// Of the other.
    pub there: End,
    /// What the other end allowed.
    pub grant: Grant,
    /// Our end of the control connection.
    pub local: SocketAddr,
    /// The other one's.
    pub peer: SocketAddr,
    /// TLS version and suite of the control connection.
    pub tls: Option<(&'static str, &'static str)>,
}

/// Runs one test, when its turn has come. Dropping the future ends it.
pub async fn measure(settings: &Settings, mut tell: impl FnMut(News) + Send) -> Result<Ends, Problem> {
    settings.request.check().map_err(|why| misused(&why))?;
    if settings.token.is_some() && !may_show(settings) {
        return Err(token_in_clear());
    }
    let begun = Instant::now();
    loop {
        let left = settings.request.patience().saturating_sub(begun.elapsed());
        let problem = match once(settings, left, &mut tell).await {
            Ok(ends) => return Ok(ends),
            Err(problem) => problem,
        };
        // Sent away because others measure. Our own turn is given back meanwhile: they may wait for it.
        let (Retry::After(again), "no-turn") = (problem.retry, problem.kind) else { return Err(problem) };
        let left = settings.request.patience().saturating_sub(begun.elapsed());
        if left < again.min(AGAIN_MAX) {
            return Err(problem);
        }
        tell(News::SentAway(problem));
        tokio::time::sleep(pause(again)).await;
    }
}

/// Who is sent away asks again after this long at most: tests may end early.
const AGAIN_MAX: Duration = Duration::from_secs(5);

/// Between one and five seconds, by chance, so that two hosts that measure each other do not meet again and again.
fn pause(again: Duration) -> Duration {
    let mut random = [0];
    net::fill_random(&mut random);
    Duration::from_secs(1) + again.min(AGAIN_MAX - Duration::from_secs(1)).mul_f64(f64::from(random[0]) / 255.0)
}

/// One try, with so much patience.
async fn once(settings: &Settings, patience: Duration, tell: &mut (impl FnMut(News) + Send)) -> Result<Ends, Problem> {
    let secret = host::secret();
    let _host = host_turn(settings, &secret, patience, tell).await?;
    let tls = match settings.request.tls {
        true => Some(ClientTls::new(&settings.trust, settings.insecure).map_err(|error| error.problem())?),
        false => None,
    };
    let stores = stores(settings).await?;
    let opener = Opener { settings: settings.clone(), tls };
    let connection = opener.control().await?;
    let peer = connection.peer();
    let mut test = Test {
        control: Control::new(connection),
        session: Client::new(Duration::ZERO, settings.request.clone()),
        begun: Instant::now(),
        opener: Arc::new(opener),
    };
    let (here, there, grant) = test.run(stores, secret, tell).await?;
    test.control.close().await;
    let tls = peer.tls.map(|tls| (tls.version, tls.cipher));
    Ok(Ends { here, there, grant, local: peer.local, peer: peer.address, tls })
}

/// The turn of this host.
async fn host_turn(
    settings: &Settings,
    secret: &str,
    patience: Duration,
    tell: &mut (impl FnMut(News) + Send),
) -> Result<Option<HostTurn>, Problem> {
    let Some(name) = &settings.host_turn else { return Ok(None) };
    let request = &settings.request;
    let longest = request.duration().map_or(spec::DURATION_MAX, |duration| duration + request.omit() + spec::DRAIN_MAX);
    let claim = Claim { what: "throughput", who: settings.address.to_string(), longest };
    let tell = |waiting: &Waiting| tell(News::Wait(told(waiting, Duration::ZERO)));
    let taken = host::take(name, &claim, secret, None, patience, tell).await;
    taken.map_err(|error| Problem { blame: Blame::Caller, ..no_turn(&error) })
}

fn may_show(settings: &Settings) -> bool {
    settings.request.tls || (settings.token_in_clear && settings.address.ip().to_canonical().is_loopback())
}

/// The disks of this end, before anybody is troubled.
async fn stores(settings: &Settings) -> Result<Stores, Problem> {
    let disks = Disks { source: settings.source.clone(), scratch_source: None, sink: settings.sink.clone() };
    let kinds = settings.request.kinds();
    let sending = kinds.iter().filter(|kind| kind.to_responder).count() as u64;
    let receiving = kinds.len() as u64 - sending;
    let bytes = settings.request.bytes;
    let open = move || Stores::open(&disks, sending, receiving, bytes);
    tokio::task::spawn_blocking(open).await.unwrap_or_else(|_| Err(misused("a disk of this host failed")))
}

struct Test {
    control: Control,
    session: Client,
    begun: Instant,
    opener: Arc<Opener>,
}

impl Test {
    async fn run(
        &mut self,
        stores: Stores,
        secret: String,
        tell: &mut (impl FnMut(News) + Send),
    ) -> Result<(End, End, Grant), Problem> {
        let settings = self.opener.settings.clone();
        let request = &settings.request;
        let hello = Hello {
            versions: vec![spec::VERSION],
            program: program(),
            token: settings.token.clone(),
            turn: Some(secret),
        };
        self.control.send(&Message::Hello(hello)).await?;
        while self.told().await? != Told::Welcome {}
        self.control.send(&Message::Request(request.clone())).await?;
        let grant = loop {
            match self.told().await? {
                Told::Wait(wait) => tell(News::Wait(wait)),
                Told::Grant(grant) => break grant,
                _ => {}
            }
        };
        let mut pipes = self.pipes(&grant).await?;
        let longest = Duration::try_from_secs_f64(grant.longest_seconds).unwrap_or(spec::DURATION_MAX);
        let mut plan = plan(request, grant.rate_bits_per_second, None, longest + spec::DRAIN_MAX * 2);
        (plan.read, plan.written) = stores.facts();
        stores.give(&mut pipes);
        let running = Running::start(pipes, plan).map_err(|error| option_refused(&error, request))?;
        while self.told().await? != Told::Ready {}
        self.control.send(&Message::Start).await?;
        let (here, there) = self.stream(running, tell).await?;
        Ok((here, there, grant))
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The next thing to do, within the session's deadline; a refusal is a problem.
    async fn told(&mut self) -> Result<Told, Problem> {
        let left = self.session.deadline().map(|deadline| deadline.saturating_sub(self.now()));
        let message = tokio::select! {
            message = self.control.next() => message?,
            () = wait(left) => {
                let now = self.now();
                return self.session.expire(now).map_or(Ok(Told::Nothing), Err);
            }
        };
        match self.session.handle(self.now(), message)? {
            Told::Refused(refusal) => Err(refusal.into_problem()),
            told => Ok(told),
        }
    }

    /// Opens all streams, side by side; a refusal meanwhile is heard.
    async fn pipes(&mut self, grant: &Grant) -> Result<Vec<Pipe>, Problem> {
        let cookie = grant.cookie_octets().unwrap_or([0; spec::COOKIE_CHARACTERS + 1]);
        let mut opening = JoinSet::new();
        for kind in self.opener.settings.request.kinds() {
            let opener = Arc::clone(&self.opener);
            opening.spawn(async move { opener.pipe(kind, cookie).await });
        }
        let mut pipes = Vec::with_capacity(opening.len());
        while let Some(opened) = opening.join_next().await {
            match opened {
                Ok(Ok(pipe)) => pipes.push(pipe),
                Ok(Err(problem)) => return Err(self.reason(problem).await),
                Err(error) => return Err(no_stream(&io::Error::other(error), &self.opener.settings)),
            }
        }
        pipes.sort_by_key(|pipe| pipe.number);
        Ok(pipes)
    }

    /// Why a stream could not be opened: what the responder says of it, if it does.
    async fn reason(&mut self, problem: Problem) -> Problem {
        match tokio::time::timeout(Duration::from_secs(1), self.told()).await {
            Ok(Err(reason)) => reason,
            _ => problem,
        }
    }

    /// Lets the streams run until both ends' figures are here.
    async fn stream(
        &mut self,
        mut running: Running,
        tell: &mut (impl FnMut(News) + Send),
    ) -> Result<(End, End), Problem> {
        running.go();
        let mut tick = tokio::time::interval(spec::PROGRESS_EVERY);
        let (mut here, mut there, mut far) = (None, None, None);
        while here.is_none() || there.is_none() {
            tokio::select! {
                end = running.ended(), if here.is_none() => {
                    if let Some(why) = running.why_cut() {
                        return Err(was_cut(&why));
                    }
                    for message in wire::results(&end) {
                        self.control.send(&message).await?;
                    }
                    self.session.finished(self.now());
                    here = Some(end);
                }
                _ = tick.tick(), if here.is_none() => {
                    let progress = running.progress();
                    self.control.send(&Message::Progress(progress)).await?;
                    tell(News::Progress { here: progress, there: far });
                }
                told = self.told() => match told? {
                    Told::Progress(progress) => far = Some(progress),
                    Told::Results(end) => there = Some(end),
                    _ => {}
                }
            }
        }
        self.control.send(&Message::Bye).await?;
        Ok((here.unwrap_or_default(), there.unwrap_or_default()))
    }
}

/// Until then, or for ever.
async fn wait(left: Option<Duration>) {
    match left {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// Opens connections to the responder.
struct Opener {
    settings: Settings,
    tls: Option<ClientTls>,
}

impl Opener {
    async fn control(&self) -> Result<Connection, Problem> {
        let options = net::SocketOptions { no_delay: true, ..self.bound() };
        let stream = self.connect(options).await.map_err(|error| unreachable(&error, &self.settings))?;
        self.secured(stream).await
    }

    async fn pipe(&self, kind: wire::StreamKind, cookie: [u8; spec::COOKIE_CHARACTERS + 1]) -> Result<Pipe, Problem> {
        let failed = |error: io::Error| no_stream(&error, &self.settings);
        let sending = kind.to_responder;
        let request = &self.settings.request;
        let options = net::SocketOptions { bind: self.bound().bind, ..options(request, sending) };
        let stream = self.connect(options).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => option_refused(&error, request),
            _ => failed(error),
        })?;
        let mut head = cookie.to_vec();
        head.extend_from_slice(&kind.number.to_be_bytes());
        let (number, store) = (kind.number, Store::Memory);
        if self.tls.is_none() {
            (&stream).write_all(&head).map_err(failed)?;
            return Ok(Pipe { number, sending, stream, tls: None, store, place: None });
        }
        let mut connection = self.secured(stream).await?;
        tokio::io::AsyncWriteExt::write_all(&mut connection, &head).await.map_err(failed)?;
        let (stream, tls) = connection.into_parts().await.map_err(failed)?;
        Ok(Pipe { number, sending, stream, tls, store, place: None })
    }

    fn bound(&self) -> net::SocketOptions {
        let bind = self.settings.bind.map(|address| SocketAddr::new(address, 0));
        net::SocketOptions { bind, ..net::SocketOptions::default() }
    }

    async fn connect(&self, options: net::SocketOptions) -> io::Result<TcpStream> {
        let (address, limit) = (self.settings.address, self.settings.connect_timeout);
        let connected = tokio::task::spawn_blocking(move || net::connect_tuned(address, &options, limit)).await;
        connected.map_err(io::Error::other)?
    }

    /// A connection that tokio drives, inside TLS if that is asked for.
    async fn secured(&self, stream: TcpStream) -> Result<Connection, Problem> {
        let failed = |error: io::Error| no_stream(&error, &self.settings);
        stream.set_nonblocking(true).map_err(failed)?;
        let stream = tokio::net::TcpStream::from_std(stream).map_err(failed)?;
        let connection = Connection::new(stream, self.settings.address, STALL_LIMIT, &Drain::new()).map_err(failed)?;
        match &self.tls {
            None => Ok(connection),
            Some(tls) => tls
                .connect(connection, &self.settings.host, self.settings.connect_timeout)
                .await
                .map_err(|error| error.problem()),
        }
    }
}

/// A responder that acknowledges nothing for so long is gone.
const STALL_LIMIT: Duration = Duration::from_secs(30);

fn misused(why: &str) -> Problem {
    Problem {
        status: 400,
        kind: "usage",
        title: "this is not how it is used",
        detail: format!("Of the test that was asked for: {why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "See --help.".to_owned(),
    }
}

fn token_in_clear() -> Problem {
    Problem {
        status: 400,
        kind: "token-refused",
        title: "a token is not sent in clear",
        detail: "There is a token, and the test is not inside TLS: whoever listens on the way would have it."
            .to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Add --tls, or leave the token away.".to_owned(),
    }
}

fn unreachable(error: &io::Error, settings: &Settings) -> Problem {
    // Who refuses was reached.
    let refused = error.kind() == io::ErrorKind::ConnectionRefused;
    Problem {
        status: 502,
        kind: "peer-unreachable",
        title: "the other host cannot be reached",
        detail: format!("Connecting to {} ({}) failed: {error}.", settings.host, settings.address),
        blame: if refused { Blame::Peer } else { Blame::Path },
        retry: Retry::Soon,
        next: "See that a responder runs there ('portolan responder') and that firewalls let its port pass.".to_owned(),
    }
}

fn no_stream(error: &io::Error, settings: &Settings) -> Problem {
    Problem {
        status: 502,
        kind: "stream-failed",
        title: "a data connection could not be opened",
        detail: format!("A stream to {} ({}) failed: {error}.", settings.host, settings.address),
        blame: Blame::Path,
        retry: Retry::Soon,
        next: "Try again; with fewer streams if it stays so.".to_owned(),
    }
}

fn was_cut(why: &str) -> Problem {
    Problem {
        status: 502,
        kind: "test-cut",
        title: "the test was cut",
        detail: format!("This end cut all streams: {why}."),
        blame: Blame::Path,
        retry: Retry::Soon,
        next: "Try again.".to_owned(),
    }
}
