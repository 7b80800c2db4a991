//! What the client shows of itself where a server asks: a certificate, or a proxy with its chain.

use super::error::{Cause, ClientError, Phase};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate with its chain and its key. The key is never printed.
#[derive(Clone)]
pub struct ClientCredential {
    key: Arc<CertifiedKey>,
}

/// The files that a credential is read from. A proxy's file holds both: name it twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CredentialFiles {
    /// The certificate, followed by its chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl std::fmt::Debug for ClientCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCredential").field("certificates", &self.key.cert.len()).finish_non_exhaustive()
    }
}

impl CredentialFiles {
    /// A file that holds all: a proxy's.
    pub fn proxy(file: PathBuf) -> Self {
        Self { certificate: file.clone(), key: file }
    }

    /// Those that grid tools use: `X509_USER_PROXY`, or else `X509_USER_CERT` with `X509_USER_KEY`.
    pub fn from_environment() -> Option<Self> {
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        match (path("X509_USER_PROXY"), path("X509_USER_CERT"), path("X509_USER_KEY")) {
            (Some(proxy), _, _) => Some(Self::proxy(proxy)),
            (None, Some(certificate), Some(key)) => Some(Self { certificate, key }),
            _ => None,
        }
    }
}

impl ClientCredential {
    /// Reads both files.
    pub fn read(files: &CredentialFiles) -> Result<Self, ClientError> {
        let text = |path: &Path| std::fs::read(path).map_err(|error| unusable(&format!("{}: {error}", path.display())));
        Self::from_pem(&text(&files.certificate)?, &text(&files.key)?)
            .map_err(|why| unusable(&format!("{}: {why}", files.certificate.display())))
    }

    fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        let first = chain.first().ok_or("it holds no certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("its key cannot be read: {error}"))?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key)
            .map_err(|error| format!("its key cannot be used: {error}"))?;
        // rustls's own comparison reads the certificate in a way that refuses proxies.
        let (_, leaf) = X509Certificate::from_der(first).map_err(|error| error.to_string())?;
        if key.public_key().is_some_and(|public| public.as_ref() != leaf.tbs_certificate.subject_pki.raw) {
            return Err("its key is another certificate's".to_owned());
        }
        Ok(Self { key: Arc::new(CertifiedKey::new(chain, key)) })
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.key)))
    }
}

fn unusable(why: &str) -> ClientError {
    let text = format!("the certificate to show cannot be used: {why}");
    ClientError::at(Phase::Prepare, "our settings".to_owned(), Cause::Text(text))
}
