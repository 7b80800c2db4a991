//! What goes wrong inside the supervisor. It is told to whoever asked, in another process, and becomes a [`Problem`] there.

use serde::{Deserialize, Serialize};
use std::io;
use terms::{Blame, Problem, Retry};

/// What stood in the way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    detail: String,
    /// The kernel did not allow it.
    forbidden: bool,
}

impl Failure {
    /// One with this sentence.
    pub(crate) fn new(detail: String) -> Self {
        Self { detail, forbidden: false }
    }

    /// The same for the user.
    pub(crate) fn problem(self) -> Problem {
        if self.forbidden {
            return Problem {
                status: 403,
                kind: "lab-without-rights",
                title: "The lab lacks rights",
                detail: self.detail,
                blame: Blame::Caller,
                retry: Retry::Never,
                next:
                    "Run it as root, or let users make user namespaces: the kernel settings user.max_user_namespaces, \
                       and kernel.apparmor_restrict_unprivileged_userns where there is AppArmor. /dev/net/tun must be \
                       open to the user."
                        .to_owned(),
            };
        }
        Problem {
            status: 500,
            kind: "lab-failed",
            title: "The lab failed",
            detail: self.detail,
            blame: Blame::Caller,
            retry: Retry::Never,
            next: "Check the scenario, and whether the kernel has network namespaces and TUN devices.".to_owned(),
        }
    }
}

/// Says what was tried when it did not work.
pub(crate) trait Tried<T> {
    /// `what` completes "... failed".
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> Tried<T> for io::Result<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| {
            let what = what();
            let mut letters = what.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
            let forbidden = error.kind() == io::ErrorKind::PermissionDenied;
            Failure { detail: format!("{first}{} failed: {error}.", letters.as_str()), forbidden }
        })
    }
}
