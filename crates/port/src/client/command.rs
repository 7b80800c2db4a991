//! Requests to the interface of a port (`/api/v1/`): an answer in JSON, or lines that go on.

use bytes::Bytes;
use http::Method;
use http::header::ACCEPT;
use hyper::body::Incoming;
use terms::Problem;

use super::Session;
use super::address::{Address, Url};
use super::fault;
use super::progress::Meter;
use super::wire::{Ask, Wire};

/// The most of an answer that is read; pages are made to be smaller.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Longest line of a stream.
const MAX_LINE_BYTES: usize = 1 << 20;

impl Session {
    /// Sends a request without a body to this path (with its query) on the server of this address; its answer, which is
    /// JSON.
    pub async fn command(&self, method: Method, address: &Address, path: &str) -> Result<Bytes, Problem> {
        let (url, meter) = (on_server(address, path)?, Meter::default());
        let ask = Ask::new(method, &url, &meter).with(ACCEPT, "application/json");
        let reply = self.wire.succeed("Asking", ask).await?;
        Ok(self.wire.read_up_to(reply, MAX_ANSWER_BYTES).await.into())
    }

    /// Reads an answer that goes on, line by line.
    pub async fn lines(&self, address: &Address, path: &str) -> Result<Lines, Problem> {
        let (url, meter) = (on_server(address, path)?, Meter::default());
        let ask = Ask::new(Method::GET, &url, &meter).with(ACCEPT, "text/event-stream");
        let reply = self.wire.succeed("Asking", ask).await?;
        let body = reply.response.into_body();
        Ok(Lines { wire: self.wire.clone(), url: reply.url, body, read: Vec::new() })
    }
}

/// Lines as they come.
pub struct Lines {
    wire: Wire,
    url: Url,
    body: Incoming,
    read: Vec<u8>,
}

impl Lines {
    /// The next one without its end; `None` when the server has ended them.
    pub async fn next(&mut self) -> Result<Option<String>, Problem> {
        let meter = Meter::default();
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if self.read.len() > MAX_LINE_BYTES {
                return Err(fault::misbehaved("Reading", &self.url, "a line of it has no end"));
            }
            match self.wire.piece(&mut self.body, &self.url, &meter).await? {
                Some(bytes) => self.read.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }
}

fn on_server(address: &Address, path: &str) -> Result<Url, Problem> {
    let Address::Remote(url) = address else {
        return Err(fault::usage(format!("{address} is not on a server")));
    };
    url.resolve(path).ok_or_else(|| fault::usage(format!("'{path}' cannot be asked of {address}")))
}
