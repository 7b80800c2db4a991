//! Connections that we open: HTTP/1.1, plain or TLS, kept and used again.
//!
//! Bulk data belongs on HTTP/1.1: several connections do what streams of one cannot on a long path, and each costs less
//! per byte. So the client speaks nothing else. What compares the two opens a [`Line`] by itself.

mod body;
mod connect;
mod credential;
mod error;
mod handshake;
mod line;
mod pool;
mod tls;
mod trust;

pub use body::ClientBody;
pub use credential::{ClientCredential, CredentialFiles};
pub use error::{ClientError, Phase};
pub use handshake::{HandshakeForm, HandshakeSettings, Handshaker, Shaken, TlsVersion};
pub use line::{HttpVersion, Line, LineSettings, Lines, Speaker};
pub use tls::ClientTls;
pub use trust::Trust;

use crate::peer::{ConnectionFacts, Peer};
use body::{Gate, Outgoing};
use connect::Connector;
pub(crate) use error::Cause;
use http::header::{EXPECT, HOST};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
pub(crate) use pool::Origin;
use pool::{Connection, Pool};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use trust::client_config;

/// How connections are made and kept.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Whom to believe.
    pub trust: Trust,
    /// Believe any certificate: for tests and rescue only.
    pub insecure: bool,
    /// What to show of us where a server asks.
    pub credential: Option<ClientCredential>,
    /// For one address of a host to answer.
    pub connect_timeout: Duration,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// How long a peer may take nothing of a request and give no answer. Publishing a large file can take minutes.
    pub answer_timeout: Duration,
    /// How long an unused connection is kept. Less than what servers usually keep, so that few turn out stale.
    pub idle_timeout: Duration,
    /// Unused connections kept for each host.
    pub idle_connections_max: usize,
    /// Largest read of a response, taken while the sender fills it; this much memory for each busy connection.
    pub buffer_bytes: usize,
    /// The head of a response.
    pub head_bytes_max: usize,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            trust: Trust::default(),
            insecure: false,
            credential: None,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(15),
            answer_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(15),
            idle_connections_max: 64,
            buffer_bytes: 256 << 10,
            head_bytes_max: 64 << 10,
        }
    }
}

/// How long a request with `Expect: 100-continue` waits before it sends its body all the same (RFC 9110, section
/// 10.1.1, forbids to wait for ever). curl waits as long.
const EXPECT_WAIT: Duration = Duration::from_secs(1);

/// An HTTP client with its pool of connections; clones share the pool.
///
/// The extensions of a response hold the connection's [`Peer`] and [`ConnectionFacts`] (counters, `tcp_info`), which tell
/// what limited a transfer. Responses stall as their senders please: wrap the body in [`crate::NetworkBody`] to bound it.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    pool: Arc<Pool>,
    settings: ClientSettings,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

/// A request that is ready for a connection, and may be for a second one.
struct Prepared {
    request: Request<Outgoing>,
    gate: Option<Arc<Gate>>,
}

impl Client {
    /// A client; reads the authorities from disk, once.
    pub fn new(settings: ClientSettings) -> Result<Self, ClientError> {
        crate::memory::keep_freed();
        let connector = Connector::new(&settings)?;
        let pool = Pool::new(settings.idle_timeout, settings.idle_connections_max);
        Ok(Self { shared: Arc::new(Shared { connector, pool, settings }) })
    }

    /// Sends a request whose URI is absolute, and returns when the head of the response is there. Redirects are the
    /// caller's affair. With `Expect: 100-continue` the body waits for the peer's word, or a second.
    ///
    /// A request that failed because a kept connection had gone stale is sent once more on a fresh one, provided that
    /// nothing of it was sent, or that its method is idempotent and its body can be sent again.
    pub async fn send(&self, request: Request<ClientBody>) -> Result<Response<Incoming>, ClientError> {
        let origin = Origin::of(request.uri())?;
        let (parts, body) = request.into_parts();
        let replay = body.replay().filter(|_| is_idempotent(&parts.method));
        let again = replay.map(|body| Request::from_parts(parts.clone(), body));
        let prepared = prepare(Request::from_parts(parts, body), &origin)?;
        if let Some(connection) = self.shared.pool.take(&origin).await {
            match self.exchange(connection, prepared, &origin).await {
                Ok(response) => return Ok(response),
                Err(Failed { unsent: Some(prepared), .. }) => return self.send_fresh(*prepared, &origin).await,
                Err(Failed { error, .. }) if error.is_stale() => {
                    let Some(again) = again else { return Err(error) };
                    tracing::debug!(%origin, "a kept connection was stale; sending again");
                    return self.send_fresh(prepare(again, &origin)?, &origin).await;
                }
                Err(Failed { error, .. }) => return Err(error),
            }
        }
        self.send_fresh(prepared, &origin).await
    }

    /// The connections kept unused now.
    pub fn idle_connections(&self) -> usize {
        self.shared.pool.idle()
    }

    async fn send_fresh(&self, prepared: Prepared, origin: &Origin) -> Result<Response<Incoming>, ClientError> {
        let connection = self.shared.connector.connect(origin).await?;
        self.exchange(connection, prepared, origin).await.map_err(|failed| failed.error)
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        mut prepared: Prepared,
        origin: &Origin,
    ) -> Result<Response<Incoming>, Failed> {
        if let Some(lent) = &connection.lent {
            prepared.request.body_mut().lend_files(lent);
        }
        let gate = prepared.gate;
        let answer = connection.sender.try_send_request(prepared.request);
        let answer = match self.in_time(answer, &connection.facts).await {
            Some(Ok(response)) => response,
            Some(Err(mut refused)) => {
                let unsent = refused.take_message().map(|request| Box::new(Prepared { request, gate }));
                let cause = Cause::Http(refused.into_error());
                return Err(Failed { error: ClientError::new(Phase::Receive, origin, cause), unsent });
            }
            None => {
                connection.abort();
                let cause = Cause::Timeout(self.shared.settings.answer_timeout);
                return Err(Failed { error: ClientError::new(Phase::Receive, origin, cause), unsent: None });
            }
        };
        let mut response: Response<Incoming> = answer;
        let (peer, facts): (Peer, ConnectionFacts) = (connection.peer, connection.facts.clone());
        response.extensions_mut().insert(peer);
        response.extensions_mut().insert(facts);
        // A body that waits for a word that will not come stays unsent, and the connection is of no further use.
        let refused = gate.is_some_and(|gate| gate.refuse());
        self.shared.pool.give_back(origin.clone(), connection, refused);
        Ok(response)
    }

    /// Waits as long as bytes of the request leave, and then for `answer_timeout`.
    async fn in_time<T>(&self, answer: impl Future<Output = T>, facts: &ConnectionFacts) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let sent = facts.sent_bytes();
            match tokio::time::timeout(self.shared.settings.answer_timeout, answer.as_mut()).await {
                Ok(answer) => return Some(answer),
                Err(_) if facts.sent_bytes() > sent => {}
                Err(_) => return None,
            }
        }
    }
}

struct Failed {
    error: ClientError,
    /// The request, if nothing of it was sent.
    unsent: Option<Box<Prepared>>,
}

/// Puts a request into the form that travels: the path alone in its line, the host in its field.
fn prepare(request: Request<ClientBody>, origin: &Origin) -> Result<Prepared, ClientError> {
    let (mut parts, body) = request.into_parts();
    let unusable = |what: String| ClientError::new(Phase::Prepare, origin, Cause::Text(what));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let target = if parts.method == Method::OPTIONS && path.is_empty() { "*" } else { path };
    parts.uri = Uri::try_from(target).map_err(|error| unusable(format!("its path cannot be used: {error}")))?;
    if !parts.headers.contains_key(HOST) {
        let host = HeaderValue::try_from(origin.host_field())
            .map_err(|error| unusable(format!("its host cannot be used: {error}")))?;
        parts.headers.insert(HOST, host);
    }
    let expects = parts.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let gate = expects.then(Gate::new);
    let mut request = Request::from_parts(parts, Outgoing::new(body, gate.clone(), EXPECT_WAIT));
    if let Some(gate) = gate.clone() {
        hyper::ext::on_informational(&mut request, move |response| {
            if response.status() == http::StatusCode::CONTINUE {
                gate.open();
            }
        });
    }
    Ok(Prepared { request, gate })
}

/// Whether sending twice does what sending once does (RFC 9110, section 9.2.2; RFC 4918 for the DAV methods).
fn is_idempotent(method: &Method) -> bool {
    method.is_idempotent() || matches!(method.as_str(), "PROPFIND" | "PROPPATCH" | "MKCOL" | "COPY" | "MOVE" | "UNLOCK")
}

impl Origin {
    pub(crate) fn of(uri: &Uri) -> Result<Self, ClientError> {
        let unusable = |what: &str| ClientError::at(Phase::Prepare, uri.to_string(), Cause::Text(what.to_owned()));
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(unusable("it is neither http:// nor https://")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| unusable("it names no host"))?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host: host.to_ascii_lowercase(), port })
    }
}
