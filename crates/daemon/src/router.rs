//! The way of a request: health, sign-in, then the door, the REST interface or a page; at last the count and the log line.

use crate::audit::REQUEST;
use crate::auth::Presented;
use crate::openid::Visit;
use crate::problems::{draining, not_found, panicked, refused, wrong_method};
use crate::running::Port;
use crate::settings::MetricsAccess;
use crate::{delegation, metrics, pages, shares};
use futures_util::{FutureExt as _, TryStreamExt};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use net::{Body, Handler, RequestBody};
use port::door::{ALLOW as DATA_METHODS, ResponseFacts, problem_response};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use terms::{Principal, Problem, Verb};
use tower::ServiceExt as _;

#[cfg(test)]
mod tests;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from a caller.
const REQUEST_ID_BYTES: usize = 64;

/// Answers every request.
pub(crate) struct Router {
    port: Arc<Port>,
    api: axum::Router,
    /// Begins the ids of this process; the rest is a number.
    id_stem: u32,
    requests: AtomicU64,
}

/// Where a path leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Health,
    Data,
    Upload,
    Share,
    Api,
    Front,
    SignIn,
    /// The token endpoint of OAuth.
    Token,
    /// What says where that is.
    Discovery,
    Metrics,
    /// What a responder serves by HTTP, where there is one.
    Measurement,
    /// `OPTIONS *`
    Server,
    Unknown,
}

impl Router {
    pub(crate) fn new(port: Arc<Port>) -> Self {
        let api = crate::api_v1::router(Arc::clone(&port));
        Self {
            port,
            api,
            id_stem: uuid::Uuid::now_v7().as_fields().3[4..].iter().fold(0, |n, b| n << 8 | u32::from(*b)),
            requests: AtomicU64::new(0),
        }
    }

    async fn route(&self, mut request: Request<RequestBody>, facts: ResponseFacts) -> Response<Body> {
        let place = place(&mut request);
        if place == Place::Health {
            return self.health();
        }
        if self.port.drain.is_draining() {
            return problem_response(&draining(), facts);
        }
        // Its address is all that such a caller shows.
        if place == Place::Share {
            return Box::pin(self.port.shares.respond(&self.port, request)).await;
        }
        let presented = Presented::of(request.method(), request.uri(), request.headers(), request.extensions());
        let from = presented.from;
        let who = match self.port.gate.who(&presented).await {
            Ok(who) => who,
            Err(problem) => {
                if problem.status < 500 {
                    self.port.audit.sign_in_failed(presented.from, presented.tls, &problem);
                }
                return problem_response(&problem, facts);
            }
        };
        request.extensions_mut().insert(who.clone());
        if let Err(problem) = self.port.audit.ready_for_data() {
            return problem_response(&problem, facts);
        }
        match place {
            Place::Data if request.method() == Method::POST => {
                let answer = Box::pin(delegation::macaroon_request(&self.port, request, &who)).await;
                answer.unwrap_or_else(|problem| problem_response(&problem, facts))
            }
            Place::Data => self.port.door.handle(request).await,
            // Boxed: what is rare does not make every request larger.
            Place::Upload => Box::pin(self.port.door.handle_upload(request)).await,
            Place::Api => Box::pin(self.api(request, facts)).await,
            Place::SignIn => {
                let tls = request.extensions().get::<net::Peer>().is_some_and(|peer| peer.tls.is_some());
                let visit = Visit {
                    method: request.method(),
                    uri: request.uri(),
                    headers: request.headers(),
                    tls,
                    now: Instant::now(),
                };
                let answer = Box::pin(self.port.sign_in.respond(&self.port, visit, &who)).await;
                answer.unwrap_or_else(|problem| problem_response(&problem, facts))
            }
            Place::Measurement if let Some(responder) = &self.port.responder => {
                Box::pin(soundings::responder::http::respond(request, &who, &responder.shared)).await
            }
            Place::Token if request.method() == Method::POST => {
                Box::pin(delegation::oauth_token(&self.port, request, &who)).await
            }
            _ => {
                let answer = Box::pin(self.own(place, &request, &who, from)).await;
                answer.unwrap_or_else(|problem| problem_response(&problem, facts))
            }
        }
    }

    /// The daemon's own pages, all of them only to be read.
    async fn own(
        &self,
        place: Place,
        request: &Request<RequestBody>,
        who: &Principal,
        from: IpAddr,
    ) -> Result<Response<Body>, Problem> {
        let path = request.uri().path();
        if matches!(place, Place::Unknown | Place::Measurement) {
            return Err(not_found(path, "Files are below /data/, the interface for programs is below /api/v1/."));
        }
        if request.method() == Method::OPTIONS {
            let mut response = Response::new(Body::empty());
            let methods = if place == Place::Server { DATA_METHODS } else { "GET, HEAD, OPTIONS" };
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
            return Ok(response);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(wrong_method(request.method(), path, "GET or HEAD"));
        }
        if place == Place::Token {
            return Err(wrong_method(request.method(), path, "POST"));
        }
        match place {
            Place::Metrics => self.metrics(who, from).await,
            Place::Discovery => delegation::oauth_discovery(&self.port, request, who),
            _ => pages::front(&self.port, who).await,
        }
    }

    async fn metrics(&self, who: &Principal, from: IpAddr) -> Result<Response<Body>, Problem> {
        let open = match self.port.reloading.in_force().metrics.anonymous {
            MetricsAccess::Nobody => false,
            MetricsAccess::Loopback => from.to_canonical().is_loopback(),
            MetricsAccess::All => true,
        };
        // `stat` on everything is more than the metrics tell.
        if !open && !self.port.may(who, Verb::Stat) {
            let decision = self.port.decide(who, Verb::ReadMetrics);
            if !decision.allows() {
                return Err(refused(&decision));
            }
        }
        let page = metrics::page(&self.port.counters, &self.port.readings().await);
        Ok(text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page))
    }

    fn health(&self) -> Response<Body> {
        if self.port.drain.is_draining() {
            return text(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", "draining\n");
        }
        text(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")
    }

    async fn api(&self, request: Request<RequestBody>, facts: ResponseFacts) -> Response<Body> {
        let commands = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if commands && let Err(problem) = self.port.audit.ready() {
            return problem_response(&problem, facts);
        }
        let answer = match self.api.clone().oneshot(request.map(axum::body::Body::new)).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (mut parts, body) = answer.into_parts();
        if let Some(problem) = parts.extensions.remove::<Problem>() {
            let mut response = problem_response(&problem, facts);
            if let Some(allow) = parts.headers.remove(ALLOW) {
                response.headers_mut().insert(ALLOW, allow);
            }
            return response;
        }
        parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if commands && let Err(problem) = self.port.audit.settled().await {
            // It is done, and will be written when the disk allows: that must not be told as a failure of the command.
            tracing::error!("a command was carried out before its record was durable: {problem}");
        }
        if parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
            let stream = TryStreamExt::map_err(body.into_data_stream(), std::io::Error::other);
            return Response::from_parts(parts, Body::stream(stream));
        }
        // Answers of the interface are small and in memory already.
        match body.collect().await {
            Ok(whole) => Response::from_parts(parts, Body::full(whole.to_bytes())),
            Err(_) => problem_response(&panicked("of the interface"), facts),
        }
    }

    /// The caller's own id for the request where it is harmless, so that both logs can be joined; else one of ours.
    fn request_id(&self, request: &Request<RequestBody>) -> HeaderValue {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let harmless = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            let letters = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
            (1..=REQUEST_ID_BYTES).contains(&bytes.len()) && letters
        };
        request.headers().get(REQUEST_ID).filter(harmless).cloned().unwrap_or_else(|| {
            let id = format!("{:08x}-{number}", self.id_stem);
            HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"))
        })
    }
}

impl Handler for Router {
    async fn handle(&self, request: Request<RequestBody>) -> Response<Body> {
        let began = Instant::now();
        let id = self.request_id(&request);
        let method = request.method().clone();
        let facts = ResponseFacts::of(&method, request.headers());
        let path =
            tracing::enabled!(tracing::Level::DEBUG).then(|| shares::redacted(request.uri().path()).into_owned());
        let _running = self.port.counters.begin();
        let answer = REQUEST.scope(id.clone(), AssertUnwindSafe(self.route(request, facts)).catch_unwind()).await;
        let shown = id.to_str().unwrap_or("-");
        let mut response = answer.unwrap_or_else(|_| {
            self.port.counters.panicked();
            tracing::error!("request {shown}: a fault of the program; what it said stands above");
            problem_response(&panicked(shown), facts)
        });
        self.port.counters.answered(&method, response.status());
        if let Some(path) = path {
            tracing::debug!(request = shown, status = response.status().as_u16(), after = ?began.elapsed(), "{method} {path}");
        }
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
}

/// Where the request leads. Repeated slashes before the door and in the interface are folded in the request itself; below
/// `/data/` the door has its own rules.
fn place(request: &mut Request<RequestBody>) -> Place {
    let path = request.uri().path();
    if path == "*" {
        return Place::Server;
    }
    if path.contains("//") {
        let rooted = format!("/{}", path.trim_start_matches('/'));
        let in_data = rooted == "/data" || rooted.starts_with("/data/");
        let folded = if in_data { rooted } else { fold(&rooted) };
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        if let Ok(uri) = format!("{folded}{query}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    let below = |path: &str, prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match request.uri().path() {
        "/healthz" => Place::Health,
        "/metrics" => Place::Metrics,
        "/" => Place::Front,
        "/sign-out" => Place::SignIn,
        path if below(path, "/sign-in") => Place::SignIn,
        delegation::TOKEN_PATH => Place::Token,
        path if delegation::is_discovery(path) => Place::Discovery,
        path if below(path, port::door::DATA_PREFIX) => Place::Data,
        path if below(path, shares::SHARES_PREFIX) => Place::Share,
        path if below(path, "/api/v1/uploads") => Place::Upload,
        path if below(path, "/api") => Place::Api,
        path if soundings::responder::http::is_place(path) => Place::Measurement,
        _ => Place::Unknown,
    }
}

fn fold(path: &str) -> String {
    let mut folded = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !folded.ends_with('/') {
            folded.push(letter);
        }
    }
    folded
}

pub(crate) fn text(status: StatusCode, kind: &'static str, body: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
