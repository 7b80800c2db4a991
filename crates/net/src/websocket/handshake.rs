//! The opening handshake (RFC 6455, section 4), as the server sees it.

use crate::Body;
use crate::upgrade::{Takeover, Upgraded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use std::future::Future;
use terms::{Blame, Problem, Retry};

/// A request for a WebSocket that is right in form, to be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handshake {
    accept: String,
    subprotocol: &'static str,
}

impl Handshake {
    /// Looks at a request: is it one for a WebSocket of this subprotocol?
    pub fn check<B>(request: &Request<B>, subprotocol: &'static str) -> Result<Self, Problem> {
        let headers = request.headers();
        if request.method() != Method::GET
            || !has(headers, &UPGRADE, "websocket")
            || !has(headers, &CONNECTION, "upgrade")
        {
            let detail = format!(
                "{} {} is no request for a WebSocket: it needs GET, 'Upgrade: websocket' and 'Connection: Upgrade'.",
                request.method(),
                request.uri().path()
            );
            return Err(refusal(detail));
        }
        if request.version() != Version::HTTP_11 {
            return Err(refusal(format!("A WebSocket is asked for with HTTP/1.1; this was {:?}.", request.version())));
        }
        if !has(headers, &SEC_WEBSOCKET_VERSION, "13") {
            return Err(refusal("'Sec-WebSocket-Version: 13' is missing; no other version is spoken here.".to_owned()));
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
        if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != KEY_BYTES {
            return Err(refusal("'Sec-WebSocket-Key' is missing or no 16 octets in Base64.".to_owned()));
        }
        if !has(headers, &SEC_WEBSOCKET_PROTOCOL, subprotocol) {
            return Err(refusal(format!("'Sec-WebSocket-Protocol: {subprotocol}' is missing.")));
        }
        Ok(Self { accept: accept(key), subprotocol })
    }

    /// Answers the request that was looked at; `plan` gets the connection when the answer is sent.
    pub fn answer<B, F, Taken>(self, request: &mut Request<B>, plan: F) -> Result<Response<Body>, Problem>
    where
        F: FnOnce(Upgraded) -> Taken + Send + 'static,
        Taken: Future<Output = ()> + Send + 'static,
    {
        let accept = HeaderValue::from_str(&self.accept).map_err(|_| refusal("The key is no key.".to_owned()))?;
        if !Takeover::plan(request, plan) {
            return Err(refusal("This request came by no connection of its own.".to_owned()));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(self.subprotocol));
        Ok(response)
    }
}

/// What makes the accepting word of a key (RFC 6455, section 4.2.2).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Octets of a key, decoded.
pub(super) const KEY_BYTES: usize = 16;

/// The word that proves that a key was read.
pub(super) fn accept(key: &[u8]) -> String {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(key);
    digest.update(ACCEPT_SUFFIX);
    STANDARD.encode(digest.finish())
}

/// Is the word in one of the lists that the field holds?
pub(super) fn has(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|entry| entry.trim().eq_ignore_ascii_case(word))
}

fn refusal(detail: String) -> Problem {
    Problem {
        status: 400,
        kind: "not-a-websocket",
        title: "Not a request for a WebSocket",
        detail,
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask with a client of the protocol that is served here.".to_owned(),
    }
}
