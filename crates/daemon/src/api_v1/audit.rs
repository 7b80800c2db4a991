//! `GET /api/v1/audit`: pages, or a stream that goes on.

use super::{Failure, ask};
use crate::audit::{Filter, Follower, Page, Tail};
use crate::problems::{bad_value, panicked};
use crate::running::Port;
use api::{AuditAnswer, AuditDecision, AuditRecord, ProblemDocument};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{Principal, Problem, Verb};
use utoipa::IntoParams;

#[cfg(test)]
mod tests;

/// Records of one page when the caller does not say.
const PAGE: usize = 100;

/// Records of one page at most: half a megabyte.
const PAGE_MOST: usize = 1_000;

/// How often a stream without news says that it lives, so that nobody on the way gives it up. Shorter than the time that
/// a silent connection has (`limits.stall_time`, at least).
const ALIVE: Duration = Duration::from_secs(10);

/// How often a stream looks whether the port is stopping.
const LOOK: Duration = Duration::from_secs(1);

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those after the one of this number: the `next` of the page before.
    after: Option<u64>,
    /// How many at most: 1 to 1000, else 100.
    limit: Option<usize>,
    /// Not before this instant (RFC 3339, or a day).
    since: Option<String>,
    /// Before this instant.
    until: Option<String>,
    /// The name of the caller has this in it.
    who: Option<String>,
    /// This verb was asked.
    verb: Option<String>,
    /// This path or one below it.
    path: Option<String>,
    /// `allowed`, `refused` (those with it that credentials could change), `unauthenticated`.
    decision: Option<String>,
    /// From this address or network: `192.0.2.0/24`.
    from: Option<String>,
    /// This happened: `decision`, `sign-in-failed`, `token-made`, `reload` …
    event: Option<String>,
    /// Go on with what is written from now on (or after `after`), as server-sent events: one record each, its number as
    /// the id.
    follow: Option<String>,
    /// A token, where the settings allow one in the query; it is read elsewhere.
    #[param(ignore)]
    #[serde(rename = "authz")]
    _authz: Option<serde::de::IgnoredAny>,
}

/// Who did what: decisions, and what else changed who may do what
#[utoipa::path(get, path = "/api/v1/audit", tag = "port", params(Wanted), responses(
    (status = 200, description = "A page, the oldest first; with `follow`: `text/event-stream`", body = AuditAnswer),
    (status = 400, description = "A filter that cannot be read", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow `read-audit`", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn audit(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Failure> {
    ask(&port, &who, Verb::ReadAudit)?;
    let Query(wanted) = wanted?;
    let filter = filter(&wanted)?;
    if wanted.follow.is_some_and(|word| word != "false") {
        let tail = match wanted.after {
            Some(after) => Tail::new(port.audit.directory(), filter, after),
            None => {
                let directory = port.audit.directory().to_owned();
                blocking(move || Tail::at_end(&directory, filter)).await?
            }
        };
        let follower = port.audit.follow()?;
        return Ok(Sse::new(events(port, tail, follower)).into_response());
    }
    let most = wanted.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MOST).contains(&most) {
        return Err(Failure(bad_value(format!("limit: it is not 1 to {PAGE_MOST}."), "See /api/v1/openapi.json.")));
    }
    let mut tail = Tail::new(port.audit.directory(), filter, wanted.after.unwrap_or(0));
    let Page { records, seen, ended } = blocking(move || tail.page(most)).await?;
    Ok(Json(AuditAnswer { records, next: (!ended).then_some(seen) }).into_response())
}

fn filter(wanted: &Wanted) -> Result<Filter, Failure> {
    fn read<T: std::str::FromStr<Err: std::fmt::Display>>(
        name: &str,
        text: &Option<String>,
    ) -> Result<Option<T>, Failure> {
        let read = text.as_deref().map(str::parse).transpose();
        read.map_err(|error| Failure(bad_value(format!("{name}: {error}."), "See /api/v1/openapi.json.")))
    }
    let verb: Option<Verb> = read("verb", &wanted.verb)?;
    Ok(Filter {
        since: read("since", &wanted.since)?,
        until: read("until", &wanted.until)?,
        who: wanted.who.clone(),
        verb: verb.map(|verb| verb.name().to_owned()),
        path: read("path", &wanted.path)?,
        decision: read::<AuditDecision>("decision", &wanted.decision)?,
        from: read("from", &wanted.from)?,
        event: wanted.event.clone(),
    })
}

async fn blocking<T: Send + 'static>(read: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(read).await;
    done.map_err(|_| Failure(panicked("of reading the audit record")))?.map_err(Failure)
}

/// What fits, as it is written, until the port stops.
fn events(port: Arc<Port>, tail: Tail, follower: Follower) -> impl Stream<Item = Result<Event, Infallible>> {
    let pages = stream::unfold((port, tail, follower), |(port, mut tail, mut follower)| async move {
        let told = Instant::now();
        while !port.drain.is_draining() {
            let read = tokio::task::spawn_blocking(move || (tail.page(PAGE), tail)).await;
            let Ok((Ok(page), back)) = read else {
                tracing::warn!("the audit record cannot be read; a stream of it ends");
                return None;
            };
            tail = back;
            if !page.records.is_empty() {
                return Some((page.records.iter().map(event).collect(), (port, tail, follower)));
            }
            if told.elapsed() >= ALIVE {
                return Some((vec![Event::default().comment("")], (port, tail, follower)));
            }
            if page.ended {
                // Nobody tells that the port is stopping.
                let _ = tokio::time::timeout(LOOK, follower.changed()).await;
            }
        }
        None
    });
    pages.flat_map(|events: Vec<Event>| stream::iter(events)).map(Ok)
}

fn event(record: &AuditRecord) -> Event {
    let event = Event::default().id(record.sequence.to_string());
    // A record is texts and numbers: it can always be written as JSON.
    event.json_data(record).unwrap_or_default()
}
