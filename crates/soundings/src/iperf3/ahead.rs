//! Who is ahead of a client that waits. iperf3 has no word for it; a measurement port of ours tells it to whoever asks by
//! HTTP, and another server takes the question for a client that it has no time for.

use http::Request;
use http_body_util::{BodyExt as _, Limited};
use net::client::{Client, ClientBody, ClientSettings};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// What is said of turns.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
pub struct Ahead {
    /// Tests that run now.
    pub running: u64,
    /// Tests that wait, the one that asks with them.
    pub waiting: u64,
    /// How long those that run still take at most, s.
    pub at_most_seconds: f64,
}

/// An answer is three numbers.
const ANSWER_BYTES_MAX: usize = 4 << 10;

/// Whoever waits wants to know now.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks; `None` of a server that does not know the question.
pub async fn ahead(server: SocketAddr) -> Option<Ahead> {
    let request = Request::get(format!("http://{server}/speed/turn")).body(ClientBody::empty()).ok()?;
    let client = Client::new(ClientSettings::default()).ok()?;
    let asking = async {
        let response = client.send(request).await.ok()?;
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.ok()?;
        serde_json::from_slice(&body.to_bytes()).ok()
    };
    tokio::time::timeout(PATIENCE, asking).await.ok()?
}
