//! A turn at a server that gives turns, as its client asks for it.

use super::client::{Job, Told};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body::Body as _;
use net::NetworkBody;
use net::client::{ClientBody, HttpVersion, Line, LineSettings, Lines};
use soundings_core::load::Cpu;
use soundings_core::load::address::{LEASE, LEASE_FIELD, PREFIX};
use soundings_core::load::lease::{LeaseAnswer, Used};
use soundings_core::throughput::wire::plain;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use terms::{Blame, Problem, Retry};
use tokio::task::AbortHandle;

/// Largest answer about a lease that is read.
const ANSWER_BYTES: usize = 16 << 10;
/// How long the server may take to answer about a lease.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Beside its own time a load needs some for its first connections and its last answers.
const SLACK: Duration = Duration::from_secs(3);
/// How often a lease that is held for others is asked about.
const AWAKE_EVERY: Duration = Duration::from_secs(2);
/// How often a waiting lease is asked about.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The turn of this load.
pub(super) enum Turn {
    /// We asked for it, and give it back.
    Ours(LeaseAnswer),
    /// Somebody else did.
    Given(String),
    /// The server gives none.
    None,
}

/// A turn that is held for others: clients elsewhere, which share it by its lease.
pub struct Claimed {
    /// What is to be loaded.
    pub url: String,
    job: Job,
    turn: Turn,
    awake: Option<AbortHandle>,
}

/// Asks for a turn at the server of this job, which lasts `extra` longer than its plan, and keeps it.
pub async fn claim(job: Job, extra: Duration, mut tell: impl FnMut(Told) + Send) -> Result<Claimed, Problem> {
    let uri: Uri = job.url.replace("{n}", "0").parse().map_err(|_| super::request::unusable(&job.url))?;
    let turn = if uri.path().starts_with(PREFIX) {
        let mut longer = job.clone();
        longer.plan.span = job.plan.span.map(|span| span + extra);
        Turn::ask(&longer, &uri, &mut tell).await?
    } else {
        Turn::None
    };
    let awake = turn.id().map(|id| {
        let (job, path) = (job.clone(), format!("{LEASE}/{id}"));
        // A lease that nobody asks about is over; its first request may be some seconds away.
        let asking = async move {
            loop {
                tokio::time::sleep(AWAKE_EVERY).await;
                let _ = send(&job, &uri, Method::GET, &path).await;
            }
        };
        tokio::spawn(asking).abort_handle()
    });
    Ok(Claimed { url: job.url.clone(), job, turn, awake })
}

impl Claimed {
    /// What clients send with their requests; `None` where the server gives no turns.
    pub fn lease(&self) -> Option<&str> {
        self.turn.id()
    }

    /// Gives it back, and tells the processor time of the server meanwhile.
    pub async fn end(mut self) -> Option<Cpu> {
        let turn = std::mem::replace(&mut self.turn, Turn::None);
        let used = turn.end(&self.job).await?;
        Some(Cpu { seconds: used.cpu_seconds, of_seconds: used.seconds })
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if let Some(awake) = &self.awake {
            awake.abort();
        }
    }
}

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Turn {
    /// Asks for a turn and waits until it comes.
    pub(super) async fn ask(job: &Job, uri: &Uri, tell: &mut (impl FnMut(Told) + Send)) -> Result<Self, Problem> {
        // Whoever says how long it takes makes the others wait no longer.
        let seconds = job.plan.span.map(|span| format!("?seconds={}", (span + SLACK).as_secs())).unwrap_or_default();
        let answer = send(job, uri, Method::POST, &format!("{LEASE}{seconds}")).await?;
        let mut lease = match answer.status {
            // It is not one of ours: it gives no turns.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(Self::None),
            _ => read(&answer)?,
        };
        let mut told = None;
        while !lease.granted {
            // Each answer says the same until something changes.
            if told.as_ref() != Some(&(lease.ahead, lease.waits_at_most_seconds)) {
                told = Some((lease.ahead, lease.waits_at_most_seconds));
                tell(Told::Waiting(lease.clone()));
            }
            tokio::time::sleep(ASK_EVERY).await;
            lease = read(&send(job, uri, Method::GET, &format!("{LEASE}/{}", lease.lease)).await?)?;
        }
        tell(Told::Granted(lease.clone()));
        let longest = Duration::try_from_secs_f64(lease.longest_seconds).unwrap_or(Duration::MAX);
        if job.plan.span.is_some_and(|span| span > longest) {
            let _ = Self::Ours(lease).end(job).await;
            return Err(too_long(longest));
        }
        Ok(Self::Ours(lease))
    }

    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Ours(lease) => Some(&lease.lease),
            Self::Given(id) => Some(id),
            Self::None => None,
        }
    }

    /// What was used. Ours is given back.
    pub(super) async fn end(self, job: &Job) -> Option<Used> {
        let uri: Uri = job.url.replace("{n}", "0").parse().ok()?;
        let method = if matches!(self, Self::Ours(_)) { Method::DELETE } else { Method::GET };
        let answer = send(job, &uri, method, &format!("{LEASE}/{}", self.id()?)).await.ok()?;
        read(&answer).ok()?.used
    }
}

/// Asks on a connection of its own: those of the load are for the load.
async fn send(job: &Job, uri: &Uri, method: Method, path: &str) -> Result<Answer, Problem> {
    let lines = Lines::new(LineSettings { version: HttpVersion::Http1, ..job.lines.clone() });
    let lines = lines.map_err(|error| error.problem())?;
    let asked = async {
        let mut line = lines.open(uri, job.address).await.map_err(|error| error.problem())?;
        ask(&mut line, request(uri, method, path, &job.headers)?).await
    };
    tokio::time::timeout(ANSWER_TIMEOUT, asked).await.unwrap_or_else(|_| Err(silent(uri)))
}

async fn ask(line: &mut Line, request: Request<ClientBody>) -> Result<Answer, Problem> {
    let mut speaker = line.speaker().ok_or_else(|| silent(request.uri()))?;
    let response = speaker.send(request).await.map_err(|error| error.problem())?;
    let status = response.status();
    let mut incoming = NetworkBody::new(response.into_body(), None);
    let mut body = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
        let frame = frame.map_err(|error| error.problem())?;
        if let Some(data) = frame.data_ref() {
            body.extend_from_slice(&data[..data.len().min(ANSWER_BYTES.saturating_sub(body.len()))]);
        }
    }
    Ok(Answer { status, body })
}

fn request(uri: &Uri, method: Method, path: &str, headers: &HeaderMap) -> Result<Request<ClientBody>, Problem> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    let uri = Uri::from_parts(parts).map_err(|_| silent(uri))?;
    let mut request = Request::new(ClientBody::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers.clone();
    request.headers_mut().remove(LEASE_FIELD);
    request.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    Ok(request)
}

fn read(answer: &Answer) -> Result<LeaseAnswer, Problem> {
    if answer.status.is_success()
        && let Ok(lease) = serde_json::from_slice(&answer.body)
    {
        return Ok(lease);
    }
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    // What a peer wrote is made safe for a terminal, and cut.
    let member = |name: &str| plain(told.get(name).and_then(|text| text.as_str()).unwrap_or(""), 500);
    let why = Some(member("detail")).filter(|detail| !detail.is_empty());
    Err(Problem {
        status: 503,
        kind: "no-turn",
        title: "The server gives no turn to this test",
        detail: why.unwrap_or_else(|| format!("It answered {}.", answer.status)),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: Some(member("next")).filter(|next| !next.is_empty()).unwrap_or_else(|| "Try again later.".to_owned()),
    })
}

fn silent(uri: &Uri) -> Problem {
    Problem {
        status: 504,
        kind: "peer-silent",
        title: "The other host does not answer",
        detail: format!("{} did not say whether its turn has come.", uri.host().unwrap_or("The server")),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "Try again later, and tell the operators of the other host.".to_owned(),
    }
}

fn too_long(longest: Duration) -> Problem {
    Problem {
        status: 403,
        kind: "load-too-long",
        title: "The server does not allow a test of this length",
        detail: format!("It allows {} s, and more was asked for.", longest.as_secs()),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask for less time, or for the right to measure there (the verb 'measure'), and show a token.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
