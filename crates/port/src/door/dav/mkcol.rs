//! MKCOL (RFC 4918 §9.3).

use super::locks::{Passes, Touch};
use super::refused::Refused;
use super::{empty, read_body};
use crate::door::{DataRequest, Door, problem};
use http::{Method, Response, StatusCode};
use net::Body;
use std::io;
use terms::LogicalPath;

pub(super) async fn handle(door: &Door, data: DataRequest) -> Result<Response<Body>, Refused> {
    let DataRequest { path, principal, parts, body, .. } = data;
    door.authorise_folder(&principal, &path).await?;
    if has_bytes(body).await {
        return Err(problem::caller(
            415,
            "unknown-body",
            "The body is of no known type",
            format!("MKCOL of {path} came with a body, and no kind of body is defined for it here."),
            "Send MKCOL without a body.",
        )
        .into());
    }
    let passes = Passes::read(door, &path, &parts.uri, &parts.headers, &principal).await?;
    let _names = door.hold_names().await;
    // What is there decides first: 405 tells more than 423 (RFC 4918 §9.3.1).
    if door.namespaces().stat(&path).await.is_ok() {
        return Err(problem::method_not_allowed(&Method::from_bytes(b"MKCOL").unwrap_or_default(), &path).into());
    }
    passes.check(door, &path, Touch::Name)?;
    make_folder(door, &path).await?;
    Ok(empty(StatusCode::CREATED))
}

/// One byte is enough to know; an error says that there was something, too.
async fn has_bytes(body: net::RequestBody) -> bool {
    !matches!(read_body(body, 0).await, Ok(bytes) if bytes.is_empty())
}

/// Makes one folder, where its parent is there and it is not. The caller holds the names.
pub(super) async fn make_folder(door: &Door, path: &LogicalPath) -> Result<(), Refused> {
    let place = door.namespaces().resolve(path)?;
    match place.namespace.store.make_folder(&place.within).await {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(problem::no_parent(path).into())
        }
        Err(error) => Err(problem::of_io(&error, "make the folder", path).into()),
    }
}
