//! `POST /api/v1/reload`.

use super::{Answer, ask};
use crate::running::Port;
use api::{ProblemDocument, ReloadAnswer};
use axum::extract::State;
use axum::{Extension, Json};
use std::sync::Arc;
use terms::{Principal, Verb};

/// Read settings, certificates, authorities, issuers and rules again; no connection is dropped
#[utoipa::path(post, path = "/api/v1/reload", tag = "port", responses(
    (status = 200, description = "What each part did; one that could not be read keeps what it had, and says why", body = ReloadAnswer),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow `reload`", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "The audit record cannot be written", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn reload(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
) -> Answer<ReloadAnswer> {
    ask(&port, &who, Verb::Reload)?;
    Ok(Json(crate::reload::reload(&port, Some(&who), who.name()).await))
}
