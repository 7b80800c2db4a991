//! What was read again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `POST /api/v1/reload`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReloadAnswer {
    /// Could every part be read?
    pub complete: bool,
    /// What each part did.
    pub parts: Vec<ReloadedPart>,
    /// Settings that differ from those in force and need a restart.
    #[schema(example = json!(["listen.address"]))]
    pub needs_restart: Vec<String>,
}

/// What one part did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReloadedPart {
    /// Which.
    #[schema(example = "rules")]
    pub part: String,
    /// What became of it.
    pub outcome: ReloadOutcome,
    /// What is in force now; of one that could not be read: why, with the line.
    pub detail: String,
}

/// What became of one part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReloadOutcome {
    /// New things are in force.
    Changed,
    /// It is as it was.
    Unchanged,
    /// It could not be read: the former stays in force.
    Kept,
}

impl ReloadOutcome {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept",
        }
    }
}
