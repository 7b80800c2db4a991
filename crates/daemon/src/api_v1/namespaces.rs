//! `GET /api/v1/namespaces`.

use super::{Answer, ask};
use crate::running::Port;
use api::{NamespacesAnswer, ProblemDocument};
use axum::extract::State;
use axum::{Extension, Json};
use std::sync::Arc;
use terms::{LogicalPath, Principal, Verb};

/// What is served, and how much room it has
#[utoipa::path(get, path = "/api/v1/namespaces", tag = "port", responses(
    (status = 200, description = "All namespaces that the caller may see", body = NamespacesAnswer),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn namespaces(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
) -> Answer<NamespacesAnswer> {
    let mut namespaces = port.namespaces();
    namespaces.retain(|namespace| {
        let prefix: Result<LogicalPath, _> = namespace.prefix.parse();
        prefix.is_ok_and(|prefix| port.may_at(&who, Verb::Stat, &prefix))
    });
    if namespaces.is_empty() {
        ask(&port, &who, Verb::Stat)?;
    }
    Ok(Json(NamespacesAnswer { namespaces }))
}
