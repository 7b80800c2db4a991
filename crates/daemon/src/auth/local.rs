//! Local tokens: `ptl_<id>_<secret>`, made by `portolan token create` or by the interface.

use super::guard::Guard;
use super::recent::Recent;
use super::{Presented, malformed};
use crate::problems::{archive_problem, unauthenticated};
use crate::secret::same;
use crate::token;
use archive::{Archive, TokenRecord};
use std::time::Instant;
use terms::{Bound, Credential, CredentialForm, Grant, Identity, Kind, Problem, Timestamp, TokenId};

/// Narrowed tokens may be narrowed again, so often at most.
const MAX_ANCESTORS: usize = token::LINEAGE_MAX;

/// Knows local tokens.
pub(crate) struct LocalTokens {
    archive: Archive,
    recent: Recent<TokenId, TokenRecord>,
}

impl LocalTokens {
    pub(crate) fn new(archive: Archive) -> Self {
        Self { archive, recent: Recent::default() }
    }

    /// Whose token this is.
    pub(super) async fn identify(&self, text: &str, guard: &Guard, at: &Presented<'_>) -> Result<Identity, Problem> {
        let (id, secret) =
            token::take_apart(text).ok_or_else(|| malformed("the token has not the form ptl_<id>_<secret>"))?;
        // Only look-ups are limited: whoever shares an address with a guesser goes on with a token in use.
        let record = self.record(id, at.now, || guard.check(at.from, at.now)).await?;
        let record = record.filter(|record| same(&record.secret_sha256, &secret)).ok_or_else(unknown)?;
        Ok(identity(&self.lineage(record, at).await?))
    }

    /// Is the token of this id still good? Asked for what was made with it.
    pub(super) async fn check(&self, id: &str, at: &Presented<'_>) -> Result<(), Problem> {
        let id: TokenId = id.parse().map_err(|_| unknown())?;
        let record = self.record(id, at.now, || Ok(())).await?.ok_or_else(unknown)?;
        self.lineage(record, at).await.map(drop)
    }

    /// A token with those that it was narrowed from, all of them still good.
    async fn lineage(&self, record: TokenRecord, at: &Presented<'_>) -> Result<Vec<TokenRecord>, Problem> {
        let mut lineage = vec![record];
        while let Some(parent) = lineage.last().and_then(|record| record.parent) {
            let record = self.record(parent, at.now, || Ok(())).await?.filter(|_| lineage.len() < MAX_ANCESTORS);
            lineage.push(record.ok_or_else(unknown)?);
        }
        lineage.iter().try_for_each(|record| still_valid(record, at.wall))?;
        Ok(lineage)
    }

    /// Forgets a record at once, when this very process has revoked it.
    pub(crate) fn forget(&self, id: TokenId) {
        self.recent.forget(id);
    }

    async fn record(
        &self,
        id: TokenId,
        now: Instant,
        before_look_up: impl FnOnce() -> Result<(), Problem>,
    ) -> Result<Option<TokenRecord>, Problem> {
        if let Some(record) = self.recent.find(id, now) {
            return Ok(Some(record));
        }
        before_look_up()?;
        let record = self.archive.token(id).await.map_err(|error| archive_problem("look up the token", &error))?;
        Ok(record.inspect(|record| self.recent.keep(id, record.clone(), now)))
    }
}

/// A token with those that it was narrowed from: it has the name of the first of them, and the bounds of all.
pub(crate) fn identity(lineage: &[TokenRecord]) -> Identity {
    let (own, first) = (&lineage[0], &lineage[lineage.len() - 1]);
    let bound = |record: &TokenRecord| Bound {
        by: format!("the token '{}'", record.name),
        grants: vec![Grant::new(record.verbs, record.path.clone())],
    };
    let name = match &first.account {
        Some(account) => account.clone(),
        None => format!("token {} ({})", first.name, first.id),
    };
    Identity {
        issuer: Some("local".to_owned()),
        credential: Credential {
            form: CredentialForm::LocalToken,
            id: own.id.to_string(),
            issued: Some(own.created),
            expires: own.expires,
        },
        bounds: lineage.iter().map(bound).collect(),
        authorises: first.account.is_none(),
        ..Identity::new(if first.account.is_some() { Kind::User } else { Kind::Token }, name)
    }
}

/// Neither revoked nor at its end.
pub(crate) fn still_valid(record: &TokenRecord, wall: Timestamp) -> Result<(), Problem> {
    if let Some(at) = record.revoked {
        return Err(over(record, "token-revoked", "was revoked at", at));
    }
    match record.expires.filter(|at| *at <= wall) {
        Some(at) => Err(over(record, "token-expired", "expired at", at)),
        None => Ok(()),
    }
}

fn unknown() -> Problem {
    // The same for a wrong id and a wrong secret: ids are no secrets, but nobody needs to learn them here.
    unauthenticated("token-unknown", "This token is not known here.".to_owned(), "`portolan token create` makes one.")
}

fn over(record: &TokenRecord, kind: &'static str, how: &str, at: Timestamp) -> Problem {
    unauthenticated(kind, format!("The token '{}' {how} {at}.", record.name), "`portolan token create` makes another.")
}
