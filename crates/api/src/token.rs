//! Access tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/v1/tokens`. Secrets are never told again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokensAnswer {
    /// All of them, the oldest first, revoked ones too.
    pub tokens: Vec<TokenAnswer>,
}

/// One token without its secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenAnswer {
    /// Which: what `DELETE /api/v1/tokens/{id}` takes.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// Verbs that it allows.
    #[schema(example = json!(["list", "stat", "read"]))]
    pub allow: Vec<String>,
    /// Where: this path and all below.
    pub path: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it ends by itself; absent: never.
    #[schema(format = DateTime)]
    pub expires: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    pub revoked: Option<String>,
    /// The account that it stands for: it narrows what the rules give to that account. Absent: it stands for itself, and
    /// grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The token that it was narrowed from, and ends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// Body of `POST /api/v1/tokens`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// A name for people.
    #[schema(example = "night shift", min_length = 1, max_length = 200)]
    pub name: String,
    /// Verbs that it allows: list, stat, read, create, modify, delete, admin.
    #[schema(example = json!(["list", "stat", "read"]))]
    pub allow: Vec<String>,
    /// Where: this path and all below.
    #[serde(default = "root")]
    #[schema(example = "/survey")]
    pub path: String,
    /// How long it is valid, with a unit; absent: until it is revoked.
    #[schema(example = "30 d")]
    #[serde(default)]
    pub expires_in: Option<String>,
    /// The account that it stands for; absent: it stands for itself, and grants.
    #[schema(example = "night-shift")]
    #[serde(default)]
    pub account: Option<String>,
}

/// Body of `POST /api/v1/tokens/narrow`. What is absent stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NarrowToken {
    /// A name for people; absent: that of the token.
    #[serde(default)]
    #[schema(example = "job 4711", min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// Verbs that it allows, of those that the token allows.
    #[serde(default)]
    #[schema(example = json!(["read"]))]
    pub allow: Option<Vec<String>>,
    /// Where, inside of where the token is good.
    #[serde(default)]
    #[schema(example = "/survey/night-1")]
    pub path: Option<String>,
    /// How long it is valid, with a unit; absent: 12 hours. It never outlives the token.
    #[serde(default)]
    #[schema(example = "1 h")]
    pub expires_in: Option<String>,
}

fn root() -> String {
    "/".to_owned()
}

/// Answer of `POST /api/v1/tokens`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewTokenAnswer {
    /// The token; shown this once and kept nowhere.
    pub token: String,
    /// What was made.
    pub made: TokenAnswer,
}
