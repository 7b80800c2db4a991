//! Connections that are looked at before it is known what they speak.
#![allow(clippy::unwrap_used)]

mod common;

use common::Server;
use net::{Body, Connection, Drain, ServeSettings, handler_fn};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const STALL: Duration = Duration::from_secs(20);

async fn pair() -> (TcpStream, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, address) = listener.accept().await.unwrap();
    (client, Connection::new(accepted, address, STALL, &Drain::new()).unwrap())
}

/// A look takes nothing: what was seen can be read by the socket that comes out, and the end is told as such.
#[tokio::test]
async fn a_look_at_a_plain_connection_takes_nothing() {
    let (mut client, mut connection) = pair().await;
    client.write_all(b"\x00abc").await.unwrap();
    assert_eq!(connection.peek().await.unwrap(), Some(0));
    assert_eq!(connection.peek().await.unwrap(), Some(0));
    let mut first = [9; 2];
    connection.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"\x00a");
    assert_eq!(connection.peek().await.unwrap(), Some(b'b'));
    drop(client);
    let (mut socket, tls) = connection.into_parts().await.unwrap();
    assert!(tls.is_none());
    socket.set_nonblocking(false).unwrap();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "bc");

    let (client, mut connection) = pair().await;
    drop(client);
    assert_eq!(connection.peek().await.unwrap(), None);
}

/// The same inside TLS; and one connection that turns out to speak HTTP is served it.
#[tokio::test]
async fn a_connection_that_turns_out_to_be_https_is_served() {
    let server = Server::start(handler_fn(|_| async { http::Response::new(Body::empty()) }), true).await;
    let (client, connection) = pair().await;
    let connect = tokio::spawn(server.tls_over(client));
    let mut connection = connection.accept_tls(&server.certificate).await.unwrap();
    let mut client = connect.await.unwrap();
    client.write_all(b"GET /here HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(connection.peek().await.unwrap(), Some(b'G'));
    assert_eq!(connection.peek().await.unwrap(), Some(b'G'));
    assert!(connection.peer().tls.is_some());
    let handler = handler_fn(|request: http::Request<net::RequestBody>| async move {
        http::Response::new(Body::full(format!("you asked for {}", request.uri().path())))
    });
    net::serve_one(connection, ServeSettings::default(), Arc::new(handler), Drain::new()).await;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("you asked for /here"), "{answer}");
}

/// What TLS had received and not yet opened goes with the session that is taken out.
#[tokio::test]
async fn nothing_is_lost_when_a_tls_session_is_taken_out() {
    let server = Server::start(handler_fn(|_| async { http::Response::new(Body::empty()) }), true).await;
    let (client, connection) = pair().await;
    let connect = tokio::spawn(server.tls_over(client));
    let mut connection = connection.accept_tls(&server.certificate).await.unwrap();
    let mut client = connect.await.unwrap();
    let sent: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    client.write_all(&sent).await.unwrap();
    client.shutdown().await.unwrap();
    let mut first = [0; 37];
    connection.read_exact(&mut first).await.unwrap();
    assert_eq!(first, sent[..37]);
    let (socket, tls) = connection.into_parts().await.unwrap();
    socket.set_nonblocking(false).unwrap();
    let rest = tokio::task::spawn_blocking(move || {
        let mut reader = tls.unwrap().over(socket);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        rest
    });
    assert_eq!(rest.await.unwrap(), sent[37..]);
}
