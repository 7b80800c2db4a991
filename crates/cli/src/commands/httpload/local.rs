//! A load by this process.

use super::{Arguments, address_problem, misused, say};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use net::Family;
use soundings::load::{Job, LeaseChoice, Progress, Told};
use soundings_core::distribution::span;
use soundings_core::load::{Report, live_line};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use terms::Problem;
use tokio::task::JoinSet;

type Targets = Vec<(String, Vec<SocketAddr>)>;

async fn targets(arguments: &Arguments) -> Result<Targets, Problem> {
    let mut targets = Vec::new();
    for url in arguments.urls() {
        let uri: Uri = url.replace("{n}", "0").parse().map_err(|_| misused(format!("'{url}' is no URL")))?;
        let host = uri.host().ok_or_else(|| misused(format!("'{url}' names no host")))?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let found = net::addresses_of(host, port, arguments.reach.family()).await;
        targets.push((url, found.map_err(|error| address_problem(host, &error))?));
    }
    Ok(targets)
}

/// Each URL with the address that is tried first.
pub(super) async fn first_addresses(arguments: &Arguments) -> Result<Vec<(String, SocketAddr)>, Problem> {
    let first = |(url, addresses): (String, Vec<SocketAddr>)| Some((url, *addresses.first()?));
    Ok(targets(arguments).await?.into_iter().filter_map(first).collect())
}

/// One round for each family of addresses; all URLs of a round at once.
pub(super) async fn run(arguments: &Arguments) -> Result<Vec<Vec<Report>>, Problem> {
    let targets = targets(arguments).await?;
    let mut rounds = Vec::new();
    for family in [Family::V6, Family::V4] {
        let of_family = |(url, addresses): &(String, Vec<SocketAddr>)| {
            let address = addresses.iter().find(|address| Family::of(address.ip()) == family);
            address.map(|address| (url.clone(), *address))
        };
        let round: Vec<_> = targets.iter().filter_map(of_family).collect();
        if !round.is_empty() {
            if !arguments.quiet {
                say(&format!("portolan: over {family}"));
            }
            rounds.push(together(arguments, &round).await?);
        }
    }
    Ok(rounds)
}

async fn together(arguments: &Arguments, targets: &[(String, SocketAddr)]) -> Result<Vec<Report>, Problem> {
    let mut running = JoinSet::new();
    let mut watched = Vec::new();
    for (number, (url, address)) in targets.iter().enumerate() {
        let progress = Arc::<Progress>::default();
        watched.push(Arc::clone(&progress));
        let job = job(arguments, url, *address)?;
        running.spawn(async move { (number, soundings::load::run(&job, &progress, told).await) });
    }
    let watching = (!arguments.quiet).then(|| tokio::spawn(watch(watched)));
    let mut reports = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (number, report) = ended.map_err(|error| misused(format!("A load broke off: {error}")))?;
        reports.push((number, report?));
    }
    if let Some(watching) = watching {
        watching.abort();
    }
    reports.sort_by_key(|(number, _)| *number);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

pub(super) fn job(arguments: &Arguments, url: &str, address: SocketAddr) -> Result<Job, Problem> {
    let mut headers = HeaderMap::new();
    if let Some(token) = arguments.token()? {
        if !url.starts_with("https://") && !arguments.token_in_clear {
            return Err(misused(format!("The token would go to {url} without TLS; --token-in-clear allows it")));
        }
        headers.extend(token.header().map(|value| (AUTHORIZATION, value)));
    }
    Ok(Job {
        url: url.to_owned(),
        address,
        plan: arguments.plan(),
        lines: arguments.lines(),
        headers,
        lease: LeaseChoice::Ask,
        begin: None,
    })
}

pub(super) fn told(news: Told) {
    match news {
        Told::Waiting(lease) => {
            let ahead = lease.ahead.unwrap_or(0);
            let most = lease.waits_at_most_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let most = most.map(|most| format!(", at most {}", span(most))).unwrap_or_default();
            say(&format!("portolan: waiting for another test to end ({ahead} wait before this one{most})"));
        }
        Told::Granted(lease) => {
            if let Some(rate) = lease.bits_per_second_at_most {
                let rate = soundings_core::load::rate_of(rate as f64);
                say(&format!("portolan: the server holds this test to {rate} and {} s", lease.longest_seconds));
            }
        }
        Told::Begun => {}
    }
}

/// A line each second.
async fn watch(progress: Vec<Arc<Progress>>) {
    let begun = Instant::now();
    let sum = |count: fn(&Progress) -> u64| progress.iter().map(|progress| count(progress)).sum::<u64>();
    let mut before = (begun, 0);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (now, bytes) = (Instant::now(), sum(|progress| progress.bytes.load(Relaxed)));
        let seconds = now.saturating_duration_since(before.0).as_secs_f64();
        let rate = bytes.saturating_sub(before.1) as f64 * 8.0 / seconds.max(1e-9);
        let requests = sum(|progress| progress.requests.load(Relaxed));
        let failures = sum(|progress| progress.failures.load(Relaxed));
        if bytes > 0 || failures > 0 {
            let warm = progress.iter().all(|progress| progress.measuring.load(Relaxed));
            let omitted = if warm { "" } else { "  (warm-up)" };
            say(&format!("{}{omitted}", live_line(begun.elapsed(), rate, requests, failures)));
        }
        before = (now, bytes);
    }
}
