//! Local accounts: the names and groups that this site gives to those whom others vouch for.

use crate::settings::Settings;
use terms::Identity;

/// The accounts of the settings.
pub(crate) struct Accounts;

impl Accounts {
    pub(crate) fn new(_settings: &Settings) -> Self {
        Self
    }

    /// The identity under its local name and with its local groups.
    pub(super) fn settle(&self, identity: Identity) -> Identity {
        identity
    }
}
