//! What went wrong, whose fault it is, whether trying again can help, and what to do next.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// At whose door the cause lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// Who asked: the request itself must change.
    Caller,
    /// The other host of a transfer.
    Peer,
    /// The way between the hosts.
    Path,
    /// Our storage: disk, file system, database.
    Storage,
    /// Our program: a fault that we should hear of.
    Us,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "caller",
            Self::Peer => "peer",
            Self::Path => "path",
            Self::Storage => "storage",
            Self::Us => "us",
        })
    }
}

/// Whether the same request can succeed later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// No: the request must change first.
    Never,
    /// Yes, at once or a little later.
    Soon,
    /// Yes, after this long (the `Retry-After` of HTTP).
    After(Duration),
}

/// A failed request, told in full. The text of `detail` and `next` reaches users: whole sentences, no secrets.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// A stable word for programs, kebab-case: `digest-mismatch`.
    pub kind: &'static str,
    /// The same in a few words, without particulars.
    pub title: &'static str,
    /// What was tried on what, and what stood in the way.
    pub detail: String,
    /// Whose fault.
    pub blame: Blame,
    /// Whether to try again.
    pub retry: Retry,
    /// What to do now.
    pub next: String,
}

impl Problem {
    /// One line for programs and people that read text, without its newline.
    pub fn to_line(&self) -> String {
        let again = match self.retry {
            Retry::Never => "trying again will not help".to_owned(),
            Retry::Soon => "trying again may help".to_owned(),
            Retry::After(span) => format!("try again in {} s", span.as_secs().max(1)),
        };
        format!("{}: {} (fault: {}; {again}) {}", self.title, self.detail, self.blame, self.next)
    }
}
