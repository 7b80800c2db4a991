//! Why a chain is not believed, in a sentence each.

use super::signature::Fault;
use terms::Timestamp;

/// Why a chain is not believed. Every text is a whole sentence that may reach the client: the names in it are its own,
/// or those of authorities, which are public.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the sentences say it")]
pub enum Refusal {
    #[error("The chain of certificates is empty.")]
    Empty,
    #[error(
        "The chain has {certificates} certificates of {bytes} bytes together; at most 16 and 49152 bytes are taken."
    )]
    TooLarge { certificates: usize, bytes: usize },
    #[error("Certificate {position} of the chain cannot be read: {why}.")]
    Malformed { position: usize, why: String },
    #[error("The certificate {subject} ended on {at}.")]
    Expired { subject: String, at: Timestamp },
    #[error("The certificate {subject} is not valid before {at}.")]
    NotYetValid { subject: String, at: Timestamp },
    #[error(
        "The certificate {subject} names {issuer} as its authority, and no trusted authority of this name is known here."
    )]
    UnknownAuthority { subject: String, issuer: String },
    #[error(
        "The certificate {subject} was not signed by {issuer}, which it names as its issuer: it was changed, or another key of that name signed it."
    )]
    BadSignature { subject: String, issuer: String },
    #[error("The certificate {subject} is signed with {hash}, which can be forged and is not accepted.")]
    WeakSignature { subject: String, hash: &'static str },
    #[error("The certificate {subject} is signed by an RSA key of {bits} bits; 2048 to 8192 are accepted.")]
    KeySize { subject: String, bits: usize },
    #[error("The certificate {subject} has an RSA key of {bits} bits; 2048 to 8192 are accepted.")]
    OwnKeySize { subject: String, bits: usize },
    #[error("The certificate {subject} is signed in a way that is not known here ({name}).")]
    UnsupportedSignature { subject: String, name: String },
    #[error("{issuer} signed the certificate {subject}, but is not a certificate authority.")]
    NotAnAuthority { subject: String, issuer: String },
    #[error("The authority {issuer} may not vouch over so many further authorities as there are above {subject}.")]
    TooManyAuthorities { subject: String, issuer: String },
    #[error("The certificate {subject} is an authority's, and those do not stand for users.")]
    IsAuthority { subject: String },
    #[error("The certificate {subject} is not made for {what}.")]
    Use { subject: String, what: &'static str },
    #[error("The certificate {subject} has a critical extension that is not known here ({oid}).")]
    CriticalExtension { subject: String, oid: String },
    #[error("The authority {issuer} is not allowed to vouch for the name {subject}.")]
    NameConstraint { subject: String, issuer: String },
    #[error("The signing policy of {issuer} does not let it vouch for {subject}.")]
    SigningPolicy { subject: String, issuer: String },
    #[error("There is no signing policy for {issuer} here, and this port asks for one.")]
    SigningPolicyMissing { issuer: String },
    #[error("The signing policy of {issuer} cannot be used: {why}.")]
    SigningPolicyUnusable { issuer: String, why: String },
    #[error("The certificate {subject} was revoked by {issuer}.")]
    Revoked { subject: String, issuer: String },
    #[error("Whether {issuer} revoked the certificate {subject} cannot be told: {why}.")]
    RevocationUnknown { subject: String, issuer: String, why: String },
    #[error("{subject} is a legacy Globus proxy, from before RFC 3820; these are not accepted.")]
    LegacyProxy { subject: String },
    #[error("The proxy {subject} was not issued by any certificate of the chain.")]
    ProxyWithoutIssuer { subject: String },
    #[error("The proxy {subject} does not mark its proxy information as critical (RFC 3820, section 3.8).")]
    ProxyNotCritical { subject: String },
    #[error("The proxy {subject} restricts itself by a policy that is not known here ({language}).")]
    ProxyLanguage { subject: String, language: String },
    #[error(
        "The proxy {subject} is not named as its issuer {issuer} and one common name more (RFC 3820, section 3.4)."
    )]
    ProxyName { subject: String, issuer: String },
    #[error("The proxy {subject} claims to be a certificate authority.")]
    ProxyAuthority { subject: String },
    #[error("The proxy {subject} stands too deep: {issuer} lets {max} proxies follow it.")]
    ProxyDepth { subject: String, issuer: String, max: u32 },
    #[error("Judging this chain takes too many signatures.")]
    TooCostly,
}

impl Refusal {
    /// What its holder, or the operator of this port, can do.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "Make a new proxy, or have the certificate renewed.",
            Self::NotYetValid { .. } => "Check the clocks of both hosts.",
            Self::UnknownAuthority { .. } => {
                "Send the certificates of intermediate authorities too, or ask the operators of this port to trust the \
                 authority."
            }
            Self::LegacyProxy { .. } => "Make the proxy with 'grid-proxy-init -rfc' or 'voms-proxy-init -rfc'.",
            Self::SigningPolicy { .. }
            | Self::SigningPolicyMissing { .. }
            | Self::SigningPolicyUnusable { .. }
            | Self::RevocationUnknown { .. } => {
                "Tell the operators of this port: the files of that authority must be brought up to date."
            }
            Self::ProxyDepth { .. } | Self::ProxyLanguage { .. } | Self::ProxyWithoutIssuer { .. } => {
                "Make a new proxy from the certificate itself, and send the whole chain."
            }
            Self::OwnKeySize { .. } => "Make the proxy or certificate anew with a key of 2048 bits ('-bits 2048').",
            Self::Revoked { .. } | Self::WeakSignature { .. } | Self::KeySize { .. } => {
                "Ask your certificate authority for a new certificate."
            }
            _ => "Check which certificate is sent; ask your certificate authority if it is the right one.",
        }
    }

    /// May another certificate of the same name as the issuer still prove the signature?
    pub(super) fn is_of_another_key(&self) -> bool {
        matches!(self, Self::BadSignature { .. } | Self::UnknownAuthority { .. })
    }

    pub(super) fn of_signature(fault: Fault, subject: &str, issuer: &str) -> Self {
        let subject = subject.to_owned();
        match fault {
            Fault::Weak(hash) => Self::WeakSignature { subject, hash },
            Fault::KeySize(bits) => Self::KeySize { subject, bits },
            Fault::Unsupported(name) => Self::UnsupportedSignature { subject, name },
            Fault::Wrong => Self::BadSignature { subject, issuer: issuer.to_owned() },
        }
    }
}
