//! One question and its answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use terms::{LogicalPath, Principal, Timestamp, Verb};

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who, and from where.
    pub who: &'a Principal,
    /// Does what.
    pub verb: Verb,
    /// To which path. For administration: the root.
    pub path: &'a LogicalPath,
    /// Is what would be made a folder?
    pub folder: bool,
    /// How many bytes it would add or carry, where that is known beforehand.
    pub bytes: Option<u64>,
    /// When.
    pub now: Timestamp,
    /// What is known of the file. Needed only where [`crate::Policy::wants_object`] says so.
    pub object: Option<&'a Object>,
    /// Bytes that this caller moved in the last day. Needed only where [`crate::Policy::wants_usage`] says so.
    pub used_bytes: Option<u64>,
}

impl<'a> Ask<'a> {
    /// The plain question.
    pub fn new(who: &'a Principal, verb: Verb, path: &'a LogicalPath, now: Timestamp) -> Self {
        Self { who, verb, path, folder: false, bytes: None, now, object: None, used_bytes: None }
    }
}

/// What rules may know of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Object {
    /// The name of the principal that put it there.
    pub owner: Option<String>,
    /// When it was imported: became visible here.
    pub imported: Option<Timestamp>,
    /// Its length.
    pub size_bytes: Option<u64>,
    /// Set at import or later: `group`, `embargo-until` (RFC 3339), and whatever the site wants.
    pub attributes: BTreeMap<String, String>,
}

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Go ahead.
    Allow,
    /// No; the caller is unknown, and credentials could change that (HTTP 401).
    Authenticate,
    /// No; the caller is known and lacks the right (HTTP 403).
    Refuse,
}

/// The answer with its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Yes or no.
    pub effect: Effect,
    /// The rule that decided, by a name that the operator can find again.
    pub rule: Cow<'static, str>,
    /// One sentence that may be shown to the caller, without a full stop.
    pub reason: Cow<'static, str>,
    /// What would change it, as far as the caller may know.
    pub change: Option<String>,
    /// May the caller not even know whether there is something at this path? Then the answer must be the same for a
    /// missing file. Only ever so when it is refused.
    pub hides: bool,
}

impl Decision {
    /// May it go ahead?
    pub fn allows(&self) -> bool {
        self.effect == Effect::Allow
    }
}
