//! A WebSocket through a listener: the handshake, what is refused, and that a connection taken over stays its listener's.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use net::client::ClientSettings;
use net::websocket::{Handshake, Limits, Received, Role, Unopened, WebSocket, connect};
use net::{Body, Drain, RequestBody, ServeSettings, SocketOptions, handler_fn, listen, serve};
use std::net::SocketAddr;
use std::time::Duration;

const LIMITS: Limits = Limits { binary_bytes_max: 1 << 24, text_bytes_max: 1 << 10 };

/// Answers each text with the same, and ends when told so.
async fn answer(mut request: Request<RequestBody>) -> Response<Body> {
    let agreed = Handshake::check(&request, "echo").and_then(|handshake| {
        handshake.answer(&mut request, |stream| async move {
            let mut socket = WebSocket::new(stream, Role::Server, LIMITS);
            while let Ok(Some(received)) = std::future::poll_fn(|cx| socket.poll_receive(cx)).await {
                match received {
                    Received::Text(text) => socket.queue_text(&text),
                    Received::Close(_) => return,
                    _ => continue,
                }
                std::future::poll_fn(|cx| socket.poll_send(cx)).await.unwrap();
            }
        })
    });
    agreed.unwrap_or_else(|problem| {
        let mut response = Response::new(Body::full(problem.to_line()));
        *response.status_mut() = StatusCode::from_u16(problem.status).unwrap();
        response
    })
}

async fn start() -> (SocketAddr, Drain, tokio::task::JoinHandle<net::Drained>) {
    let listener = listen("127.0.0.1:0".parse().unwrap(), 16).unwrap();
    let address = listener.local_addr().unwrap();
    let drain = Drain::new();
    let serving = tokio::spawn(serve(listener, ServeSettings::default(), handler_fn(answer), drain.clone()));
    (address, drain, serving)
}

async fn open(address: SocketAddr, subprotocol: &'static str) -> Result<net::websocket::Opened, Unopened> {
    net::install_crypto_provider();
    let uri: Uri = format!("http://{address}/echo?a=b").parse().unwrap();
    let settings = ClientSettings::default();
    connect(&uri, address, subprotocol, HeaderMap::new(), &settings, &SocketOptions::default()).await
}

/// Texts go there and back; draining waits until the conversation has ended, and the connection counts until then.
#[tokio::test]
async fn a_conversation_is_waited_for() {
    let (address, drain, serving) = start().await;
    let opened = open(address, "echo").await.unwrap();
    assert!(net::tcp_info(&opened.stream).is_ok());
    assert!(net::tcp_info_bytes(&opened.stream).unwrap().len() > 100);
    let mut socket = WebSocket::new(opened.stream, Role::Client, LIMITS);
    for text in ["first", "second"] {
        socket.queue_random(Bytes::from(vec![1; 10_000]));
        socket.queue_text(text);
        std::future::poll_fn(|cx| socket.poll_send(cx)).await.unwrap();
        let received = std::future::poll_fn(|cx| socket.poll_receive(cx)).await.unwrap();
        assert_eq!(received, Some(Received::Text(text.to_owned())));
        drain.begin();
    }
    assert_eq!(drain.open_connections(), 1);
    assert!(!serving.is_finished());
    socket.queue_close(1000, "");
    std::future::poll_fn(|cx| socket.poll_send(cx)).await.unwrap();
    let drained = tokio::time::timeout(Duration::from_secs(20), serving).await.unwrap().unwrap();
    assert_eq!((drained.finished, drained.cut), (1, 0));
}

#[tokio::test]
async fn another_subprotocol_is_refused() {
    let (address, drain, serving) = start().await;
    let refused = open(address, "other").await.unwrap_err();
    let Unopened::Refused { status, text, .. } = refused else { panic!("{refused}") };
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("'Sec-WebSocket-Protocol: echo' is missing"), "{text}");
    drain.begin();
    serving.await.unwrap();
}

/// Each thing that a request for a WebSocket needs, left out.
#[test]
fn requests_that_lack_something() {
    let whole = || {
        Request::get("/")
            .header(CONNECTION, "keep-alive, Upgrade")
            .header(UPGRADE, "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "chat, echo")
            .body(())
            .unwrap()
    };
    assert!(Handshake::check(&whole(), "echo").is_ok());
    for name in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key", "sec-websocket-protocol"] {
        let mut request = whole();
        request.headers_mut().remove(name);
        assert_eq!(Handshake::check(&request, "echo").unwrap_err().status, 400, "without {name}");
    }
    let mut short = whole();
    short.headers_mut().insert("sec-websocket-key", "c2hvcnQ=".parse().unwrap());
    assert!(Handshake::check(&short, "echo").is_err());
    let mut posted = whole();
    *posted.method_mut() = http::Method::POST;
    assert!(Handshake::check(&posted, "echo").is_err());
    // Right in form, but of no connection that could be taken.
    let mut request = whole();
    let handshake = Handshake::check(&request, "echo").unwrap();
    assert!(handshake.answer(&mut request, |_| async {}).is_err());
}
