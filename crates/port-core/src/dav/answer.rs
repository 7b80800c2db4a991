//! What WebDAV answers in XML: multistatus bodies (RFC 4918 §13), preconditions (§16), and the answer to LOCK.

use super::locks::Lock;
use super::property::{Facts, Kind, Live, href};
use super::request::Propfind;
use super::xml::{Name, escape};
use std::fmt::Write as _;
use terms::{LogicalPath, Timestamp};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// The beginning of a multistatus body. `D` and `oc` are declared here and nothing is the default, so that dead
/// properties, which declare what they use, can be set in as they are.
pub const fn multistatus_open() -> &'static str {
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\" xmlns:oc=\"http://owncloud.org/ns\" \
     xmlns:p=\"urn:portolan:dav\">\n"
}

/// Its end.
pub const fn multistatus_close() -> &'static str {
    "</D:multistatus>\n"
}

/// Which condition of the protocol was not met (RFC 4918 §16).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Precondition {
    /// These are locked, and no token for them was submitted.
    LockTokenSubmitted(Vec<(LogicalPath, Kind)>),
    /// These hold locks in conflict with the one that was asked for.
    NoConflictingLock(Vec<(LogicalPath, Kind)>),
    /// The token is not of a lock of this resource.
    LockTokenMatchesRequestUri,
    /// The property says what is, and is not to be set.
    CannotModifyProtectedProperty,
    /// PROPFIND of infinite depth is not answered.
    PropfindFiniteDepth,
}

impl Precondition {
    fn write(&self, out: &mut String) {
        let (element, places): (&str, &[(LogicalPath, Kind)]) = match self {
            Self::LockTokenSubmitted(places) => ("lock-token-submitted", places),
            Self::NoConflictingLock(places) => ("no-conflicting-lock", places),
            Self::LockTokenMatchesRequestUri => ("lock-token-matches-request-uri", &[]),
            Self::CannotModifyProtectedProperty => ("cannot-modify-protected-property", &[]),
            Self::PropfindFiniteDepth => ("propfind-finite-depth", &[]),
        };
        if places.is_empty() {
            let _ = write!(out, "<D:error><D:{element}/></D:error>");
            return;
        }
        let _ = write!(out, "<D:error><D:{element}>");
        for (path, kind) in places {
            write_href(*kind, path, out);
        }
        let _ = write!(out, "</D:{element}></D:error>");
    }
}

/// A whole body that says which condition was not met, for answers of 403, 409 and 423.
pub fn precondition_body(precondition: &Precondition) -> String {
    let mut inside = String::new();
    precondition.write(&mut inside);
    format!("{DECLARATION}{}\n", inside.replacen("<D:error>", "<D:error xmlns:D=\"DAV:\">", 1))
}

/// The body of an answer to LOCK (RFC 4918 §9.10.1): the locks of the resource.
pub fn lock_body(locks: &[Lock], path: &LogicalPath, kind: Kind, now: Timestamp) -> String {
    let mut out = format!("{DECLARATION}<D:prop xmlns:D=\"DAV:\"><D:lockdiscovery>");
    locks.iter().for_each(|lock| lock.write(path, kind, now, &mut out));
    out.push_str("</D:lockdiscovery></D:prop>\n");
    out
}

impl Lock {
    /// As an `activelock` (RFC 4918 §14.1) of the resource at `path`.
    pub(super) fn write(&self, path: &LogicalPath, kind: Kind, now: Timestamp, out: &mut String) {
        let scope = if self.shared { "shared" } else { "exclusive" };
        let depth = if self.deep { "infinity" } else { "0" };
        let _ = write!(
            out,
            "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:{scope}/></D:lockscope><D:depth>{depth}</D:depth>"
        );
        if !self.owner.is_empty() {
            let _ = write!(out, "<D:owner>{}</D:owner>", self.owner);
        }
        let _ = write!(out, "<D:timeout>Second-{}</D:timeout><D:locktoken><D:href>", self.expires.since(now).as_secs());
        escape(&self.token, out);
        out.push_str("</D:href></D:locktoken><D:lockroot>");
        // What reaches here from elsewhere comes from a folder above.
        write_href(if self.path == *path { kind } else { Kind::Folder }, &self.path, out);
        out.push_str("</D:lockroot></D:activelock>");
    }
}

/// What came of one property in a PROPPATCH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Done.
    Done,
    /// It is live and says what is.
    Protected,
    /// Another one could not be done (RFC 4918 §9.2: all or none).
    FailedDependency,
}

/// One `response` element, written to the end of a buffer.
pub struct Answer;

impl Answer {
    /// The properties of one resource, as PROPFIND asks for them.
    pub fn properties(ask: &Propfind, facts: &Facts<'_>, out: &mut String) {
        open(&facts.href(), out);
        let mut missing: Vec<&Name> = Vec::new();
        out.push_str("<D:propstat><D:prop>");
        let found_from = out.len();
        match ask {
            Propfind::Names => write_names(facts, out),
            Propfind::All { include } => {
                for live in &Live::ALL[..Live::OF_RFC_4918] {
                    if !(*live == Live::DisplayName && is_set(facts, *live)) {
                        live.write(facts, out);
                    }
                }
                facts.dead.iter().for_each(|property| out.push_str(&property.xml));
                let given = |name: &Name| {
                    Live::named(name).is_some_and(|live| Live::ALL[..Live::OF_RFC_4918].contains(&live))
                        || facts.dead.iter().any(|property| property.name == *name)
                };
                missing.extend(include.iter().filter(|name| !given(name) && !write_one(name, facts, out)));
            }
            Propfind::These(names) => missing.extend(names.iter().filter(|name| !write_one(name, facts, out))),
        }
        // Nothing found: only the 404 part, unless there is none either, because one part there must be (§14.24).
        if out.len() == found_from && !missing.is_empty() {
            out.truncate(found_from - "<D:propstat><D:prop>".len());
        } else {
            close_propstat("200 OK", out);
        }
        if !missing.is_empty() {
            out.push_str("<D:propstat><D:prop>");
            missing.iter().for_each(|name| write_missing(name, out));
            close_propstat("404 Not Found", out);
        }
        out.push_str("</D:response>\n");
    }

    /// What came of the steps of a PROPPATCH.
    pub fn patched(path: &LogicalPath, kind: Kind, outcomes: &[(Name, Outcome)], out: &mut String) {
        open(&href(path, kind), out);
        let parts = [
            (Outcome::Done, "200 OK", None),
            (Outcome::Protected, "403 Forbidden", Some(Precondition::CannotModifyProtectedProperty)),
            (Outcome::FailedDependency, "424 Failed Dependency", None),
        ];
        for (outcome, status, precondition) in parts {
            let mut names = outcomes.iter().filter(|(_, is)| *is == outcome).map(|(name, _)| name).peekable();
            if names.peek().is_none() {
                continue;
            }
            out.push_str("<D:propstat><D:prop>");
            names.for_each(|name| write_missing(name, out));
            let _ = write!(out, "</D:prop><D:status>HTTP/1.1 {status}</D:status>");
            if let Some(precondition) = precondition {
                precondition.write(out);
            }
            out.push_str("</D:propstat>");
        }
        out.push_str("</D:response>\n");
    }

    /// That a method failed on one resource of several (RFC 4918 §9.6.1, §9.8.8, §9.10.9).
    pub fn failure(
        path: &LogicalPath,
        kind: Kind,
        status: u16,
        precondition: Option<&Precondition>,
        description: &str,
        out: &mut String,
    ) {
        open(&href(path, kind), out);
        let words = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let _ = write!(out, "<D:status>HTTP/1.1 {status} {}</D:status>", words.unwrap_or("Error"));
        if let Some(precondition) = precondition {
            precondition.write(out);
        }
        if !description.is_empty() {
            out.push_str("<D:responsedescription>");
            escape(description, out);
            out.push_str("</D:responsedescription>");
        }
        out.push_str("</D:response>\n");
    }
}

fn open(href: &str, out: &mut String) {
    out.push_str("<D:response><D:href>");
    escape(href, out);
    out.push_str("</D:href>");
}

fn close_propstat(status: &str, out: &mut String) {
    let _ = write!(out, "</D:prop><D:status>HTTP/1.1 {status}</D:status></D:propstat>");
}

fn write_href(kind: Kind, path: &LogicalPath, out: &mut String) {
    out.push_str("<D:href>");
    escape(&href(path, kind), out);
    out.push_str("</D:href>");
}

fn write_names(facts: &Facts<'_>, out: &mut String) {
    let mut scratch = String::new();
    for live in Live::ALL {
        scratch.clear();
        if !is_set(facts, live) && live.write(facts, &mut scratch) {
            let _ = write!(out, "<{}:{}/>", live.prefix(), live.local());
        }
    }
    facts.dead.iter().for_each(|property| write_missing(&property.name, out));
}

/// Has a client set this over ours?
fn is_set(facts: &Facts<'_>, live: Live) -> bool {
    facts.dead.iter().any(|property| property.name.is(live.namespace(), live.local()))
}

fn write_one(name: &Name, facts: &Facts<'_>, out: &mut String) -> bool {
    if let Some(property) = facts.dead.iter().find(|property| property.name == *name) {
        out.push_str(&property.xml);
        return true;
    }
    Live::named(name).is_some_and(|live| live.write(facts, out))
}

/// The bare name; those of `DAV:` with our own prefix, which simple readers look for.
fn write_missing(name: &Name, out: &mut String) {
    if name.namespace == super::spec::DAV {
        let _ = write!(out, "<D:{}/>", name.local);
    } else {
        name.write_empty(out);
    }
}
