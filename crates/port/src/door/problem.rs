//! Problems: how each failure of the door is told, and how a problem becomes a response.

use super::{ALLOW, ResponseFacts};
use crate::store::Metadata;
use archive::ArchiveError;
use http::{HeaderValue, Method, Response, StatusCode, header};
use net::Body;
use policy::Decision;
use std::io;
use std::path::Path;
use std::time::Duration;
use terms::{Blame, InvalidPath, LogicalPath, Problem, Retry, Verb};

/// How long a caller should wait when a disk is full or the archive is away: long enough for somebody to act.
const STORAGE_RETRY: Duration = Duration::from_secs(60);

/// A problem as a response: `application/problem+json` (RFC 9457), or one plain line for who reads text.
pub fn problem_response(problem: &Problem, facts: ResponseFacts) -> Response<Body> {
    typed_response(problem, facts, &type_of(problem))
}

/// The same with a type that a document of the IETF defines.
pub(crate) fn typed_response(problem: &Problem, facts: ResponseFacts, type_uri: &str) -> Response<Body> {
    let (kind, text) = if facts.wants_text {
        ("text/plain; charset=utf-8", format!("{}\n", problem.to_line()))
    } else {
        ("application/problem+json", json_of(problem, type_uri))
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if facts.is_head { Body::empty() } else { Body::full(text) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"portolan\""));
            // For WebDAV clients that know nothing else: the token goes as the password.
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"portolan\", charset=\"UTF-8\""),
            );
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
        }
        _ => {}
    }
    if let Retry::After(span) = problem.retry {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(span.as_secs().max(1)));
    }
    response
}

/// The members of RFC 9457, and of ours: `kind`, `fault`, `retry`, `next`.
pub fn to_json(problem: &Problem) -> String {
    json_of(problem, &type_of(problem))
}

fn type_of(problem: &Problem) -> String {
    format!("urn:portolan:problem:{}", problem.kind)
}

fn json_of(problem: &Problem, type_uri: &str) -> String {
    let retry = match problem.retry {
        Retry::Never => "never",
        Retry::Soon => "soon",
        Retry::After(_) => "after",
    };
    let mut value = serde_json::json!({
        "type": type_uri,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "kind": problem.kind,
        "fault": problem.blame,
        "retry": retry,
        "next": problem.next,
    });
    if let (Retry::After(span), Some(members)) = (problem.retry, value.as_object_mut()) {
        members.insert("retry_after_seconds".to_owned(), span.as_secs().max(1).into());
    }
    format!("{value}\n")
}

/// The request must change before it can succeed.
pub(crate) fn caller(
    status: u16,
    kind: &'static str,
    title: &'static str,
    detail: impl Into<String>,
    next: impl Into<String>,
) -> Problem {
    Problem { status, kind, title, detail: detail.into(), blame: Blame::Caller, retry: Retry::Never, next: next.into() }
}

/// A failure of the storage while `action` was tried on `path`.
pub fn of_io(error: &io::Error, action: &str, path: &LogicalPath) -> Problem {
    use io::ErrorKind as Is;
    match error.kind() {
        Is::NotFound | Is::NotADirectory => not_found(path),
        Is::IsADirectory => is_folder(action, path),
        Is::AlreadyExists => already_there(path),
        Is::DirectoryNotEmpty => caller(
            409,
            "folder-not-empty",
            "The folder is not empty",
            format!("Tried to {action} {path}: there is something in that folder."),
            "Empty the folder first.",
        ),
        Is::InvalidFilename => invalid_path(path.as_str(), InvalidPath::LongSegment),
        Is::StorageFull | Is::QuotaExceeded => storage_full(action, path),
        Is::CrossesDevices => Problem {
            status: 500,
            kind: "crosses-file-systems",
            title: "Another file system is mounted inside the store",
            detail: format!("Tried to {action} {path}: its folder is on another file system than its store."),
            blame: Blame::Storage,
            retry: Retry::Never,
            next: "The operator should make that folder the store of a namespace of its own.".to_owned(),
        },
        Is::PermissionDenied | Is::ReadOnlyFilesystem => Problem {
            status: 403,
            kind: "storage-refused",
            title: "The storage refused",
            detail: format!("Tried to {action} {path}: the file system refused ({error})."),
            blame: Blame::Storage,
            retry: Retry::Never,
            next: "The operator must give this port's user the right to do so.".to_owned(),
        },
        _ => Problem {
            status: 500,
            kind: "storage-failed",
            title: "The storage failed",
            detail: format!("Tried to {action} {path}: {error}."),
            blame: Blame::Storage,
            retry: Retry::Soon,
            next: "Try again; if it stays so, the operator should look at the disk and at the log.".to_owned(),
        },
    }
}

/// A failure of the archive.
pub fn of_archive(error: &ArchiveError) -> Problem {
    let mut cause = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        cause.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    tracing::error!("{error}{cause}");
    let full = matches!(error, ArchiveError::Full { .. });
    Problem {
        status: if full { 507 } else { 503 },
        kind: if full { "archive-full" } else { "archive-failed" },
        title: "The archive failed",
        detail: format!("The port's records: {error}."),
        blame: Blame::Storage,
        retry: if error.is_transient() { Retry::After(STORAGE_RETRY) } else { Retry::Soon },
        next: "Try again later; the operator should look at the log.".to_owned(),
    }
}

/// The archive has not taken records for a while.
pub(crate) fn archive_refuses() -> Problem {
    Problem {
        status: 503,
        kind: "archive-failed",
        title: "The archive failed",
        detail: "The port's records cannot be kept at the moment, so it takes no small files.".to_owned(),
        blame: Blame::Storage,
        retry: Retry::After(STORAGE_RETRY),
        next: "Try again later; the operator should look at the log.".to_owned(),
    }
}

/// Our own fault.
pub(crate) fn ours(detail: impl Into<String>) -> Problem {
    Problem {
        status: 500,
        kind: "our-fault",
        title: "A fault of the port",
        detail: detail.into(),
        blame: Blame::Us,
        retry: Retry::Soon,
        next: "Please report it with the port's log.".to_owned(),
    }
}

/// The port is on its way out.
pub(crate) fn closing() -> Problem {
    Problem {
        status: 503,
        kind: "closing",
        title: "The port is closing",
        detail: "This port takes no more files: it is being stopped.".to_owned(),
        blame: Blame::Us,
        retry: Retry::After(Duration::from_secs(10)),
        next: "Try again when it is up again, or ask another port.".to_owned(),
    }
}

/// No room.
pub fn storage_full(action: &str, path: &LogicalPath) -> Problem {
    Problem {
        status: 507,
        kind: "storage-full",
        title: "No room",
        detail: format!("Tried to {action} {path}: the disk or the quota is full. Nothing of it was kept."),
        blame: Blame::Storage,
        retry: Retry::After(STORAGE_RETRY),
        next: "Make room or ask the operator to, then send it again.".to_owned(),
    }
}

/// Nothing there.
pub fn not_found(path: &LogicalPath) -> Problem {
    caller(
        404,
        "not-found",
        "Nothing is there",
        format!("There is no file or folder {path}."),
        "Look at the folder's listing for the right name.",
    )
}

/// A file was needed, and there is a folder.
pub fn is_folder(action: &str, path: &LogicalPath) -> Problem {
    caller(
        405,
        "is-a-folder",
        "It is a folder",
        format!("Tried to {action} {path}, which is a folder."),
        "Name a file.",
    )
}

/// Something is there already.
pub fn already_there(path: &LogicalPath) -> Problem {
    caller(
        412,
        "already-there",
        "Something is there already",
        format!("{path} is there already, and the request was to make it only if it is not."),
        "Choose another name, or allow replacing.",
    )
}

/// A condition of the request does not hold.
pub fn precondition_failed(path: &LogicalPath, there: Option<&Metadata>) -> Problem {
    let there = match there {
        Some(found) => format!("what is there now has the tag {}", found.etag()),
        None => "nothing is there now".to_owned(),
    };
    caller(
        412,
        "condition-failed",
        "A condition does not hold",
        format!("{path}: {there}, and the request asked for something else."),
        "Look at what is there now, then decide again.",
    )
}

/// The folder that should hold it is not there (RFC 4918 §9.7.1: 409).
pub fn no_parent(path: &LogicalPath) -> Problem {
    caller(
        409,
        "no-parent-folder",
        "The folder is not there",
        format!("There is no folder to hold {path}."),
        "Make the folder first (MKCOL, `portolan mkdir`).",
    )
}

/// A name of ours.
pub(crate) fn reserved(path: &LogicalPath) -> Problem {
    caller(
        403,
        "reserved-name",
        "The name is reserved",
        format!("{path}: names that begin with `.portolan` at the root of a namespace belong to the port itself."),
        "Choose another name.",
    )
}

/// Needs credentials.
pub(crate) fn unauthenticated(verb: Verb, path: &LogicalPath, decision: &Decision) -> Problem {
    caller(
        401,
        "credentials-needed",
        "Credentials are needed",
        format!("Tried to {verb} {path} without credentials: {}.", told(decision)),
        "Send a token (`Authorization: Bearer ptl_…`); the operator makes one with `portolan token create`.",
    )
}

/// Has no right.
pub(crate) fn refused(verb: Verb, path: &LogicalPath, decision: &Decision) -> Problem {
    caller(
        403,
        "not-allowed",
        "Not allowed",
        format!("Tried to {verb} {path}: {}.", told(decision)),
        match &decision.change {
            Some(change) => format!("It would take {change}."),
            None => "Use credentials that allow it, or ask the operator.".to_owned(),
        },
    )
}

/// The reason and the rule, as far as the caller may know. Where a file is hidden, nothing here may depend on whether it
/// is there: no rule is named, and the policy gives a reason that fits both.
fn told(decision: &Decision) -> String {
    let (reason, rule) = (&decision.reason, &decision.rule);
    if decision.hides || reason.contains(&**rule) { reason.to_string() } else { format!("{reason} (rule: {rule})") }
}

/// Not a path.
pub(crate) fn invalid_path(text: &str, error: InvalidPath) -> Problem {
    let shown: String = text.chars().take(120).collect();
    caller(
        if error.is_too_long() { 414 } else { 400 },
        "invalid-path",
        "Not a path",
        format!("'{shown}' names no file: {error}."),
        "Correct the path.",
    )
}

/// Not below `/data/`.
pub(crate) fn outside_data(text: &str) -> Problem {
    let shown: String = text.chars().take(120).collect();
    caller(404, "outside-data", "Not a data path", format!("'{shown}' is not below /data/."), "Data are below /data/.")
}

/// A method that we do not know, or that this resource does not have.
pub fn method_not_allowed(method: &Method, path: &LogicalPath) -> Problem {
    caller(
        405,
        "method-not-allowed",
        "The method does not apply",
        format!("{method} cannot be asked of {path}."),
        format!("Methods here: {ALLOW}."),
    )
}

/// The root of a store cannot be opened.
pub(crate) fn store_unusable(root: &Path, error: &io::Error) -> Problem {
    Problem {
        status: 500,
        kind: "store-unusable",
        title: "A store cannot be used",
        detail: format!("Tried to open the folder {} of a namespace: {error}.", root.display()),
        blame: Blame::Storage,
        retry: Retry::Never,
        next: "Make the folder, give this port's user rights to it, or correct the settings.".to_owned(),
    }
}
