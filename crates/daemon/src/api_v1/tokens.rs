//! `/api/v1/tokens`: for administrators.

use super::{Answer, Failure, ask};
use crate::problems::{archive_problem, bad_value, not_found};
use crate::running::Port;
use crate::token::{TokenRequest, mint, token_answer};
use api::{NewToken, NewTokenAnswer, ProblemDocument, TokensAnswer};
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use std::sync::Arc;
use std::time::SystemTime;
use terms::{Principal, Span, TokenId, Verb, VerbSet};

/// All tokens, without their secrets
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses(
    (status = 200, description = "All tokens", body = TokensAnswer),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow it", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(port): State<Arc<Port>>, Extension(who): Extension<Principal>) -> Answer<TokensAnswer> {
    ask(&port, &who, Verb::ListTokens)?;
    let tokens = port.archive.tokens().await.map_err(|error| archive_problem("list the tokens", &error))?;
    Ok(Json(TokensAnswer { tokens: tokens.iter().map(token_answer).collect() }))
}

/// Make a token; its secret is told in this answer only
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = NewToken, responses(
    (status = 201, description = "The token", body = NewTokenAnswer),
    (status = 400, description = "Not a token that can be made", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow it", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    wanted: Result<Json<NewToken>, JsonRejection>,
) -> Result<(StatusCode, Json<NewTokenAnswer>), Failure> {
    ask(&port, &who, Verb::CreateToken)?;
    let Json(wanted) = wanted?;
    let (record, text) = mint(request(wanted)?, SystemTime::now().into())?;
    port.archive.record_token(&record).await.map_err(|error| archive_problem("record the token", &error))?;
    tracing::info!("{who} made the token '{}' ({})", record.name, record.id);
    let answer = NewTokenAnswer { token: text.as_str().to_owned(), made: token_answer(&record) };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Revoke a token; it is refused from then on (by other processes within 5 seconds)
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path, description = "Which")), responses(
    (status = 204, description = "Revoked"),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow it", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such token, or revoked already", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn revoke(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    ask(&port, &who, Verb::RevokeToken)?;
    let missing = || not_found(&format!("A token {id} that could be revoked"), "GET /api/v1/tokens lists them.");
    let token: TokenId = id.parse().map_err(|_| missing())?;
    let revoked = port.archive.revoke_token(token, SystemTime::now().into()).await;
    if !revoked.map_err(|error| archive_problem("revoke the token", &error))? {
        return Err(Failure(missing()));
    }
    port.gate.local.forget(token);
    tracing::info!("{who} revoked the token {token}");
    Ok(StatusCode::NO_CONTENT)
}

fn request(wanted: NewToken) -> Result<TokenRequest, Failure> {
    let NewToken { name, allow, path, expires_in } = wanted;
    let bad = |what: String| Failure(bad_value(what, "See /api/v1/openapi.json."));
    let verbs: VerbSet = allow.join(",").parse().map_err(|error| bad(format!("allow: {error}.")))?;
    let path = path.parse().map_err(|error| bad(format!("path: {error}.")))?;
    let lifetime: Option<Span> =
        expires_in.map(|text| text.parse()).transpose().map_err(|error| bad(format!("expires_in: {error}.")))?;
    TokenRequest { name, verbs, path, lifetime: lifetime.map(|span| span.0) }.checked().map_err(Failure)
}
