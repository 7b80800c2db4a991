//! Bounds of time, size and number, and the orderly end.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{Server, answer, get};
use http::{Request, Response};
use http_body_util::BodyExt;
use net::{Body, BodyError, ConnectionFacts, RequestBody};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

async fn hello(_request: Request<RequestBody>) -> Response<Body> {
    answer(Body::full("hello"))
}

/// A client that never finishes its head is cut, whether it says nothing or trickles.
#[tokio::test]
async fn slow_heads_are_cut() {
    let shorten = |settings: &mut net::ServeSettings| settings.head_timeout = Duration::from_millis(300);
    let server = Server::start_with(net::handler_fn(hello), false, shorten).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut trickling = TcpStream::connect(server.address).await.unwrap();
    let mut between = TcpStream::connect(server.address).await.unwrap();
    trickling.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    between.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut all = Vec::new();
    for stream in [&mut silent, &mut trickling, &mut between] {
        all.clear();
        let _ = stream.read_to_end(&mut all).await;
    }
    assert!(all.starts_with(b"HTTP/1.1 200"), "the last one was answered before it fell silent");
    common::until(|| server.drain.open_connections() == 0).await;
    server.stop().await;
}

#[tokio::test]
async fn heads_beyond_their_limits_are_refused() {
    let server = Server::start(net::handler_fn(hello), false).await;
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(70 << 10));
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(101));
    for head in [long, many] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The refusal may come before all is written.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        let text = String::from_utf8_lossy(&all);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    server.stop().await;
}

/// A sender that stalls in its body, one that hangs up, and one that garbles its chunks: each is told apart.
#[tokio::test]
async fn broken_bodies_are_told_apart() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = net::handler_fn(move |request: Request<RequestBody>| {
        let tell = tell.clone();
        async move {
            let error = request.into_body().collect().await.unwrap_err();
            tell.send(error).unwrap();
            answer(Body::empty())
        }
    });
    let shorten = |settings: &mut net::ServeSettings| settings.stall_timeout = Duration::from_millis(300);
    let server = Server::start_with(handler, false, shorten).await;
    let begin = b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc";
    let mut stalling = TcpStream::connect(server.address).await.unwrap();
    stalling.write_all(begin).await.unwrap();
    assert!(matches!(told.recv().await.unwrap(), BodyError::Stalled(_)));
    let mut leaving = TcpStream::connect(server.address).await.unwrap();
    leaving.write_all(begin).await.unwrap();
    drop(leaving);
    assert!(matches!(told.recv().await.unwrap(), BodyError::Incomplete(_)));
    let mut garbling = TcpStream::connect(server.address).await.unwrap();
    garbling.write_all(b"PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").await.unwrap();
    let error = told.recv().await.unwrap();
    assert!(matches!(error, BodyError::Malformed(_)), "{error:?}");
    assert_eq!(error.problem().status, 400);
    drop((stalling, garbling));
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_their_number_wait() {
    let two = |settings: &mut net::ServeSettings| settings.connections_max = 2;
    let server = Server::start_with(net::handler_fn(hello), false, two).await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let second = TcpStream::connect(server.address).await.unwrap();
    common::until(|| server.drain.open_connections() == 2).await;
    let client = server.client();
    let url = server.url("http", "/");
    let waiting = tokio::spawn(async move { client.send(get(&url)).await.unwrap().status() });
    tokio::task::yield_now().await;
    assert_eq!(server.drain.totals().accepted_connections, 2);
    drop(first);
    assert_eq!(waiting.await.unwrap(), 200);
    drop(second);
    server.stop().await;
}

/// Draining lets running requests finish, closes idle connections at once and refuses new ones.
#[tokio::test]
async fn draining_waits_for_running_requests() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go) = (begun.clone(), go.clone());
        Arc::new(net::handler_fn(move |request: Request<RequestBody>| {
            let (begun, go) = (begun.clone(), go.clone());
            async move {
                if request.uri().path() == "/slow" {
                    begun.notify_one();
                    go.notified().await;
                }
                answer(Body::full("done"))
            }
        }))
    };
    for tls in [false, true] {
        let server = Server::start(handler.clone(), tls).await;
        let scheme = if tls { "https" } else { "http" };
        let client = server.client();
        client.send(get(&server.url(scheme, "/"))).await.unwrap().into_body().collect().await.unwrap();
        let idle = TcpStream::connect(server.address).await.unwrap();
        let url = server.url(scheme, "/slow");
        let slow = tokio::spawn(async move { client.send(get(&url)).await.unwrap().into_body().collect().await });
        begun.notified().await;
        let (drain, address) = (server.drain.clone(), server.address);
        assert!(!drain.is_draining());
        drain.begin();
        assert!(drain.is_draining());
        let stopped = tokio::spawn(server.stop());
        common::until(|| drain.open_connections() <= if tls { 2 } else { 1 }).await;
        assert!(TcpStream::connect(address).await.is_err(), "the listener is closed");
        go.notify_one();
        assert_eq!(slow.await.unwrap().unwrap().to_bytes(), "done");
        drop(idle);
        assert_eq!(stopped.await.unwrap().cut, 0);
        assert_eq!(drain.open_connections(), 0);
    }
}

#[tokio::test]
async fn draining_cuts_what_does_not_end() {
    let handler = net::handler_fn(|_request: Request<RequestBody>| async move {
        answer(Body::stream(futures_util::stream::pending::<std::io::Result<Bytes>>()))
    });
    let shorten = |settings: &mut net::ServeSettings| settings.drain_deadline = Duration::from_millis(200);
    let server = Server::start_with(handler, false, shorten).await;
    let response = server.client().send(get(&server.url("http", "/"))).await.unwrap();
    let drained = server.stop().await;
    assert_eq!(drained.cut, 1, "{drained:?}");
    common::drink(response.into_body()).await.unwrap_err();
}

/// What the kernel tells of a connection is there while it is open, on both ends.
#[tokio::test]
async fn connections_tell_of_themselves() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = net::handler_fn(move |request: Request<RequestBody>| {
        tell.send(request.extensions().get::<ConnectionFacts>().unwrap().clone()).unwrap();
        async { answer(Body::full(vec![7; 3 << 20])) }
    });
    let server = Server::start(handler, false).await;
    let response = server.client().send(get(&server.url("http", "/"))).await.unwrap();
    let ours = response.extensions().get::<ConnectionFacts>().unwrap().clone();
    let theirs = told.recv().await.unwrap();
    response.into_body().collect().await.unwrap();
    let info = theirs.tcp_info().unwrap();
    assert!(info.congestion_window_bytes > 0 && info.busy.is_some() && info.delivery_rate.is_some(), "{info:?}");
    assert!(theirs.sent_bytes() > 3 << 20 && ours.received_bytes() == theirs.sent_bytes());
    assert!(ours.tcp_info().is_some());
    server.stop().await;
    common::until(|| theirs.tcp_info().is_none()).await;
}

/// A client that is answered in the middle of its body gets the answer, not a broken connection.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_reaches_who_is_still_sending() {
    let refuse = |_request: Request<RequestBody>| async {
        let mut response = answer(Body::full("no"));
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        response
    };
    let server = Server::start(net::handler_fn(refuse), false).await;
    let client = net::client::Client::new(net::client::ClientSettings::default()).unwrap();
    for _ in 0..50 {
        let pieces = futures_util::stream::iter((0..100).map(|_| Ok(Bytes::from(vec![0; 16_384]))));
        let body = net::client::ClientBody::stream(pieces, Some(1_638_400));
        let request = Request::put(format!("http://{}/f", server.address)).body(body).unwrap();
        assert_eq!(client.send(request).await.unwrap().status(), 403);
    }
    server.stop().await;
}
