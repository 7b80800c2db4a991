//! Sessions of browsers, made by signing in.

use super::Presented;
use crate::settings::Settings;
use terms::{Identity, Problem};

/// The sessions of browsers.
pub(crate) struct Sessions;

impl Sessions {
    pub(crate) async fn open(_settings: &Settings) -> Result<Self, Problem> {
        Ok(Self)
    }

    /// Who the caller is by its session; nobody where it has none.
    pub(super) async fn identify(&self, _at: &Presented<'_>) -> Result<Option<Identity>, Problem> {
        Ok(None)
    }
}
