//! A server's side of TLS, whose certificate can change while connections live.

use super::holder::AnyHolder;
use super::{certificates, expiry, provider, unusable};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;
use terms::Problem;

/// What a server shows, and whether it asks clients to show something too: TLS 1.2 and 1.3, `h2` and `http/1.1`, session
/// tickets. The server's order of suites counts, with AES-128-GCM first: it costs a fifth less than AES-256 and nothing
/// that we carry needs more.
///
/// Both can be changed at any time. Connections that are open keep what they agreed on; tickets stay good.
pub struct ServerCertificate {
    /// What new connections use.
    config: RwLock<Arc<ServerConfig>>,
    parts: Mutex<Parts>,
    tickets: Arc<dyn ProducesTickets>,
}

/// What a configuration is made of.
struct Parts {
    certificate: Arc<CertifiedKey>,
    expiry: SystemTime,
    /// `None`: clients are not asked.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate").field("expiry", &self.expiry()).finish_non_exhaustive()
    }
}

impl ServerCertificate {
    /// With this certificate (its issuers after it) and its key. Clients are not asked for theirs.
    pub fn new(certificate_pem: &str, key_pem: &str) -> Result<Self, Problem> {
        let parts = Parts::read(certificate_pem, key_pem)?;
        let tickets =
            rustls::crypto::ring::Ticketer::new().map_err(|error| unusable("session tickets", &error.to_string()))?;
        let tickets: Arc<dyn ProducesTickets> = Arc::new(SmallTickets(tickets));
        let config = parts.config(&tickets)?;
        Ok(Self { config: RwLock::new(config), parts: Mutex::new(parts), tickets })
    }

    /// Shows another certificate from now on. If it cannot be used, the former stays.
    pub fn replace(&self, certificate_pem: &str, key_pem: &str) -> Result<(), Problem> {
        let mut parts = self.parts();
        let fresh = Parts { verifier: parts.verifier.clone(), ..Parts::read(certificate_pem, key_pem)? };
        self.put(&fresh)?;
        *parts = fresh;
        Ok(())
    }

    /// Asks clients for a certificate from now on; they may have none. `authorities` are the names (DER) of those whose
    /// certificates are of use: browsers then ask only people who hold one. Whose it is, and whether to believe it, is not
    /// judged here (see [`crate::ClientChain`]).
    pub fn ask_clients(&self, authorities: Vec<Vec<u8>>) -> Result<(), Problem> {
        self.set_verifier(Some(Arc::new(AnyHolder::new(authorities, provider().signature_verification_algorithms))))
    }

    /// Does not ask clients any more.
    pub fn ask_nobody(&self) -> Result<(), Problem> {
        self.set_verifier(None)
    }

    /// Are clients asked?
    pub fn is_asking(&self) -> bool {
        self.parts().verifier.is_some()
    }

    /// When the certificate expires.
    pub fn expiry(&self) -> SystemTime {
        self.parts().expiry
    }

    /// For a new connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_verifier(&self, verifier: Option<Arc<dyn ClientCertVerifier>>) -> Result<(), Problem> {
        let mut parts = self.parts();
        let former = std::mem::replace(&mut parts.verifier, verifier);
        let done = self.put(&parts);
        if done.is_err() {
            parts.verifier = former;
        }
        done
    }

    fn put(&self, parts: &Parts) -> Result<(), Problem> {
        let config = parts.config(&self.tickets)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    fn read(certificate_pem: &str, key_pem: &str) -> Result<Self, Problem> {
        let chain = certificates(certificate_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| unusable("the key", &error.to_string()))?;
        let expiry = expiry(certificate_pem)?;
        let certificate = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| unusable("the certificate with its key", &error.to_string()))?;
        Ok(Self { certificate: Arc::new(certificate), expiry, verifier: None })
    }

    fn config(&self, tickets: &Arc<dyn ProducesTickets>) -> Result<Arc<ServerConfig>, Problem> {
        let builder = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| unusable("TLS", &error.to_string()))?;
        let builder = match &self.verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&self.certificate))));
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = Arc::clone(tickets);
        // Tickets are with the clients and cost us nothing; sessions kept here would, with a chain each.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

/// A ticket holds the client's chain, and each later handshake carries it back. Beyond this size a full handshake costs
/// less; and tickets of 64 KiB cannot be written at all.
const TICKET_BYTES_MAX: usize = 16 << 10;

/// Makes no tickets for sessions with very long chains.
#[derive(Debug)]
struct SmallTickets(Arc<dyn ProducesTickets>);

impl ProducesTickets for SmallTickets {
    fn enabled(&self) -> bool {
        self.0.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.0.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() > TICKET_BYTES_MAX { None } else { self.0.encrypt(plain) }
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(cipher)
    }
}
