//! Keys and certificates: a private authority for a port that has none, PEM files, what a certificate says.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use terms::{Blame, Problem, Retry};

/// A certificate and its key, both as PEM text.
#[derive(Clone)]
pub struct Credential {
    /// The certificate, followed by those of its issuers if any.
    pub certificate_pem: String,
    /// The private key (PKCS #8). Never log it.
    pub key_pem: String,
}

/// A certificate authority of our own.
pub struct PrivateAuthority {
    credential: Credential,
}

impl PrivateAuthority {
    /// Makes a new authority.
    pub fn create() -> Result<Self, Problem> {
        Err(not_yet())
    }

    /// An authority made earlier.
    pub fn load(credential: Credential) -> Result<Self, Problem> {
        Ok(Self { credential })
    }

    /// Its certificate and key.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// A host certificate for these names and addresses.
    pub fn issue(&self, _names: &[String], _validity: Duration) -> Result<Credential, Problem> {
        Err(not_yet())
    }
}

/// Writes a certificate for all to read, atomically.
pub fn save_certificate(_path: &Path, _pem: &str) -> Result<(), Problem> {
    Err(not_yet())
}

/// Writes a key that only its owner may read (0600), atomically.
pub fn save_key(_path: &Path, _pem: &str) -> Result<(), Problem> {
    Err(not_yet())
}

/// Reads a PEM file.
pub fn load_pem(_path: &Path) -> Result<String, Problem> {
    Err(not_yet())
}

/// A server's side of TLS: 1.2 and 1.3, `h2` and `http/1.1`, AES-128-GCM preferred.
pub fn server_config(_certificate_pem: &str, _key_pem: &str) -> Result<Arc<rustls::ServerConfig>, Problem> {
    Err(not_yet())
}

/// When the first certificate of a PEM text expires.
pub fn expiry(_certificate_pem: &str) -> Result<SystemTime, Problem> {
    Err(not_yet())
}

/// SHA-256 of the first certificate of a PEM text, as lower-case hex pairs joined by colons.
pub fn fingerprint(_certificate_pem: &str) -> Result<String, Problem> {
    Err(not_yet())
}

fn not_yet() -> Problem {
    Problem {
        status: 501,
        kind: "not-yet",
        title: "Not yet there",
        detail: String::new(),
        blame: Blame::Us,
        retry: Retry::Never,
        next: String::new(),
    }
}
