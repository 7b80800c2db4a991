//! How failures are told: `application/problem+json` (RFC 9457) with members of our own.

use serde::{Deserialize, Serialize};
use terms::{Blame, Problem, Retry};
use utoipa::ToSchema;

/// A failure. The same document comes from `/data/` and from `/api/v1/`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// `urn:portolan:problem:` and the kind.
    #[serde(rename = "type")]
    #[schema(example = "urn:portolan:problem:not-found")]
    pub type_uri: String,
    /// The failure in a few words, the same for all of its kind.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What was tried on what, and what stood in the way.
    pub detail: String,
    /// A stable word for programs.
    #[schema(example = "not-found")]
    pub kind: String,
    /// Whose fault.
    pub fault: Fault,
    /// Whether to try again.
    pub retry: RetryAdvice,
    /// What to do now.
    pub next: String,
    /// How long to wait before trying again, with `retry: after`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_seconds: Option<u64>,
}

/// At whose door the cause lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Who asked.
    Caller,
    /// The other host of a transfer.
    Peer,
    /// The way between the hosts.
    Path,
    /// Disk, file system or database of the port.
    Storage,
    /// The program of the port.
    Us,
}

/// Whether the same request can succeed later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetryAdvice {
    /// No.
    Never,
    /// Yes, at once or a little later.
    Soon,
    /// Yes, after `retry_after_seconds`.
    After,
}

impl From<Blame> for Fault {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::Caller => Self::Caller,
            Blame::Peer => Self::Peer,
            Blame::Path => Self::Path,
            Blame::Storage => Self::Storage,
            Blame::Us => Self::Us,
        }
    }
}

impl From<&Problem> for ProblemDocument {
    fn from(problem: &Problem) -> Self {
        let (retry, retry_after_seconds) = match problem.retry {
            Retry::Never => (RetryAdvice::Never, None),
            Retry::Soon => (RetryAdvice::Soon, None),
            Retry::After(span) => (RetryAdvice::After, Some(span.as_secs().max(1))),
        };
        Self {
            type_uri: format!("urn:portolan:problem:{}", problem.kind),
            title: problem.title.to_owned(),
            status: problem.status,
            detail: problem.detail.clone(),
            kind: problem.kind.to_owned(),
            fault: problem.blame.into(),
            retry,
            next: problem.next.clone(),
            retry_after_seconds,
        }
    }
}
