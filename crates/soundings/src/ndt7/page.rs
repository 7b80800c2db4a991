//! The page with one button. Nothing in it comes from elsewhere, and without JavaScript it says what to do instead.

use crate::responder::Shared;
use crate::responder::http::problem_response;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use net::Body;
use std::sync::Arc;
use terms::{Blame, Problem, Retry};

const HTML: &str = include_str!("page/speed.html");
const SCRIPT: &str = include_str!("page/speed.js");

/// Its own style, its own script, and tests against its own host; nothing else.
const SECURITY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Answers `/speed` and what is below it.
pub fn page<B>(request: &Request<B>, shared: &Arc<Shared>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = problem_response(&wrong_method(request.method()));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/speed" => answer("text/html; charset=utf-8", HTML.to_owned()),
        "/speed/speed.js" => answer("text/javascript; charset=utf-8", SCRIPT.to_owned()),
        "/speed/turn" => answer("application/json", turn(shared)),
        path => problem_response(&not_found(path)),
    }
}

/// Who waits is told how long; for whom is told by the protocols that have words for it, and not to everybody.
fn turn(shared: &Shared) -> String {
    let (running, waiting) = shared.guard.turns().look();
    let seconds = running.iter().map(|(_, left)| left.as_secs_f64()).fold(0.0, f64::max);
    serde_json::json!({ "running": running.len(), "waiting": waiting.len(), "at_most_seconds": seconds.ceil() })
        .to_string()
}

fn answer(kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SECURITY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn wrong_method(method: &Method) -> Problem {
    Problem {
        status: 405,
        kind: "wrong-method",
        title: "This can only be read",
        detail: format!("{method} is not possible on the page of the speed test."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Use GET.".to_owned(),
    }
}

fn not_found(path: &str) -> Problem {
    Problem {
        status: 404,
        kind: "not-found",
        title: "There is nothing here",
        detail: format!("The speed test has nothing at '{path}'."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Its page is at /speed.".to_owned(),
    }
}
