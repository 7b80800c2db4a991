//! What moved lately.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/v1/traffic`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TrafficAnswer {
    /// Bytes of files received since the start.
    pub received_bytes: u64,
    /// Bytes of files sent since the start.
    pub sent_bytes: u64,
    /// Transfers under way.
    pub active: u64,
    /// The last transfers that ended, the newest first.
    pub recent: Vec<TransferAnswer>,
}

/// One transfer that ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TransferAnswer {
    /// Which file.
    pub path: String,
    /// Into the port or out of it.
    pub direction: Direction,
    /// Bytes moved.
    pub bytes: u64,
    /// How long it took.
    pub duration_seconds: f64,
    /// When it ended.
    #[schema(format = DateTime)]
    pub ended: String,
    /// From where it was asked, for administrators.
    pub peer: Option<String>,
    /// Who asked, for administrators and for themselves.
    pub principal: Option<String>,
    /// Did it end well?
    pub complete: bool,
}

/// Which way bytes went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the port.
    In,
    /// Out of the port.
    Out,
}
