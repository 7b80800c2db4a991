//! Folder listings.

use super::{DataRequest, Door, problem};
use crate::store::Metadata;
use http::Response;
use net::Body;
use terms::Problem;

/// Answers GET and HEAD of a folder.
pub async fn respond(door: &Door, data: DataRequest, folder: Metadata) -> Result<Response<Body>, Problem> {
    let _ = (door, folder);
    Err(problem::method_not_allowed(&data.parts.method, &data.path))
}
