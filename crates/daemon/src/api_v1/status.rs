//! `GET /api/v1/status`.

use super::{Answer, ask};
use crate::problems::archive_problem;
use crate::running::Port;
use api::{ProblemDocument, StatusAnswer, TotalsAnswer};
use axum::extract::State;
use axum::{Extension, Json};
use std::sync::Arc;
use terms::{Principal, Verb};

/// What the port is doing, what it holds, and how much room it has
#[utoipa::path(get, path = "/api/v1/status", tag = "port", responses(
    (status = 200, description = "The state now", body = StatusAnswer),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow `stat` on `/`", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn status(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
) -> Answer<StatusAnswer> {
    ask(&port, &who, Verb::Stat)?;
    port.door.settle_records().await;
    let totals = port.archive.totals().await.map_err(|error| archive_problem("count the files", &error))?;
    let moved = crate::traffic::readings(port.door.traffic());
    Ok(Json(StatusAnswer {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: port.state(),
        since: port.since().to_string(),
        uptime_seconds: port.started.elapsed().as_secs(),
        archive_engine: port.archive.engine().to_owned(),
        totals: TotalsAnswer { files: totals.files, bytes: totals.bytes },
        received_bytes: moved.received_bytes,
        sent_bytes: moved.sent_bytes,
        transfers_active: moved.transfers_active,
        connections_open: port.drain.totals().open_connections,
        warnings: port.warnings(&who),
        namespaces: port.namespaces(),
    }))
}
