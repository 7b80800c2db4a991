//! `/api/v1/shares`: everybody's own, and those of others for who may see to them.

use super::{Answer, Failure};
use crate::audit::Event;
use crate::problems::{archive_problem, bad_value, not_found, unauthenticated};
use crate::running::Port;
use crate::shares::{ShareRequest, base, make_for, share_answer};
use api::{NewShare, NewShareAnswer, ProblemDocument, SharesAnswer};
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, Uri};
use std::sync::Arc;
use std::time::SystemTime;
use terms::{Principal, Problem, ShareId, Span, Timestamp, Verb, VerbSet};

/// Your shares, without their addresses; those of others too for who may list them
#[utoipa::path(get, path = "/api/v1/shares", tag = "shares", responses(
    (status = 200, description = "The shares", body = SharesAnswer),
    (status = 401, description = "Needs credentials", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(port): State<Arc<Port>>, Extension(who): Extension<Principal>) -> Answer<SharesAnswer> {
    named(&who)?;
    // What is told is what is counted, to the byte.
    port.shares.settle().await;
    let records = if port.may(&who, Verb::ListShares) {
        port.decide(&who, Verb::ListShares);
        port.archive.shares().await
    } else {
        port.archive.shares_of(who.name()).await
    };
    let records = records.map_err(|error| archive_problem("list the shares", &error))?;
    let now = SystemTime::now().into();
    Ok(Json(SharesAnswer { shares: records.iter().map(|record| share_answer(record, now)).collect() }))
}

/// Share a file or folder; its address is told in this answer only
#[utoipa::path(post, path = "/api/v1/shares", tag = "shares", request_body = NewShare, responses(
    (status = 201, description = "The share", body = NewShareAnswer),
    (status = 400, description = "Not a share that can be made", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs credentials", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "You may not share there, not do yourself what is to be shared, or have too many shares", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "Nothing is there to be shared", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    uri: Uri,
    headers: HeaderMap,
    wanted: Result<Json<NewShare>, JsonRejection>,
) -> Result<(StatusCode, Json<NewShareAnswer>), Failure> {
    named(&who)?;
    let Json(wanted) = wanted?;
    let base = base(&port.settings, who.tls, &uri, &headers)?;
    let (record, path) = make_for(&port, &who, request(wanted)?).await?;
    let made = share_answer(&record, SystemTime::now().into());
    Ok((StatusCode::CREATED, Json(NewShareAnswer { address: format!("{base}{}", *path), made })))
}

/// Revoke a share; its address is good for nothing from then on (at other processes within 5 seconds)
#[utoipa::path(delete, path = "/api/v1/shares/{id}", tag = "shares", params(("id" = String, Path, description = "Which")), responses(
    (status = 204, description = "Revoked"),
    (status = 401, description = "Needs credentials", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such share of yours, or revoked already", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn revoke(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    named(&who)?;
    let missing = || not_found(&format!("A share {id} that you could revoke"), "GET /api/v1/shares lists them.");
    let share: ShareId = id.parse().map_err(|_| missing())?;
    let failed = |error| archive_problem("revoke the share", &error);
    let record = port.archive.share(share).await.map_err(failed)?.ok_or_else(missing)?;
    // Whoever may not see to those of others does not learn which there are.
    if record.creator != who.name() && !port.decide(&who, Verb::RevokeShare).allows() {
        return Err(Failure(missing()));
    }
    let revoked = port.archive.revoke_share(share, Timestamp::from(SystemTime::now())).await;
    port.shares.forget(share);
    if !revoked.map_err(failed)? {
        return Err(Failure(missing()));
    }
    tracing::info!("{who} revoked the share {share}");
    port.audit.tell(Event::ShareRevoked, Some(&who), &share.to_string(), format!("of {}", record.creator));
    Ok(StatusCode::NO_CONTENT)
}

/// Shares belong to somebody.
fn named(who: &Principal) -> Result<(), Problem> {
    match who.is_anonymous() {
        true => Err(unauthenticated(
            "token-needed",
            "Shares belong to somebody, and nobody is signed in.".to_owned(),
            "Send `Authorization: Bearer TOKEN`.",
        )),
        false => Ok(()),
    }
}

fn request(wanted: NewShare) -> Result<ShareRequest, Failure> {
    let NewShare { path, allow, expires_in, networks, max_downloads, max_bytes, note } = wanted;
    let bad = |what: String| Failure(bad_value(what, "See /api/v1/openapi.json."));
    let verbs: VerbSet = allow.join(",").parse().map_err(|error| bad(format!("allow: {error}.")))?;
    let path = path.parse().map_err(|error| bad(format!("path: {error}.")))?;
    let lifetime: Option<Span> =
        expires_in.map(|text| text.parse()).transpose().map_err(|error| bad(format!("expires_in: {error}.")))?;
    Ok(ShareRequest {
        path,
        verbs,
        lifetime: lifetime.map(|span| span.0),
        networks,
        downloads_max: max_downloads,
        bytes_max: max_bytes,
        note,
    })
}
