//! `GET /api/v1/files`.

use super::{Answer, Failure};
use crate::problems::bad_value;
use crate::running::Port;
use api::{FileAnswer, ProblemDocument};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Extension, Json};
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
    let Query(wanted) = wanted?;
    let path: LogicalPath = wanted
        .path
        .parse()
        .map_err(|error| bad_value(format!("'{}' names no file: {error}.", wanted.path), "Give a logical path."))?;
    port.door.authorise(&who, Verb::Stat, &path, None).await?;
    let found = port.door.namespaces().stat(&path).await?;
    if !found.is_file() {
        return Err(Failure(bad_value(
            format!("{path} is a folder."),
            "Give the path of a file; GET /data/ lists folders.",
        )));
    }
    let record = port.door.record_of(&path, &found).await?;
    let digests = record.iter().flat_map(|record| record.digests.iter());
    Ok(Json(FileAnswer {
        href: format!("{}{}", port::door::DATA_PREFIX, path.to_url_path()),
        path: path.to_string(),
        size_bytes: found.size_bytes,
        modified: found.modified.to_string(),
        digests: digests.map(|digest| (digest.algorithm().name().to_owned(), digest.to_hex())).collect(),
        media_type: record.as_ref().and_then(|record| record.media_type.clone()),
        published: record.as_ref().map(|record| record.published.to_string()),
        publisher: record.and_then(|record| port.who_is_told(&who).of(record.publisher)),
    }))
}
