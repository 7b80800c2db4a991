//! `GET /api/v1/traffic`.

use super::{Answer, ask};
use crate::running::Port;
use api::{ProblemDocument, TrafficAnswer};
use axum::extract::State;
use axum::{Extension, Json};
use std::sync::Arc;
use terms::{Principal, Verb};

/// What moved lately
#[utoipa::path(get, path = "/api/v1/traffic", tag = "port", responses(
    (status = 200, description = "Counters since the start, and the last transfers below paths that the caller may list", body = TrafficAnswer),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow `stat` on `/`", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn traffic(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
) -> Answer<TrafficAnswer> {
    ask(&port, &who, Verb::Stat)?;
    let moved = crate::traffic::readings(port.door.traffic());
    let told = port.who_is_told(&who);
    let mut recent = Vec::new();
    for transfer in port.door.traffic().recent() {
        if port.may_list(&who, &transfer.path).await {
            recent.push(transfer);
        }
    }
    Ok(Json(TrafficAnswer {
        received_bytes: moved.received_bytes,
        sent_bytes: moved.sent_bytes,
        active: moved.transfers_active,
        recent: recent.into_iter().map(|transfer| crate::traffic::answer(transfer, &told)).collect(),
    }))
}
