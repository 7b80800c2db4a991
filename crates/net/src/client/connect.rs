//! Opening connections: names, addresses, TLS.

use super::ClientSettings;
use super::error::{Cause, ClientError, Phase};
use super::pool::{Connection, Origin};
use super::trust;
use crate::peer::{ConnectionFacts, Meter, Peer};
use crate::socket::Socket;
use crate::tls::TlsStream;
use crate::wire::Wire;
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long bytes may stay unacknowledged, or the peer's window shut, before the kernel gives the connection up.
const UNACKNOWLEDGED_SPAN: Duration = Duration::from_secs(120);

/// Opens connections.
pub(crate) struct Connector {
    tls: Arc<rustls::ClientConfig>,
    connect_timeout: Duration,
    handshake_timeout: Duration,
    buffer_bytes: usize,
    head_bytes_max: usize,
}

impl Connector {
    pub(crate) fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        Ok(Self {
            tls: trust::client_config(settings)?,
            connect_timeout: settings.connect_timeout,
            handshake_timeout: settings.handshake_timeout,
            buffer_bytes: settings.buffer_bytes,
            head_bytes_max: settings.head_bytes_max,
        })
    }

    /// A fresh connection, over which nothing was sent yet.
    pub(crate) async fn connect(&self, origin: &Origin) -> Result<Connection, ClientError> {
        let (stream, address) = self.reach(origin).await?;
        let failed = |error| ClientError::new(Phase::Connect, origin, Cause::Io(error));
        let local = stream.local_addr().map_err(failed)?;
        let stream = Arc::new(stream);
        let meter = Meter::new(&stream, None);
        let facts = ConnectionFacts(meter.clone());
        let mut socket = Socket::new(stream, meter);
        let mut peer = Peer { address, local, tls: None };
        let mut lent = None;
        let wire = if origin.tls {
            let stream = self.shake_hands(socket, origin).await?;
            peer.tls = Some(stream.facts());
            Wire::tls(stream)
        } else {
            lent = Some(socket.lend());
            Wire::plain(socket, Bytes::new())
        };
        let (sender, connection) = hyper::client::conn::http1::Builder::new()
            .writev(true)
            // XRootD 5.5 knows 'Content-Length' and not 'content-length', and then makes a file of 0 bytes.
            .title_case_headers(true)
            .max_buf_size(self.buffer_bytes)
            .max_header_size(self.head_bytes_max)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| ClientError::new(Phase::Connect, origin, Cause::Http(error)))?;
        let name = origin.to_string();
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(peer = name, %error, "a connection ended early");
            }
        });
        Ok(Connection { sender, peer, facts, lent, task: task.abort_handle() })
    }

    /// Tries the addresses of the host in the order that the resolver gives (RFC 6724), each for its time.
    async fn reach(&self, origin: &Origin) -> Result<(TcpStream, SocketAddr), ClientError> {
        let unknown = |error| ClientError::new(Phase::Resolve, origin, Cause::Io(error));
        let addresses: Vec<SocketAddr> =
            tokio::net::lookup_host((origin.bare_host(), origin.port)).await.map_err(unknown)?.collect();
        let mut last = unknown(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        for address in addresses {
            match tokio::time::timeout(self.connect_timeout, self.open(address)).await {
                Ok(Ok(stream)) => return Ok((stream, address)),
                Ok(Err(error)) => {
                    last = ClientError::at(Phase::Connect, format!("{origin} ({address})"), Cause::Io(error));
                }
                Err(_) => {
                    let cause = Cause::Timeout(self.connect_timeout);
                    last = ClientError::at(Phase::Connect, format!("{origin} ({address})"), cause);
                }
            }
        }
        Err(last)
    }

    async fn open(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED_SPAN))?;
        Ok(stream)
    }

    async fn shake_hands(&self, socket: Socket, origin: &Origin) -> Result<TlsStream, ClientError> {
        let failed = |cause| ClientError::new(Phase::Handshake, origin, cause);
        let name = ServerName::try_from(origin.bare_host().to_owned())
            .map_err(|error| ClientError::new(Phase::Prepare, origin, Cause::Text(error.to_string())))?;
        let session =
            rustls::ClientConnection::new(self.tls.clone(), name).map_err(|error| failed(Cause::Tls(error)))?;
        match tokio::time::timeout(self.handshake_timeout, TlsStream::handshake(socket, session.into())).await {
            Ok(shaken) => shaken.map_err(|error| failed(Cause::of_handshake(error))),
            Err(_) => Err(failed(Cause::Timeout(self.handshake_timeout))),
        }
    }
}
