//! Signed tokens of issuers (WLCG, SciTokens).

use super::{Presented, malformed};
use crate::settings::Settings;
use terms::{Identity, Problem};

/// The issuers whose tokens are taken.
pub(crate) struct Issuers;

impl Issuers {
    pub(crate) async fn open(_settings: &Settings) -> Result<Self, Problem> {
        Ok(Self)
    }

    /// Whose token this is.
    pub(super) async fn identify(&self, _text: &str, _at: &Presented<'_>) -> Result<Identity, Problem> {
        Err(malformed("no issuer of signed tokens is configured here"))
    }
}
