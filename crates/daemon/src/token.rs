//! Access tokens: `ptl_<id>_<secret>`. The id is public and finds the record; of the secret only the SHA-256 is kept.

mod narrow;

use crate::problems::bad_value;
use crate::secret::{TEXT_BYTES, hash, random_text};
use archive::TokenRecord;
use std::time::Duration;
use terms::{LogicalPath, Problem, Timestamp, TokenId, VerbSet};
use zeroize::Zeroizing;

pub(crate) use narrow::{LINEAGE_MAX, Narrowing, narrow};

/// How every token begins, so that scanners for leaked secrets can know it.
pub const TOKEN_PREFIX: &str = "ptl_";

/// Hexadecimal digits of the id.
const ID_DIGITS: usize = 32;

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// A name for people.
    pub name: String,
    /// What it allows.
    pub verbs: VerbSet,
    /// Where: this path and all below.
    pub path: LogicalPath,
    /// How long it is valid; `None`: until it is revoked.
    pub lifetime: Option<Duration>,
    /// Whom it stands for: it then only narrows what the rules give to this account. `None`: it stands for itself, and
    /// grants.
    pub account: Option<String>,
}

/// Longest name of a token, in characters: a line of a table.
const NAME_LETTERS: usize = 200;

impl TokenRequest {
    /// Refuses what could be of no use to anybody.
    pub fn checked(self) -> Result<Self, Problem> {
        let name_fits = !self.name.trim().is_empty() && self.name.chars().count() <= NAME_LETTERS;
        let what = if !name_fits || self.name.chars().any(char::is_control) {
            format!("The name must have 1 to {NAME_LETTERS} printable letters.")
        } else if self.verbs.is_empty() {
            "The token would allow nothing.".to_owned()
        } else if self.lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            "The token would have expired already.".to_owned()
        } else {
            return Ok(self);
        };
        Err(bad_value(what, "Name it, and say what it allows: list, stat, read, create, modify, delete, admin."))
    }
}

/// A token as the REST interface tells it.
pub fn token_answer(record: &TokenRecord) -> api::TokenAnswer {
    api::TokenAnswer {
        id: record.id.to_string(),
        name: record.name.clone(),
        allow: record.verbs.names().into_iter().map(str::to_owned).collect(),
        path: record.path.to_string(),
        created: record.created.to_string(),
        expires: record.expires.map(|at| at.to_string()),
        revoked: record.revoked.map(|at| at.to_string()),
        account: record.account.clone(),
        parent: record.parent.map(|id| id.to_string()),
    }
}

/// Makes a token: the record to keep, and the text to hand over once.
pub fn mint(request: TokenRequest, now: Timestamp) -> Result<(TokenRecord, Zeroizing<String>), Problem> {
    let (id, secret) = (TokenId(uuid::Uuid::now_v7()), random_text()?);
    let text = Zeroizing::new(format!("{TOKEN_PREFIX}{id}_{}", *secret));
    let record = TokenRecord {
        id,
        name: request.name,
        secret_sha256: hash(&secret),
        verbs: request.verbs,
        path: request.path,
        created: now,
        expires: request.lifetime.map(|lifetime| now.after(lifetime)),
        revoked: None,
        account: request.account,
        parent: None,
    };
    Ok((record, text))
}

/// Id and hash of the secret of a token's text; `None` when it has not the form of a token.
pub(crate) fn take_apart(text: &str) -> Option<(TokenId, [u8; 32])> {
    let rest = text.strip_prefix(TOKEN_PREFIX)?;
    let (id, secret) = (rest.get(..ID_DIGITS)?, rest.get(ID_DIGITS..)?.strip_prefix('_')?);
    let form = secret.len() == TEXT_BYTES;
    let letters = secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (form && letters).then(|| Some((id.parse().ok()?, hash(secret))))?
}
