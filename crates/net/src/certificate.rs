//! Keys and certificates: a private authority for a port that has none, PEM files, what a certificate says.

mod holder;
mod server;

pub use server::ServerCertificate;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
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

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// How long a new authority lives. Its certificate is what clients are told to trust, so it should outlive machines.
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(10 * 365 * 86_400);

/// How far in the past a new certificate begins: clocks of clients may be behind ours.
const CLOCK_SLACK: Duration = Duration::from_secs(3_600);

/// A certificate authority of our own (ECDSA P-256).
#[derive(Debug)]
pub struct PrivateAuthority {
    credential: Credential,
}

impl PrivateAuthority {
    /// Makes a new authority, valid for ten years.
    pub fn create() -> Result<Self, Problem> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Portolan private authority");
        valid_for(&mut params, AUTHORITY_VALIDITY);
        let certificate = params.self_signed(&key).map_err(|error| making("the authority's certificate", &error))?;
        Ok(Self { credential: Credential { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() } })
    }

    /// An authority made earlier.
    pub fn load(credential: Credential) -> Result<Self, Problem> {
        let authority = Self { credential };
        authority.issuer()?;
        Ok(authority)
    }

    /// Its certificate and key.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// A host certificate for these names and addresses. It is followed by nothing: clients trust the authority itself.
    pub fn issue(&self, names: &[String], validity: Duration) -> Result<Credential, Problem> {
        let key = new_key()?;
        let mut params =
            CertificateParams::new(names).map_err(|error| making(&format!("a certificate for {names:?}"), &error))?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let common_name = names.first().map_or("portolan", String::as_str);
        params.distinguished_name.push(DnType::CommonName, common_name);
        valid_for(&mut params, validity);
        let certificate = params
            .signed_by(&key, &self.issuer()?)
            .map_err(|error| making(&format!("a certificate for {names:?}"), &error))?;
        Ok(Credential { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, Problem> {
        let key = KeyPair::from_pem(&self.credential.key_pem)
            .map_err(|error| unusable("the authority's key", &error.to_string()))?;
        Issuer::from_ca_cert_pem(&self.credential.certificate_pem, key)
            .map_err(|error| unusable("the authority's certificate", &error.to_string()))
    }
}

fn new_key() -> Result<KeyPair, Problem> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|error| making("a key", &error))
}

fn valid_for(params: &mut CertificateParams, validity: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SLACK).into();
    params.not_after = (now + validity).into();
}

/// Writes a certificate for all to read, atomically.
pub fn save_certificate(path: &Path, pem: &str) -> Result<(), Problem> {
    save(path, pem, 0o644)
}

/// Writes a key that only its owner may read (0600), atomically.
pub fn save_key(path: &Path, pem: &str) -> Result<(), Problem> {
    save(path, pem, 0o600)
}

fn save(path: &Path, pem: &str, mode: u32) -> Result<(), Problem> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = Path::new(&beside);
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(beside)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(beside, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|error| {
        // Nothing half-written may stay; that it cannot be removed is the lesser trouble.
        let _ = std::fs::remove_file(beside);
        storing("written", path, &error)
    })
}

/// Reads a PEM file.
pub fn load_pem(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| storing("read", path, &error))
}

/// ring with the suites in our order.
pub(crate) fn provider() -> rustls::crypto::CryptoProvider {
    use rustls::crypto::ring::{self, cipher_suite as suite};
    rustls::crypto::CryptoProvider {
        cipher_suites: vec![
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        ..ring::default_provider()
    }
}

/// When the first certificate of a PEM text expires.
pub fn expiry(certificate_pem: &str) -> Result<SystemTime, Problem> {
    let certificate = first(certificate_pem)?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
        .map_err(|error| unusable("the certificate", &error.to_string()))?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// SHA-256 of the first certificate of a PEM text, as lower-case hex pairs joined by colons.
pub fn fingerprint(certificate_pem: &str) -> Result<String, Problem> {
    let certificate = first(certificate_pem)?;
    let hash = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .map(|suite| suite.common.hash_provider.hash(&certificate));
    let hash = hash.ok_or_else(|| unusable("the certificate", "SHA-256 is missing"))?;
    Ok(hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

fn first(certificate_pem: &str) -> Result<CertificateDer<'static>, Problem> {
    certificates(certificate_pem)?
        .into_iter()
        .next()
        .ok_or_else(|| unusable("the certificate", "there is no certificate in the text"))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| unusable("the certificate", &error.to_string()))
}

fn making(what: &str, error: &rcgen::Error) -> Problem {
    Problem {
        status: 500,
        kind: "certificate-not-made",
        title: "A certificate could not be made",
        detail: format!("Making {what} failed: {error}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Check the host names of the settings; each must be a DNS name or an IP address.".to_owned(),
    }
}

fn unusable(what: &str, why: &str) -> Problem {
    Problem {
        status: 500,
        kind: "certificate-unusable",
        title: "A certificate or key cannot be used",
        detail: format!("Using {what} failed: {why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Give a PEM file with the certificate, followed by its issuers, and the PEM file of its key.".to_owned(),
    }
}

fn storing(verb: &str, path: &Path, error: &std::io::Error) -> Problem {
    Problem {
        status: 500,
        kind: "certificate-file",
        title: "A certificate file is not accessible",
        detail: format!("{} could not be {verb}: {error}.", path.display()),
        blame: Blame::Storage,
        retry: Retry::Never,
        next: "Check that the file exists, and that this user may access it and its folder.".to_owned(),
    }
}
