//! What the port is and how it fares.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/v1/status`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatusAnswer {
    /// Version of Portolan.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// What it is doing.
    pub state: State,
    /// When it was started.
    #[schema(format = DateTime, example = "2026-11-21T22:48:39Z")]
    pub since: String,
    /// How long ago that was, by a monotonic clock.
    pub uptime_seconds: u64,
    /// Which database keeps the records: `sqlite` or `postgresql`.
    pub archive_engine: String,
    /// What it holds.
    pub totals: TotalsAnswer,
    /// Bytes of files received since the start.
    pub received_bytes: u64,
    /// Bytes of files sent since the start.
    pub sent_bytes: u64,
    /// Transfers under way.
    pub transfers_active: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// What needs a hand, one sentence each: a certificate that expires, a record that cannot be written.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What it serves.
    pub namespaces: Vec<NamespaceAnswer>,
}

/// What a port is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Taking requests.
    Serving,
    /// Finishing what is running, and taking nothing new.
    Draining,
}

impl State {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Draining => "draining",
        }
    }
}

/// Sums over all files with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct TotalsAnswer {
    /// How many files.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// Answer of `GET /api/v1/namespaces`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NamespacesAnswer {
    /// All of them, by prefix.
    pub namespaces: Vec<NamespaceAnswer>,
}

/// One namespace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NamespaceAnswer {
    /// Where it is mounted among the logical paths.
    #[schema(example = "/survey")]
    pub prefix: String,
    /// Digests computed of every file that comes in.
    #[schema(example = json!(["adler32", "sha-256"]))]
    pub digests: Vec<String>,
    /// What callers without a token may do there: verbs.
    pub anonymous: Vec<String>,
    /// Size of the file system that holds its store; absent when it cannot be read.
    pub total_bytes: Option<u64>,
    /// What of it is free for us.
    pub free_bytes: Option<u64>,
}
