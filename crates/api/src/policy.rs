//! What may be done, and why.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/v1/policy/explain`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExplanationAnswer {
    /// Who would ask: the name that records and rules use.
    #[schema(example = "alice")]
    pub who: String,
    /// The groups that the rules see.
    pub groups: Vec<String>,
    /// The verb.
    #[schema(example = "read")]
    pub verb: String,
    /// The path; `/` for verbs of administration.
    #[schema(example = "/survey/night-1/image-0001.fits")]
    pub path: String,
    /// The answer.
    pub effect: EffectAnswer,
    /// The rule that made it, where the caller may know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// What would change it, as far as the one who would ask may know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// May the one who would ask not even know whether anything is there?
    pub hidden: bool,
    /// The rules that match. This and what follows is told to holders of `explain-policy`.
    pub matching: Vec<MatchingRule>,
    /// The rules that match but for one part.
    pub nearly: Vec<NearlyMatchingRule>,
    /// What would change a refusal, each by itself.
    pub changes: Vec<String>,
}

/// Answer of `GET /api/v1/policy`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PolicyAnswer {
    /// How many rules are in force.
    pub rules: u64,
    /// All of them in Cedar's language.
    pub cedar: String,
}

/// Yes or no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EffectAnswer {
    /// It may be done.
    Allow,
    /// It may not; credentials could change that.
    Authenticate,
    /// It may not.
    Refuse,
}

/// A rule that matches.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct MatchingRule {
    /// Its name.
    pub rule: String,
    /// Does it forbid?
    pub forbids: bool,
}

/// A rule that would match.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NearlyMatchingRule {
    /// Its name.
    pub rule: String,
    /// Does it forbid?
    pub forbids: bool,
    /// The part that does not match: `who`, `verb`, `path` or `condition`.
    #[schema(example = "who")]
    pub part: String,
    /// What would make it match.
    #[schema(example = "being in the group /survey")]
    pub takes: String,
}
