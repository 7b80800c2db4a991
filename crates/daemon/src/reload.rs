//! Settings, certificates, authorities, issuers and rules read again without a restart: by SIGHUP, by
//! `POST /api/v1/reload`, by `portolan reload`. No connection is dropped, no request is disturbed.
//!
//! The contract of a part that can be reloaded is one method:
//!
//! ```ignore
//! /// Reads again what these settings name. On failure all of the former stays in force.
//! pub(crate) async fn reload(&self, settings: &Settings) -> Result<Reloaded, Problem>
//! ```
//!
//! All or nothing holds for each part by itself: one that cannot be read keeps what it had, and the answer says which and
//! why; the others go on. What can only change with a restart is named.

/// What a part did with the new settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reloaded {
    /// Is anything different from before?
    pub(crate) changed: bool,
    /// What is in force now, in a few words without a full stop: `37 authorities, 35 revocation lists`.
    pub(crate) told: String,
}

impl Reloaded {
    /// This is in force now; it differs from what was before.
    pub(crate) fn changed(told: impl Into<String>) -> Self {
        Self { changed: true, told: told.into() }
    }

    /// This is in force, as it was before.
    pub(crate) fn unchanged(told: impl Into<String>) -> Self {
        Self { changed: false, told: told.into() }
    }
}
