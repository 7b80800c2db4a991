//! A server for the tests, and what they share.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use net::certificate::{Credential, PrivateAuthority, ServerCertificate};
use net::client::{Client, ClientSettings, Trust};
use net::{Body, Drain, Drained, FileSlice, Handler, ServeSettings};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

pub type TestStream = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;
pub type Http2Sender = hyper::client::conn::http2::SendRequest<StreamBody<TestStream>>;

pub struct Server {
    pub address: SocketAddr,
    pub drain: Drain,
    pub authority_pem: String,
    pub authority: PrivateAuthority,
    pub certificate: Arc<ServerCertificate>,
    folder: tempfile::TempDir,
    task: JoinHandle<Drained>,
}

impl Server {
    pub async fn start(handler: impl Handler, tls: bool) -> Self {
        Self::start_with(handler, tls, |_| {}).await
    }

    pub async fn start_with(handler: impl Handler, tls: bool, adjust: impl FnOnce(&mut ServeSettings)) -> Self {
        net::install_crypto_provider();
        let authority = PrivateAuthority::create().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let Credential { certificate_pem, key_pem } = authority.issue(&names, Duration::from_secs(3600)).unwrap();
        let mut settings = ServeSettings { drain_deadline: Duration::from_secs(20), ..ServeSettings::default() };
        let certificate = Arc::new(ServerCertificate::new(&certificate_pem, &key_pem).unwrap());
        if tls {
            settings.tls = Some(Arc::clone(&certificate));
        }
        adjust(&mut settings);
        let listener = net::listen("127.0.0.1:0".parse().unwrap(), 64).unwrap();
        let address = listener.local_addr().unwrap();
        let drain = Drain::new();
        let task = tokio::spawn(net::serve(listener, settings, handler, drain.clone()));
        let folder = tempfile::tempdir().unwrap();
        let authority_pem = authority.credential().certificate_pem.clone();
        std::fs::write(folder.path().join("authority.pem"), &authority_pem).unwrap();
        Self { address, drain, authority_pem, authority, certificate, folder, task }
    }

    pub fn trust(&self) -> Trust {
        Trust { system: false, files: vec![self.folder.path().join("authority.pem")], folders: vec![] }
    }

    pub fn client(&self) -> Client {
        Client::new(ClientSettings { trust: self.trust(), ..ClientSettings::default() }).unwrap()
    }

    pub fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.address)
    }

    pub async fn stop(self) -> Drained {
        self.drain.begin();
        self.task.await.unwrap()
    }

    fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        let pem = self.authority_pem.as_bytes();
        let certificate =
            <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(pem);
        roots.add(certificate.unwrap()).unwrap();
        roots
    }

    /// A TLS connection by another hand, of one version and protocol.
    pub async fn foreign_tls(
        &self,
        version: &'static rustls::SupportedProtocolVersion,
        protocol: &[u8],
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut config = rustls::ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        Self::shake_hands(config, stream).await
    }

    /// The same over a connection that is there already; the future does not borrow the server.
    pub fn tls_over(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = tokio_rustls::client::TlsStream<TcpStream>> + Send + 'static {
        let config = rustls::ClientConfig::builder().with_root_certificates(self.roots()).with_no_client_auth();
        Self::shake_hands(config, stream)
    }

    async fn shake_hands(
        config: rustls::ClientConfig,
        stream: TcpStream,
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    pub async fn http2(&self, tls: bool) -> Http2Sender {
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(8 << 20).initial_connection_window_size(16 << 20).max_frame_size(1 << 20);
        if tls {
            let stream = self.foreign_tls(&rustls::version::TLS13, b"h2").await;
            let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        } else {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        }
    }
}

pub fn no_body() -> StreamBody<TestStream> {
    StreamBody::new(Box::pin(futures_util::stream::empty()))
}

pub fn body_of(pieces: Vec<Bytes>) -> StreamBody<TestStream> {
    StreamBody::new(Box::pin(futures_util::stream::iter(pieces.into_iter().map(|piece| Ok(Frame::data(piece))))))
}

/// Bytes that repeat nowhere near.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The same, in pieces of odd sizes.
pub fn pieces(bytes: &Bytes) -> Vec<Bytes> {
    let mut rest = bytes.clone();
    let mut pieces = Vec::new();
    let mut len = 1;
    while !rest.is_empty() {
        pieces.push(rest.split_to(len.min(rest.len())));
        len = (len * 3 + 7) % 400_000;
    }
    pieces
}

pub fn digest(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// Reads a body whole: its length and digest.
pub async fn drink(mut body: Incoming) -> Result<(u64, Vec<u8>), hyper::Error> {
    let mut hash = Sha256::new();
    let mut len = 0;
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            len += data.len() as u64;
            hash.update(data);
        }
    }
    Ok((len, hash.finalize().to_vec()))
}

pub fn file_of(bytes: &[u8]) -> Arc<std::fs::File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Arc::new(file)
}

pub fn slice(file: &Arc<std::fs::File>, offset: u64, len: u64) -> FileSlice {
    FileSlice { file: file.clone(), offset, len }
}

pub fn get(url: &str) -> Request<net::client::ClientBody> {
    Request::get(url).body(net::client::ClientBody::empty()).unwrap()
}

pub fn answer(body: Body) -> Response<Body> {
    Response::new(body)
}

/// Waits for a condition that must come true.
pub async fn until(mut holds: impl FnMut() -> bool) {
    tokio::time::timeout(Duration::from_secs(60), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the condition never came true");
}
