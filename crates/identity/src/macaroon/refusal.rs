//! Why a macaroon is not accepted, each in one sentence.

use super::packet::{MAX_CAVEAT_BYTES, MAX_CAVEATS, MAX_TEXT_BYTES};
use crate::shown::shown;
use core::net::IpAddr;
use terms::Timestamp;

/// Why a macaroon is not accepted. None of these holds a signature or what is sealed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Not the form of a macaroon.
    #[error("it is no macaroon: {0}")]
    Malformed(&'static str),
    /// Longer than [`MAX_TEXT_BYTES`].
    #[error("the macaroon is longer than {MAX_TEXT_BYTES} bytes")]
    Long,
    /// More than [`MAX_CAVEATS`].
    #[error("the macaroon has more than {MAX_CAVEATS} caveats")]
    ManyCaveats,
    /// A caveat longer than [`MAX_CAVEAT_BYTES`].
    #[error("a caveat is longer than {MAX_CAVEAT_BYTES} bytes")]
    LongCaveat,
    /// Its identifier is none of ours.
    #[error("the macaroon was made by another service")]
    Foreign,
    /// Signature, location or identifier were changed, or a caveat was taken away.
    #[error("the macaroon's signature does not fit its contents")]
    Altered,
    /// What is sealed was written by a version that we do not know.
    #[error(
        "the macaroon was made by another version of Portolan, which recorded its maker in a way unknown to this one"
    )]
    OtherVersion,
    /// A caveat that another service must discharge.
    #[error("the macaroon has a caveat that another service must discharge; no such caveats are accepted here")]
    ThirdParty,
    /// A caveat of no kind that we know.
    #[error("the caveat '{0}' is not understood here, and what is not understood cannot be kept")]
    UnknownCaveat(String),
    /// A caveat of a kind that we know, with a value that we cannot read.
    #[error("the caveat '{caveat}' cannot be read: {why}")]
    UnreadableCaveat {
        /// It, as far as it is shown.
        caveat: String,
        /// What is wrong with it.
        why: String,
    },
    /// `before:` is over.
    #[error("the macaroon ended at {0}")]
    Over(Timestamp),
    /// `ip:` does not cover where it comes from.
    #[error("the macaroon may not be used from {from}: its caveat '{caveat}' does not cover that address")]
    Elsewhere {
        /// Where it came from.
        from: String,
        /// The caveat.
        caveat: String,
    },
}

impl Refusal {
    pub(super) fn unreadable(caveat: &str, why: impl Into<String>) -> Self {
        Self::UnreadableCaveat { caveat: shown(caveat), why: why.into() }
    }

    pub(super) fn elsewhere(from: Option<IpAddr>, caveat: &str) -> Self {
        let from = from.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string());
        Self::Elsewhere { from, caveat: shown(caveat) }
    }
}
