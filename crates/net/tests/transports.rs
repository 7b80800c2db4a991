//! The same bytes through every transport, both ways, compared by digest.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{Server, answer, body_of, digest, drink, noise, pieces};
use futures_util::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, BodyStream};
use hyper_util::rt::TokioIo;
use net::client::ClientBody;
use net::{Body, Peer, RequestBody};
use std::io;

const LEN: usize = 64 << 20;

/// Sends back what comes, as it comes.
async fn echo(request: Request<RequestBody>) -> Response<Body> {
    let peer = *request.extensions().get::<Peer>().unwrap();
    let frames = BodyStream::new(request.into_body()).map(|frame| match frame {
        Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
        Err(error) => Err(io::Error::other(error)),
    });
    let mut response = answer(Body::stream(frames));
    let tls = peer.tls.map_or("plain", |facts| facts.version);
    response.headers_mut().insert("x-tls", tls.parse().unwrap());
    let alpn = peer.tls.and_then(|facts| facts.alpn).unwrap_or("none");
    response.headers_mut().insert("x-alpn", alpn.parse().unwrap());
    response
}

async fn echo_by_client(tls: bool) {
    let server = Server::start(net::handler_fn(echo), tls).await;
    let bytes = Bytes::from(noise(LEN));
    let stream = futures_util::stream::iter(pieces(&bytes).into_iter().map(Ok));
    let url = server.url(if tls { "https" } else { "http" }, "/");
    let request = Request::put(url).body(ClientBody::stream(stream, Some(LEN as u64))).unwrap();
    let response = server.client().send(request).await.unwrap();
    let peer = *response.extensions().get::<Peer>().unwrap();
    assert_eq!(peer.tls.map(|facts| facts.version), tls.then_some("TLSv1.3"));
    assert_eq!(peer.tls.map(|facts| facts.cipher), tls.then_some("TLS13_AES_128_GCM_SHA256"));
    assert_eq!(drink(response.into_body()).await.unwrap(), (LEN as u64, digest(&bytes)));
    let totals = server.drain.totals();
    assert!(totals.received_bytes >= LEN as u64 && totals.sent_bytes >= LEN as u64, "{totals:?}");
    assert_eq!(server.stop().await.cut, 0);
}

#[tokio::test]
async fn http1_plain_echoes() {
    echo_by_client(false).await;
}

#[tokio::test]
async fn http1_tls13_echoes() {
    echo_by_client(true).await;
}

/// TLS 1.2, spoken by another TLS adapter than ours.
#[tokio::test]
async fn http1_tls12_echoes() {
    let server = Server::start(net::handler_fn(echo), true).await;
    let bytes = Bytes::from(noise(LEN));
    let stream = server.foreign_tls(&rustls::version::TLS12, b"http/1.1").await;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::put("/").header("host", "localhost").body(body_of(pieces(&bytes))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.headers()["x-tls"], "TLSv1.2");
    assert_eq!(drink(response.into_body()).await.unwrap(), (LEN as u64, digest(&bytes)));
    drop(sender);
    server.stop().await;
}

async fn echo_by_http2(tls: bool) {
    let server = Server::start(net::handler_fn(echo), tls).await;
    let bytes = Bytes::from(noise(LEN));
    let mut sender = server.http2(tls).await;
    let request = Request::put("https://localhost/").body(body_of(pieces(&bytes))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.headers()["x-alpn"], if tls { "h2" } else { "none" });
    assert_eq!(drink(response.into_body()).await.unwrap(), (LEN as u64, digest(&bytes)));
    drop(sender);
    server.stop().await;
}

#[tokio::test]
async fn http2_tls13_echoes() {
    echo_by_http2(true).await;
}

#[tokio::test]
async fn http2_without_tls_echoes() {
    echo_by_http2(false).await;
}

/// A client that only announces part of the preface, or another protocol, does not disturb the listener.
#[tokio::test]
async fn strange_beginnings_are_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start(net::handler_fn(echo), false).await;
    for first in [&b"PRI * HTTP/2.1\r\n\r\n"[..], b"PRI", b"\x16\x03\x01\x02\x00\x01", b"\0\0\0\0", b""] {
        let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{first:?}");
    }
    let response = server.client().send(common::get(&server.url("http", "/"))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    server.stop().await;
}
