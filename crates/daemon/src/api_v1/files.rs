//! `/api/v1/files`: what is known of a file, and what is said of it.

use super::{Answer, Failure};
use crate::problems::bad_value;
use crate::running::Port;
use api::{FileAnswer, FileChange, ProblemDocument};
use archive::FileRecord;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode};
use port::store::Metadata;
use serde::Deserialize;
use std::sync::Arc;
use terms::{LogicalPath, Principal, Verb};
use utoipa::IntoParams;

/// Which file.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Its logical path, as `/survey/night-1/image-0001.fits`.
    path: String,
}

/// What is known of one file: size, times, digests, publisher
#[utoipa::path(get, path = "/api/v1/files", tag = "files", params(Wanted), responses(
    (status = 200, description = "The file", body = FileAnswer),
    (status = 400, description = "Not a path of a file", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow `stat` there", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such file", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn file(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<FileAnswer> {
    let path = wanted?.0.path()?;
    port.door.authorise(&who, Verb::Stat, &path, None).await?;
    let found = port.door.namespaces().stat(&path).await?;
    if !found.is_file() {
        return Err(Failure(bad_value(
            format!("{path} is a folder."),
            "Give the path of a file; GET /data/ lists folders.",
        )));
    }
    let record = port.door.record_of(&path, &found).await?;
    Ok(Json(answer(&port, &who, path, found, record)))
}

/// Change what is said of one file: its attributes
///
/// Needs `modify`. Whoever may not `stat` the file is told nothing of it.
#[utoipa::path(patch, path = "/api/v1/files", tag = "files", params(Wanted), request_body = FileChange, responses(
    (status = 200, description = "The file as it is now", body = FileAnswer),
    (status = 204, description = "Changed; the caller may not `stat` the file"),
    (status = 400, description = "Not a path of a file, or no attributes", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow `modify` there", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such file", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "The file was replaced meanwhile", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 423, description = "Somebody holds a lock on the file", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
    change: Result<Json<FileChange>, JsonRejection>,
) -> Result<Response, Failure> {
    let (path, Json(change)) = (wanted?.0.path()?, change?);
    let changes: Vec<_> = change.attributes.into_iter().collect();
    let record = port.door.change_attributes(&who, &path, &headers, &changes).await?;
    if !port.door.probe(&who, Verb::Stat, &path).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let found = port.door.namespaces().stat(&path).await?;
    Ok(Json(answer(&port, &who, path, found, Some(record))).into_response())
}

impl Wanted {
    fn path(&self) -> Result<LogicalPath, Failure> {
        let path: Result<LogicalPath, _> = self.path.parse();
        let wrong = |error| bad_value(format!("'{}' names no file: {error}.", self.path), "Give a logical path.");
        path.map_err(|error| Failure(wrong(error)))
    }
}

fn answer(port: &Port, who: &Principal, path: LogicalPath, found: Metadata, record: Option<FileRecord>) -> FileAnswer {
    let digests = record.iter().flat_map(|record| record.digests.iter());
    FileAnswer {
        href: format!("{}{}", port::door::DATA_PREFIX, path.to_url_path()),
        path: path.to_string(),
        size_bytes: found.size_bytes,
        modified: found.modified.to_string(),
        digests: digests.map(|digest| (digest.algorithm().name().to_owned(), digest.to_hex())).collect(),
        attributes: record.as_ref().map(|record| (*record.attributes).clone()).unwrap_or_default(),
        media_type: record.as_ref().and_then(|record| record.media_type.clone()),
        published: record.as_ref().map(|record| record.published.to_string()),
        publisher: record.and_then(|record| port.who_is_told(who).of(record.publisher)),
    }
}
