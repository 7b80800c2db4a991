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
    /// The media type that its sender gave.
    pub media_type: Option<String>,
    /// When it became visible; absent for a file that came another way.
    #[schema(format = DateTime)]
    pub published: Option<String>,
    /// Who put it there, for administrators and for themselves; absent for a file that came another way.
    pub publisher: Option<String>,
}
