//! The verbs of WebDAV (RFC 4918): what each means is `port_core::dav`'s, here they are done.
//!
//! Every verb goes the same way: rights for each path it touches, the `If` header and locks, the names held still, the
//! change. Nothing half-done becomes visible under a file's name: copies pass the staging area, moves are renames.

mod copy;
mod gain;
mod lock;
pub mod locks;
mod mkcol;
mod problems;
mod propfind;
mod proppatch;
mod refused;
mod relocate;
#[cfg(test)]
pub(in crate::door) mod tests;
mod tree;

pub use locks::LockTable;
pub(crate) use problems::LOCKED;
pub(crate) use refused::locked_response;

use super::{DataRequest, Door, problem};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use net::{Body, RequestBody};
use port_core::dav::Refusal;
use refused::Refused;
use std::time::SystemTime;
use terms::{Problem, Timestamp};

/// Answers PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK and UNLOCK.
pub async fn handle(door: &Door, method: Method, data: DataRequest) -> Result<Response<Body>, Problem> {
    let answer = match method.as_str() {
        "PROPFIND" => propfind::handle(door, data).await,
        "PROPPATCH" => proppatch::handle(door, data).await,
        "MKCOL" => mkcol::handle(door, data).await,
        "COPY" => copy::handle(door, data).await,
        "MOVE" => relocate::handle(door, data).await,
        "LOCK" => lock::lock(door, data).await,
        "UNLOCK" => lock::unlock(door, data).await,
        _ => Err(problem::method_not_allowed(&method, &data.path).into()),
    };
    answer.or_else(Refused::into_response)
}

/// Reads a whole small body; more than `limit_bytes` is refused before it fills memory.
async fn read_body(mut body: RequestBody, limit_bytes: usize) -> Result<Bytes, Problem> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.problem())?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit_bytes {
            return Err(Refusal::LargeBody { size_bytes: whole.len() + data.len(), limit_bytes }.into());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// The name by which the client calls us: compared with `Destination` and tagged lists.
fn own_authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    // HTTP/2 has it in the URI (`:authority`), HTTP/1.1 in `Host`.
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    uri.authority().map(|authority| authority.as_str()).or(host)
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn xml(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"));
    response
}
