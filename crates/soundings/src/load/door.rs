//! The server's side: `/synthetic/…`.

use super::lease::{Lease, NoLease, State};
use super::synthetic::{PIECE_BYTES, piece};
use crate::guard::turn::NoTurn;
use crate::responder::http::allowance;
use crate::responder::{Protocol, Refusal, Shared};
use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE, RETRY_AFTER,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use net::{Body, Peer, RequestBody};
use serde::Serialize;
use soundings_core::load::address::{Asked, LEASE_FIELD, Part, asked, part};
use soundings_core::load::lease::UploadAnswer;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{Blame, Principal, Problem, Retry};

/// When who waits for its lease should ask again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Answers a request below `/synthetic/` of a caller who is known by now. The request carries its [`Peer`].
pub async fn respond(
    request: Request<RequestBody>,
    who: &Principal,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Problem> {
    let path = request.uri().path().to_owned();
    let asked = asked(&path).ok_or_else(|| nothing(&path))?;
    let asked = asked.map_err(|error| bad_address(&error.to_string()))?;
    match asked {
        Asked::Leases if request.method() == Method::POST => new_lease(&request, who, shared).await,
        Asked::Leases => Ok(other_method("POST")),
        Asked::Lease(id) => lease(&request, &id, shared),
        Asked::Bytes(size) => bytes(request, size, who, shared).await,
    }
}

async fn new_lease(
    request: &Request<RequestBody>,
    who: &Principal,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Problem> {
    let peer = peer(request)?;
    let mut allowance = allowance(request.headers(), who, shared);
    if let Some(seconds) = wanted_seconds(request.uri().query()) {
        allowance.longest = allowance.longest.min(Duration::from_secs(seconds));
    }
    let lease = shared.leases.ask(shared, who, peer.address, allowance).map_err(|why| no_lease(shared, &why))?;
    // Most often nobody is before it, and one answer is enough.
    let settled = tokio::time::timeout(Duration::from_millis(50), lease.settled()).await;
    lease_answer(&lease, settled.unwrap_or_else(|_| lease.state()), true)
}

/// How long the test takes by its own word: `?seconds=N`.
fn wanted_seconds(query: Option<&str>) -> Option<u64> {
    let value = query?.split('&').find_map(|pair| pair.strip_prefix("seconds="))?;
    value.parse().ok().filter(|seconds| *seconds > 0)
}

fn lease(request: &Request<RequestBody>, id: &str, shared: &Arc<Shared>) -> Result<Response<Body>, Problem> {
    let lease = shared.leases.find(id).ok_or_else(over)?;
    let state = lease.state();
    match *request.method() {
        Method::GET => lease_answer(&lease, state, false),
        Method::DELETE => {
            let answer = lease_answer(&lease, state, false);
            lease.end();
            answer
        }
        _ => Ok(other_method("GET, DELETE")),
    }
}

fn lease_answer(lease: &Lease, state: State, new: bool) -> Result<Response<Body>, Problem> {
    let status = match &state {
        State::Waiting(_) => StatusCode::ACCEPTED,
        State::Running { .. } if new => StatusCode::CREATED,
        State::Running { .. } => StatusCode::OK,
        State::NoTurn(none) => return Err(no_turn(none)),
        State::Over => return Err(over()),
    };
    let mut response = json(status, &lease.answer(&state));
    if status == StatusCode::ACCEPTED {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(ASK_AGAIN.as_secs()));
    }
    Ok(response)
}

async fn bytes(
    request: Request<RequestBody>,
    size: u64,
    who: &Principal,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Problem> {
    match *request.method() {
        Method::HEAD => return Ok(head(size)),
        Method::GET | Method::PUT | Method::POST => {}
        _ => return Ok(other_method("GET, HEAD, PUT, POST")),
    }
    let lease = lease_of(&request, who, shared)?;
    match lease.settled().await {
        State::Running { .. } => {}
        State::NoTurn(none) => return Err(no_turn(&none)),
        State::Waiting(_) | State::Over => return Err(over()),
    }
    if request.method() == Method::GET {
        let field = request.headers().get(RANGE).and_then(|field| field.to_str().ok());
        Ok(download(&lease, part(field, size), size))
    } else {
        upload(&lease, request.into_body()).await
    }
}

/// The lease that the request names, if its turn came; without one, that of its address.
fn lease_of(request: &Request<RequestBody>, who: &Principal, shared: &Arc<Shared>) -> Result<Arc<Lease>, Problem> {
    if let Some(field) = request.headers().get(LEASE_FIELD) {
        let id = field.to_str().map_err(|_| over())?;
        let lease = shared.leases.find(id).ok_or_else(over)?;
        return match lease.state() {
            State::Waiting(_) => Err(too_early()),
            _ => Ok(lease),
        };
    }
    let peer = peer(request)?;
    let allowance = allowance(request.headers(), who, shared);
    shared.leases.unasked(shared, who, peer.address, allowance).map_err(|why| no_lease(shared, &why))
}

fn download(lease: &Arc<Lease>, part: Part, size: u64) -> Response<Body> {
    let (status, first, len) = match part {
        Part::Whole => (StatusCode::OK, 0, size),
        Part::Range { first, len } => (StatusCode::PARTIAL_CONTENT, first, len),
        Part::Beyond => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set_range(&mut response, format!("bytes */{size}"));
            return response;
        }
    };
    let mut response = head(size);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len));
    if status == StatusCode::PARTIAL_CONTENT {
        set_range(&mut response, format!("bytes {first}-{}/{size}", first + len - 1));
    }
    let active = lease.enter();
    let begun = (Arc::clone(lease), active, first, len);
    let pieces = stream::try_unfold(begun, |(lease, active, offset, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let bytes = piece(offset, left);
        let len = bytes.len() as u64;
        tokio::select! {
            biased;
            () = lease.over() => return Err(io::Error::other("the time of the test is over")),
            () = lease.pass(bytes.len(), true) => {}
        }
        Ok(Some((bytes, (lease, active, offset + len, left - len))))
    });
    *response.body_mut() = Body::stream(pieces);
    response
}

async fn upload(lease: &Arc<Lease>, mut body: RequestBody) -> Result<Response<Body>, Problem> {
    use http_body::Body as _;
    let active = lease.enter();
    let begun = Instant::now();
    let mut bytes = 0;
    loop {
        let frame = tokio::select! {
            frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)) => frame,
            () = lease.over() => return Err(over()),
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| error.problem())?;
        if let Ok(data) = frame.into_data() {
            bytes += data.len() as u64;
            for piece in data.chunks(PIECE_BYTES) {
                lease.pass(piece.len(), false).await;
            }
        }
    }
    drop(active);
    let seconds = begun.elapsed().as_secs_f64();
    let bits_per_second = (seconds > 0.0).then(|| bytes as f64 * 8.0 / seconds);
    Ok(json(StatusCode::OK, &UploadAnswer { bytes, seconds, bits_per_second }))
}

fn head(size: u64) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    // Who would keep them measures the way to the cache.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn set_range(response: &mut Response<Body>, range: String) {
    if let Ok(range) = HeaderValue::try_from(range) {
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
}

fn json(status: StatusCode, answer: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(answer).unwrap_or_default();
    let mut response = Response::new(Body::full(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn other_method(allowed: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn peer(request: &Request<RequestBody>) -> Result<Peer, Problem> {
    request.extensions().get::<Peer>().copied().ok_or_else(|| Problem {
        status: 500,
        kind: "peer-unknown",
        title: "It is not known who calls",
        detail: "The request came without the address of its sender.".to_owned(),
        blame: Blame::Us,
        retry: Retry::Never,
        next: "Report this.".to_owned(),
    })
}

fn nothing(path: &str) -> Problem {
    Problem {
        status: 404,
        kind: "not-found",
        title: "There is nothing here",
        detail: format!("'{path}' names no synthetic bytes."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask for /synthetic/SIZE, as /synthetic/100MB.".to_owned(),
    }
}

fn bad_address(why: &str) -> Problem {
    Problem {
        status: 400,
        kind: "size-unreadable",
        title: "This is no size of synthetic bytes",
        detail: format!("In the address, {why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask for /synthetic/SIZE, as /synthetic/100MB.".to_owned(),
    }
}

fn over() -> Problem {
    Problem {
        status: 410,
        kind: "lease-over",
        title: "The time of this test is over",
        detail: "The lease that the request names is not, or no longer, one of a test here.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask for a new turn: POST /synthetic/lease.".to_owned(),
    }
}

fn too_early() -> Problem {
    Problem {
        status: 425,
        kind: "lease-waits",
        title: "This test has to wait for its turn",
        detail: "The lease that the request names still waits.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::After(ASK_AGAIN),
        next: "Ask GET /synthetic/lease/ID until it is granted.".to_owned(),
    }
}

fn no_turn(none: &NoTurn) -> Problem {
    let again = none.again();
    Problem {
        status: 503,
        kind: "busy",
        title: "Another test runs",
        detail: format!("One test that fills the path runs at a time, and for this one {none}."),
        blame: Blame::Us,
        retry: Retry::After(again.max(ASK_AGAIN)),
        next: "Wait in the queue: POST /synthetic/lease; or try again later.".to_owned(),
    }
}

fn no_lease(shared: &Shared, why: &NoLease) -> Problem {
    let NoLease::TooMany = why;
    shared.runs.refused(Some(Protocol::Synthetic), Refusal::Busy);
    Problem {
        status: 429,
        kind: "leases-too-many",
        title: "Too many tests of one address",
        detail: "This address has as many tests waiting and running as it may.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::After(Duration::from_secs(10)),
        next: "End one of them, or wait.".to_owned(),
    }
}
