//! The record of who did what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line of the record, as it stands in the files and as it is told. Members that say nothing are absent. No member
/// ever holds a secret.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// Its number: the first line ever has 1, and none is left out.
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// When.
    #[schema(format = DateTime, example = "2026-11-21T22:48:39.123Z")]
    pub at: String,
    /// What happened: `decision`, or a word for something else: `sign-in-failed`, `token-made`, `reload`, `start` …
    #[schema(example = "decision")]
    pub event: String,
    /// The answer, of a decision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decision: Option<AuditDecision>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(example = "alice")]
    pub who: Option<String>,
    /// Who vouches for the name: an issuer, an authority, `local`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer: Option<String>,
    /// The form of credential that was presented.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(example = "local token")]
    pub credential: Option<String>,
    /// Which credential; never its secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential_id: Option<String>,
    /// Of how many groups the caller was a member.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub groups: Option<u64>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(example = "192.0.2.1")]
    pub from: Option<String>,
    /// Was the connection encrypted?
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tls: Option<bool>,
    /// What was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(example = "read")]
    pub verb: Option<String>,
    /// Of which path.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// How many bytes it would have added or carried, where that was known beforehand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// Why, or what exactly.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What the event is about: the id of a token, a share, a session.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// The `X-Request-Id` of the answer, which the log has too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<String>,
    /// SHA-256 of the line before this one, in hexadecimal: whoever changes or removes a line breaks the chain.
    pub chain: String,
}

/// What was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditDecision {
    /// Go ahead.
    Allowed,
    /// No.
    Refused,
    /// No, but credentials could change that.
    Unauthenticated,
}

impl AuditDecision {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Unauthenticated => "unauthenticated",
        }
    }
}

/// A word that names no decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidDecision(String);

impl std::fmt::Display for InvalidDecision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}' is not allowed, refused or unauthenticated", self.0)
    }
}

impl std::error::Error for InvalidDecision {}

impl std::str::FromStr for AuditDecision {
    type Err = InvalidDecision;
    fn from_str(text: &str) -> Result<Self, InvalidDecision> {
        let all = [Self::Allowed, Self::Refused, Self::Unauthenticated];
        all.into_iter().find(|one| one.name() == text).ok_or_else(|| InvalidDecision(text.to_owned()))
    }
}

/// Answer of `GET /api/v1/audit`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditAnswer {
    /// Those that fit the filters, the oldest first.
    pub records: Vec<AuditRecord>,
    /// What to give as `after` for those that follow; absent when there are none yet. A page may be empty and still have
    /// it, when few of many lines fit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<u64>,
}
