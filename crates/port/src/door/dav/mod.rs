//! The verbs of WebDAV (RFC 4918).

pub mod locks;

use super::{DataRequest, Door, problem};
use http::{Method, Response};
use net::Body;
use terms::Problem;

/// Answers PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK and UNLOCK.
pub async fn handle(door: &Door, method: Method, data: DataRequest) -> Result<Response<Body>, Problem> {
    let _ = door;
    Err(problem::method_not_allowed(&method, &data.path))
}
