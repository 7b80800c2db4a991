//! Shares.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/v1/shares`. Addresses are never told again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SharesAnswer {
    /// Your own, or all for who may list those of others; the oldest first, those that are over too.
    pub shares: Vec<ShareAnswer>,
}

/// One share without its address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShareAnswer {
    /// Which: what `DELETE /api/v1/shares/{id}` takes.
    pub id: String,
    /// What it shares: this path and all below.
    pub path: String,
    /// Verbs that it allows.
    #[schema(example = json!(["list", "stat", "read"]))]
    pub allow: Vec<String>,
    /// Who made it.
    pub creator: String,
    /// A note for people.
    pub note: String,
    /// What it is good for now.
    pub state: ShareState,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it ends by itself; absent: never.
    #[schema(format = DateTime)]
    pub expires: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    pub revoked: Option<String>,
    /// Only from these networks; empty: from anywhere.
    #[schema(example = json!(["192.0.2.0/24"]))]
    pub networks: Vec<String>,
    /// Downloads that it allows in all; absent: as many as you like. As many bytes of a file as it has are one, in however
    /// many requests they come.
    pub max_downloads: Option<u64>,
    /// Bytes of files that it may move in all, there and back; absent: as many as you like.
    pub max_bytes: Option<u64>,
    /// Downloads so far, those on their way included.
    pub downloads: u64,
    /// Bytes moved so far; of those with a limit, the bytes on their way included.
    pub bytes: u64,
}

/// What a share is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShareState {
    /// It can be used.
    Good,
    /// Its downloads or bytes are used up.
    UsedUp,
    /// It ended by itself.
    Expired,
    /// It was revoked.
    Revoked,
}

/// Body of `POST /api/v1/shares`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShare {
    /// What to share: this path and all below.
    #[schema(example = "/survey/dr1")]
    pub path: String,
    /// Verbs that it allows: list, stat, read, create, modify, delete. You must have each of them yourself.
    #[serde(default = "reading")]
    #[schema(example = json!(["list", "stat", "read"]))]
    pub allow: Vec<String>,
    /// How long it is good, with a unit; absent: until it is revoked.
    #[schema(example = "30 d")]
    #[serde(default)]
    pub expires_in: Option<String>,
    /// Only from these networks or addresses; empty: from anywhere.
    #[serde(default)]
    #[schema(example = json!(["192.0.2.0/24", "2001:db8::/32"]), max_items = 16)]
    pub networks: Vec<String>,
    /// Downloads in all; absent: as many as you like.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub max_downloads: Option<u64>,
    /// Bytes of files in all, there and back; absent: as many as you like.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub max_bytes: Option<u64>,
    /// A note for people.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub note: String,
}

fn reading() -> Vec<String> {
    ["list", "stat", "read"].map(str::to_owned).to_vec()
}

/// Answer of `POST /api/v1/shares`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewShareAnswer {
    /// The address; whoever holds it can use it. It is shown this once and kept nowhere.
    #[schema(example = "https://port.example:8443/s/01997e…_Zm9v…/dr1/")]
    pub address: String,
    /// What was made.
    pub made: ShareAnswer,
}
