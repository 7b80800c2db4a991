//! What is said of files: at import, of copies, and later; and who may say when an embargo ends.
//!
//! An embargo never ends early by accident: what keeps attributes keeps the later end of two, and only who may replace a
//! file may bring its end forward.

use super::dav::locks::{self, Touch};
use super::problem::{self, caller};
use super::{Door, Namespace};
use archive::FileRecord;
use http::HeaderMap;
use std::time::SystemTime;
use terms::{Attributes, EMBARGO_UNTIL, IMPORTED, InvalidAttributes, LogicalPath, Principal, Problem, Timestamp, Verb};

/// What is to be said of a file that is about to be published.
#[derive(Clone, Debug)]
pub enum Said {
    /// It comes in from outside: this is asked for, and else what was said of the file that it replaces, or what the
    /// namespace says of all.
    Import {
        /// By the request.
        asked: Attributes,
        /// May the sender replace what is there, and so end an embargo early?
        may_modify: bool,
    },
    /// It is a copy: this, whatever it replaces.
    Exactly(Attributes),
}

impl Said {
    /// What the record will say. `replaced`: what is said of the file that goes, where that is known.
    pub(crate) fn settle(
        &self,
        namespace: &Namespace,
        replaced: Option<&Attributes>,
        now: Timestamp,
    ) -> Result<Attributes, InvalidAttributes> {
        let (asked, may_modify) = match self {
            Self::Exactly(attributes) => return Ok(attributes.clone()),
            Self::Import { asked, may_modify } => (asked, *may_modify),
        };
        let mut attributes = match replaced {
            None => of_import(namespace, now),
            Some(replaced) => {
                let mut kept = replaced.clone();
                // Of the bytes that go.
                kept.set(IMPORTED, "")?;
                not_before(&mut kept, due(namespace, now))?;
                kept
            }
        };
        let least = attributes.embargo_until();
        attributes.set_all(asked)?;
        if !may_modify {
            not_before(&mut attributes, least)?;
        }
        Ok(attributes)
    }
}

/// What a namespace says of a file that comes in now.
pub(crate) fn of_import(namespace: &Namespace, now: Timestamp) -> Attributes {
    let mut attributes = namespace.attributes.clone();
    // One attribute fits: a namespace has at most as many as a file, this one among them.
    let _ = not_before(&mut attributes, due(namespace, now));
    attributes
}

/// What is said of a copy. Inside one namespace: the same, and it counts as imported when the original was, so that a
/// copy neither opens nor closes anything.
pub(crate) fn of_copy(
    record: Option<&FileRecord>,
    from: &Namespace,
    to: &Namespace,
    now: Timestamp,
) -> Result<Attributes, InvalidAttributes> {
    let Some(record) = record else { return Ok(of_import(to, now)) };
    let imported = imported(record);
    let mut attributes = record.attributes.clone();
    attributes.set(IMPORTED, &to_text(imported))?;
    if from.mount != to.mount {
        let theirs = of_import(to, imported);
        not_before(&mut attributes, theirs.embargo_until())?;
        for (name, value) in theirs.iter().filter(|(name, _)| !record.attributes.contains_key(*name)) {
            if name != EMBARGO_UNTIL {
                attributes.set(name, value)?;
            }
        }
    }
    Ok(attributes)
}

/// When the bytes came in first.
pub(crate) fn imported(record: &FileRecord) -> Timestamp {
    record.attributes.imported().unwrap_or(record.published)
}

/// When the namespace's own embargo of what comes in now ends.
fn due(namespace: &Namespace, now: Timestamp) -> Option<Timestamp> {
    namespace.embargo.map(|span| now.after(span))
}

/// The embargo ends no earlier than this.
fn not_before(attributes: &mut Attributes, least: Option<Timestamp>) -> Result<(), InvalidAttributes> {
    match least {
        Some(least) if attributes.embargo_until().is_none_or(|until| until < least) => {
            attributes.set(EMBARGO_UNTIL, &to_text(least))
        }
        _ => Ok(()),
    }
}

/// In whole seconds, rounded up.
fn to_text(instant: Timestamp) -> String {
    Timestamp::from_nanos(instant.nanos().saturating_add(999_999_999)).to_string()
}

/// What a request asks to be said, in this header.
pub(crate) fn asked(headers: &HeaderMap, path: &LogicalPath) -> Result<Attributes, Problem> {
    let texts = headers.get_all(HEADER).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let asked: Result<Attributes, InvalidAttributes> = texts.collect::<Vec<_>>().join(", ").parse();
    match asked {
        Ok(asked) if asked.contains_key(IMPORTED) => {
            Err(invalid(path, &InvalidAttributes::Reserved(IMPORTED.to_owned())))
        }
        Ok(asked) => Ok(asked),
        Err(error) => Err(invalid(path, &error)),
    }
}

/// Says something of the file to rules and people: a dictionary of strings (RFC 9651 §3.2).
pub(crate) const HEADER: http::HeaderName = http::HeaderName::from_static("portolan-attributes");

/// May a sender who cannot replace the file ask for this? Only for an embargo no shorter than that of the namespace: one
/// of the rules, which the file's own would take the place of, may be longer than this sender knows.
pub(crate) fn check_asked(asked: &Attributes, namespace: &Namespace, path: &LogicalPath) -> Result<(), Problem> {
    let least = of_import(namespace, now()).embargo_until();
    match (asked.embargo_until(), least) {
        (None, _) => Ok(()),
        (Some(until), Some(least)) if until >= least => Ok(()),
        (Some(until), least) => Err(shorter_embargo(path, until, least)),
    }
}

impl Door {
    /// Says something else of a file: each attribute gets this value, or goes. Answers all that is said now.
    pub async fn change_attributes(
        &self,
        who: &Principal,
        path: &LogicalPath,
        headers: &HeaderMap,
        changes: &[(String, Option<String>)],
    ) -> Result<FileRecord, Problem> {
        let judged = self.consider(who, Verb::Modify, path, None).await?.settle(self)?;
        locks::check_write(self, path, headers, who, Touch::Content).await?;
        let _names = self.hold_names().await;
        let place = self.namespaces().resolve(path)?;
        let found = self.namespaces().stat(path).await?;
        if !found.is_file() {
            return Err(problem::is_folder("say something of", path));
        }
        judged.check(path, &found)?;
        let known = self.record_of(path, &found).await?;
        let mut record = known.unwrap_or_else(|| found_in_store(&place.namespace, path, found.identity()));
        for (name, value) in changes {
            record.attributes.ask(name, value.as_deref().unwrap_or_default()).map_err(|error| invalid(path, &error))?;
        }
        let records = std::slice::from_ref(&record);
        self.archive().record_files(records).await.map_err(|error| problem::of_archive(&error))?;
        Ok(record)
    }
}

/// The record of a file that others put into the store: as if it came in now.
pub(crate) fn found_in_store(namespace: &Namespace, path: &LogicalPath, identity: archive::Identity) -> FileRecord {
    let now = now();
    FileRecord {
        path: path.clone(),
        identity,
        digests: terms::DigestSet::new(),
        media_type: None,
        published: now,
        staged: None,
        publisher: "found in the store".to_owned(),
        attributes: of_import(namespace, now),
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

pub(crate) fn invalid(path: &LogicalPath, error: &InvalidAttributes) -> Problem {
    caller(
        400,
        "bad-attributes",
        "The attributes cannot be understood",
        format!("Tried to write {path} with attributes: {error}."),
        "Write them as name=\"value\", name=\"value\".",
    )
}

fn shorter_embargo(path: &LogicalPath, until: Timestamp, least: Option<Timestamp>) -> Problem {
    let least = match least {
        Some(least) => format!("its namespace keeps it under embargo until {least} or longer"),
        None => "its namespace sets no end that could be put off".to_owned(),
    };
    caller(
        403,
        "shorter-embargo",
        "The embargo may not be set so",
        format!("Tried to write {path} with {EMBARGO_UNTIL}=\"{until}\": {least}, and you may not replace the file."),
        "Leave the attribute out, or use credentials that allow `modify` there.",
    )
}

#[cfg(test)]
mod tests;
