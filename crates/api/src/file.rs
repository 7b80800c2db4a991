//! One file.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Answer of `GET /api/v1/files?path=…`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FileAnswer {
    /// Its logical path.
    #[schema(example = "/survey/night-1/image-0001.fits")]
    pub path: String,
    /// Where its bytes are: `/data` and the path, percent-encoded.
    pub href: String,
    /// Length.
    pub size_bytes: u64,
    /// When its bytes last changed, or what its sender asked to be kept as that.
    #[schema(format = DateTime)]
    pub modified: String,
    /// Digests by algorithm, in hexadecimal. Empty for a file that came another way and was not asked for yet.
    #[schema(example = json!({"adler32": "0b9e0245"}))]
    pub digests: BTreeMap<String, String>,
    /// What is said of it, by name: `group`, `embargo-until`, `imported` of a copy, and whatever its senders wanted.
    #[schema(example = json!({"group": "/survey", "embargo-until": "2027-01-01T00:00:00Z"}))]
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The media type that its sender gave.
    pub media_type: Option<String>,
    /// When it became visible; absent for a file that came another way.
    #[schema(format = DateTime)]
    pub published: Option<String>,
    /// Who put it there, for administrators and for themselves; absent for a file that came another way.
    pub publisher: Option<String>,
}

/// Body of `PATCH /api/v1/files?path=…`: what to say of a file from now on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileChange {
    /// Attributes to set, or with `null` to remove; all others stay (RFC 7396).
    #[schema(example = json!({"release": "dr1", "embargo-until": null}))]
    pub attributes: BTreeMap<String, Option<String>>,
}
