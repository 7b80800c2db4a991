//! What a responder serves by HTTP: ndt7, its page, synthetic bytes. The same places are found on the listeners of a port.

use super::Shared;
use crate::guard::Allowance;
use ::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use net::{Body, Handler, Peer, RequestBody};
use std::sync::Arc;
use std::time::SystemTime;
use terms::{Blame, Principal, Problem, Retry};

/// Does the responder answer below this path?
pub fn is_place(path: &str) -> bool {
    place(path) != Place::Unknown
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Ndt7,
    Page,
    Synthetic,
    Unknown,
}

fn place(path: &str) -> Place {
    match path {
        "/speed" => Place::Page,
        path if path.starts_with("/speed/") => Place::Page,
        path if path.starts_with("/ndt/v7/") => Place::Ndt7,
        path if path == "/synthetic" || path.starts_with("/synthetic/") => Place::Synthetic,
        _ => Place::Unknown,
    }
}

/// Answers one request of a caller who is known by now. The request carries its [`Peer`] among its extensions.
pub async fn respond(request: Request<RequestBody>, who: &Principal, shared: &Arc<Shared>) -> Response<Body> {
    if shared.drain.is_draining() {
        return problem_response(&draining());
    }
    match place(request.uri().path()) {
        Place::Synthetic => {
            crate::load::respond(request, who, shared).await.unwrap_or_else(|problem| problem_response(&problem))
        }
        Place::Ndt7 => crate::ndt7::respond(request, who, shared).await,
        Place::Page => crate::ndt7::page(&request, shared),
        Place::Unknown => problem_response(&not_found(request.uri().path())),
    }
}

/// What this caller may ask by these fields. Another site's page must not use up what the browser's owner may have here.
pub(crate) fn allowance(headers: &HeaderMap, who: &Principal, shared: &Shared) -> Allowance {
    if is_foreign(headers) { shared.guard.anyone() } else { shared.guard.allowance(who, SystemTime::now().into()) }
}

/// Does the browser say that another site's page asks? Newer ones do so of all requests (Fetch Metadata), older ones of
/// those that send something.
fn is_foreign(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let site = origin.as_ref().and_then(Uri::authority).map(::http::uri::Authority::as_str);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    site.is_none() || site != host
}

/// The HTTP of the measurement port.
pub(super) struct Pages {
    shared: Arc<Shared>,
}

impl Pages {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Handler for Pages {
    async fn handle(&self, request: Request<RequestBody>) -> Response<Body> {
        if request.uri().path() == "/" && matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/speed"));
            return response;
        }
        let Some(peer) = request.extensions().get::<Peer>().copied() else {
            return problem_response(&not_found(request.uri().path()));
        };
        // Only here callers come by themselves: behind a proxy the ports of the proxy would be tried.
        if request.uri().path() == "/knock" && *request.method() == Method::GET {
            return crate::doctor::knock::respond(&request, peer.address).await;
        }
        let bearer = bearer(request.headers());
        match self.shared.callers.who(peer.address, peer.tls.is_some(), bearer).await {
            Ok(who) => respond(request, &who, &self.shared).await,
            Err(problem) => problem_response(&problem),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A problem as an answer (RFC 9457), with the members that a port's answers have.
pub fn problem_response(problem: &Problem) -> Response<Body> {
    let retry = match problem.retry {
        Retry::Never => "never",
        Retry::Soon => "soon",
        Retry::After(_) => "after",
    };
    let text = serde_json::json!({
        "type": format!("urn:portolan:problem:{}", problem.kind),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "kind": problem.kind,
        "fault": problem.blame,
        "retry": retry,
        "next": problem.next,
    });
    let mut response = Response::new(Body::full(format!("{text}\n")));
    *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Retry::After(span) = problem.retry {
        headers.insert(RETRY_AFTER, HeaderValue::from(span.as_secs().max(1)));
    }
    if problem.status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"portolan\""));
    }
    response
}

fn draining() -> Problem {
    Problem {
        status: 503,
        kind: "draining",
        title: "this responder is stopping",
        detail: "It takes no new tests.".to_owned(),
        blame: Blame::Us,
        retry: Retry::After(std::time::Duration::from_secs(60)),
        next: "Try again in a minute.".to_owned(),
    }
}

fn not_found(path: &str) -> Problem {
    Problem {
        status: 404,
        kind: "not-found",
        title: "there is nothing here",
        detail: format!("A measurement responder has nothing at '{path}'."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "The test by a browser is at /speed.".to_owned(),
    }
}
