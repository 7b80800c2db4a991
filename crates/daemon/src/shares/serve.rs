//! A request that comes by the address of a share, and its answer.

use super::address::{self, Address};
use super::hrefs::{Rewriter, rewritten};
use super::till::{FileKey, Reservation, Sending};
use super::{Shares, Visitor, identity, unknown};
use crate::problems::wrong_method;
use crate::running::Port;
use archive::ShareRecord;
use http::header::{
    ACCEPT_RANGES, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, COOKIE, ETAG, LOCATION, RANGE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use net::{Body, Peer, RequestBody};
use port::Door;
use port::door::{DATA_PREFIX, ResponseFacts, UPLOADS_PREFIX, View, problem_response};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};
use terms::{Blame, LogicalPath, Principal, Problem, Retry, Verb};

/// What can be asked of what is shared. Nothing that names a second path, and nothing that holds others up.
const METHODS: &str = "OPTIONS, GET, HEAD, PROPFIND, PUT, DELETE, MKCOL";
/// And of a resumable upload into it.
const UPLOAD_METHODS: &str = "OPTIONS, HEAD, PATCH, DELETE";

/// Media types that can run programs in the reader's browser, with the rights of this port's pages.
const ACTIVE: [&str; 6] =
    ["text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml", "application/xslt+xml"];

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const DAV: HeaderName = HeaderName::from_static("dav");

impl Shares {
    /// Answers one request for a path below [`super::SHARES_PREFIX`]. Other credentials in it do not count.
    pub(crate) async fn respond(&self, port: &Port, request: Request<RequestBody>) -> Response<Body> {
        let facts = ResponseFacts::of(request.method(), request.headers());
        let answer = match port.audit.ready_for_data() {
            Ok(()) => self.answer(port, request).await,
            Err(problem) => Err(problem),
        };
        let mut response = answer.unwrap_or_else(|problem| {
            let is_wrong_method = problem.status == 405;
            let mut response = problem_response(&problem, facts);
            if is_wrong_method {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
            }
            response
        });
        guard_reader(response.headers_mut());
        response
    }

    async fn answer(&self, port: &Port, mut request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        let (door, guard) = (&port.door, &port.gate.guard);
        let visitor = visitor(&request);
        let tls = request.extensions().get::<Peer>().is_some_and(|peer| peer.tls.is_some());
        let path = request.uri().path().to_owned();
        let found = match Address::take_apart(&path) {
            Some(address) => self.find(&address, guard, visitor).await.map(|record| (address, record)),
            // No guess: a page elsewhere that names `/s/x` must not cost its visitors their sign-ins.
            None => Err(unknown()),
        };
        let (address, record) = found.inspect_err(|problem| {
            if problem.status < 500 {
                port.audit.sign_in_failed(visitor.from, tls, problem);
            }
        })?;
        let view = View::of(record.path.clone(), address.prefix.to_owned());
        request.extensions_mut().insert(Principal::of(identity(&record)).came(visitor.from, tls));
        request.extensions_mut().insert(view.clone());
        for name in [AUTHORIZATION, COOKIE] {
            request.headers_mut().remove(name);
        }
        let response = if address.of_upload {
            self.upload(door, &record, &address, request).await?
        } else {
            self.data(door, &record, &view, request).await?
        };
        Ok(addressed(response, &record, address.prefix))
    }

    async fn data(
        &self,
        door: &Door,
        record: &ShareRecord,
        view: &View,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Body>, Problem> {
        let method = request.method().clone();
        let Some(path) = view.path_of(request.uri().path()) else {
            return outside(view, record, &request);
        };
        if !METHODS.split(", ").any(|one| one == method.as_str()) {
            return Err(wrong_method(&method, view.shown(&path).as_str(), METHODS));
        }
        let slash = if request.uri().path().ends_with('/') && !path.is_root() { "/" } else { "" };
        lead(&mut request, &format!("{DATA_PREFIX}{}{slash}", path.to_url_path()))?;
        match method.as_str() {
            "GET" => {
                // Several ranges in one answer may repeat bytes, and do not tell the file's length: whoever asks for
                // them gets the whole, as RFC 9110 §14.2 allows.
                let several = |value: &HeaderValue| value.as_bytes().contains(&b',');
                if request.headers().get(RANGE).is_some_and(several) {
                    request.headers_mut().remove(RANGE);
                }
                let response = door.handle(request).await;
                self.charge(record, path, response).await
            }
            "PUT" => self.receive(record, request, |request| door.handle(request)).await,
            "OPTIONS" => Ok(abilities(door.handle(request).await, record)),
            _ => Ok(door.handle(request).await),
        }
    }

    async fn upload(
        &self,
        door: &Door,
        record: &ShareRecord,
        address: &Address<'_>,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Body>, Problem> {
        let id = address.rest.trim_start_matches('/');
        lead(&mut request, &format!("{UPLOADS_PREFIX}{id}"))?;
        if request.method() == Method::PATCH {
            return self.receive(record, request, |request| door.handle_upload(request)).await;
        }
        let mut response = door.handle_upload(request).await;
        if response.headers().contains_key(ALLOW) {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(UPLOAD_METHODS));
        }
        Ok(response)
    }

    /// Takes a file that is about to be sent from the budget, or refuses to send it.
    async fn charge(
        &self,
        record: &ShareRecord,
        path: LogicalPath,
        response: Response<Body>,
    ) -> Result<Response<Body>, Problem> {
        let Some((size_bytes, tag)) = file_in(&response) else { return Ok(response) };
        let bytes = response.body().remaining_bytes();
        let sending = Sending { key: FileKey { share: record.id, path, tag }, size_bytes, bytes };
        let reservation = self.till.send(record, sending).await?;
        Ok(response.map(|body| body.on_end(move |end| reservation.end(end.bytes_sent))))
    }

    /// Takes what is about to be received from the budget, or refuses to receive it.
    async fn receive<F>(
        &self,
        record: &ShareRecord,
        request: Request<RequestBody>,
        take: impl FnOnce(Request<RequestBody>) -> F,
    ) -> Result<Response<Body>, Problem>
    where
        F: Future<Output = Response<Body>>,
    {
        let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if record.bytes_max.is_some() && announced.is_none() {
            return Err(length_required());
        }
        let reservation = self.till.receive(record, announced.unwrap_or(0)).await?;
        let (parts, body) = request.into_parts();
        let (body, count) = body.counted();
        let receiving = Receiving { reservation: Some(reservation), count };
        let response = take(Request::from_parts(parts, body)).await;
        drop(receiving);
        Ok(response)
    }
}

/// A body on its way in: what of it arrived counts, even when whoever sends it goes away.
struct Receiving {
    reservation: Option<Reservation>,
    count: Arc<AtomicU64>,
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            reservation.end(self.count.load(Ordering::Relaxed));
        }
    }
}

fn visitor(request: &Request<RequestBody>) -> Visitor {
    let peer = request.extensions().get::<Peer>();
    Visitor {
        from: peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.address.ip()),
        now: Instant::now(),
        wall: SystemTime::now().into(),
    }
}

/// Above what is shared there is nothing; but whoever cut the address short is shown the way.
fn outside(view: &View, record: &ShareRecord, request: &Request<RequestBody>) -> Result<Response<Body>, Problem> {
    let path = request.uri().path();
    let is_cut = Address::take_apart(path).is_some_and(|address| address.rest.trim_end_matches('/').is_empty());
    if !is_cut || !matches!(*request.method(), Method::GET | Method::HEAD) {
        let shown = LogicalPath::from_url_path(Address::take_apart(path).map_or("/", |address| address.rest));
        let shown = shown.map_or_else(|_| "this path".to_owned(), |path| path.to_string());
        return Err(Problem {
            kind: "not-shared",
            ..crate::problems::not_found(&shown, "Use the address as you got it.")
        });
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(home) = HeaderValue::try_from(view.href(&record.path)) {
        response.headers_mut().insert(LOCATION, home);
    }
    Ok(response)
}

/// Gives the request another path; its query and host stay.
fn lead(request: &mut Request<RequestBody>, path: &str) -> Result<(), Problem> {
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(format!("{path}{query}").parse::<PathAndQuery>().map_err(|_| unknown())?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| unknown())?;
    Ok(())
}

/// Length and tag of the file that an answer carries, all of it or a part; `None`: it carries none.
fn file_in(response: &Response<Body>) -> Option<(u64, String)> {
    let headers = response.headers();
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    // Listings have neither; answers without a body of the file have another status.
    let (tag, _) = (text(ETAG)?, text(ACCEPT_RANGES)?);
    let size_bytes = match response.status() {
        StatusCode::OK => response.body().remaining_bytes(),
        StatusCode::PARTIAL_CONTENT => text(CONTENT_RANGE)?.rsplit('/').next()?.parse().ok()?,
        _ => return None,
    };
    Some((size_bytes, tag.to_owned()))
}

/// What OPTIONS tells: the methods of which the verbs of the share are good for something.
fn abilities(mut response: Response<Body>, record: &ShareRecord) -> Response<Body> {
    let may = |verbs: &[Verb]| verbs.iter().any(|verb| record.verbs.contains(*verb));
    let offered = METHODS.split(", ").filter(|method| match *method {
        "GET" => may(&[Verb::Read, Verb::List]),
        "HEAD" => may(&[Verb::Stat, Verb::List]),
        "PROPFIND" => may(&[Verb::Stat]),
        "PUT" => may(&[Verb::Create, Verb::Modify]),
        "MKCOL" => may(&[Verb::Create]),
        "DELETE" => may(&[Verb::Delete]),
        _ => true,
    });
    let offered: Vec<&str> = offered.collect();
    if let Ok(offered) = HeaderValue::try_from(offered.join(", ")) {
        response.headers_mut().insert(ALLOW, offered);
    }
    // Without class 2: there are no locks.
    response.headers_mut().insert(DAV, HeaderValue::from_static("1"));
    response
}

/// Makes the addresses in an answer those of the share.
fn addressed(mut response: Response<Body>, record: &ShareRecord, prefix: &str) -> Response<Body> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    if let Some(id) = location.and_then(|location| location.strip_prefix(UPLOADS_PREFIX))
        && let Ok(location) = HeaderValue::try_from(address::upload(prefix, id))
    {
        response.headers_mut().insert(LOCATION, location);
    }
    let is_file = response.headers().contains_key(ETAG);
    let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    if is_file || !kind.starts_with(b"application/xml") {
        return response;
    }
    response.headers_mut().remove(CONTENT_LENGTH);
    response.map(|body| rewritten(body, Rewriter::new(&record.path, prefix)))
}

/// The address is a secret: it is not told to other sites, kept by nobody on the way, and found by no search engine. And
/// what is shared was written by others: it does nothing in a browser that signed in here.
fn guard_reader(headers: &mut HeaderMap) {
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if headers.get(CACHE_CONTROL).is_none_or(|value| value == "private") {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if ACTIVE.contains(&kind.as_str()) && !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    }
}

fn length_required() -> Problem {
    Problem {
        status: 411,
        kind: "length-required",
        title: "The length must be told beforehand",
        detail: "This share takes so many bytes in all, and the request does not say how many it brings.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Send it with Content-Length: from a file, not from a pipe.".to_owned(),
    }
}
