//! `/api/v1/tokens`: for administrators, and for whoever narrows or gives back a token of its own.

use super::{Answer, Failure, ask};
use crate::audit::Event;
use crate::problems::{archive_problem, bad_value, cannot_grant, not_found};
use crate::running::Port;
use crate::token::{Narrowing, TokenRequest, mint, narrow as narrow_token, token_answer};
use api::{NarrowToken, NewToken, NewTokenAnswer, ProblemDocument, TokensAnswer};
use archive::TokenRecord;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use terms::{CredentialForm, LogicalPath, Principal, Problem, Span, Timestamp, TokenId, Verb, VerbSet};
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// All tokens, without their secrets
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses(
    (status = 200, description = "All tokens", body = TokensAnswer),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "Needs `list-tokens`", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(port): State<Arc<Port>>, Extension(who): Extension<Principal>) -> Answer<TokensAnswer> {
    ask(&port, &who, Verb::ListTokens)?;
    let tokens = port.archive.tokens().await.map_err(|error| archive_problem("list the tokens", &error))?;
    Ok(Json(TokensAnswer { tokens: tokens.iter().map(token_answer).collect() }))
}

/// Make a token; its secret is told in this answer only. Who does not hold all of administration can make none that
/// grants more than the credential that asks for it
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = NewToken, responses(
    (status = 201, description = "The token", body = NewTokenAnswer),
    (status = 400, description = "Not a token that can be made", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "Needs `create-token`, and what the new token is to grant", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    wanted: Result<Json<NewToken>, JsonRejection>,
) -> Result<(StatusCode, Json<NewTokenAnswer>), Failure> {
    ask(&port, &who, Verb::CreateToken)?;
    let Json(wanted) = wanted?;
    let (request, now) = (request(wanted)?, SystemTime::now().into());
    check_maker(&port, &who, &request, now)?;
    let (record, text) = mint(request, now)?;
    port.archive.record_token(&record).await.map_err(|error| archive_problem("record the token", &error))?;
    note(&port, &who, &record);
    Ok(made(&record, &text))
}

/// Make a token that allows less than the one that asks for it, and ends with it; its secret is told in this answer only
#[utoipa::path(post, path = "/api/v1/tokens/narrow", tag = "tokens", request_body = NarrowToken, responses(
    (status = 201, description = "The token", body = NewTokenAnswer),
    (status = 400, description = "Not a token that can be made of this one", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 429, description = "Too many were made of it", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn narrow(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    wanted: Result<Json<NarrowToken>, JsonRejection>,
) -> Result<(StatusCode, Json<NewTokenAnswer>), Failure> {
    let Json(NarrowToken { name, allow, path, expires_in }) = wanted?;
    let parent = own_token(&who).ok_or_else(|| {
        let what = "Only a token of this port (ptl_…) can be narrowed, and the request shows none.".to_owned();
        bad_value(what, "Show the token as `Authorization: Bearer TOKEN`; narrow a macaroon by adding caveats to it.")
    })?;
    let verbs = allow.map(|allow| verbs(&allow)).transpose()?;
    let path = path.map(|path| logical(&path)).transpose()?;
    let wanted = Narrowing { name, verbs, path, lifetime: expires_in.map(|text| lifetime(&text)).transpose()? };
    let (record, text) = narrow_token(&port.archive, parent, wanted, SystemTime::now().into()).await?;
    note(&port, &who, &record);
    Ok(made(&record, &text))
}

/// Revoke a token and all that were narrowed from it; they are refused from then on (by other processes within 5 seconds)
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path, description = "Which")), responses(
    (status = 204, description = "Revoked"),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "Needs `revoke-token`, unless it is the token that asks, or was narrowed from it", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such token, or revoked already", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn revoke(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let failed = |error| archive_problem("revoke the token", &error);
    let missing = || not_found(&format!("A token {id} that could be revoked"), "GET /api/v1/tokens lists them.");
    let token: Option<TokenId> = id.parse().ok();
    let own = match (own_token(&who), token) {
        (Some(own), Some(token)) if own == token => true,
        (Some(own), Some(token)) => {
            port.archive.token(token).await.map_err(failed)?.is_some_and(|record| record.parent == Some(own))
        }
        _ => false,
    };
    if !own {
        ask(&port, &who, Verb::RevokeToken)?;
    }
    let token = token.ok_or_else(missing)?;
    if !port.archive.revoke_token(token, SystemTime::now().into()).await.map_err(failed)? {
        return Err(Failure(missing()));
    }
    port.gate.local.forget(token);
    tracing::info!("{who} revoked the token {token}");
    port.audit.tell(Event::TokenRevoked, Some(&who), &token.to_string(), "");
    Ok(StatusCode::NO_CONTENT)
}

/// May this caller make a token like this? A token that stands for itself grants for as long as it lasts, whatever becomes
/// of the rules by which its maker holds a right. So only a credential that grants by itself can hand on its own; who has
/// rights by rules can only make tokens that narrow these; and nobody beyond the end of the own credential. Whoever holds
/// all of administration could give itself everything anyhow.
fn check_maker(port: &Port, who: &Principal, wanted: &TokenRequest, now: Timestamp) -> Result<(), Problem> {
    if let Some(account) = &wanted.account
        && !port.gate.accounts.has(account)
    {
        let what = format!("There is no account '{account}' here.");
        return Err(bad_value(what, "Accounts are made in the settings, as [[account]]."));
    }
    if VerbSet::administration().iter().all(|verb| port.may(who, verb)) {
        return Ok(());
    }
    let identity = &who.identity;
    match &wanted.account {
        Some(account) if *account != identity.name => {
            return Err(cannot_grant(format!("you are not the account '{account}'")));
        }
        None if !identity.authorises => {
            let why = "what you may do here comes from rules, and would outlive them in a token that stands for itself";
            return Err(cannot_grant(why.to_owned()));
        }
        _ => {}
    }
    if let Some(verb) = wanted.verbs.iter().find(|verb| !port.may_at(who, *verb, &wanted.path)) {
        return Err(cannot_grant(format!("you do not hold {verb} on {} yourself", wanted.path)));
    }
    let end = wanted.lifetime.map(|lifetime| now.after(lifetime));
    if let Some(own_end) = identity.credential.expires
        && end.is_none_or(|end| end > own_end)
    {
        return Err(cannot_grant(format!("it would outlive your own credential, which ends at {own_end}")));
    }
    Ok(())
}

/// The local token that was shown itself, not something that was made with it.
fn own_token(who: &Principal) -> Option<TokenId> {
    let credential = &who.identity.credential;
    (credential.form == CredentialForm::LocalToken).then(|| credential.id.parse().ok())?
}

/// The log and the audit record are told of a new token.
fn note(port: &Port, who: &Principal, record: &TokenRecord) {
    let TokenRecord { id, name, verbs, path, .. } = record;
    let account = record.account.as_ref().map(|account| format!(", as the account '{account}'")).unwrap_or_default();
    let parent = record.parent.map(|parent| format!(", narrowed from {parent}")).unwrap_or_default();
    let told = format!("'{name}' for {verbs} below {path}{account}{parent}");
    tracing::info!("{who} made the token {id}: {told}");
    port.audit.tell(Event::TokenMade, Some(who), &id.to_string(), told);
}

fn made(record: &TokenRecord, text: &Zeroizing<String>) -> (StatusCode, Json<NewTokenAnswer>) {
    let answer = NewTokenAnswer { token: text.as_str().to_owned(), made: token_answer(record) };
    (StatusCode::CREATED, Json(answer))
}

fn request(wanted: NewToken) -> Result<TokenRequest, Failure> {
    let NewToken { name, allow, path, expires_in, account } = wanted;
    let (verbs, path) = (verbs(&allow)?, logical(&path)?);
    let lifetime = expires_in.map(|text| lifetime(&text)).transpose()?;
    TokenRequest { name, verbs, path, lifetime, account }.checked().map_err(Failure)
}

fn verbs(allow: &[String]) -> Result<VerbSet, Problem> {
    allow.join(",").parse().map_err(|error| bad(format!("allow: {error}.")))
}

fn logical(path: &str) -> Result<LogicalPath, Problem> {
    path.parse().map_err(|error| bad(format!("path: {error}.")))
}

fn lifetime(text: &str) -> Result<Duration, Problem> {
    text.parse::<Span>().map(|span| span.0).map_err(|error| bad(format!("expires_in: {error}.")))
}

fn bad(what: String) -> Problem {
    bad_value(what, "See /api/v1/openapi.json.")
}
