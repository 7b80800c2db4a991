//! Ranges of files in responses: by sendfile on plain HTTP/1, read elsewhere, whole or broken but never wrong.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{Server, answer, digest, drink, file_of, get, no_body, noise, slice};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use net::client::ClientBody;
use net::{Body, BodyEnd, Part, RequestBody};
use std::fs::File;
use std::future::Future;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LEN: usize = 21 << 20;

type Ends = Arc<Mutex<Vec<BodyEnd>>>;

/// A multipart-like body: text, a long range, text, a short range, the same file again, an empty range, text.
fn mixture(file: &Arc<File>) -> Vec<Part> {
    vec![
        Part::Bytes(Bytes::from_static(b"--head\r\n")),
        Part::File(slice(file, 12_345, 17_000_001)),
        Part::Bytes(Bytes::from_static(b"\r\n--middle\r\n")),
        Part::File(slice(file, 7, 1_000)),
        Part::File(slice(file, 3, 70_000)),
        Part::File(slice(file, 0, 0)),
        Part::File(slice(file, 70_003, 200_000)),
        Part::Bytes(Bytes::from_static(b"\r\n--end--\r\n")),
    ]
}

fn flat(bytes: &[u8]) -> Vec<u8> {
    [
        b"--head\r\n",
        &bytes[12_345..][..17_000_001],
        b"\r\n--middle\r\n",
        &bytes[7..][..1_000],
        &bytes[3..][..70_000],
        &bytes[70_003..][..200_000],
        b"\r\n--end--\r\n",
    ]
    .concat()
}

fn serving(
    file: Arc<File>,
    ends: Ends,
) -> impl Fn(Request<RequestBody>) -> std::pin::Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
    move |request| {
        let (file, ends) = (file.clone(), ends.clone());
        Box::pin(async move {
            let len = file.metadata().unwrap().len();
            let body = match request.uri().path() {
                "/mixture" => Body::parts(mixture(&file)),
                "/trailers" => Body::parts(mixture(&file)).with_trailers(|complete| {
                    let mut trailers = HeaderMap::new();
                    trailers.insert("x-transfer-status", if complete { "200" } else { "500" }.parse().unwrap());
                    trailers
                }),
                "/longer" => Body::parts(vec![Part::File(slice(&file, 0, len + 5_000_000))]),
                "/longer-trailers" => {
                    Body::parts(vec![Part::File(slice(&file, 0, len + 5_000_000))]).with_trailers(|complete| {
                        let mut trailers = HeaderMap::new();
                        trailers.insert("x-transfer-status", if complete { "200" } else { "500" }.parse().unwrap());
                        trailers
                    })
                }
                _ => Body::parts(vec![Part::File(slice(&file, 0, len))]),
            };
            let mut response = answer(body.on_end(move |end| ends.lock().unwrap().push(end)));
            if request.uri().path().ends_with("trailers") {
                response.headers_mut().insert("trailer", "X-Transfer-Status".parse().unwrap());
            }
            response
        })
    }
}

async fn mixture_arrives(tls: bool) {
    let bytes = noise(LEN);
    let ends = Ends::default();
    let server = Server::start(net::handler_fn(serving(file_of(&bytes), ends.clone())), tls).await;
    let client = server.client();
    let scheme = if tls { "https" } else { "http" };
    let expected = flat(&bytes);
    for _ in 0..3 {
        let response = client.send(get(&server.url(scheme, "/mixture"))).await.unwrap();
        assert_eq!(response.headers()["content-length"], expected.len().to_string().as_str());
        assert_eq!(drink(response.into_body()).await.unwrap(), (expected.len() as u64, digest(&expected)));
    }
    let whole = BodyEnd { bytes_sent: expected.len() as u64, complete: true };
    common::until(|| ends.lock().unwrap().len() == 3).await;
    assert_eq!(*ends.lock().unwrap(), [whole; 3]);
    assert_eq!(server.drain.totals().accepted_connections, 1, "the connection is kept");
    server.stop().await;
}

#[tokio::test]
async fn parts_arrive_by_sendfile() {
    mixture_arrives(false).await;
}

#[tokio::test]
async fn parts_arrive_by_tls() {
    mixture_arrives(true).await;
}

#[tokio::test]
async fn parts_arrive_by_http2() {
    let bytes = noise(LEN);
    let ends = Ends::default();
    let server = Server::start(net::handler_fn(serving(file_of(&bytes), ends.clone())), true).await;
    let mut sender = server.http2(true).await;
    let expected = flat(&bytes);
    for path in ["/mixture", "/trailers"] {
        let request = Request::get(format!("https://localhost{path}")).body(no_body()).unwrap();
        let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
        let status = body.trailers().map(|trailers| trailers["x-transfer-status"].clone());
        assert_eq!(status.is_some(), path == "/trailers");
        assert_eq!(digest(&body.to_bytes()), digest(&expected));
    }
    drop(sender);
    server.stop().await;
    assert!(ends.lock().unwrap().iter().all(|end| end.complete));
}

/// Chunks with stand-ins between their sizes, then trailers: what pipelines of chunked framing do to sendfile.
#[tokio::test]
async fn trailers_follow_file_parts() {
    let bytes = noise(LEN);
    let server = Server::start(net::handler_fn(serving(file_of(&bytes), Ends::default())), false).await;
    let client = server.client();
    let request =
        |path: &str| Request::get(server.url("http", path)).header("te", "trailers").body(ClientBody::empty()).unwrap();
    let body = client.send(request("/trailers")).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-transfer-status"], "200");
    assert_eq!(digest(&body.to_bytes()), digest(&flat(&bytes)));
    // A failure in the middle is told by the trailer, and everything before it is right.
    let body = client.send(request("/longer-trailers")).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-transfer-status"], "500");
    let received = body.to_bytes();
    assert!(bytes.starts_with(&received) && received.len() >= 16 << 20, "{}", received.len());
    server.stop().await;
}

/// A file shorter than promised breaks the connection: the receiver never takes the part for the whole.
#[tokio::test]
async fn a_shorter_file_breaks_the_connection() {
    for tls in [false, true] {
        let ends = Ends::default();
        let server = Server::start(net::handler_fn(serving(file_of(&noise(LEN)), ends.clone())), tls).await;
        let url = server.url(if tls { "https" } else { "http" }, "/longer");
        let response = server.client().send(get(&url)).await.unwrap();
        drink(response.into_body()).await.unwrap_err();
        common::until(|| !ends.lock().unwrap().is_empty()).await;
        assert!(!ends.lock().unwrap()[0].complete);
        server.stop().await;
    }
}

/// The file is cut while its receiver is slow, so sendfile itself meets the end.
#[tokio::test]
async fn a_file_cut_meanwhile_breaks_the_connection() {
    let ends = Ends::default();
    let file = file_of(&noise(LEN));
    let server = Server::start(net::handler_fn(serving(file.clone(), ends.clone())), false).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = vec![0; 1000];
    stream.read_exact(&mut first).await.unwrap();
    file.set_len(100).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < LEN);
    common::until(|| !ends.lock().unwrap().is_empty()).await;
    assert!(!ends.lock().unwrap()[0].complete);
    server.stop().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_up_ends_the_body() {
    for tls in [false, true] {
        let ends = Ends::default();
        let server = Server::start(net::handler_fn(serving(file_of(&noise(LEN)), ends.clone())), tls).await;
        let url = server.url(if tls { "https" } else { "http" }, "/");
        let response = server.client().send(get(&url)).await.unwrap();
        let mut body = response.into_body();
        body.frame().await.unwrap().unwrap();
        drop(body);
        common::until(|| !ends.lock().unwrap().is_empty()).await;
        assert!(!ends.lock().unwrap()[0].complete);
        assert_eq!(server.stop().await.cut, 0);
    }
}

/// Pipelined requests share the connection's list of lent ranges; the answers must not mix.
#[tokio::test]
async fn pipelined_file_answers_keep_their_order() {
    let bytes = noise(LEN);
    let server = Server::start(net::handler_fn(serving(file_of(&bytes), Ends::default())), false).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let one = "GET /mixture HTTP/1.1\r\nhost: a\r\n\r\n";
    let last = "GET /mixture HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{one}{one}HEAD /mixture HTTP/1.1\r\nhost: a\r\n\r\n{last}").as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let expected = flat(&bytes);
    let mut rest = &all[..];
    for body in [&expected[..], &expected[..], &[], &expected[..]] {
        let head = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert!(rest.starts_with(b"HTTP/1.1 200"));
        assert!(rest[head..].starts_with(body));
        rest = &rest[head + body.len()..];
    }
    assert!(rest.is_empty());
    server.stop().await;
}

/// Uploads from files, by sendfile on plain connections.
#[tokio::test]
async fn the_client_sends_files() {
    let bytes = noise(LEN);
    let file = file_of(&bytes);
    for tls in [false, true] {
        let handler = net::handler_fn(|request: Request<RequestBody>| async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            answer(Body::full(digest(&body)))
        });
        let server = Server::start(handler, tls).await;
        let url = server.url(if tls { "https" } else { "http" }, "/");
        let body = ClientBody::file(slice(&file, 5, LEN as u64 - 5));
        let response = server.client().send(Request::put(url).body(body).unwrap()).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), digest(&bytes[5..]));
        server.stop().await;
    }
}
