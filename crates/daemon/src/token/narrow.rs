//! Narrowing: the holder of a token makes another that allows less, for a job or a colleague. It ends with its parent.
//!
//! Whoever holds a token could pass it on whole, so that narrowing it needs no right of its own; only its number is
//! bounded.

use super::{TokenRequest, mint};
use crate::problems::{archive_problem, bad_value};
use archive::{Archive, TokenRecord};
use std::collections::HashMap;
use std::time::Duration;
use terms::{Blame, LogicalPath, Problem, Retry, Timestamp, TokenId, VerbSet};
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// A narrowed token lasts so long when its request does not say: a day's work.
const LIFETIME: Duration = Duration::from_secs(12 * 3_600);

/// One can be narrowed again, until a line of descent has so many tokens, the first one included: each is looked at with
/// every request.
pub(crate) const LINEAGE_MAX: usize = 8;

/// Descendants of one token that was not narrowed, of some 300 bytes each. They are forgotten [`KEPT_AFTER_END`] later
/// than they end, so that nobody can fill the archive with a leaked token.
const DESCENDANTS_MAX: usize = 1_000;

/// How long those that have ended are still told of in lists.
const KEPT_AFTER_END: Duration = Duration::from_secs(86_400);

/// What of a token is to be left. What is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrowing {
    pub(crate) name: Option<String>,
    pub(crate) verbs: Option<VerbSet>,
    pub(crate) path: Option<LogicalPath>,
    pub(crate) lifetime: Option<Duration>,
}

/// Makes and records one; its text is handed over once.
pub(crate) async fn narrow(
    archive: &Archive,
    parent: TokenId,
    wanted: Narrowing,
    now: Timestamp,
) -> Result<(TokenRecord, Zeroizing<String>), Problem> {
    let failed = |error| archive_problem("narrow the token", &error);
    let ended = Timestamp::from_nanos(now.nanos().saturating_sub(nanos(KEPT_AFTER_END)));
    archive.forget_narrowed_tokens(ended).await.map_err(failed)?;
    let all: HashMap<TokenId, TokenRecord> =
        archive.tokens().await.map_err(failed)?.into_iter().map(|token| (token.id, token)).collect();
    let parent = all.get(&parent).ok_or_else(|| bad_value("This token is gone.".to_owned(), "Use another."))?;
    check_room(&all, parent)?;
    let (record, text) = mint(narrowed(parent, wanted, now)?, now)?;
    let record = TokenRecord { parent: Some(parent.id), ..record };
    archive.record_token(&record).await.map_err(failed)?;
    Ok((record, text))
}

/// What is wanted, where that is less than the parent allows; else it is refused rather than cut down in silence.
fn narrowed(parent: &TokenRecord, wanted: Narrowing, now: Timestamp) -> Result<TokenRequest, Problem> {
    let (verbs, path) = (wanted.verbs.unwrap_or(parent.verbs), wanted.path.unwrap_or_else(|| parent.path.clone()));
    if !parent.verbs.contains_all(verbs) {
        let what = format!("The token allows {}, and {verbs} was wanted.", parent.verbs);
        return Err(bad_value(what, "Ask for verbs of those."));
    }
    if !path.is_within(&parent.path) {
        let what = format!("The token is good for {} and below, and {path} was wanted.", parent.path);
        return Err(bad_value(what, "Ask for a path inside."));
    }
    let left = parent.expires.map(|end| end.since(now));
    let lifetime = match (wanted.lifetime, left) {
        (Some(wanted), Some(left)) if wanted > left => {
            let what = format!("The token ends in {} s, and {} s were wanted.", left.as_secs(), wanted.as_secs());
            return Err(bad_value(what, "Ask for a shorter life; without any, it is cut to the token's own."));
        }
        (Some(wanted), _) => wanted,
        (None, left) => left.map_or(LIFETIME, |left| left.min(LIFETIME)),
    };
    let name = wanted.name.unwrap_or_else(|| parent.name.clone());
    TokenRequest { name, verbs, path, lifetime: Some(lifetime), account: parent.account.clone() }.checked()
}

fn check_room(all: &HashMap<TokenId, TokenRecord>, parent: &TokenRecord) -> Result<(), Problem> {
    let lineage = |of: &TokenRecord| {
        let step = |token: &&TokenRecord| token.parent.and_then(|id| all.get(&id));
        let mut line = vec![of.id];
        let mut at = step(&of);
        while let Some(token) = at.filter(|_| line.len() <= LINEAGE_MAX) {
            line.push(token.id);
            at = step(&token);
        }
        line
    };
    let line = lineage(parent);
    if line.len() >= LINEAGE_MAX {
        let what = format!("A token can be narrowed {} times in a row, and this one was.", LINEAGE_MAX - 1);
        return Err(bad_value(what, "Narrow an earlier one."));
    }
    let first = line.last();
    let narrowed = all.values().filter(|token| token.parent.is_some());
    if narrowed.filter(|token| lineage(token).last() == first).count() >= DESCENDANTS_MAX {
        return Err(Problem {
            status: 429,
            kind: "too-many-tokens",
            title: "There are too many tokens",
            detail: format!("{DESCENDANTS_MAX} tokens were narrowed from the same one, and none more can be kept."),
            blame: Blame::Caller,
            retry: Retry::After(Duration::from_secs(3_600)),
            next: "Use those that there are; each is forgotten a day after its end.".to_owned(),
        });
    }
    Ok(())
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
