//! One request of a load.

use super::measured::Progress;
use super::synthetic::piece;
use futures_util::stream;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, Response, Uri};
use http_body::Body as _;
use net::client::{ClientBody, Speaker};
use net::{BodyError, ConnectionFacts, NetworkBody};
use soundings_core::load::{Plan, Way};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};

/// How often it is looked whether a request stands still.
const LOOK: Duration = Duration::from_secs(1);

/// What all requests of a load share.
pub(super) struct Ask {
    pub(super) uri: Uri,
    /// The address as it was given; `{n}` in it is the number of the request.
    pub(super) pattern: String,
    pub(super) headers: HeaderMap,
    pub(super) plan: Plan,
    pub(super) progress: Arc<Progress>,
}

/// A request that was completed.
pub(super) struct Done {
    pub(super) first_byte: Duration,
    pub(super) latency: Duration,
}

/// A request that was not, and when trying again makes sense.
pub(super) struct Failed {
    pub(super) problem: Problem,
    pub(super) pause: Duration,
    /// The connection is of no more use.
    pub(super) broken: bool,
    /// Nothing of it was sent.
    pub(super) unsent: bool,
}

impl Failed {
    fn broken(problem: Problem) -> Self {
        Self { problem, pause: Duration::ZERO, broken: true, unsent: false }
    }
}

impl Ask {
    /// Makes the request of this number.
    pub(super) async fn make(
        &self,
        speaker: &mut Speaker,
        facts: &ConnectionFacts,
        number: u64,
    ) -> Result<Done, Failed> {
        let patience = self.plan.patience;
        match unless_still(facts, patience, self.exchange(speaker, number)).await {
            Some(ended) => ended,
            None => Err(Failed::broken(still(&self.uri, patience))),
        }
    }

    async fn exchange(&self, speaker: &mut Speaker, number: u64) -> Result<Done, Failed> {
        let given = Arc::new(AtomicU64::new(0));
        let request = self.request(number, &given);
        let request = request.map_err(|problem| Failed { broken: false, ..Failed::broken(problem) })?;
        let begun = Instant::now();
        let response = speaker.send(request).await.map_err(|error| {
            if error.is_unsent() {
                // The server has said that it did not look at it; the next try counts.
                self.progress.bytes.fetch_sub(given.swap(0, Relaxed), Relaxed);
            }
            Failed {
                broken: speaker.is_closed() || error.is_unsent(),
                unsent: error.is_unsent(),
                ..Failed::broken(error.problem())
            }
        })?;
        let first_byte = begun.elapsed();
        let (head, body) = response.into_parts();
        let mut body = NetworkBody::new(body, None);
        let counts = head.status.is_success() && self.plan.way == Way::Download;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame
                .map_err(|error| Failed { broken: speaker.is_closed(), ..Failed::broken(cut(&self.uri, &error)) })?;
            if let (true, Some(data)) = (counts, frame.data_ref()) {
                self.progress.bytes.fetch_add(data.len() as u64, Relaxed);
            }
        }
        let latency = begun.elapsed();
        if head.status.is_success() {
            return Ok(Done { first_byte, latency });
        }
        Err(refused(&self.uri, &Response::from_parts(head, ())))
    }

    fn request(&self, number: u64, given: &Arc<AtomicU64>) -> Result<Request<ClientBody>, Problem> {
        let uri = if self.pattern.contains("{n}") {
            self.pattern.replace("{n}", &number.to_string()).parse().map_err(|_| unusable(&self.pattern))?
        } else {
            self.uri.clone()
        };
        let (method, body) = match self.plan.way {
            Way::Download => (http::Method::GET, ClientBody::empty()),
            Way::Upload => (http::Method::PUT, self.upload(Arc::clone(given))),
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// The body; what is given of it to the connection is counted in `given` too.
    fn upload(&self, given: Arc<AtomicU64>) -> ClientBody {
        let size = self.plan.size_bytes;
        let progress = Arc::clone(&self.progress);
        let pieces = stream::unfold((0, progress, given), move |(offset, progress, given)| async move {
            let bytes = piece(offset, size - offset);
            if bytes.is_empty() {
                return None;
            }
            let len = bytes.len() as u64;
            progress.bytes.fetch_add(len, Relaxed);
            given.fetch_add(len, Relaxed);
            Some((Ok(bytes), (offset + len, progress, given)))
        });
        ClientBody::stream(pieces, Some(size))
    }
}

/// Lets this go on as long as bytes pass on its connection; `None` when none did for so long.
async fn unless_still<T>(facts: &ConnectionFacts, patience: Duration, what: impl Future<Output = T>) -> Option<T> {
    let mut what = std::pin::pin!(what);
    let passed = || facts.received_bytes() + facts.sent_bytes() + acknowledged(facts);
    let (mut before, mut since) = (passed(), Instant::now());
    loop {
        if let Ok(ended) = tokio::time::timeout(LOOK.min(patience), what.as_mut()).await {
            return Some(ended);
        }
        let now = passed();
        if now != before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() >= patience {
            return None;
        }
    }
}

fn acknowledged(facts: &ConnectionFacts) -> u64 {
    facts.tcp_info().and_then(|info| info.acknowledged_bytes).unwrap_or(0)
}

/// The longest pause after a request that a server refused for now.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The pause after any other refusal: many of them a second would be an attack.
const PAUSE: Duration = Duration::from_millis(100);

fn refused(uri: &Uri, response: &Response<()>) -> Failed {
    let status = response.status();
    let field = response.headers().get(RETRY_AFTER).and_then(|field| field.to_str().ok());
    let after = field.and_then(|field| field.parse().ok()).map(Duration::from_secs);
    let (kind, blame) = match status.as_u16() {
        401 | 403 => ("answer-forbidden", Blame::Caller),
        404 | 410 => ("answer-not-found", Blame::Caller),
        429 | 503 => ("answer-busy", Blame::Peer),
        400..=499 => ("answer-refused", Blame::Caller),
        500..=599 => ("answer-failed", Blame::Peer),
        _ => ("answer-unexpected", Blame::Peer),
    };
    let problem = Problem {
        status: 502,
        kind,
        title: "The server answered a request of the load otherwise than with success",
        detail: format!("{uri} answered {status}."),
        blame,
        retry: after.map_or(Retry::Never, Retry::After),
        next: "Try the same address with curl: its answer says more.".to_owned(),
    };
    Failed { problem, pause: after.unwrap_or(PAUSE).clamp(PAUSE, PAUSE_MAX), broken: false, unsent: false }
}

fn cut(uri: &Uri, error: &BodyError) -> Problem {
    Problem {
        status: 502,
        kind: "answer-cut",
        title: "The answer ended before it was whole",
        detail: format!("While the answer of {uri} was read, {error}."),
        blame: Blame::Path,
        retry: Retry::Soon,
        next: "Try again; if it stays so, look at the server's log.".to_owned(),
    }
}

fn still(uri: &Uri, patience: Duration) -> Problem {
    Problem {
        status: 504,
        kind: "stalled",
        title: "Nothing moved any more",
        detail: format!("On a connection to {uri} no byte passed for {} s.", patience.as_secs_f64()),
        blame: Blame::Path,
        retry: Retry::Soon,
        next: "Check the path to the host, and whether the server is alive.".to_owned(),
    }
}

pub(super) fn unusable(url: &str) -> Problem {
    Problem {
        status: 400,
        kind: "url-unusable",
        title: "This is no address for a load",
        detail: format!("'{url}' is not a URL that begins with http:// or https://."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Write it as https://host:port/path.".to_owned(),
    }
}
