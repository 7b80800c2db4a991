//! The opening handshake as the client sees it: one address, one attempt, nothing chosen in silence.

use super::handshake::{KEY_BYTES, accept, has};
use crate::client::{Cause, Origin, client_config};
use crate::client::{ClientError, ClientSettings, Phase};
use crate::peer::{ConnectionFacts, Meter, Peer};
use crate::socket::Socket;
use crate::tls::TlsStream;
use crate::tune::{SocketOptions, retune};
use crate::upgrade::{Upgraded, wire_of};
use crate::wire::Wire;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// There was no answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The answer was another than 101.
    #[error("the server answered {status}: {text}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// When to ask again, if it says.
        retry_after: Option<Duration>,
        /// What it says, cut where it is long.
        text: String,
    },
    /// It answered 101 and did not mean it.
    #[error("the server breaks the WebSocket handshake: {0}")]
    Broken(&'static str),
}

/// An open WebSocket's connection.
#[derive(Debug)]
pub struct Opened {
    /// To be read and written as frames.
    pub stream: Upgraded,
    /// From the first packet until the TCP connection stood.
    pub connecting: Duration,
    /// The TLS handshake; `None` of a plain connection.
    pub shaking: Option<Duration>,
}

/// How much of a refusal is read.
const REFUSAL_BYTES: usize = 4096;

/// Opens a WebSocket: `uri` begins with `http:` or `https:`, and `address` is believed to be its host's. The server's answer
/// may take `settings.answer_timeout`.
pub async fn connect(
    uri: &Uri,
    address: SocketAddr,
    subprotocol: &'static str,
    headers: HeaderMap,
    settings: &ClientSettings,
    socket: &SocketOptions,
) -> Result<Opened, Unopened> {
    let origin = Origin::of(uri)?;
    let begun = Instant::now();
    let stream = Arc::new(reach(&origin, address, settings, socket).await?);
    let connecting = begun.elapsed();
    let failed = |cause| ClientError::new(Phase::Connect, &origin, cause);
    let local = stream.local_addr().map_err(|error| failed(Cause::Io(error)))?;
    let meter = Meter::new(&stream, None);
    let facts = ConnectionFacts(meter.clone());
    let socket = Socket::new(Arc::clone(&stream), meter);
    let mut peer = Peer { address, local, tls: None };
    let mut shaking = None;
    let wire = if origin.tls {
        let begun = Instant::now();
        let secured = shake_hands(socket, &origin, settings).await?;
        shaking = Some(begun.elapsed());
        peer.tls = Some(secured.facts());
        Wire::tls(secured)
    } else {
        Wire::plain(socket, Bytes::new())
    };
    let wire = ask(wire, uri, &origin, subprotocol, headers, settings).await?;
    Ok(Opened { stream: Upgraded::new(wire, stream, peer, facts), connecting, shaking })
}

async fn reach(
    origin: &Origin,
    address: SocketAddr,
    settings: &ClientSettings,
    options: &SocketOptions,
) -> Result<TcpStream, ClientError> {
    let failed = |cause| ClientError::at(Phase::Connect, format!("{origin} ({address})"), cause);
    let open = async {
        let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        retune(&socket, address.is_ipv6(), options)?;
        socket.connect(address).await
    };
    match tokio::time::timeout(settings.connect_timeout, open).await {
        Ok(opened) => opened.map_err(|error| failed(Cause::Io(error))),
        Err(_) => Err(failed(Cause::Timeout(settings.connect_timeout))),
    }
}

async fn shake_hands(socket: Socket, origin: &Origin, settings: &ClientSettings) -> Result<TlsStream, ClientError> {
    let failed = |cause| ClientError::new(Phase::Handshake, origin, cause);
    let name = ServerName::try_from(origin.bare_host().to_owned())
        .map_err(|error| failed(Cause::Io(std::io::Error::other(error))))?;
    let session =
        rustls::ClientConnection::new(client_config(settings)?, name).map_err(|error| failed(Cause::Tls(error)))?;
    match tokio::time::timeout(settings.handshake_timeout, TlsStream::handshake(socket, session.into())).await {
        Ok(shaken) => shaken.map_err(|error| failed(Cause::of_handshake(error))),
        Err(_) => Err(failed(Cause::Timeout(settings.handshake_timeout))),
    }
}

async fn ask(
    wire: Wire,
    uri: &Uri,
    origin: &Origin,
    subprotocol: &'static str,
    headers: HeaderMap,
    settings: &ClientSettings,
) -> Result<Wire, Unopened> {
    let failed = |error| ClientError::new(Phase::Receive, origin, Cause::Http(error));
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.title_case_headers(true).max_header_size(settings.head_bytes_max);
    let (mut sender, connection) = builder.handshake(TokioIo::new(wire)).await.map_err(failed)?;
    // It ends when HTTP does: with the upgrade, or with the sender that is dropped here.
    tokio::spawn(connection.with_upgrades());
    let mut nonce = [0; KEY_BYTES];
    crate::fill_random(&mut nonce);
    let key = STANDARD.encode(nonce);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::get(target)
        .header(HOST, origin.to_string())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_PROTOCOL, subprotocol)
        .body(Empty::<Bytes>::new())
        .map_err(|_| Unopened::Broken("the address cannot be asked for"))?;
    request.headers_mut().extend(headers);
    let response = match tokio::time::timeout(settings.answer_timeout, sender.send_request(request)).await {
        Ok(response) => response.map_err(failed)?,
        Err(_) => {
            return Err(ClientError::new(Phase::Receive, origin, Cause::Timeout(settings.answer_timeout)).into());
        }
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(response).await);
    }
    let headers = response.headers();
    let accepted = headers.get(SEC_WEBSOCKET_ACCEPT).map(|value| value.as_bytes() == accept(key.as_bytes()).as_bytes());
    if accepted != Some(true) {
        return Err(Unopened::Broken("its 'Sec-WebSocket-Accept' is not the answer to our key"));
    }
    if !has(headers, &SEC_WEBSOCKET_PROTOCOL, subprotocol) {
        return Err(Unopened::Broken("it does not choose the subprotocol that was asked for"));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(failed)?;
    wire_of(upgraded).ok_or(Unopened::Broken("the connection was lost on the way"))
}

async fn refused(response: Response<Incoming>) -> Unopened {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    // What a refusal says is a help and no more: without it the status stands alone.
    let read = Limited::new(response.into_body(), REFUSAL_BYTES).collect();
    let text = match tokio::time::timeout(Duration::from_secs(2), read).await {
        Ok(Ok(body)) => String::from_utf8_lossy(&body.to_bytes()).trim().to_owned(),
        _ => String::new(),
    };
    Unopened::Refused { status, retry_after: retry_after.map(Duration::from_secs), text }
}
