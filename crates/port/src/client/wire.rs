//! Requests and answers: credentials, redirects, silence, and what a refusal says.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use net::client::{Client, ClientBody, ClientSettings};
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use terms::Problem;

use super::address::Url;
use super::fault;
use super::progress::{Meter, Waiting};
use super::token::Token;

/// Redirects that one request follows. Grid storage redirects once (head node to disk node), behind a balancer twice.
const MAX_REDIRECTS: usize = 5;

/// How many times the stall timeout a server may take to answer once it has a whole body. With a minute each, that is as
/// long as a busy disk array needs to sync some hundred gigabytes.
const ANSWER_PATIENCE: u32 = 5;

/// The most of an error's body that is read: its first lines are shown.
const MAX_REFUSAL_BYTES: usize = 16 * 1024;

/// Connections, credentials, and what was learnt of each server. Clones share them.
#[derive(Clone)]
pub(crate) struct Wire {
    client: Client,
    shared: Arc<Shared>,
}

struct Shared {
    token: Option<Token>,
    token_in_clear: bool,
    stall_timeout: Duration,
    origins: Mutex<HashMap<String, Arc<Origin>>>,
}

/// What was learnt of one server, so that each file need not learn it again.
#[derive(Default)]
pub(crate) struct Origin {
    /// The limits of resumable uploads, or that there are none.
    pub(crate) resumable: tokio::sync::OnceCell<Option<port_core::http::resumable::Limits>>,
    /// Does it tell digests with the answer to PUT?
    pub(crate) digest_on_put: Learnt,
    /// Does it tell digests with the answer to GET?
    pub(crate) digest_on_get: Learnt,
    /// Does it tell digests with the answer to HEAD?
    pub(crate) digest_on_head: Learnt,
}

/// Something that is unknown until the first answer.
#[derive(Default)]
pub(crate) struct Learnt(AtomicU8);

impl Learnt {
    pub(crate) fn learn(&self, yes: bool) {
        self.0.store(if yes { 1 } else { 2 }, Ordering::Relaxed);
    }

    pub(crate) fn is_known_not(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 2
    }
}

/// The body of a request, and whether it can be sent again after a redirect.
pub(crate) enum Payload {
    Empty,
    Bytes(Bytes),
    /// Made anew for each try.
    Remake(Box<dyn Fn() -> ClientBody + Send + Sync>),
    /// Sent once; a redirect is handed back to the caller.
    Once(ClientBody),
}

/// One request.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    /// Grows while the body is sent: as long as it does, the server is not silent.
    pub(crate) sent: Option<Arc<Sending>>,
    pub(crate) meter: &'a Meter,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(method: Method, url: &'a Url, meter: &'a Meter) -> Self {
        Self { method, url, headers: HeaderMap::new(), payload: Payload::Empty, sent: None, meter }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn maybe(self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn body(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }
}

/// How far a body has been sent.
#[derive(Default)]
pub(crate) struct Sending {
    /// Bytes handed to the connection.
    bytes: AtomicU64,
    /// How many there are, where that is known: nobody asks for an end behind the last of them.
    total: Option<u64>,
    ended: AtomicBool,
}

impl Sending {
    pub(crate) fn of(total: Option<u64>) -> Arc<Self> {
        Arc::new(Self { total, ..Self::default() })
    }

    pub(crate) fn advance(&self, bytes: u64) {
        let sent = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.total.is_some_and(|total| sent >= total) {
            self.end();
        }
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// An answer, and the address that gave it.
pub(crate) struct Reply {
    pub(crate) response: Response<Incoming>,
    pub(crate) url: Url,
}

impl Reply {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(crate) fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers().get(name)?.to_str().ok().map(str::trim)
    }

    /// What is known of the connection that it came by.
    pub(crate) fn connection(&self) -> Option<&net::ConnectionFacts> {
        self.response.extensions().get()
    }

    pub(crate) fn is_redirect(&self) -> bool {
        matches!(self.status().as_u16(), 301 | 302 | 303 | 307 | 308)
    }

    /// Where a redirect leads.
    pub(crate) fn location(&self) -> Option<Url> {
        self.url.resolve(self.text(&header::LOCATION)?)
    }
}

impl Wire {
    pub(crate) fn new(
        settings: ClientSettings,
        token: Option<Token>,
        token_in_clear: bool,
        stall_timeout: Duration,
    ) -> Result<Self, Problem> {
        // Ours ends first: it knows more of what is going on.
        let settings = ClientSettings { answer_timeout: stall_timeout * (ANSWER_PATIENCE + 1), ..settings };
        let client = Client::new(settings).map_err(|error| error.problem())?;
        let shared = Shared { token, token_in_clear, stall_timeout, origins: Mutex::default() };
        Ok(Self { client, shared: Arc::new(shared) })
    }

    /// What is known of the server of this address.
    pub(crate) fn origin(&self, url: &Url) -> Arc<Origin> {
        // A poisoned lock still guards a whole map: insertion cannot be seen half done.
        let mut origins = self.shared.origins.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(origins.entry(url.origin()).or_default())
    }

    /// Would a token be kept back, because it would travel in clear?
    pub(crate) fn withholds_token(&self, url: &Url) -> bool {
        self.shared.token.is_some() && url.user().is_none() && !self.may_carry_token(url)
    }

    /// Sends a request, follows redirects, and gives back the final answer, success or not. The token goes only to the
    /// server that was asked first: whoever redirects elsewhere does not make that place trusted.
    pub(crate) async fn send(&self, ask: Ask<'_>) -> Result<Reply, Problem> {
        let Ask { method, url, headers, mut payload, sent, meter } = ask;
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (body, again) = next_body(payload);
            payload = again.unwrap_or(Payload::Empty);
            let can_repeat = !matches!(body, NextBody::Last(_));
            let request = self.request(&method, &at, &headers, body.into_inner(), at.origin() == url.origin())?;
            // While a body is being sent the waiting is not for the answer: whoever feeds the body counts that.
            let waiting = sent.is_none().then(|| meter.start(Waiting::Answer));
            let response = self.patiently(self.client.send(request), sent.as_deref(), &at).await;
            drop(waiting);
            let response = response?.map_err(|error| error.problem())?;
            let reply = Reply { response, url: at };
            if !follows(&method, reply.status()) || !can_repeat {
                return Ok(reply);
            }
            let Some(next) = reply.location() else { return Ok(reply) };
            if reply.url.is_secure() && !next.is_secure() {
                return Err(fault::misbehaved("Asking", &reply.url, "it redirects from TLS to a plain connection"));
            }
            at = next;
        }
        Err(fault::misbehaved("Asking", url, format_args!("it redirects more than {MAX_REDIRECTS} times")))
    }

    /// [`send`](Self::send), and a problem for any answer that is no success.
    pub(crate) async fn succeed(&self, tried: &str, ask: Ask<'_>) -> Result<Reply, Problem> {
        let reply = self.send(ask).await?;
        if reply.status().is_success() { Ok(reply) } else { Err(self.refusal(tried, reply).await) }
    }

    /// The next piece of a body; `None` at its end.
    pub(crate) async fn piece(&self, body: &mut Incoming, from: &Url, meter: &Meter) -> Result<Option<Bytes>, Problem> {
        loop {
            let waiting = meter.start(Waiting::Network);
            let frame = tokio::time::timeout(self.shared.stall_timeout, body.frame()).await;
            drop(waiting);
            let frame = frame.map_err(|_| fault::stalled(from, self.shared.stall_timeout))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(fault::cut_short(from, innermost(&error))),
                Some(Ok(frame)) => {
                    // Trailers carry nothing that we need: the framing already tells a broken body from a whole one.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// The start of a small body.
    pub(crate) async fn read_up_to(&self, reply: Reply, limit_bytes: usize) -> Vec<u8> {
        let mut body = reply.response.into_body();
        let mut whole = Vec::new();
        let meter = Meter::default();
        while let Ok(Some(bytes)) = self.piece(&mut body, &reply.url, &meter).await {
            let room = limit_bytes - whole.len();
            whole.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if whole.len() == limit_bytes {
                break;
            }
        }
        whole
    }

    /// What an answer that is no success says.
    pub(crate) async fn refusal(&self, tried: &str, reply: Reply) -> Problem {
        let (status, url) = (reply.status(), reply.url.clone());
        let wait = reply.text(&header::RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let media_type = reply.text(&header::CONTENT_TYPE).unwrap_or("").to_owned();
        let body = self.read_up_to(reply, MAX_REFUSAL_BYTES).await;
        let mut problem = fault::of_status(status, tried, &url, &told(&media_type, &body), wait);
        if status == StatusCode::UNAUTHORIZED && self.withholds_token(&url) {
            problem.next = "The token was kept back because the connection is not encrypted: use https, or allow it \
                            by --token-in-clear."
                .to_owned();
        }
        if is_digest_mismatch(&body) {
            problem.kind = fault::kind::DIGEST_MISMATCH;
        }
        problem
    }

    fn may_carry_token(&self, url: &Url) -> bool {
        // RFC 6750 §5.3: never in clear; on this machine there is no wire.
        url.is_secure() || self.shared.token_in_clear || url.is_loopback()
    }

    fn request(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: ClientBody,
        trusted: bool,
    ) -> Result<Request<ClientBody>, Problem> {
        let uri = url.to_uri().ok_or_else(|| fault::usage(format!("'{url}' cannot be sent in a request")))?;
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        let all = request.headers_mut();
        all.extend(headers.clone());
        all.insert(header::USER_AGENT, HeaderValue::from_static(concat!("portolan/", env!("CARGO_PKG_VERSION"))));
        // A coded body would have other digests and ranges than the file (RFC 9110 §12.5.3).
        all.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if trusted && let Some(mut value) = self.authorization(url) {
            value.set_sensitive(true);
            all.insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    fn authorization(&self, url: &Url) -> Option<HeaderValue> {
        use base64::Engine as _;
        if let Some(user) = url.user() {
            let user = zeroize::Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(user));
            return HeaderValue::from_str(&format!("Basic {}", *user)).ok();
        }
        let token = self.shared.token.as_ref().filter(|_| self.may_carry_token(url))?;
        token.header()
    }

    /// Waits as long as something moves, and longer when all is sent: a server may then have to make much durable.
    async fn patiently<F: Future>(&self, future: F, sent: Option<&Sending>, url: &Url) -> Result<F::Output, Problem> {
        let mut future = pin!(future);
        let moved = || sent.map_or(0, |sent| sent.bytes.load(Ordering::Relaxed));
        let (mut before, mut silent) = (moved(), 0);
        loop {
            match tokio::time::timeout(self.shared.stall_timeout, &mut future).await {
                Ok(output) => return Ok(output),
                Err(_) if moved() > before => (before, silent) = (moved(), 0),
                Err(_) => silent += 1,
            }
            let all_sent = sent.is_some_and(|sent| sent.ended.load(Ordering::Relaxed));
            if silent >= if all_sent { ANSWER_PATIENCE } else { 1 } {
                return Err(fault::stalled(url, self.shared.stall_timeout * silent));
            }
        }
    }
}

enum NextBody {
    Repeatable(ClientBody),
    Last(ClientBody),
}

impl NextBody {
    fn into_inner(self) -> ClientBody {
        match self {
            Self::Repeatable(body) | Self::Last(body) => body,
        }
    }
}

/// The body to send now, and what makes the next one.
fn next_body(payload: Payload) -> (NextBody, Option<Payload>) {
    match payload {
        Payload::Empty => (NextBody::Repeatable(ClientBody::empty()), Some(Payload::Empty)),
        Payload::Bytes(bytes) => (NextBody::Repeatable(ClientBody::full(bytes.clone())), Some(Payload::Bytes(bytes))),
        Payload::Remake(make) => (NextBody::Repeatable(make()), Some(Payload::Remake(make))),
        Payload::Once(body) => (NextBody::Last(body), None),
    }
}

/// RFC 9110 §15.4: whoever reads may follow any redirect; what writes follows only those that keep the method.
fn follows(method: &Method, status: StatusCode) -> bool {
    let reads = matches!(method.as_str(), "GET" | "HEAD" | "PROPFIND" | "OPTIONS");
    match status.as_u16() {
        301 | 302 => reads,
        303 => matches!(*method, Method::GET | Method::HEAD),
        307 | 308 => true,
        _ => false,
    }
}

/// The words for people in the body of an error: the detail of a problem document, or the first line of plain text.
fn told(media_type: &str, body: &[u8]) -> String {
    let media_type = media_type.split(';').next().unwrap_or("").trim();
    let text = if media_type.ends_with("json") {
        let document = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
        let words =
            ["detail", "title", "message"].iter().find_map(|key| document.get(key)?.as_str().map(str::to_owned));
        words.unwrap_or_default()
    } else if media_type == "text/plain" {
        String::from_utf8_lossy(body).lines().find(|line| !line.trim().is_empty()).unwrap_or("").to_owned()
    } else {
        String::new()
    };
    // Control characters could move the cursor of a terminal or hide what stands before.
    text.chars().filter(|c| !c.is_control()).take(500).collect::<String>().trim().to_owned()
}

/// Ours names the kind in its problem document.
fn is_digest_mismatch(body: &[u8]) -> bool {
    let document = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    document.get("kind").and_then(|kind| kind.as_str()) == Some(fault::kind::DIGEST_MISMATCH)
}

/// The last cause: hyper's own words ("error reading a body from connection") tell nothing.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
