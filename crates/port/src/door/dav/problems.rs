//! What only WebDAV can refuse.

use crate::door::problem::caller;
use http::Uri;
use terms::{LogicalPath, Problem};

/// The kind of the problem that a lock makes.
pub(crate) const LOCKED: &str = "locked";

/// Locks are in the way.
pub(super) fn locked(path: &LogicalPath, places: &[LogicalPath]) -> Problem {
    let places: Vec<&str> = places.iter().take(5).map(LogicalPath::as_str).collect();
    caller(
        423,
        LOCKED,
        "It is locked",
        format!("{path} cannot be changed: a lock on {} is in the way.", places.join(", ")),
        "Send the lock's token in an If header, or wait until its holder unlocks.",
    )
}

/// The `If` header does not hold.
pub(super) fn condition_failed(path: &LogicalPath) -> Problem {
    caller(
        412,
        "condition-failed",
        "The condition does not hold",
        format!("No list of the If header holds for {path} and what else it names: a lock or entity tag has changed."),
        "Look again (PROPFIND of getetag and lockdiscovery), then repeat with what is true now.",
    )
}

/// Source and destination are one, or one is in the other.
pub(super) fn into_itself(from: &LogicalPath, to: &LogicalPath) -> Problem {
    caller(
        403,
        "into-itself",
        "Source and destination overlap",
        format!("{from} cannot go to {to}: they are the same, or one is inside the other."),
        "Choose a destination outside.",
    )
}

/// COPY or MOVE to another host.
pub(super) fn elsewhere(uri: &Uri) -> Problem {
    let host = uri.authority().map_or("", |authority| authority.as_str());
    caller(
        502,
        "elsewhere",
        "The destination is on another host",
        format!(
            "The destination is at {host}, which is not how you reached this port; copies between hosts are not made."
        ),
        "Name the destination by the host that you send the request to, or use `portolan cp`.",
    )
}

/// A destination on this host that is not data.
pub(super) fn not_data(path: &str) -> Problem {
    let shown: String = path.chars().take(120).collect();
    caller(
        403,
        "outside-data",
        "The destination is not a data path",
        format!("'{shown}' is not below /data/."),
        "Data are below /data/.",
    )
}

/// A depth that the method does not have.
pub(super) fn depth(method: &str, expected: &str) -> Problem {
    caller(
        400,
        "bad-depth",
        "The Depth header does not fit the method",
        format!("{method} takes a Depth of {expected}."),
        "Change the Depth header.",
    )
}

/// Too much of something is kept already.
pub(super) fn too_many(what: &str, limit: usize) -> Problem {
    caller(
        507,
        "too-many",
        "There are too many already",
        format!("At most {limit} {what} are kept."),
        "Remove some first.",
    )
}

/// A file changed while it was carried to another place.
pub(super) fn changed(path: &LogicalPath) -> Problem {
    caller(
        409,
        "changed-meanwhile",
        "The file changed meanwhile",
        format!(
            "{path} was replaced or removed by somebody else while it was moved: its copy is at the destination, and what is there now stays."
        ),
        "Look at both, and move it again if it should go too.",
    )
}
