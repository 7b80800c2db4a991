//! Clients that prove to hold a key, whoever they are.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Takes every chain within bounds and verifies only that the client holds the key of its first certificate. Who that is
/// gets judged for each request: then authorities and revocation lists can change under a connection, a refusal is a
/// sentence instead of an alert, and resumed sessions are judged anew.
///
/// rustls's own verifier would refuse every RFC 3820 proxy for its critical extension; so would its check of the
/// handshake's signature, which is why the key is taken out of the certificate here.
#[derive(Debug)]
pub(super) struct AnyHolder {
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Certificates in a chain, as `identity::x509` takes them.
const CHAIN_MAX: usize = 16;

/// All names of authorities together. They travel in each full handshake; the length of their list has 16 bits.
const HINTS_BYTES_MAX: usize = 24 << 10;

impl AnyHolder {
    /// More names than fit are left away altogether: clients then choose by themselves.
    pub(super) fn new(authorities: Vec<Vec<u8>>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        let bytes: usize = authorities.iter().map(|name| name.len() + 2).sum();
        let hints = if bytes > HINTS_BYTES_MAX { Vec::new() } else { authorities };
        Self { hints: hints.into_iter().map(DistinguishedName::from).collect(), algorithms }
    }
}

impl ClientCertVerifier for AnyHolder {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if intermediates.len() >= CHAIN_MAX {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        parse(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = parse(certificate)?;
        let key = &certificate.tbs_certificate.subject_pki.subject_public_key.data;
        // TLS 1.2 does not tie the scheme to a curve: one of several algorithms fits the key, and the others fail.
        let schemes = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let mut algorithms = schemes.flat_map(|(_, algorithms)| algorithms.iter());
        if algorithms.any(|algorithm| algorithm.verify_signature(key, message, signed.signature()).is_ok()) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        tell(&certificate);
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = parse(certificate)?;
        let key = SubjectPublicKeyInfoDer::from(certificate.tbs_certificate.subject_pki.raw);
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms).inspect_err(|_| tell(&certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The client learns no more than an alert can say, so the operator should: short keys of old tools end here.
fn tell(certificate: &X509Certificate<'_>) {
    let subject = certificate.subject();
    tracing::info!(
        "a client did not prove to hold the key of the certificate that it showed ({subject}), or has an RSA key of less \
         than 2048 bits"
    );
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match X509Certificate::from_der(certificate) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertificateError::BadEncoding.into()),
    }
}
