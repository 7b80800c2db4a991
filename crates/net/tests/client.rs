//! The client: keeping connections, stale ones, expectations, trust, and what its errors say.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{Server, answer, drink, get};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use net::client::{Client, ClientBody, ClientSettings, Phase, Trust};
use net::{Body, RequestBody};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use terms::{Blame, Retry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn length(request: Request<RequestBody>) -> Response<Body> {
    let host = request.headers()["host"].clone();
    let len = request.into_body().collect().await.unwrap().to_bytes().len();
    let mut response = answer(Body::full(len.to_string()));
    response.headers_mut().insert("x-host", host);
    response
}

#[tokio::test]
async fn connections_are_used_again() {
    for tls in [false, true] {
        let server = Server::start(net::handler_fn(length), tls).await;
        let client = server.client();
        let url = server.url(if tls { "https" } else { "http" }, "/a?b=c");
        for len in [0, 1, 100_000] {
            let request = Request::put(&url).body(ClientBody::full(vec![0; len])).unwrap();
            let response = client.send(request).await.unwrap();
            assert_eq!(response.headers()["x-host"], server.address.to_string().as_str());
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), len.to_string());
            common::until(|| client.idle_connections() == 1).await;
        }
        assert_eq!(server.drain.totals().accepted_connections, 1);
        server.stop().await;
    }
}

#[tokio::test]
async fn unused_connections_are_closed_in_time() {
    let server = Server::start(net::handler_fn(length), false).await;
    let settings = ClientSettings { idle_timeout: Duration::from_millis(50), ..ClientSettings::default() };
    let client = Client::new(settings).unwrap();
    let response = client.send(get(&server.url("http", "/"))).await.unwrap();
    drink(response.into_body()).await.unwrap();
    common::until(|| server.drain.totals().open_connections == 0).await;
    assert_eq!(client.idle_connections(), 0);
    server.stop().await;
}

/// A peer that answers once on each connection, and closes it when the next request comes: the worst kind of stale.
async fn once_each(listener: TcpListener, served: Arc<AtomicUsize>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let served = served.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            served.fetch_add(1, SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            let _ = stream.read(&mut buffer).await;
        });
    }
}

#[tokio::test]
async fn stale_connections_are_replaced() {
    net::install_crypto_provider();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = Arc::new(AtomicUsize::new(0));
    let peer = tokio::spawn(once_each(listener, served.clone()));
    let client = Client::new(ClientSettings::default()).unwrap();
    for round in 1..=4 {
        let body = if round % 2 == 0 { ClientBody::full("again") } else { ClientBody::empty() };
        let response = client.send(Request::put(&url).body(body).unwrap()).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        assert_eq!(served.load(SeqCst), round);
        common::until(|| client.idle_connections() == 1).await;
    }
    // What must not be sent twice is not.
    let post = Request::post(&url).body(ClientBody::full("once")).unwrap();
    let error = client.send(post).await.unwrap_err();
    assert_eq!(served.load(SeqCst), 4);
    assert!(error.can_retry(), "{error}");
    peer.abort();
}

/// With `Expect: 100-continue` a refusal comes before a byte of the body leaves, and consent lets it go.
#[tokio::test]
async fn expectations_are_kept() {
    let polled = Arc::new(AtomicUsize::new(0));
    let handler = net::handler_fn(|request: Request<RequestBody>| async move {
        if request.uri().path() == "/no" {
            let mut response = answer(Body::full("not for you"));
            *response.status_mut() = StatusCode::FORBIDDEN;
            return response;
        }
        length(request).await
    });
    let server = Server::start(handler, false).await;
    let client = server.client();
    for (path, status, pieces) in [("/no", 403, 0), ("/yes", 200, 3)] {
        polled.store(0, SeqCst);
        let counted = polled.clone();
        let stream = futures_util::stream::iter((0..3).map(move |_| {
            counted.fetch_add(1, SeqCst);
            Ok(Bytes::from_static(b"1234"))
        }));
        let request = Request::put(server.url("http", path))
            .header("expect", "100-continue")
            .body(ClientBody::stream(stream, Some(12)))
            .unwrap();
        let response = client.send(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
        assert_eq!(polled.load(SeqCst), pieces);
    }
    server.stop().await;
}

/// A stream that ends before, or goes on after its promised length is an error of ours, not a wrong file there.
#[tokio::test]
async fn streams_keep_their_promised_length() {
    let handler = net::handler_fn(|request: Request<RequestBody>| async move {
        let whole = request.into_body().collect().await.is_ok();
        assert!(!whole);
        answer(Body::empty())
    });
    let server = Server::start(handler, false).await;
    for promised in [11, 13] {
        let stream = futures_util::stream::iter((0..3).map(|_| Ok(Bytes::from_static(b"1234"))));
        let request = Request::put(server.url("http", "/")).body(ClientBody::stream(stream, Some(promised))).unwrap();
        let error = server.client().send(request).await.unwrap_err();
        assert_eq!((error.phase(), error.problem().blame), (Phase::Send, Blame::Storage), "{error}");
    }
    server.stop().await;
}

#[tokio::test]
async fn errors_name_peer_phase_and_blame() {
    let server = Server::start(net::handler_fn(length), true).await;
    let strict = Client::new(ClientSettings {
        trust: Trust { system: false, files: vec![], folders: vec![] },
        ..ClientSettings::default()
    })
    .unwrap();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let table = [
        (strict.send(get(&server.url("https", "/"))).await, Phase::Handshake, "peer-untrusted", Blame::Peer),
        (strict.send(get(&format!("http://{closed}/"))).await, Phase::Connect, "peer-unreachable", Blame::Peer),
        (strict.send(get("http://no-such-host.invalid/")).await, Phase::Resolve, "host-unknown", Blame::Caller),
        (strict.send(get("ftp://localhost/")).await, Phase::Prepare, "request-unusable", Blame::Caller),
        (server.client().send(get(&server.url("http", "/"))).await, Phase::Receive, "", Blame::Path),
    ];
    for (result, phase, kind, blame) in table {
        let error = result.unwrap_err();
        let problem = error.problem();
        assert_eq!(error.phase(), phase, "{error}");
        assert!(kind.is_empty() || (problem.kind, problem.blame) == (kind, blame), "{problem:?}");
        assert!(!problem.next.is_empty() && problem.detail.contains(error.peer()), "{problem:?}");
        assert_eq!(error.can_retry(), problem.retry != Retry::Never);
    }
    let insecure = Client::new(ClientSettings { insecure: true, ..ClientSettings::default() }).unwrap();
    let response = insecure.send(get(&server.url("https", "/"))).await.unwrap();
    assert_eq!(response.status(), 200);
    server.stop().await;
}

/// A folder of authorities as grid sites have it: hashed names, other files between, one of them broken.
#[tokio::test]
async fn folders_of_authorities_are_read() {
    let server = Server::start(net::handler_fn(length), true).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1a2b3c4d.0"), &server.authority_pem).unwrap();
    std::fs::write(folder.path().join("1a2b3c4d.signing_policy"), "not a certificate").unwrap();
    std::fs::write(folder.path().join("broken.pem"), "-----BEGIN CERTIFICATE-----\n!\n").unwrap();
    let trust = Trust { system: false, files: vec![], folders: vec![folder.path().to_owned()] };
    let client = Client::new(ClientSettings { trust, ..ClientSettings::default() }).unwrap();
    assert_eq!(client.send(get(&server.url("https", "/"))).await.unwrap().status(), 200);
    let trust = Trust { system: false, files: vec![folder.path().join("missing.pem")], folders: vec![] };
    let error = Client::new(ClientSettings { trust, ..ClientSettings::default() }).unwrap_err();
    assert!(error.to_string().contains("missing.pem"), "{error}");
    server.stop().await;
}

/// Responses without a length and to HEAD, and methods of DAV.
#[tokio::test]
async fn unusual_exchanges_leave_the_connection_in_order() {
    let handler = net::handler_fn(|request: Request<RequestBody>| async move {
        let text = Bytes::from(request.method().to_string());
        answer(Body::stream(futures_util::stream::iter([Ok(text)])))
    });
    let server = Server::start(handler, true).await;
    let client = server.client();
    for method in ["HEAD", "PROPFIND", "OPTIONS", "MKCOL", "GET"] {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(server.url("https", ""))
            .body(ClientBody::empty())
            .unwrap();
        let body = client.send(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, if method == "HEAD" { "" } else { method });
        common::until(|| client.idle_connections() == 1).await;
    }
    assert_eq!(server.drain.totals().accepted_connections, 1);
    server.stop().await;
}
