//! The short form of rules, as the settings have it.

use std::time::Duration;
use terms::{LogicalPath, Timestamp, VerbSet};

/// All that a policy is made of. Rules in the short form and in Cedar's own language may be mixed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RuleSource {
    /// In the short form.
    pub rules: Vec<Rule>,
    /// In the short form of embargoes.
    pub embargoes: Vec<Embargo>,
    /// In Cedar's language: what messages call the text (a file's name), and the text.
    pub cedar: Vec<(String, String)>,
}

/// One rule in the short form.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// A name that explanations and the audit record use.
    pub name: String,
    /// Does it allow, or forbid? What is forbidden stays forbidden, whatever else allows it.
    pub effect: RuleEffect,
    /// Which verbs.
    pub verbs: VerbSet,
    /// Where: each of these paths and all below.
    pub paths: Vec<LogicalPath>,
    /// To whom: any of these.
    pub subjects: Vec<Subject>,
    /// Only when all of these hold.
    pub conditions: Conditions,
}

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleEffect {
    /// Allow.
    Allow,
    /// Forbid.
    Forbid,
}

/// To whom a rule applies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// `everyone`: anonymous callers too.
    Everyone,
    /// `anonymous`: callers without credentials.
    Anonymous,
    /// `signed-in`: callers with a name or a token. Not who merely holds the address of a share.
    SignedIn,
    /// `user:NAME`
    User(String),
    /// `group:NAME`
    Group(String),
    /// `issuer:URL`: whoever this issuer vouches for.
    Issuer(String),
    /// `owner`: the principal that put the file there.
    Owner,
}

/// When a rule applies. Absent conditions hold.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Conditions {
    /// The request comes from one of these networks (`192.0.2.0/24`, `2001:db8::/32`, single addresses).
    pub networks: Vec<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Only before: at this instant it holds no more.
    pub until: Option<Timestamp>,
    /// The connection must be encrypted (`true`) or must not be (`false`).
    pub tls: Option<bool>,
    /// The credential was issued at most so long ago.
    pub credential_age_max: Option<Duration>,
    /// What is read or put has at most so many bytes.
    pub size_max_bytes: Option<u64>,
    /// The caller moved less than this in the last day.
    pub daily_max_bytes: Option<u64>,
    /// The file has these attributes with these values.
    pub attributes: Vec<(String, String)>,
}

/// Files that some may read now, and everyone who may otherwise read there only some time after import.
///
/// It grants nothing to anyone, and holds for credentials that grant by themselves, too: a share link or a scope opens no
/// file under embargo, whoever made it.
#[derive(Clone, PartialEq, Debug)]
pub struct Embargo {
    /// A name that explanations and the audit record use.
    pub name: String,
    /// Where: each of these paths and all below.
    pub paths: Vec<LogicalPath>,
    /// Who may read before it ends: any of these.
    pub readers: Vec<Subject>,
    /// How long after import it ends; a file's own attribute `embargo-until` decides instead where it has one. `None`:
    /// only that attribute ends it.
    pub lasts: Option<Duration>,
}
