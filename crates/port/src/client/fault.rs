//! What can go wrong for a client, told in full.

use http::StatusCode;
use std::fmt::Display;
use std::io;
use std::time::Duration;
use terms::{Algorithm, Blame, Digest, Problem, Retry};

/// Kinds of problems that callers tell apart, for exit codes and decisions.
pub mod kind {
    /// The command or its settings make no sense.
    pub const USAGE: &str = "usage";
    /// Nothing is there.
    pub const NOT_FOUND: &str = "not-found";
    /// The server wants to know who asks.
    pub const UNAUTHENTICATED: &str = "unauthenticated";
    /// The server, or the system, says no.
    pub const REFUSED: &str = "refused";
    /// The bytes are not those that were promised.
    pub const DIGEST_MISMATCH: &str = "digest-mismatch";
    /// The server offers no digest of the kind that was demanded.
    pub const NO_DIGEST: &str = "no-digest";
    /// The connection was there, but nothing came. The same word is used by `net`.
    pub const STALLED: &str = "peer-silent";
    /// The connection broke. Likewise.
    pub const CUT_SHORT: &str = "peer-connection-lost";
    /// The file changed while it was read.
    pub const CHANGED: &str = "source-changed";
    /// Something is there already.
    pub const EXISTS: &str = "exists";
    /// The server failed.
    pub const PEER_FAILED: &str = "peer-failed";
    /// The server's answer cannot be read.
    pub const PEER_MISBEHAVED: &str = "peer-misbehaved";
    /// No space is left, here or there.
    pub const NO_SPACE: &str = "no-space";
    /// A file or folder of this machine.
    pub const LOCAL: &str = "local-storage";
    /// Another process is at it.
    pub const BUSY: &str = "busy";
}

/// Was there no way to the server at all, or no trust in it? Then the next file will fare no better.
pub fn is_unreachable(problem: &Problem) -> bool {
    matches!(problem.kind, "peer-unreachable" | "host-unknown" | "peer-untrusted" | "tls-failed")
}

/// Did a connection that was there break, or fall silent?
pub fn is_broken_off(problem: &Problem) -> bool {
    matches!(problem.kind, kind::STALLED | kind::CUT_SHORT)
}

pub(crate) fn usage(detail: String) -> Problem {
    Problem {
        status: 400,
        kind: kind::USAGE,
        title: "The request makes no sense",
        detail,
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "See --help.".to_owned(),
    }
}

/// A call to the system that failed: what was tried on what.
pub(crate) fn local(error: &io::Error, tried: &str, on: impl Display) -> Problem {
    let (status, kind, title, blame, retry) = match error.kind() {
        io::ErrorKind::NotFound => (404, kind::NOT_FOUND, "Nothing is there", Blame::Caller, Retry::Never),
        io::ErrorKind::PermissionDenied => (403, kind::REFUSED, "The system refuses", Blame::Caller, Retry::Never),
        io::ErrorKind::AlreadyExists => (409, kind::EXISTS, "Something is there", Blame::Caller, Retry::Never),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (507, kind::NO_SPACE, "No space is left here", Blame::Storage, Retry::Never)
        }
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
            (409, kind::USAGE, "It is not what was expected", Blame::Caller, Retry::Never)
        }
        _ => (500, kind::LOCAL, "The local storage failed", Blame::Storage, Retry::Never),
    };
    let next = match kind {
        kind::NOT_FOUND => "Check the path.",
        kind::NO_SPACE => "Free some space and repeat the command: only what is missing travels.",
        _ => "Look at the file system of this machine.",
    };
    Problem {
        status,
        kind,
        title,
        detail: format!("Could not {tried} {on}: {error}."),
        blame,
        retry,
        next: next.to_owned(),
    }
}

/// A final answer that is no success. `told` is what the server says itself.
pub(crate) fn of_status(
    status: StatusCode,
    tried: &str,
    on: impl Display,
    told: &str,
    wait: Option<Duration>,
) -> Problem {
    let (kind, title, blame, retry, next) = meaning(status, wait);
    let told = if told.is_empty() { String::new() } else { format!(": {told}") };
    Problem {
        status: if status.as_u16() >= 400 { status.as_u16().min(599) } else { 502 },
        kind,
        title,
        detail: format!("{tried} {on}: the server answered {status}{told}"),
        blame,
        retry,
        next: next.to_owned(),
    }
}

/// Does it fail for want of the right, rather than for what was asked?
pub(crate) fn is_forbidden(problem: &Problem) -> bool {
    matches!(problem.status, 401 | 403)
}

/// What a status means to us: kind, title, fault, whether to try again, what to do.
fn meaning(status: StatusCode, wait: Option<Duration>) -> (&'static str, &'static str, Blame, Retry, &'static str) {
    use Blame::{Caller, Peer};
    use Retry::{Never, Soon};
    let later = wait.map_or(Soon, Retry::After);
    let refused = |title, next| (kind::REFUSED, title, Caller, Never, next);
    match status.as_u16() {
        401 => {
            let next = "Give a token: see --help of the command.";
            (kind::UNAUTHENTICATED, "The server wants a token", Caller, Never, next)
        }
        403 => refused("The server refuses", "Ask its operator for the right."),
        404 | 410 => (kind::NOT_FOUND, "Nothing is there", Caller, Never, "Check the address."),
        405 | 409 | 415 | 501 => {
            refused("The server does not do that there", "Check the address and its parent folder.")
        }
        412 => (kind::CHANGED, "Something else is there than was expected", Caller, Soon, "Repeat the command."),
        413 | 414 => refused("It is too large for the server", "Ask its operator to raise the limit."),
        423 => refused("It is locked", "Wait until whoever holds the lock has released it."),
        507 => (kind::NO_SPACE, "No space is left on the server", Peer, Never, "Tell its operator."),
        408 | 429 | 500 | 502..=504 => {
            let next = "Repeat the command later: only what is missing travels.";
            (kind::PEER_FAILED, "The server failed", Peer, later, next)
        }
        400..=499 => refused("The server does not accept the request", "Read what the server says."),
        _ => (kind::PEER_FAILED, "The server answered what was not expected", Peer, Never, "Tell its operator."),
    }
}

pub(crate) fn misbehaved(tried: &str, on: impl Display, why: impl Display) -> Problem {
    Problem {
        status: 502,
        kind: kind::PEER_MISBEHAVED,
        title: "The server's answer cannot be used",
        detail: format!("{tried} {on}: {why}"),
        blame: Blame::Peer,
        retry: Retry::Never,
        next: "Tell its operator.".to_owned(),
    }
}

pub(crate) fn cut_short(on: impl Display, why: impl Display) -> Problem {
    Problem {
        status: 502,
        kind: kind::CUT_SHORT,
        title: "The connection broke",
        detail: format!("While bytes of {on} were on their way: {why}"),
        blame: Blame::Path,
        retry: Retry::Soon,
        next: "Repeat the command: only what is missing travels.".to_owned(),
    }
}

pub(crate) fn stalled(on: impl Display, limit: Duration) -> Problem {
    Problem {
        status: 504,
        kind: kind::STALLED,
        title: "The server is silent",
        detail: format!("Nothing moved for {} s at {on}", limit.as_secs()),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "Repeat the command later: only what is missing travels.".to_owned(),
    }
}

pub(crate) fn changed(on: impl Display) -> Problem {
    Problem {
        status: 412,
        kind: kind::CHANGED,
        title: "The source has changed",
        detail: format!("{on} is not what it was when the transfer began"),
        blame: Blame::Caller,
        retry: Retry::Soon,
        next: "Repeat the command when the source has come to rest.".to_owned(),
    }
}

pub(crate) fn mismatch(on: impl Display, here: &Digest, there: &Digest) -> Problem {
    Problem {
        status: 409,
        kind: kind::DIGEST_MISMATCH,
        title: "The bytes are not those that were promised",
        detail: format!("{on}: the bytes that passed have {here}, the server says {there}"),
        blame: Blame::Path,
        retry: Retry::Soon,
        next: "Repeat the command; if it happens again, the file is damaged on one side: compare both with `portolan sum`."
            .to_owned(),
    }
}

pub(crate) fn no_digest(on: impl Display, algorithm: Algorithm) -> Problem {
    Problem {
        status: 502,
        kind: kind::NO_DIGEST,
        title: "The server offers no such digest",
        detail: format!("{on}: {algorithm} was demanded, and the server does not tell it"),
        blame: Blame::Peer,
        retry: Retry::Never,
        next: "Take another algorithm, or let the client choose.".to_owned(),
    }
}

pub(crate) fn busy(on: impl Display) -> Problem {
    Problem {
        status: 409,
        kind: kind::BUSY,
        title: "Another process is at it",
        detail: format!("Another process is fetching {on} just now"),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Wait until it has ended.".to_owned(),
    }
}

pub(crate) fn exists(on: impl Display) -> Problem {
    Problem {
        status: 409,
        kind: kind::EXISTS,
        title: "Something is there already",
        detail: format!("{on} exists"),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Choose another name, or allow it to be replaced.".to_owned(),
    }
}

/// Can the same be tried again at once, after this wait?
pub(crate) fn wait_before_retry(problem: &Problem, attempt: u32) -> Option<Duration> {
    match problem.retry {
        Retry::Never => None,
        // Doubling from half a second: three tries cover a server's restart, which takes two or three seconds.
        Retry::Soon => Some(Duration::from_millis(500 << attempt.min(6))),
        // Nobody waits for hours before a terminal: a longer wish is refused as if it were a failure.
        Retry::After(wait) => (wait <= MAX_WAIT).then_some(wait),
    }
}

/// The longest `Retry-After` that is obeyed.
const MAX_WAIT: Duration = Duration::from_secs(120);
