//! Messages, and their bytes.

use super::spec::{FRAME_BYTES_MAX, NAME_CHARACTERS};
use core::time::Duration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Client: what the turn is for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// Which budget.
    pub budget: String,
    /// What the test is: `iperf3`.
    pub what: String,
    /// For whom.
    pub who: String,
    /// How long it takes at most.
    pub longest_seconds: f64,
    /// How long it waits at most.
    pub patience_seconds: f64,
}

/// Keeper: how it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Not yet.
    Wait(Wait),
    /// Now, for so long.
    Granted {
        /// The turn is taken away when this is over.
        seconds: f64,
    },
    /// No.
    Refused {
        /// Why, one sentence without a full stop.
        reason: String,
        /// When asking again makes sense; absent where it never does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_seconds: Option<f64>,
    },
}

/// For whom and how long.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Wait {
    /// Tests that wait before this one.
    pub ahead: u64,
    /// When its turn comes at the latest.
    pub at_most_seconds: f64,
    /// Tests that run.
    pub running: Vec<Running>,
}

/// A test that runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Running {
    /// What it is.
    pub what: String,
    /// For whom.
    pub who: String,
    /// How long it takes at most from now on.
    pub seconds_left: f64,
}

/// Why bytes are no message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WireError {
    /// Longer than any message.
    #[error("a message of {0} bytes is announced, and {FRAME_BYTES_MAX} are the most")]
    TooLong(usize),
    /// No JSON, or not of this form.
    #[error("a message is not understood: {0}")]
    Malformed(String),
}

/// The bytes of a message, its length before it.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).map_err(|error| WireError::Malformed(error.to_string()))?;
    let len = bytes.len() - 4;
    match u32::try_from(len) {
        Ok(announced) if len <= FRAME_BYTES_MAX => bytes[..4].copy_from_slice(&announced.to_be_bytes()),
        _ => return Err(WireError::TooLong(len)),
    }
    Ok(bytes)
}

/// How long the message is whose head this is.
pub fn length(head: [u8; 4]) -> Result<usize, WireError> {
    let len = u32::from_be_bytes(head) as usize;
    if len > FRAME_BYTES_MAX { Err(WireError::TooLong(len)) } else { Ok(len) }
}

/// The message in these bytes.
pub fn decode<M: DeserializeOwned>(body: &[u8]) -> Result<M, WireError> {
    serde_json::from_slice(body).map_err(|error| WireError::Malformed(error.to_string()))
}

/// A span out of a message: what is negative or no number is none, what is too long is the longest.
pub fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(if seconds > 0.0 { Duration::MAX } else { Duration::ZERO })
}

/// A peer's text without control characters, and cut.
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(NAME_CHARACTERS).collect()
}
