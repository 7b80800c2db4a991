//! The client's side: workers that make requests until their number or their time is over.

use super::measured::Progress;
use super::request::{Ask, unusable};
use super::turn::Turn;
use core::net::SocketAddr;
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue, Uri};
use net::client::{HttpVersion, Line, LineSettings, Lines, Speaker};
use soundings_core::load::address::{LEASE_FIELD, PREFIX};
use soundings_core::load::lease::LeaseAnswer;
use soundings_core::load::{BadPlan, Cpu, Plan, Report, Tally, Way};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};
use tokio::task::JoinSet;

/// A load of one client against one address of a server.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is asked for; `{n}` in it is replaced by the number of the request.
    pub url: String,
    /// Which address of its host.
    pub address: SocketAddr,
    /// What is done.
    pub plan: Plan,
    /// How connections are opened.
    pub lines: LineSettings,
    /// Sent with each request: a token.
    pub headers: HeaderMap,
    /// Whose turn it is.
    pub lease: LeaseChoice,
    /// When it begins; `None`: as soon as its turn has come.
    pub begin: Option<Instant>,
}

/// Whether a turn is asked for, where the server gives turns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LeaseChoice {
    /// Ask for one, and give it back.
    Ask,
    /// Use this one, which somebody else has taken.
    Given(String),
}

/// What is told on the way.
#[derive(Clone, Debug)]
pub enum Told {
    /// It waits for its turn.
    Waiting(LeaseAnswer),
    /// The server holds it to a time or a rate.
    Granted(LeaseAnswer),
    /// The first connections are opened now.
    Begun,
}

/// Does it. Failures of single requests are counted in the report; an error says that nothing could begin.
pub async fn run(job: &Job, progress: &Arc<Progress>, mut tell: impl FnMut(Told) + Send) -> Result<Report, Problem> {
    job.plan.check(job.lines.version == HttpVersion::Http2).map_err(|error| bad_plan(&error))?;
    let uri: Uri = job.url.replace("{n}", "0").parse().map_err(|_| unusable(&job.url))?;
    let lines = Lines::new(job.lines.clone()).map_err(|error| error.problem())?;
    let mut turn = None;
    let mut headers = job.headers.clone();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("portolan-httpload/", env!("CARGO_PKG_VERSION"))));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if uri.path().starts_with(PREFIX) {
        let lease = match &job.lease {
            LeaseChoice::Given(id) => Turn::Given(id.clone()),
            LeaseChoice::Ask => Turn::ask(job, &uri, &mut tell).await?,
        };
        if let Some(id) = lease.id() {
            headers.insert(LEASE_FIELD, HeaderValue::try_from(id).map_err(|_| unusable(id))?);
        }
        turn = Some(lease);
    }
    if let Some(begin) = job.begin {
        tokio::time::sleep_until(begin.into()).await;
    }
    tell(Told::Begun);
    let ask = Ask { uri, pattern: job.url.clone(), headers, plan: job.plan.clone(), progress: Arc::clone(progress) };
    let report = measure(job, Arc::new(ask), lines).await;
    Ok(finish(job, report, turn).await)
}

async fn finish(job: &Job, report: Report, turn: Option<Turn>) -> Report {
    let used = match turn {
        Some(turn) => turn.end(job).await,
        None => None,
    };
    let server_cpu = used.map(|used| Cpu { seconds: used.cpu_seconds, of_seconds: used.seconds });
    Report { server_cpu, ..report }
}

/// What the workers of a load share.
struct Work {
    ask: Arc<Ask>,
    lines: Lines,
    address: SocketAddr,
    next: AtomicU64,
    /// Requests that were taken and not sent.
    given_back: Mutex<Vec<u64>>,
    end: Option<Instant>,
}

async fn measure(job: &Job, ask: Arc<Ask>, lines: Lines) -> Report {
    let begun = Instant::now();
    let progress = Arc::clone(&ask.progress);
    progress.measuring.store(job.plan.warm_up.is_zero(), Relaxed);
    let end = job.plan.span.map(|span| begun + span);
    let work =
        Arc::new(Work { ask, lines, address: job.address, next: AtomicU64::new(0), given_back: Mutex::default(), end });
    let uploading = job.plan.way == Way::Upload;
    let mut first = progress.snapshot(uploading);
    let mut workers = JoinSet::new();
    for _ in 0..job.plan.connections {
        workers.spawn(Arc::clone(&work).connection());
    }
    if !job.plan.warm_up.is_zero() {
        tokio::time::sleep(job.plan.warm_up).await;
        first = progress.snapshot(uploading);
        progress.measuring.store(true, Relaxed);
    }
    let mut tally = Tally::default();
    let mut spoken = None;
    let mut last = None;
    let mut over = std::pin::pin!(sleep_until(end));
    loop {
        tokio::select! {
            ended = workers.join_next() => match ended {
                Some(Ok((counted, said))) => {
                    tally.add(&counted);
                    spoken = spoken.or(said);
                }
                Some(Err(_)) => {}
                None => break,
            },
            () = &mut over, if last.is_none() => last = Some(progress.snapshot(uploading)),
        }
    }
    // Of a number of requests all is over, and nothing is under way any more.
    let last = last.unwrap_or_else(|| progress.snapshot(false));
    let measured = last.at.saturating_duration_since(first.at);
    let cpu = last.cpu.saturating_sub(first.cpu).as_secs_f64();
    Report {
        to: job.url.clone(),
        address: Some(job.address.to_string()),
        http: job.lines.version.to_string(),
        tls: spoken,
        connections: job.plan.connections.into(),
        streams: job.plan.streams,
        warm_up_seconds: job.plan.warm_up.as_secs_f64(),
        client_cpu: Some(Cpu { seconds: cpu, of_seconds: measured.as_secs_f64() }),
        ..tally.report(job.plan.way, measured, last.bytes.saturating_sub(first.bytes))
    }
}

async fn sleep_until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end.into()).await,
        None => std::future::pending().await,
    }
}

/// The pause after a connection that could not be opened: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

impl Work {
    /// Keeps one connection busy, and opens it again where it breaks. Says what TLS agreed on.
    async fn connection(self: Arc<Self>) -> (Tally, Option<String>) {
        let mut tally = Tally::default();
        let mut spoken = None;
        let mut pause = PAUSES.0;
        while !self.is_over() {
            let opened = tokio::select! {
                opened = self.lines.open(&self.ask.uri, self.address) => opened,
                () = sleep_until(self.end) => break,
            };
            match opened {
                Ok(mut line) => {
                    pause = PAUSES.0;
                    tally.connecting.record(line.connecting);
                    if let Some(handshake) = line.handshake {
                        tally.handshake.record(handshake);
                    }
                    spoken = line.peer.tls.map(|tls| format!("{} {}", tls.version, tls.cipher));
                    self.ask.progress.opened(&line.facts);
                    tally.add(&self.use_up(&mut line).await);
                    if let Some(info) = line.facts.tcp_info() {
                        tally.tcp.saw(&info);
                    }
                }
                Err(error) => {
                    self.failed(&mut tally, &error.problem());
                    // A connection that cannot be opened stands for a request, or a number of them would never end.
                    self.next.fetch_add(1, Relaxed);
                    self.rest(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
        (tally, spoken)
    }

    /// All streams of one connection, until they are over or it breaks.
    async fn use_up(self: &Arc<Self>, line: &mut Line) -> Tally {
        let mut tally = Tally::default();
        let mut streams = JoinSet::new();
        for _ in 0..self.ask.plan.streams {
            if let Some(speaker) = line.speaker() {
                streams.spawn(Arc::clone(self).stream(speaker, line.facts.clone()));
            }
        }
        while let Some(ended) = streams.join_next().await {
            if let Ok(counted) = ended {
                tally.add(&counted);
            }
        }
        tally
    }

    /// One request after another.
    async fn stream(self: Arc<Self>, mut speaker: Speaker, facts: net::ConnectionFacts) -> Tally {
        let mut tally = Tally::default();
        let mut used = false;
        // A connection that its server closed between two requests is no failure: another one is opened.
        while speaker.ready().await {
            let Some(number) = self.take() else { break };
            let made = tokio::select! {
                biased;
                made = self.ask.make(&mut speaker, &facts, number) => made,
                () = sleep_until(self.end) => {
                    tally.cut += 1;
                    break;
                }
            };
            match made {
                Ok(done) => {
                    used = true;
                    self.ask.progress.requests.fetch_add(1, Relaxed);
                    if self.ask.progress.measuring.load(Relaxed) {
                        tally.latency.record(done.latency);
                        if self.ask.plan.way == Way::Download {
                            tally.first_byte.record(done.first_byte);
                        }
                    }
                }
                // The server ended the connection after some requests, as it may: this one goes to the next connection.
                Err(failed) if failed.unsent && used => {
                    self.given_back().push(number);
                    break;
                }
                Err(failed) => {
                    self.failed(&mut tally, &failed.problem);
                    if failed.broken {
                        break;
                    }
                    self.rest(failed.pause).await;
                }
            }
        }
        tally
    }

    fn failed(&self, tally: &mut Tally, problem: &Problem) {
        self.ask.progress.failures.fetch_add(1, Relaxed);
        tally.failed(problem);
    }

    async fn rest(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = sleep_until(self.end) => {}
        }
    }

    fn given_back(&self) -> MutexGuard<'_, Vec<u64>> {
        self.given_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        let made = self.ask.plan.requests.is_some_and(|requests| self.next.load(Relaxed) >= requests);
        let made = made && self.given_back().is_empty();
        made || self.end.is_some_and(|end| Instant::now() >= end)
    }

    fn take(&self) -> Option<u64> {
        if self.is_over() {
            return None;
        }
        if let Some(number) = self.given_back().pop() {
            return Some(number);
        }
        let number = self.next.fetch_add(1, Relaxed);
        self.ask.plan.requests.is_none_or(|requests| number < requests).then_some(number)
    }
}

fn bad_plan(error: &BadPlan) -> Problem {
    Problem {
        status: 400,
        kind: "load-unusable",
        title: "This load cannot be carried out",
        detail: format!("As it was asked for, {error}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Change what is named, and ask again.".to_owned(),
    }
}
