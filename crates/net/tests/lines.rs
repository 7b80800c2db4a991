//! Single connections opened on purpose, over both versions of HTTP.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{Server, answer};
use http::{Request, Response};
use http_body_util::BodyExt;
use net::client::{ClientBody, HttpVersion, LineSettings, Lines, Phase, Trust};
use net::{Body, RequestBody};
use std::time::Duration;

async fn length(request: Request<RequestBody>) -> Response<Body> {
    let version = format!("{:?}", request.version());
    let host = request.uri().authority().map(ToString::to_string);
    let host = host.unwrap_or_else(|| request.headers()["host"].to_str().unwrap().to_owned());
    let len = request.into_body().collect().await.unwrap().to_bytes().len();
    answer(Body::full(format!("{version} {host} {len}")))
}

fn lines(server: &Server, version: HttpVersion) -> Lines {
    Lines::new(LineSettings { trust: server.trust(), version, ..LineSettings::default() }).unwrap()
}

fn put(url: &str, len: usize) -> Request<ClientBody> {
    Request::put(url).body(ClientBody::full(Bytes::from(vec![7; len]))).unwrap()
}

#[tokio::test]
async fn both_versions_are_spoken_plain_and_inside_tls() {
    for tls in [false, true] {
        let server = Server::start(net::handler_fn(length), tls).await;
        let url = server.url(if tls { "https" } else { "http" }, "/a");
        for (version, name) in [(HttpVersion::Http1, "HTTP/1.1"), (HttpVersion::Http2, "HTTP/2.0")] {
            let mut line = lines(&server, version).open(&url.parse().unwrap(), server.address).await.unwrap();
            assert_eq!(line.handshake.is_some(), tls);
            assert!(line.connecting > Duration::ZERO);
            let mut speaker = line.speaker().unwrap();
            for len in [0, 3_000_000] {
                let response = speaker.send(put(&url, len)).await.unwrap();
                let text = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(text, format!("{name} {} {len}", server.address));
            }
            // Streams are for the asking; HTTP/1.1 has none.
            assert_eq!(line.speaker().is_some(), version == HttpVersion::Http2);
            assert!(line.facts.sent_bytes() >= 3_000_000);
            assert!(line.facts.tcp_info().is_some());
        }
        assert_eq!(server.drain.totals().accepted_connections, 2);
        server.stop().await;
    }
}

#[tokio::test]
async fn streams_of_one_connection_run_at_once() {
    let server = Server::start(net::handler_fn(length), false).await;
    let url = server.url("http", "/");
    let mut line = lines(&server, HttpVersion::Http2).open(&url.parse().unwrap(), server.address).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (mut speaker, url) = (line.speaker().unwrap(), url.clone());
        tasks.spawn(async move { speaker.send(put(&url, 10_000)).await.unwrap().status() });
    }
    assert!(tasks.join_all().await.iter().all(|status| status.is_success()));
    assert_eq!(server.drain.totals().accepted_connections, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_believed() {
    let server = Server::start(net::handler_fn(length), true).await;
    let trust = Trust { system: false, ..Trust::default() };
    let strict = Lines::new(LineSettings { trust, ..LineSettings::default() }).unwrap();
    let url = server.url("https", "/").parse().unwrap();
    let error = strict.open(&url, server.address).await.err().unwrap();
    assert_eq!((error.phase(), error.problem().kind), (Phase::Handshake, "peer-untrusted"));
    server.stop().await;
}
