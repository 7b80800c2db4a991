//! The first page: what the port is doing, at a glance; made here, useful without any script.

use crate::problems::archive_problem;
use crate::running::{Port, WhoIsTold};
use crate::sampler::{SAMPLE_INTERVAL, SAMPLES};
use api::{NamespaceAnswer, State};
use askama::Template;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response};
use net::Body;
use port::door::DATA_PREFIX;
use port::door::traffic::{Outcome, Transfer};
use std::time::{Duration, SystemTime};
use terms::{Blame, ByteSize, CredentialForm, LogicalPath, Principal, Problem, Rate, Retry, Timestamp, Verb};

#[cfg(test)]
mod tests;

/// Files and transfers shown.
const SHOWN: usize = 12;

/// Nothing but the page itself: its own style, no scripts, no frames, nothing from elsewhere.
pub(crate) const SECURITY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "front.html")]
struct Front {
    version: &'static str,
    draining: bool,
    since: String,
    uptime: String,
    who: Option<String>,
    /// Is it a session, which can be ended?
    session: bool,
    /// What needs a hand.
    warnings: Vec<String>,
    /// `None` for strangers, who are told the state only.
    inside: Option<Inside>,
}

struct Inside {
    files: String,
    bytes: String,
    received: String,
    sent: String,
    active: u64,
    connections: u64,
    engine: &'static str,
    responder: Option<String>,
    spaces: Vec<Space>,
    chart: Chart,
    transfers: Vec<TransferLine>,
    recent: Vec<FileLine>,
}

struct Space {
    prefix: String,
    digests: String,
    open: bool,
    known: bool,
    free: String,
    total: String,
    used_percent: u64,
    tight: bool,
}

struct Chart {
    received: String,
    sent: String,
    peak: String,
    minutes: u64,
    has_traffic: bool,
}

struct TransferLine {
    inward: bool,
    complete: bool,
    path: String,
    href: String,
    size: String,
    rate: String,
    ended: Moment,
    who: String,
    principal: String,
}

struct FileLine {
    path: String,
    href: String,
    size: String,
    digest: String,
    published: Moment,
}

/// An instant, as people and as programs read it.
struct Moment {
    ago: String,
    exact: String,
}

/// The page for this caller.
pub(crate) async fn front(port: &Port, who: &Principal) -> Result<Response<Body>, Problem> {
    let may_see = port.may(who, Verb::Stat);
    let page = Front {
        version: env!("CARGO_PKG_VERSION"),
        draining: port.state() == State::Draining,
        since: port.since().to_string(),
        uptime: rounded(port.started.elapsed()),
        who: (!who.is_anonymous()).then(|| who.name().to_owned()),
        session: who.identity.credential.form == CredentialForm::Session,
        warnings: if may_see { port.warnings(who) } else { Vec::new() },
        inside: if may_see { Some(inside(port, who).await?) } else { None },
    };
    let html = page.render().map_err(|error| unrendered(&error))?;
    let mut response = Response::new(Body::full(html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SECURITY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn inside(port: &Port, who: &Principal) -> Result<Inside, Problem> {
    let failed = |what: &'static str| move |error| archive_problem(what, &error);
    port.door.settle_records().await;
    let totals = port.archive.totals().await.map_err(failed("count the files"))?;
    let newest = port.archive.recent_files(SHOWN as u32).await.map_err(failed("list the newest files"))?;
    let moved = crate::traffic::readings(port.door.traffic());
    let now = SystemTime::now().into();
    let told = port.who_is_told(who);
    let (mut transfers, mut recent) = (Vec::new(), Vec::new());
    for transfer in port.door.traffic().recent() {
        if transfers.len() < SHOWN && port.may_list(who, &transfer.path).await {
            transfers.push(transfer_line(transfer, now, &told));
        }
    }
    for file in newest {
        if port.may_list(who, &file.path).await {
            recent.push(file_line(file, now));
        }
    }
    Ok(Inside {
        files: thousands(totals.files),
        bytes: ByteSize(totals.bytes).to_string(),
        received: ByteSize(moved.received_bytes).to_string(),
        sent: ByteSize(moved.sent_bytes).to_string(),
        active: moved.transfers_active,
        connections: port.drain.totals().open_connections,
        engine: port.archive.engine(),
        responder: port.responder.as_ref().map(responder),
        spaces: port.namespaces().into_iter().map(space).collect(),
        chart: chart(&port.sampler.rates()),
        transfers,
        recent,
    })
}

/// One line on what others measure here.
fn responder(responder: &crate::responder::Responder) -> String {
    let shared = &responder.shared;
    let totals = shared.runs.totals();
    let ended: u64 = totals.finished.values().chain(totals.broken.values()).sum();
    let (running, waiting) = (shared.runs.look().len(), shared.guard.turns().look().1.len());
    format!(
        "The measurement port {} has carried {} tests; {running} run and {waiting} wait.",
        responder.listen.port(),
        thousands(ended),
    )
}

fn space(namespace: NamespaceAnswer) -> Space {
    let (total, free) = (namespace.total_bytes.unwrap_or(0), namespace.free_bytes.unwrap_or(0));
    let used_percent =
        if total == 0 { 0 } else { ((total - free.min(total)) as f64 / total as f64 * 100.0).round() as u64 };
    Space {
        prefix: namespace.prefix,
        digests: namespace.digests.join(", "),
        open: !namespace.anonymous.is_empty(),
        known: namespace.total_bytes.is_some(),
        free: ByteSize(free).to_string(),
        total: ByteSize(total).to_string(),
        used_percent,
        tight: used_percent >= 90,
    }
}

fn transfer_line(transfer: Transfer, now: Timestamp, told: &WhoIsTold) -> TransferLine {
    let seconds = transfer.duration.as_secs_f64().max(1e-6);
    let principal = told.of(transfer.who).unwrap_or_default();
    let name = principal.strip_prefix("token ").unwrap_or(&principal);
    TransferLine {
        inward: transfer.verb != "GET",
        complete: transfer.outcome == Outcome::Complete,
        href: href(&transfer.path),
        size: ByteSize(transfer.bytes).to_string(),
        rate: Rate((transfer.bytes as f64 * 8.0 / seconds) as u64).to_string(),
        ended: moment(transfer.ended, now),
        who: name.split(" (").next().unwrap_or(name).to_owned(),
        path: transfer.path.to_string(),
        principal,
    }
}

fn file_line(file: archive::FileRecord, now: Timestamp) -> FileLine {
    FileLine {
        href: href(&file.path),
        path: file.path.to_string(),
        size: ByteSize(file.identity.size_bytes).to_string(),
        digest: file.digests.iter().next().map(ToString::to_string).unwrap_or_default(),
        published: moment(file.published, now),
    }
}

fn moment(at: Timestamp, now: Timestamp) -> Moment {
    Moment { ago: format!("{} ago", rounded(now.since(at))), exact: at.to_string() }
}

/// In the largest unit that it reaches, without fractions.
fn rounded(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn href(path: &LogicalPath) -> String {
    format!("{DATA_PREFIX}{}", path.to_url_path())
}

/// Width and height of the picture, in its own units.
const CHART: (f64, f64) = (600.0, 96.0);

fn chart(rates: &[(f64, f64)]) -> Chart {
    let peak = rates.iter().flat_map(|(received, sent)| [*received, *sent]).fold(0.0, f64::max);
    let line = |pick: fn(&(f64, f64)) -> f64| {
        let step = CHART.0 / (SAMPLES - 1) as f64;
        let first = SAMPLES - rates.len();
        let point = |(at, rate): (usize, &(f64, f64))| {
            let height = if peak > 0.0 { pick(rate) / peak * (CHART.1 - 4.0) } else { 0.0 };
            format!("{:.1},{:.1}", (first + at) as f64 * step, CHART.1 - 2.0 - height)
        };
        rates.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
    };
    Chart {
        received: line(|rate| rate.0),
        sent: line(|rate| rate.1),
        peak: Rate(peak as u64).to_string(),
        minutes: SAMPLE_INTERVAL.as_secs() * SAMPLES as u64 / 60,
        has_traffic: peak > 0.0,
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub(crate) fn unrendered(error: &askama::Error) -> Problem {
    Problem {
        status: 500,
        kind: "fault",
        title: "A fault in Portolan",
        detail: format!("The page could not be made: {error}."),
        blame: Blame::Us,
        retry: Retry::Soon,
        next: "Report it.".to_owned(),
    }
}
