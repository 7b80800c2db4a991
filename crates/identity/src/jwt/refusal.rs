//! Why a token is not accepted.

use crate::shown::shown;

/// Why a token is not accepted: one sentence each, without a full stop, that may be told to the caller.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Longer than [`super::MAX_TOKEN_BYTES`].
    #[error("the token has {0} bytes, and at most {max} are looked at", max = super::MAX_TOKEN_BYTES)]
    TooLong(usize),
    /// Not what a signed token looks like.
    #[error("the token is malformed: {0}")]
    Malformed(String),
    /// Signed otherwise than by RS256 or ES256, or not at all.
    #[error("the token is signed by '{0}', and only RS256 and ES256 are accepted")]
    Algorithm(String),
    /// It demands extensions that we do not know (RFC 7515, section 4.1.11).
    #[error("the token demands extensions ('crit') that are not known here")]
    Critical,
    /// Its header says that it is something else (RFC 8725, section 3.11).
    #[error("the token says that it is of the type '{0}', which is no access token")]
    Type(String),
    /// It names no key, and the issuer has several.
    #[error("the token names no key ('kid'), and its issuer has {0} of them")]
    NoKeyId(usize),
    /// It names a key that the issuer does not have: perhaps a new one, so asking the issuer again may help.
    #[error("the token is signed by the key '{0}', which its issuer does not have")]
    UnknownKey(String),
    /// The signature is not that of the key.
    #[error("the signature of the token is wrong")]
    Signature,
    /// Nobody whom this site believes.
    #[error("the issuer '{0}' is not known here")]
    UnknownIssuer(String),
    /// A claim that must be there is not.
    #[error("the token lacks the claim '{0}'")]
    Missing(&'static str),
    /// A claim has a value that it cannot have.
    #[error("the claim '{0}' of the token {1}")]
    Claim(String, String),
    /// A version of the claims that the issuer is not believed in, or none.
    #[error("the token is {0}, and of this issuer only {1} are accepted")]
    Profile(&'static str, String),
    /// Meant for other services.
    #[error("the token is meant for {0}, not for this service")]
    Audience(String),
    /// Its time is over.
    #[error("the token expired at {0}")]
    Expired(terms::Timestamp),
    /// Its time has not come.
    #[error("the token is not valid before {0}")]
    NotYet(terms::Timestamp),
    /// It lives longer than this site accepts.
    #[error("the token lives for {0} s, and at most {1} s are accepted")]
    LivesTooLong(u64, u64),
    /// A scope for storage without a usable path.
    #[error("the scope '{0}' of the token cannot be used: {1}")]
    Scope(String, String),
    /// It amounts to more than we keep in mind.
    #[error("the token holds too many {0}")]
    TooMany(&'static str),
}

impl Refusal {
    /// For an issuer of this name, which a stranger has chosen.
    pub fn unknown_issuer(name: &str) -> Self {
        Self::UnknownIssuer(shown(name))
    }

    /// A stable word for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Expired(_) => "token-expired",
            Self::NotYet(_) => "token-not-yet-valid",
            Self::Audience(_) => "token-for-others",
            Self::UnknownIssuer(_) => "token-issuer-unknown",
            Self::Signature | Self::UnknownKey(_) | Self::NoKeyId(_) => "token-unverified",
            Self::TooLong(_) | Self::Malformed(_) => "credentials-malformed",
            _ => "token-unacceptable",
        }
    }

    /// Was it a good token that is over, rather than one that never was? These say nothing of an attack.
    pub const fn is_matter_of_time(&self) -> bool {
        matches!(self, Self::Expired(_) | Self::NotYet(_))
    }
}
