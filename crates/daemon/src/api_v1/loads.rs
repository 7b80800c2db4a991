//! `/api/v1/loads`: loads of HTTP requests that this port makes for those who may measure.

use super::{Answer, Failure, ask};
use crate::problems::{bad_value, not_found};
use crate::running::Port;
use api::{LoadAnswer, LoadFamily, LoadResult, LoadState, LoadWay, LoadsAnswer, NewLoad, ProblemDocument};
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use net::Family;
use net::client::{HttpVersion, LineSettings, Trust};
use soundings::load::desk::{self, Target, View, Wanted};
use soundings_core::load::{Plan, Way};
use std::sync::Arc;
use std::time::Duration;
use terms::{Principal, Problem, Timestamp, Verb};

/// A request of which no byte moves for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The loads that run, and the last that ended
#[utoipa::path(get, path = "/api/v1/loads", tag = "measurement", responses(
    (status = 200, description = "The loads", body = LoadsAnswer),
    (status = 401, description = "Needs credentials", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "You may not measure", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(port): State<Arc<Port>>, Extension(who): Extension<Principal>) -> Answer<LoadsAnswer> {
    ask(&port, &who, Verb::Measure)?;
    Ok(Json(LoadsAnswer { loads: port.loads.look().into_iter().map(answer).collect() }))
}

/// Have this port make HTTP requests to measure a route: synthetic bytes, or any address that gives or takes bytes
#[utoipa::path(post, path = "/api/v1/loads", tag = "measurement", request_body = NewLoad, responses(
    (status = 201, description = "It waits or runs", body = LoadAnswer),
    (status = 400, description = "Not a load that can be carried out", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs credentials", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "You may not measure, or not there: targets are hosts of the open Internet", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 429, description = "As many loads run as may", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    wanted: Result<Json<NewLoad>, JsonRejection>,
) -> Result<(StatusCode, Json<LoadAnswer>), Failure> {
    ask(&port, &who, Verb::Measure)?;
    let Json(new) = wanted?;
    let wanted = wanted_load(new, &who, port.settings.responder.loads_inside)?;
    let targets: Vec<&str> = wanted.targets.iter().map(|target| target.url.as_str()).collect();
    tracing::info!("{who} asks for a load of {}", targets.join(" "));
    let view = port.loads.begin(wanted).await?;
    Ok((StatusCode::CREATED, Json(answer(view))))
}

/// One load: how far it is, and what came of it
#[utoipa::path(get, path = "/api/v1/loads/{id}", tag = "measurement", params(("id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The load", body = LoadAnswer),
    (status = 401, description = "Needs credentials", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "You may not measure", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such load", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn one(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    Path(id): Path<String>,
) -> Answer<LoadAnswer> {
    ask(&port, &who, Verb::Measure)?;
    Ok(Json(answer(port.loads.find(&id).ok_or_else(|| missing(&id))?)))
}

/// End a load that waits or runs, or forget one that has ended
#[utoipa::path(delete, path = "/api/v1/loads/{id}", tag = "measurement", params(("id" = String, Path, description = "Which")), responses(
    (status = 204, description = "It is over"),
    (status = 401, description = "Needs credentials", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "You may not measure", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such load", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    ask(&port, &who, Verb::Measure)?;
    if port.loads.cancel(&id) { Ok(StatusCode::NO_CONTENT) } else { Err(Failure(missing(&id))) }
}

fn missing(id: &str) -> Problem {
    not_found(&format!("A load {id}"), "GET /api/v1/loads lists them.")
}

fn wanted_load(new: NewLoad, who: &Principal, inside: bool) -> Result<Wanted, Failure> {
    let seconds = |name: &str, value: f64| {
        let span = Duration::try_from_secs_f64(value);
        span.map_err(|_| Failure(bad_value(format!("{name}: {value} is no time."), "See /api/v1/openapi.json.")))
    };
    let version = match new.http {
        1 => HttpVersion::Http1,
        2 => HttpVersion::Http2,
        other => return Err(Failure(bad_value(format!("http: {other} is not 1 or 2."), "See /api/v1/openapi.json."))),
    };
    let mut lines =
        LineSettings { trust: Trust::from_environment(), insecure: new.insecure, version, ..LineSettings::default() };
    lines.socket.congestion_control = new.congestion_control;
    Ok(Wanted {
        who: who.to_string(),
        targets: new.targets.into_iter().map(|target| Target { url: target.url, lease: target.lease }).collect(),
        family: match new.family {
            None => Family::Both,
            Some(LoadFamily::Ipv4) => Family::V4,
            Some(LoadFamily::Ipv6) => Family::V6,
        },
        plan: Plan {
            way: match new.way {
                LoadWay::Download => Way::Download,
                LoadWay::Upload => Way::Upload,
            },
            size_bytes: new.size_bytes,
            span: Some(seconds("seconds", new.seconds)?),
            requests: new.requests,
            warm_up: seconds("warm_up_seconds", new.warm_up_seconds)?,
            connections: new.connections,
            streams: new.streams,
            patience: PATIENCE,
        },
        lines,
        begin_in: seconds("begin_in_seconds", new.begin_in_seconds)?,
        inside,
    })
}

fn answer(view: View) -> LoadAnswer {
    let result = |outcome: desk::Outcome| {
        let (report, problem) = match outcome.ended {
            None => (None, None),
            // A report is plain numbers and words: it can always be told.
            Some(Ok(report)) => (serde_json::to_value(report).ok(), None),
            Some(Err(problem)) => (None, Some(problem.to_line())),
        };
        LoadResult { url: outcome.url, address: outcome.address.to_string(), report, problem }
    };
    LoadAnswer {
        id: view.id,
        who: view.who,
        asked: Timestamp::from(view.asked).to_string(),
        state: match view.state {
            desk::State::Waiting => LoadState::Waiting,
            desk::State::Running => LoadState::Running,
            desk::State::Finished => LoadState::Finished,
            desk::State::Cancelled => LoadState::Cancelled,
        },
        bytes: view.bytes,
        requests: view.requests,
        failures: view.failures,
        results: view.outcomes.into_iter().map(result).collect(),
    }
}

#[cfg(test)]
mod tests;
