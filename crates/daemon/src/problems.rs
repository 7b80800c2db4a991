//! The kinds of failure that are the daemon's own.

use archive::ArchiveError;
use terms::{Blame, Problem, Retry};

/// 401.
pub(crate) fn unauthenticated(kind: &'static str, detail: String, next: &str) -> Problem {
    Problem {
        status: 401,
        kind,
        title: "You are not signed in",
        detail,
        blame: Blame::Caller,
        retry: Retry::Never,
        next: next.to_owned(),
    }
}

/// 403, or 401 where signing in could help.
pub(crate) fn refused(decision: &policy::Decision) -> Problem {
    // Only operations on the port itself come here, and these are hidden from nobody.
    let detail = format!("{} (rule: {}).", capitalised(&decision.reason), decision.rule);
    match decision.effect {
        policy::Effect::Refuse => Problem {
            status: 403,
            kind: "refused",
            title: "You may not do this",
            detail,
            blame: Blame::Caller,
            retry: Retry::Never,
            next: match &decision.change {
                Some(change) => format!("It would take {change}."),
                None => "Ask the operator for a token or a rule that allows it.".to_owned(),
            },
        },
        _ => unauthenticated("token-needed", detail, "Send `Authorization: Bearer TOKEN`."),
    }
}

/// 404.
pub(crate) fn not_found(what: &str, next: &str) -> Problem {
    Problem {
        status: 404,
        kind: "not-found",
        title: "There is nothing here",
        detail: format!("{what} is not here."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: next.to_owned(),
    }
}

/// 405; the caller of this adds its `Allow`.
pub(crate) fn wrong_method(method: &http::Method, path: &str, allowed: &str) -> Problem {
    Problem {
        status: 405,
        kind: "method-not-allowed",
        title: "This method means nothing here",
        detail: format!("{method} on {path} is not offered."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: format!("Use {allowed}."),
    }
}

/// 400 for a value of a query or body.
pub(crate) fn bad_value(what: String, next: &str) -> Problem {
    Problem {
        status: 400,
        kind: "bad-request",
        title: "The request cannot be understood",
        detail: what,
        blame: Blame::Caller,
        retry: Retry::Never,
        next: next.to_owned(),
    }
}

/// 503 while draining.
pub(crate) fn draining() -> Problem {
    Problem {
        status: 503,
        kind: "draining",
        title: "This port is stopping",
        detail: "It finishes what is running and takes nothing new.".to_owned(),
        blame: Blame::Us,
        retry: Retry::After(std::time::Duration::from_secs(10)),
        next: "Try again when it is back, or use another port.".to_owned(),
    }
}

/// 500: a handler panicked.
pub(crate) fn panicked(request_id: &str) -> Problem {
    Problem {
        status: 500,
        kind: "fault",
        title: "A fault in Portolan",
        detail: format!("The request {request_id} ran into a fault of the program itself; the log says more."),
        blame: Blame::Us,
        retry: Retry::Soon,
        next: "Report it with this number.".to_owned(),
    }
}

/// The archive failed while it was asked to `what`.
pub(crate) fn archive_problem(what: &str, error: &ArchiveError) -> Problem {
    let transient = error.is_transient();
    Problem {
        status: if matches!(error, ArchiveError::Full { .. }) { 507 } else { 503 },
        kind: "archive-failed",
        title: "The archive failed",
        detail: format!("Could not {what}: {}.", chain(error)),
        blame: Blame::Storage,
        retry: if transient { Retry::Soon } else { Retry::Never },
        next: "The operator finds more in the log.".to_owned(),
    }
}

/// A text as one sentence among others: on one line, without its full stop.
pub(crate) fn sentence(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    told
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// 403: a token like this cannot be made by this caller.
pub(crate) fn cannot_grant(why: String) -> Problem {
    Problem {
        status: 403,
        kind: "cannot-grant",
        title: "You cannot make this token",
        detail: format!("It would grant more than you have: {why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next:
            "Ask for less: verbs, paths and times that you hold, or `account` with your own name. Whoever holds all of \
               administration can make any token."
                .to_owned(),
    }
}
