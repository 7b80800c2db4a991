//! `/metrics`: what is counted, and the page that tells it.
//!
//! Names and labels are a contract (`docs/reference/metrics.md`). No label holds the name of a file or of a caller: their
//! number has no bound, and they are nobody else's business.

mod list;
mod process;
mod responder;
mod text;

use crate::auth::IssuerState;
use http::{Method, StatusCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

#[cfg(test)]
use list::reference_markdown;
pub(crate) use process::ProcessFacts;
pub(crate) use responder::ResponderReadings;

#[cfg(test)]
mod tests;

/// Methods that are counted by name; any other is `OTHER`, or a stranger could make labels.
const METHODS: [&str; 15] = [
    "GET",
    "HEAD",
    "PUT",
    "POST",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "OTHER",
];

/// Classes of status: 1xx to 5xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Why requests are refused, by status.
const REFUSALS: [(u16, &str); 10] = [
    (400, "malformed"),
    (401, "not-signed-in"),
    (403, "not-allowed"),
    (408, "too-slow"),
    (413, "too-large"),
    (414, "long-path"),
    (423, "locked"),
    (429, "too-many-failures"),
    (503, "unavailable"),
    (507, "no-room"),
];

/// What the daemon itself counts.
#[derive(Default)]
pub(crate) struct Counters {
    requests: [[AtomicU64; CLASSES.len()]; METHODS.len()],
    refused: [AtomicU64; REFUSALS.len()],
    panics: AtomicU64,
    running: AtomicU64,
}

impl Counters {
    /// A request begins; it ends when the guard is dropped.
    pub(crate) fn begin(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &Method, status: StatusCode) {
        let last = METHODS.len() - 1;
        let row = METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(last);
        let column = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.requests[row][column].fetch_add(1, Ordering::Relaxed);
        if let Some(at) = REFUSALS.iter().position(|(code, _)| *code == status.as_u16()) {
            self.refused[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A handler panicked.
    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }
}

/// A request under way.
pub(crate) struct Running<'a>(&'a Counters);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is read from elsewhere when the page is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readings {
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) transfers_active: u64,
    pub(crate) digest_mismatches: u64,
    /// Upper bounds, counts (one more than bounds), sum.
    pub(crate) publish_groups: (Vec<u64>, Vec<u64>, u64),
    /// `None` when the archive did not answer.
    pub(crate) files: Option<(u64, u64)>,
    /// Prefix, size and free bytes of the file system of each namespace.
    pub(crate) namespaces: Vec<(String, u64, u64)>,
    pub(crate) connections_open: u64,
    pub(crate) connections_accepted: u64,
    pub(crate) certificate_expiry: Option<SystemTime>,
    pub(crate) issuers: Vec<IssuerState>,
    pub(crate) audit_lost_lines: u64,
    pub(crate) started: Option<SystemTime>,
    pub(crate) engine: &'static str,
    pub(crate) process: ProcessFacts,
    pub(crate) responder: Option<ResponderReadings>,
}

/// The page.
pub(crate) fn page(counters: &Counters, readings: &Readings) -> String {
    let mut page = text::Page::default();
    build(&mut page, readings);
    requests(&mut page, counters);
    transfers(&mut page, readings);
    storage(&mut page, readings);
    responder::tell(&mut page, readings.responder.as_ref());
    process::tell(&mut page, &readings.process, readings.started);
    page.finish()
}

fn build(page: &mut text::Page, readings: &Readings) {
    page.metric(list::BUILD);
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("archive_engine", readings.engine)];
    page.sample(list::BUILD.name, &labels, 1.0);
}

fn requests(page: &mut text::Page, counters: &Counters) {
    page.metric(list::REQUESTS);
    for (method, row) in METHODS.iter().zip(&counters.requests) {
        for (class, count) in CLASSES.iter().zip(row) {
            let count = count.load(Ordering::Relaxed);
            // Series that never counted are left out: 75 of them would bury the few that tell something.
            if count > 0 {
                page.sample(list::REQUESTS.name, &[("method", method), ("status_class", class)], count as f64);
            }
        }
    }
    page.metric(list::REFUSED);
    for ((_, reason), count) in REFUSALS.iter().zip(&counters.refused) {
        page.sample(list::REFUSED.name, &[("reason", reason)], count.load(Ordering::Relaxed) as f64);
    }
    page.single(list::RUNNING, counters.running.load(Ordering::Relaxed) as f64);
    page.single(list::PANICS, counters.panics.load(Ordering::Relaxed) as f64);
}

fn transfers(page: &mut text::Page, readings: &Readings) {
    page.single(list::CONNECTIONS_OPEN, readings.connections_open as f64);
    page.single(list::CONNECTIONS, readings.connections_accepted as f64);
    page.single(list::RECEIVED, readings.received_bytes as f64);
    page.single(list::SENT, readings.sent_bytes as f64);
    page.single(list::ACTIVE, readings.transfers_active as f64);
    page.single(list::MISMATCHES, readings.digest_mismatches as f64);
    let (bounds, counts, sum) = &readings.publish_groups;
    page.histogram(list::GROUPS, bounds, counts, *sum);
}

fn storage(page: &mut text::Page, readings: &Readings) {
    if let Some((files, bytes)) = readings.files {
        page.single(list::FILES, files as f64);
        page.single(list::FILES_BYTES, bytes as f64);
    }
    page.metric(list::SPACE);
    for (prefix, total, _) in &readings.namespaces {
        page.sample(list::SPACE.name, &[("namespace", prefix)], *total as f64);
    }
    page.metric(list::FREE);
    for (prefix, _, free) in &readings.namespaces {
        page.sample(list::FREE.name, &[("namespace", prefix)], *free as f64);
    }
    issuers(page, &readings.issuers);
    page.single(list::AUDIT_LOST, readings.audit_lost_lines as f64);
    if let Some(expiry) = readings.certificate_expiry {
        page.single(list::EXPIRY, process::since_epoch(expiry));
    }
}

fn issuers(page: &mut text::Page, issuers: &[IssuerState]) {
    page.metric(list::ISSUER_KEYS);
    for state in issuers {
        page.sample(list::ISSUER_KEYS.name, &[("issuer", &state.issuer)], state.keys.len() as f64);
    }
    page.metric(list::ISSUER_FETCHED);
    for (state, fetched) in issuers.iter().filter_map(|state| Some((state, state.fetched?))) {
        page.sample(list::ISSUER_FETCHED.name, &[("issuer", &state.issuer)], fetched.seconds() as f64);
    }
    page.metric(list::ISSUER_UNTIL);
    for (state, until) in issuers.iter().filter_map(|state| Some((state, state.until?))) {
        page.sample(list::ISSUER_UNTIL.name, &[("issuer", &state.issuer)], until.seconds() as f64);
    }
    page.metric(list::ISSUER_FAILING);
    for state in issuers {
        page.sample(
            list::ISSUER_FAILING.name,
            &[("issuer", &state.issuer)],
            f64::from(u8::from(state.failure.is_some())),
        );
    }
}
