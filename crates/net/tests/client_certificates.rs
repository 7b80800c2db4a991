//! Clients that show a certificate or a proxy, and servers whose own certificate changes.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::Server;
use http::{Request, Response};
use net::certificate::{PrivateAuthority, ServerCertificate};
use net::client::{Client, ClientBody, ClientCredential, ClientSettings, CredentialFiles, Trust};
use net::{Body, ClientChain};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A user, a proxy of theirs with its critical extension, and the chain of both.
struct Proxy {
    chain_pem: String,
    user_der: Vec<u8>,
    proxy_der: Vec<u8>,
    key_pem: String,
}

const P256: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

fn make_proxy(algorithm: &'static rcgen::SignatureAlgorithm, padding: usize) -> Proxy {
    let user_key = KeyPair::generate_for(P256).unwrap();
    let mut user = CertificateParams::default();
    user.distinguished_name.push(DnType::CommonName, "Alice");
    user.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let user_certificate = user.self_signed(&user_key).unwrap();
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut proxy = user.clone();
    // The same type as CommonName, which rcgen would take only once.
    proxy.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "1234");
    // ProxyCertInfo: id-ppl-inheritAll.
    let info = b"\x30\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x15\x01".to_vec();
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 14], info);
    extension.set_criticality(true);
    proxy.custom_extensions.push(extension);
    if padding > 0 {
        proxy.custom_extensions.push(CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![4; padding]));
    }
    let proxy = proxy.signed_by(&key, &Issuer::from_params(&user, &user_key)).unwrap();
    Proxy {
        chain_pem: proxy.pem() + &user_certificate.pem(),
        user_der: user_certificate.der().to_vec(),
        proxy_der: proxy.der().to_vec(),
        key_pem: key.serialize_pem(),
    }
}

fn hex(der: &[u8]) -> String {
    common::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the server saw of the client: the digests of the certificates, or "none".
fn shown(request: &Request<net::RequestBody>) -> String {
    let chain = request.extensions().get::<ClientChain>();
    chain.map_or("none".to_owned(), |chain| chain.0.iter().map(|der| hex(der)).collect::<Vec<_>>().join(" "))
}

async fn telling(asks: bool) -> Server {
    let handler =
        net::handler_fn(|request| async move { Response::new(Body::from(bytes::Bytes::from(shown(&request)))) });
    Server::start_with(handler, true, |settings| {
        if asks {
            settings.tls.as_ref().unwrap().ask_clients(Vec::new()).unwrap();
        }
    })
    .await
}

fn client(server: &Server, proxy: &Proxy) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy");
    // As grid tools write it: proxy, key, chain.
    std::fs::write(&path, format!("{}{}", proxy.key_pem, proxy.chain_pem)).unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &server.authority_pem).unwrap();
    let credential = Some(ClientCredential::read(&CredentialFiles::proxy(path)).unwrap());
    let trust = Trust { system: false, files: vec![authority], folders: vec![] };
    Client::new(ClientSettings { trust, credential, ..ClientSettings::default() }).unwrap()
}

async fn ask(client: &Client, server: &Server) -> String {
    let request = Request::get(server.url("https", "/")).body(ClientBody::empty()).unwrap();
    let body = client.send(request).await.unwrap().into_body();
    let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn chain_of(proxy: &Proxy) -> String {
    format!("{} {}", hex(&proxy.proxy_der), hex(&proxy.user_der))
}

#[tokio::test]
async fn a_proxy_is_shown_where_the_server_asks() {
    let proxy = make_proxy(P256, 0);
    let server = telling(true).await;
    assert_eq!(ask(&client(&server, &proxy), &server).await, chain_of(&proxy));
    assert_eq!(ask(&server.client(), &server).await, "none", "a certificate is not demanded");
    server.stop().await;
    let silent = telling(false).await;
    assert_eq!(ask(&client(&silent, &proxy), &silent).await, "none");
    silent.stop().await;
}

fn foreign_config(
    server: &Server,
    chain_pem: &str,
    key_pem: &str,
    version: &'static rustls::SupportedProtocolVersion,
) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.authority_pem.as_bytes()).unwrap()).unwrap();
    let chain = CertificateDer::pem_slice_iter(chain_pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let resolver = rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(chain, key));
    rustls::ClientConfig::builder_with_protocol_versions(&[version])
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(resolver))
}

/// One connection, one request: how the handshake went, and the body.
async fn one_request(
    config: &Arc<rustls::ClientConfig>,
    server: &Server,
) -> std::io::Result<(rustls::HandshakeKind, String)> {
    let stream = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(config.clone()).connect(name, stream).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let kind = stream.get_ref().1.handshake_kind().unwrap();
    Ok((kind, text.split_once("\r\n\r\n").unwrap().1.to_owned()))
}

const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

#[tokio::test]
async fn resumed_sessions_keep_their_chain() {
    let server = telling(true).await;
    for version in VERSIONS {
        for algorithm in [P256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let proxy = make_proxy(algorithm, 0);
            let config = Arc::new(foreign_config(&server, &proxy.chain_pem, &proxy.key_pem, version));
            let (first, seen) = one_request(&config, &server).await.unwrap();
            assert_eq!((first, seen), (rustls::HandshakeKind::Full, chain_of(&proxy)));
            let (second, seen) = one_request(&config, &server).await.unwrap();
            assert_eq!((second, seen), (rustls::HandshakeKind::Resumed, chain_of(&proxy)));
        }
    }
    server.stop().await;
}

/// A chain too long for a ticket is shown each time.
#[tokio::test]
async fn long_chains_make_no_tickets() {
    let server = telling(true).await;
    let proxy = make_proxy(P256, 30_000);
    for version in VERSIONS {
        let config = Arc::new(foreign_config(&server, &proxy.chain_pem, &proxy.key_pem, version));
        for _ in 0..2 {
            let (kind, seen) = one_request(&config, &server).await.unwrap();
            assert_eq!((kind, seen), (rustls::HandshakeKind::Full, chain_of(&proxy)));
        }
    }
    server.stop().await;
}

/// Whoever has read a certificate somewhere does not have its key.
#[tokio::test]
async fn a_chain_without_its_key_is_refused() {
    let server = telling(true).await;
    let (proxy, other) = (make_proxy(P256, 0), make_proxy(P256, 0));
    for version in VERSIONS {
        let config = Arc::new(foreign_config(&server, &proxy.chain_pem, &other.key_pem, version));
        assert!(one_request(&config, &server).await.is_err());
    }
    let folder = tempfile::tempdir().unwrap();
    let files = CredentialFiles { certificate: folder.path().join("chain"), key: folder.path().join("key") };
    std::fs::write(&files.certificate, &proxy.chain_pem).unwrap();
    std::fs::write(&files.key, &other.key_pem).unwrap();
    let told = ClientCredential::read(&files).unwrap_err().to_string();
    assert!(told.ends_with("its key is another certificate's"), "{told}");
    server.stop().await;
}

#[tokio::test]
async fn too_many_certificates_are_refused() {
    let server = telling(true).await;
    let proxy = make_proxy(P256, 0);
    let (_, user) = proxy.chain_pem.split_at(proxy.chain_pem.find("-----END CERTIFICATE-----\n").unwrap());
    let user = user.split_once("-----\n").map_or("", |(_, rest)| rest);
    for (count, fits) in [(15, true), (16, false)] {
        let chain = proxy.chain_pem.clone() + &user.repeat(count - 1);
        let config = Arc::new(foreign_config(&server, &chain, &proxy.key_pem, VERSIONS[1]));
        assert_eq!(one_request(&config, &server).await.is_ok(), fits, "{count} beside the leaf");
    }
    server.stop().await;
}

/// The names of authorities reach the client, as browsers need them to ask the right people.
#[tokio::test]
async fn authorities_are_hinted() {
    #[derive(Debug)]
    struct Listens(std::sync::Mutex<Vec<Vec<u8>>>);
    impl rustls::client::ResolvesClientCert for Listens {
        fn resolve(&self, hints: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
            *self.0.lock().unwrap() = hints.iter().map(|hint| hint.to_vec()).collect();
            None
        }
        fn has_certs(&self) -> bool {
            true
        }
    }
    let name = b"\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02CA".to_vec();
    for (hints, expected) in [(vec![name.clone()], vec![name.clone()]), (vec![name; 3_000], vec![])] {
        let server = telling(false).await;
        server.certificate.ask_clients(hints).unwrap();
        let proxy = make_proxy(P256, 0);
        let mut config = foreign_config(&server, &proxy.chain_pem, &proxy.key_pem, VERSIONS[1]);
        let listens = Arc::new(Listens(std::sync::Mutex::default()));
        config.client_auth_cert_resolver = listens.clone();
        assert_eq!(one_request(&Arc::new(config), &server).await.unwrap().1, "none");
        assert_eq!(*listens.0.lock().unwrap(), expected);
        server.stop().await;
    }
}

/// A certificate is replaced while a connection lives: that one goes on, the next one sees the new.
#[tokio::test]
async fn the_certificate_changes_under_open_connections() {
    let server = telling(false).await;
    let held = server.client();
    assert_eq!(ask(&held, &server).await, "none");
    let fingerprint = |server: &Server| {
        let address = server.address;
        let pem = server.authority_pem.clone();
        async move {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
            let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
            let stream = TcpStream::connect(address).await.unwrap();
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
            stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
        }
    };
    let before = fingerprint(&server).await;
    let next = server.authority.issue(&["localhost".to_owned()], Duration::from_secs(7_200)).unwrap();
    server.certificate.replace(&next.certificate_pem, &next.key_pem).unwrap();
    let after = fingerprint(&server).await;
    assert_ne!(before, after);
    let left = server.certificate.expiry().duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(3_700), "the new one's");
    assert_eq!(held.idle_connections(), 1, "the old connection is kept");
    assert_eq!(ask(&held, &server).await, "none");
    // What cannot be used changes nothing.
    let other = PrivateAuthority::create().unwrap().issue(&["localhost".to_owned()], Duration::from_secs(60)).unwrap();
    assert!(server.certificate.replace(&next.certificate_pem, &other.key_pem).is_err());
    assert!(server.certificate.replace("", "").is_err());
    assert_eq!(fingerprint(&server).await, after);
    server.stop().await;
}

/// Asking can begin and end while the server runs.
#[tokio::test]
async fn asking_begins_and_ends() {
    let server = telling(false).await;
    let proxy = make_proxy(P256, 0);
    let asked = || async { ask(&client(&server, &proxy), &server).await };
    assert_eq!(asked().await, "none");
    server.certificate.ask_clients(Vec::new()).unwrap();
    assert_eq!(asked().await, chain_of(&proxy));
    let next = server.authority.issue(&["127.0.0.1".to_owned()], Duration::from_secs(7_200)).unwrap();
    server.certificate.replace(&next.certificate_pem, &next.key_pem).unwrap();
    assert_eq!(asked().await, chain_of(&proxy), "still asked with another certificate");
    server.certificate.ask_nobody().unwrap();
    assert_eq!(asked().await, "none");
    server.stop().await;
}

#[test]
fn a_server_certificate_is_checked_when_it_is_made() {
    let authority = PrivateAuthority::create().unwrap();
    let issued = authority.issue(&["localhost".to_owned()], Duration::from_secs(60)).unwrap();
    let certificate = ServerCertificate::new(&issued.certificate_pem, &issued.key_pem).unwrap();
    assert!(!format!("{certificate:?}").contains("PRIVATE"));
    assert!(ServerCertificate::new(&issued.certificate_pem, "nonsense").is_err());
    let mut expired = CertificateParams::default();
    expired.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate_for(P256).unwrap();
    ServerCertificate::new(&expired.self_signed(&key).unwrap().pem(), &key.serialize_pem()).unwrap();
}
