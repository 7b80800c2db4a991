//! Which servers the client believes.

use super::error::{Cause, ClientError, Phase};
use super::{ClientCredential, ClientSettings};
use rustls::RootCertStore;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The authorities that vouch for servers; all that are given are believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// The system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them, as elsewhere).
    pub system: bool,
    /// PEM files. Each must be readable and hold a certificate.
    pub files: Vec<PathBuf>,
    /// Folders of PEM files, as `/etc/grid-security/certificates`: files named `*.pem`, `*.crt` or by a hash (`*.0`).
    pub folders: Vec<PathBuf>,
}

impl Default for Trust {
    fn default() -> Self {
        Self { system: true, files: Vec::new(), folders: Vec::new() }
    }
}

impl Trust {
    /// The system's authorities, and the folder named by `X509_CERT_DIR` if it is set.
    pub fn from_environment() -> Self {
        Self { folders: std::env::var_os("X509_CERT_DIR").map(PathBuf::from).into_iter().collect(), ..Self::default() }
    }

    fn roots(&self) -> Result<RootCertStore, ClientError> {
        let mut roots = RootCertStore::empty();
        if self.system {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!(%error, "an authority of the system cannot be read");
            }
            roots.add_parsable_certificates(found.certs);
        }
        for file in &self.files {
            let certificates = read(file)?;
            let (added, _) = roots.add_parsable_certificates(certificates);
            if added == 0 {
                return Err(unreadable(file, "it holds no certificate that can be used"));
            }
        }
        for folder in &self.folders {
            for file in authority_files(folder)? {
                // Such folders collect files of many origins over years; one that is broken must not stop all.
                match read(&file) {
                    Ok(certificates) => _ = roots.add_parsable_certificates(certificates),
                    Err(error) => tracing::debug!(%error, "an authority is left out"),
                }
            }
        }
        Ok(roots)
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, &error.to_string()))
}

fn authority_files(folder: &Path) -> Result<Vec<PathBuf>, ClientError> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error.to_string()))?;
    let wanted = |path: &PathBuf| {
        path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
            matches!(extension, "pem" | "crt") || extension.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(wanted).collect())
}

fn unreadable(path: &Path, why: &str) -> ClientError {
    let text = format!("authorities cannot be read from {}: {why}", path.display());
    ClientError::at(Phase::Prepare, "our settings".to_owned(), Cause::Text(text))
}

/// A client's side of TLS: 1.2 and 1.3, HTTP/1.1 only.
pub(crate) fn client_config(settings: &ClientSettings) -> Result<Arc<rustls::ClientConfig>, ClientError> {
    let alpn = vec![b"http/1.1".to_vec()];
    config(&settings.trust, settings.insecure, settings.credential.as_ref(), alpn)
}

/// A client's side of TLS: 1.2 and 1.3, with these words for what is spoken inside.
pub(crate) fn config(
    trust: &Trust,
    insecure: bool,
    credential: Option<&ClientCredential>,
    alpn: Vec<Vec<u8>>,
) -> Result<Arc<rustls::ClientConfig>, ClientError> {
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let mut config = config_with(crate::certificate::provider(), &versions, trust, insecure, credential)?;
    config.alpn_protocols = alpn;
    Ok(Arc::new(config))
}

/// The same with a choice of versions, suites and groups.
pub(crate) fn config_with(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    trust: &Trust,
    insecure: bool,
    credential: Option<&ClientCredential>,
) -> Result<rustls::ClientConfig, ClientError> {
    let provider = Arc::new(provider);
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(|error| ClientError::at(Phase::Prepare, "our settings".to_owned(), Cause::Tls(error)))?;
    let builder = if insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(BelieveAll(provider)))
    } else {
        builder.with_root_certificates(trust.roots()?)
    };
    Ok(match credential {
        Some(credential) => builder.with_client_cert_resolver(credential.resolver()),
        None => builder.with_no_client_auth(),
    })
}

/// Believes every certificate, but not that the peer has its key without proof.
#[derive(Debug)]
struct BelieveAll(Arc<CryptoProvider>);

impl ServerCertVerifier for BelieveAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
