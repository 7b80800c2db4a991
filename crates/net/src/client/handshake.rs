//! Connections that are opened to be timed: TCP and TLS, full and resumed. Blocking, with a thread each: what is measured
//! is the handshake, and not when a runtime looked at it.

use super::credential::ClientCredential;
use super::error::{Cause, ClientError, Phase};
use super::trust::{self, Trust};
use crate::tune::{SocketOptions, connect_tuned};
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, HandshakeKind, NamedGroup, SupportedProtocolVersion};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// What is offered in a handshake.
#[derive(Clone, Debug)]
pub struct HandshakeSettings {
    /// Whom to believe.
    pub trust: Trust,
    /// Believe any certificate: for tests and rescue only.
    pub insecure: bool,
    /// What to show of us where a server asks.
    pub credential: Option<ClientCredential>,
    /// Versions that are offered.
    pub versions: Vec<TlsVersion>,
    /// Suites that are offered, by their names; empty: all that we have.
    pub ciphers: Vec<String>,
    /// Groups for key exchange that are offered, the first with its share; empty: all that we have.
    pub groups: Vec<String>,
    /// Protocols that are offered (ALPN); empty: the extension is left away.
    pub alpn: Vec<String>,
    /// The name that is asked for (SNI) and checked in the certificate.
    pub server_name: String,
    /// Show the tickets that the server gave before, and take those that it gives.
    pub resume: bool,
    /// For the address to answer.
    pub connect_timeout: Duration,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
}

/// How a handshake went: what it had to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HandshakeForm {
    /// Keys were exchanged and the certificate shown.
    Full,
    /// The same with one more round trip: the server wanted another group for key exchange.
    Retried,
    /// A ticket of an earlier one was shown.
    Resumed,
}

/// A connection as it was made, and what it took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shaken {
    /// From the first packet until the connection stood.
    pub connecting: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
    /// What it had to do.
    pub form: HandshakeForm,
    /// `TLSv1.3`, `TLSv1.2`.
    pub version: &'static str,
    /// The suite, as `TLS13_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// The group for key exchange; `None` where keys were not exchanged.
    pub group: Option<String>,
    /// What kind of key the server's certificate has: `RSA 2048`, `ECDSA P-256`.
    pub key: Option<String>,
    /// The protocol that the server chose (ALPN).
    pub alpn: Option<String>,
    /// The server gave a ticket for the next time.
    pub ticket: bool,
}

/// Makes connections to be timed.
pub struct Handshaker {
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
    tickets: Arc<Tickets>,
    settings: HandshakeSettings,
}

/// How long after a handshake its tickets are waited for, beyond a round trip: they follow at once, or not at all.
const TICKET_WAIT: Duration = Duration::from_millis(500);

impl Handshaker {
    /// Reads the authorities from disk, once.
    pub fn new(settings: HandshakeSettings) -> Result<Self, ClientError> {
        let name = settings.server_name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|error| unusable(&settings, error.to_string()))?;
        let mut provider = crate::certificate::provider();
        if !settings.ciphers.is_empty() {
            let known = std::mem::take(&mut provider.cipher_suites);
            for wanted in &settings.ciphers {
                let same = |suite: &&rustls::SupportedCipherSuite| {
                    suite.suite().as_str().is_some_and(|name| plain_cipher(name) == plain_cipher(wanted))
                };
                let suite = known.iter().find(same).ok_or_else(|| {
                    let names: Vec<&str> = known.iter().filter_map(|suite| suite.suite().as_str()).collect();
                    unusable(&settings, format!("there is no cipher '{wanted}' here, but {}", names.join(", ")))
                })?;
                provider.cipher_suites.push(*suite);
            }
        }
        if !settings.groups.is_empty() {
            let known = std::mem::take(&mut provider.kx_groups);
            for wanted in &settings.groups {
                let same = |group: &&&dyn rustls::crypto::SupportedKxGroup| {
                    plain_group(&format!("{:?}", group.name())) == plain_group(wanted)
                };
                let group = known.iter().find(same).ok_or_else(|| {
                    let names: Vec<String> = known.iter().map(|group| format!("{:?}", group.name())).collect();
                    unusable(&settings, format!("there is no group '{wanted}' here, but {}", names.join(", ")))
                })?;
                provider.kx_groups.push(*group);
            }
        }
        let version = |version: &TlsVersion| -> &'static SupportedProtocolVersion {
            match version {
                TlsVersion::Tls12 => &rustls::version::TLS12,
                TlsVersion::Tls13 => &rustls::version::TLS13,
            }
        };
        let versions: Vec<_> = settings.versions.iter().map(version).collect();
        let credential = settings.credential.as_ref();
        let mut config = trust::config_with(provider, &versions, &settings.trust, settings.insecure, credential)?;
        config.alpn_protocols = settings.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        let tickets = Arc::<Tickets>::default();
        config.resumption = if settings.resume {
            rustls::client::Resumption::store(Arc::clone(&tickets) as Arc<dyn ClientSessionStore>)
        } else {
            rustls::client::Resumption::disabled()
        };
        Ok(Self { config: Arc::new(config), name, tickets, settings })
    }

    /// Connects and closes: TCP alone.
    pub fn connect(&self, address: SocketAddr) -> Result<Duration, ClientError> {
        self.open(address).map(|(_, connecting)| connecting)
    }

    /// Connects and shakes hands.
    pub fn shake(&self, address: SocketAddr) -> Result<Shaken, ClientError> {
        let (mut stream, connecting) = self.open(address)?;
        let failed = |cause| ClientError::at(Phase::Handshake, self.peer(address), cause);
        let begun = Instant::now();
        let mut session = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(|error| failed(Cause::Tls(error)))?;
        let deadline = begun + self.settings.handshake_timeout;
        while session.is_handshaking() {
            step(&mut session, &mut stream, deadline).map_err(|error| self.failure(address, error))?;
        }
        while session.wants_write() {
            session.write_tls(&mut stream).map_err(|error| failed(Cause::Io(error)))?;
        }
        let handshake = begun.elapsed();
        let ticket = self.settings.resume && self.wait_for_ticket(&mut session, &mut stream, connecting);
        session.send_close_notify();
        // Whether the goodbye arrives is of no concern: what was asked is known.
        let _ = session.write_tls(&mut stream);
        Ok(self.told(&session, connecting, handshake, ticket))
    }

    fn open(&self, address: SocketAddr) -> Result<(TcpStream, Duration), ClientError> {
        let options = SocketOptions { no_delay: true, ..SocketOptions::default() };
        let begun = Instant::now();
        let limit = self.settings.connect_timeout;
        match connect_tuned(address, &options, limit) {
            Ok(stream) => Ok((stream, begun.elapsed())),
            Err(error) => {
                let late = error.kind() == io::ErrorKind::TimedOut;
                let cause = if late { Cause::Timeout(limit) } else { Cause::Io(error) };
                Err(ClientError::at(Phase::Connect, self.peer(address), cause))
            }
        }
    }

    fn peer(&self, address: SocketAddr) -> String {
        format!("{} ({address})", self.settings.server_name)
    }

    fn failure(&self, address: SocketAddr, error: io::Error) -> ClientError {
        let late = matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        let cause = if late { Cause::Timeout(self.settings.handshake_timeout) } else { Cause::of_handshake(error) };
        ClientError::at(Phase::Handshake, self.peer(address), cause)
    }

    /// Tickets of TLS 1.3 come after the handshake (RFC 8446, section 4.6.1), and may never come.
    fn wait_for_ticket(&self, session: &mut ClientConnection, stream: &mut TcpStream, round_trip: Duration) -> bool {
        let deadline = Instant::now() + TICKET_WAIT + round_trip;
        while self.tickets.is_empty() {
            if step(session, stream, deadline).is_err() {
                return false;
            }
        }
        true
    }

    fn told(&self, session: &ClientConnection, connecting: Duration, handshake: Duration, ticket: bool) -> Shaken {
        let suite = session.negotiated_cipher_suite();
        Shaken {
            connecting,
            handshake,
            form: match session.handshake_kind() {
                Some(HandshakeKind::Resumed) => HandshakeForm::Resumed,
                Some(HandshakeKind::FullWithHelloRetryRequest) => HandshakeForm::Retried,
                Some(HandshakeKind::Full) | None => HandshakeForm::Full,
            },
            version: match session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "unknown",
            },
            cipher: suite.and_then(|suite| suite.suite().as_str()).unwrap_or("unknown"),
            group: session.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            key: session.peer_certificates().and_then(|chain| kind_of_key(chain.first()?)),
            alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            ticket,
        }
    }
}

/// Writes what there is, then reads once.
fn step(session: &mut ClientConnection, stream: &mut TcpStream, deadline: Instant) -> io::Result<()> {
    while session.wants_write() {
        session.write_tls(stream)?;
    }
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    if session.read_tls(stream)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if let Err(error) = session.process_new_packets() {
        // The alert that tells the peer; if it cannot leave now, it never will.
        let _ = session.write_tls(stream);
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    Ok(())
}

fn unusable(settings: &HandshakeSettings, why: String) -> ClientError {
    ClientError::at(Phase::Prepare, settings.server_name.clone(), Cause::Text(why))
}

/// A suite's name without what its spellings differ in: `TLS_AES_128_GCM_SHA256`, `ECDHE-RSA-AES128-GCM-SHA256`.
fn plain_cipher(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace('-', "_").replace("_WITH_", "_");
    let name = name.strip_prefix("TLS13_").or_else(|| name.strip_prefix("TLS_")).unwrap_or(&name);
    let plain: String = name.chars().filter(|c| *c != '_').collect();
    // OpenSSL leaves the digest away where the suite leaves no choice.
    if plain.ends_with("CHACHA20POLY1305") { plain + "SHA256" } else { plain }
}

fn plain_group(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "p-256" | "p256" | "prime256v1" => "secp256r1".to_owned(),
        "p-384" | "p384" => "secp384r1".to_owned(),
        other => other.to_owned(),
    }
}

fn kind_of_key(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let info = certificate.public_key();
    match info.parsed().ok()? {
        PublicKey::RSA(key) => Some(format!("RSA {}", key.key_size())),
        PublicKey::EC(point) => {
            let curve = match point.key_size() {
                521 | 528 => 521,
                bits => bits,
            };
            Some(format!("ECDSA P-{curve}"))
        }
        // RFC 8410.
        _ => match info.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => Some("Ed25519".to_owned()),
            "1.3.101.113" => Some("Ed448".to_owned()),
            _ => None,
        },
    }
}

/// The tickets of one server.
#[derive(Debug, Default)]
struct Tickets {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    tls13: VecDeque<Tls13ClientSessionValue>,
}

/// Servers give one or two, and each is used once.
const TICKETS_MAX: usize = 8;

impl Tickets {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        let kept = self.kept();
        kept.tls12.is_none() && kept.tls13.is_empty()
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _name: ServerName<'static>, group: NamedGroup) {
        self.kept().group = Some(group);
    }

    fn kx_hint(&self, _name: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept().group
    }

    fn set_tls12_session(&self, _name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.kept().tls12 = Some(session);
    }

    fn tls12_session(&self, _name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.kept().tls12.clone()
    }

    fn remove_tls12_session(&self, _name: &ServerName<'static>) {
        self.kept().tls12 = None;
    }

    fn insert_tls13_ticket(&self, _name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut kept = self.kept();
        kept.tls13.push_back(ticket);
        while kept.tls13.len() > TICKETS_MAX {
            kept.tls13.pop_front();
        }
    }

    /// The newest, and no other after it: an older one may have run out.
    fn take_tls13_ticket(&self, _name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        std::mem::take(&mut self.kept().tls13).pop_back()
    }
}
