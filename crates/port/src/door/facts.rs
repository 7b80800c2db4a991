//! A request for data, its head read.

use super::{DATA_PREFIX, View, problem};
use http::{HeaderMap, Method, Request, header, request};
use net::{Peer, RequestBody};
use terms::{LogicalPath, Principal, Problem};

/// A request for data, its path and caller established.
pub struct DataRequest {
    /// Which path.
    pub path: LogicalPath,
    /// Did the URL end in a slash? It then means a folder.
    pub trailing_slash: bool,
    /// Who asks.
    pub principal: Principal,
    /// What of the namespace the caller sees.
    pub view: View,
    /// From where, unless the request was made inside this process.
    pub peer: Option<Peer>,
    /// Method, URI, headers, extensions.
    pub parts: request::Parts,
    /// The body, unread.
    pub body: RequestBody,
}

impl DataRequest {
    /// Reads the head of a request; a path that names nothing is the caller's problem.
    pub fn read(request: Request<RequestBody>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let path = logical_path(parts.uri.path())?;
        let trailing_slash = parts.uri.path().ends_with('/');
        let principal = parts.extensions.get::<Principal>().cloned().unwrap_or(Principal::anonymous());
        let view = parts.extensions.get::<View>().cloned().unwrap_or_else(View::whole);
        let peer = parts.extensions.get::<Peer>().cloned();
        Ok(Self { path, trailing_slash, principal, view, peer, parts, body })
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }
}

/// The logical path of a URL path, `/data` taken off. `Destination` and tagged `If` headers need it too.
pub(crate) fn logical_path(url_path: &str) -> Result<LogicalPath, Problem> {
    match url_path.strip_prefix(DATA_PREFIX) {
        Some("") => Ok(LogicalPath::root()),
        Some(rest) if rest.starts_with('/') => {
            LogicalPath::from_url_path(rest).map_err(|error| problem::invalid_path(url_path, error))
        }
        _ => Err(problem::outside_data(url_path)),
    }
}

/// What of a request decides how a problem is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ResponseFacts {
    /// HEAD: no body at all.
    pub is_head: bool,
    /// The caller wants plain text and did not ask for JSON or anything.
    pub wants_text: bool,
}

impl ResponseFacts {
    /// Of this request head.
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let mut wants_text = false;
        for value in headers.get_all(header::ACCEPT) {
            let value = value.as_bytes().to_ascii_lowercase();
            let has = |what: &[u8]| value.windows(what.len()).any(|window| window == what);
            if has(b"json") || has(b"*/*") {
                return Self { is_head: method == Method::HEAD, wants_text: false };
            }
            wants_text |= has(b"text/plain") || has(b"text/*");
        }
        Self { is_head: method == Method::HEAD, wants_text }
    }
}
