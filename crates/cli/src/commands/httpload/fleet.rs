//! Loads by other ports, commanded through their interface: several clients, several servers, one start, one report.

use super::super::files::connection::Connection;
use super::{Arguments, misused, say};
use api::{LoadAnswer, LoadFamily, LoadState, LoadTarget, LoadWay, NewLoad};
use http::Method;
use net::Family;
use port::client::{Address, Session, Url};
use soundings::load::{Claimed, claim};
use soundings_core::load::{Report, Way, live_line};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};
use tokio::task::JoinSet;

/// Where loads are asked for.
const LOADS: &str = "/api/v1/loads";
/// All ports are asked within this, and then begin together.
const PREPARATION: Duration = Duration::from_secs(3);
/// How often the ports are asked how far they are.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long after its end a load may take to be told.
const SLACK: Duration = Duration::from_secs(60);

/// One port with the load that it runs.
struct Driven {
    session: Arc<Session>,
    address: Url,
    id: String,
}

impl Driven {
    fn path(&self) -> String {
        format!("{LOADS}/{}", self.id)
    }
}

/// Commands all ports, and gives back the report of each pair.
pub(super) async fn run(arguments: &Arguments) -> Result<Vec<Report>, Problem> {
    let mut ports = Vec::new();
    for (number, from) in arguments.from.iter().enumerate() {
        match Address::parse_argument(&OsString::from(from))? {
            Address::Remote(url) => ports.push((Arc::new(connection(arguments, number)?.open()?), url)),
            _ => return Err(misused(format!("'{from}' is no address of a port: write https://host:8443"))),
        }
    }
    // One turn at each server for the whole test: its clients would wait for one another otherwise.
    let turns = turns(arguments).await?;
    let reports = match begin(arguments, &ports, &turns).await {
        Ok(driven) => follow(arguments, driven).await,
        Err(problem) => Err(problem),
    };
    let mut used = Vec::new();
    for turn in turns {
        used.push((turn.url.clone(), turn.end().await));
    }
    let mut reports = reports?;
    for report in &mut reports {
        report.server_cpu = used.iter().find(|(url, _)| *url == report.to).and_then(|(_, cpu)| *cpu);
    }
    Ok(reports)
}

/// How a port is reached: with its own token, or the one for all; it is none for the servers that they load.
fn connection(arguments: &Arguments, number: usize) -> Result<Connection, Problem> {
    let files = &arguments.port_token_file;
    let file = match files.len() {
        0 | 1 => files.first(),
        count if count == arguments.from.len() => files.get(number),
        count => return Err(misused(format!("{count} files of tokens are given for {} ports", arguments.from.len()))),
    };
    Ok(Connection::with(file.cloned(), arguments.reach.authorities(), arguments.reach.insecure))
}

async fn turns(arguments: &Arguments) -> Result<Vec<Claimed>, Problem> {
    let mut turns = Vec::new();
    let mut targets = super::local::first_addresses(arguments).await?;
    // In one order everywhere: two drivers never hold what the other waits for.
    targets.sort();
    for (url, address) in targets {
        let job = super::local::job(arguments, &url, address)?;
        turns.push(claim(job, PREPARATION, super::local::told).await?);
    }
    Ok(turns)
}

async fn begin(
    arguments: &Arguments,
    ports: &[(Arc<Session>, Url)],
    turns: &[Claimed],
) -> Result<Vec<Driven>, Problem> {
    let start = Instant::now() + PREPARATION;
    let mut asked = JoinSet::new();
    for (number, (session, address)) in ports.iter().cloned().enumerate() {
        let mut load = wanted(arguments, turns);
        asked.spawn(async move {
            // Spans, not instants: the clocks of the ports need not agree.
            load.begin_in_seconds = start.saturating_duration_since(Instant::now()).as_secs_f64();
            let body = serde_json::json!(load).to_string();
            let answer = session.exchange("Asking for a load", Method::POST, &address, LOADS, Some(body)).await?;
            Ok((number, Driven { id: read(&address, &answer)?.id, address, session }))
        });
    }
    let mut driven = Vec::new();
    let mut failed = None;
    while let Some(done) = asked.join_next().await {
        match done {
            Ok(Ok(made)) => driven.push(made),
            Ok(Err(problem)) => failed = failed.or(Some(problem)),
            Err(error) => failed = failed.or(Some(misused(format!("A request broke off: {error}")))),
        }
    }
    driven.sort_by_key(|(number, _)| *number);
    let driven: Vec<Driven> = driven.into_iter().map(|(_, driven)| driven).collect();
    match failed {
        None => Ok(driven),
        Some(problem) => {
            cancel(&driven).await;
            Err(problem)
        }
    }
}

async fn cancel(driven: &[Driven]) {
    for one in driven {
        // What cannot be ended now ends by its time.
        let _ = one.session.exchange("Ending a load", Method::DELETE, &one.address, &one.path(), None).await;
    }
}

async fn follow(arguments: &Arguments, driven: Vec<Driven>) -> Result<Vec<Report>, Problem> {
    let begun = Instant::now();
    let plan = arguments.plan();
    let longest = PREPARATION + plan.span.unwrap_or_default() + SLACK;
    let mut before = (begun, 0);
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        let mut answers = Vec::new();
        for one in &driven {
            let answer = one.session.exchange("Following a load", Method::GET, &one.address, &one.path(), None).await?;
            answers.push(read(&one.address, &answer)?);
        }
        let sum = |count: fn(&LoadAnswer) -> u64| answers.iter().map(count).sum::<u64>();
        let (now, bytes) = (Instant::now(), sum(|answer| answer.bytes));
        if !arguments.quiet && bytes > 0 {
            let seconds = now.saturating_duration_since(before.0).as_secs_f64().max(1e-9);
            let rate = bytes.saturating_sub(before.1) as f64 * 8.0 / seconds;
            let elapsed = begun.elapsed().saturating_sub(PREPARATION);
            say(&live_line(elapsed, rate, sum(|answer| answer.requests), sum(|answer| answer.failures)));
        }
        before = (now, bytes);
        if answers.iter().all(|answer| answer.state == LoadState::Finished) {
            cancel(&driven).await;
            return reports(&driven, answers);
        }
        if answers.iter().any(|answer| answer.state == LoadState::Cancelled) || begun.elapsed() > longest {
            cancel(&driven).await;
            return Err(broken_off());
        }
    }
}

fn reports(driven: &[Driven], answers: Vec<LoadAnswer>) -> Result<Vec<Report>, Problem> {
    let mut reports = Vec::new();
    for (one, answer) in driven.iter().zip(answers) {
        for result in answer.results {
            let Some(report) = result.report else {
                let why = result.problem.unwrap_or_else(|| "it told nothing".to_owned());
                return Err(no_report(&one.address, &result.url, &why));
            };
            let report: Report = serde_json::from_value(report).map_err(|error| no_port(&one.address, &error))?;
            reports.push(Report { from: Some(one.address.to_string()), ..report });
        }
    }
    Ok(reports)
}

fn wanted(arguments: &Arguments, turns: &[Claimed]) -> NewLoad {
    let plan = arguments.plan();
    let target = |turn: &Claimed| LoadTarget { url: turn.url.clone(), lease: turn.lease().map(str::to_owned) };
    NewLoad {
        targets: turns.iter().map(target).collect(),
        seconds: plan.span.unwrap_or(Duration::from_secs(60)).as_secs_f64(),
        warm_up_seconds: plan.warm_up.as_secs_f64(),
        begin_in_seconds: 0.0,
        way: if plan.way == Way::Upload { LoadWay::Upload } else { LoadWay::Download },
        size_bytes: plan.size_bytes,
        requests: plan.requests,
        http: arguments.http,
        connections: plan.connections,
        streams: plan.streams,
        family: match arguments.reach.family() {
            Family::Both => None,
            Family::V4 => Some(LoadFamily::Ipv4),
            Family::V6 => Some(LoadFamily::Ipv6),
        },
        insecure: arguments.reach.insecure,
        congestion_control: arguments.congestion_control.clone(),
    }
}

fn read(address: &Url, answer: &[u8]) -> Result<LoadAnswer, Problem> {
    serde_json::from_slice(answer).map_err(|error| no_port(address, &error))
}

fn no_port(address: &Url, error: &serde_json::Error) -> Problem {
    super::super::no_port(&Address::Remote(address.clone()), error)
}

fn broken_off() -> Problem {
    Problem {
        status: 502,
        kind: "load-broken-off",
        title: "The load was broken off",
        detail: "One of the ports ended it before its time, or did not end it in time.".to_owned(),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "Try again; GET /api/v1/loads at the ports tells what runs there.".to_owned(),
    }
}

fn no_report(port: &Url, url: &str, why: &str) -> Problem {
    Problem {
        status: 502,
        kind: "load-without-report",
        title: "A port could not load its target",
        detail: format!("{port} could not load {url}: {why}"),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "See what stood in the way there.".to_owned(),
    }
}
