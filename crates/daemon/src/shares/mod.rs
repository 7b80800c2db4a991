//! Shares: addresses that let whoever holds one do something below a path, for some time, so often, from some networks.
//!
//! `/s/<id>_<secret>/NAME/…` is NAME, which is shared, and what is below it. A request for it is handed to the door as one
//! for `/data/…` by a principal of kind `Share`: what its maker allowed is granted, and rules that forbid hold for it as
//! for anybody else, so that the share of a file under embargo does not open it. Answers name nothing but what is shared.
//!
//! Making one needs the verb `share` there, and every verb that it passes on.

mod account;
mod address;
mod hrefs;
mod making;
mod serve;
mod till;

pub(crate) use address::{SHARES_PREFIX, redacted};
pub use making::{MAX_NETWORKS, MAX_NOTE_LETTERS, Made, ShareRequest, base_here, make_here, share_answer};
pub(crate) use making::{base, make_for};

use crate::auth::{Guard, Recent};
use crate::problems::archive_problem;
use address::Address;
use archive::{Archive, ShareRecord};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use terms::{
    Blame, Bound, Credential, CredentialForm, Grant, Identity, Kind, Network, Problem, Retry, ShareId, Timestamp,
};
use till::Till;

#[cfg(test)]
mod tests;

/// Knows shares, and keeps their budgets.
pub(crate) struct Shares {
    archive: Archive,
    recent: Recent<ShareId, ShareRecord>,
    till: Arc<Till>,
}

/// Who comes, and when.
#[derive(Clone, Copy)]
struct Visitor {
    from: IpAddr,
    now: Instant,
    wall: Timestamp,
}

impl Shares {
    pub(crate) fn open(archive: Archive) -> Self {
        Self { till: Till::open(archive.clone()), archive, recent: Recent::default() }
    }

    /// Writes down what is to be given back: before the archive is closed, and before anybody is told the counts.
    pub(crate) async fn settle(&self) {
        self.till.settle().await;
    }

    /// Forgets a record at once, when this very process has revoked it.
    pub(crate) fn forget(&self, id: ShareId) {
        self.recent.forget(id);
    }

    /// The share of this address, if it is good for this visitor.
    async fn find(&self, address: &Address<'_>, guard: &Guard, visitor: Visitor) -> Result<ShareRecord, Problem> {
        let record = self.record(address.id, guard, visitor).await?;
        let Some(record) = record.filter(|record| address.opens(record)) else {
            guard.count(visitor.from, visitor.now);
            return Err(unknown());
        };
        if let Some(at) = record.revoked {
            return Err(over("share-revoked", "was revoked at", at));
        }
        if let Some(at) = record.expires.filter(|at| *at <= visitor.wall) {
            return Err(over("share-expired", "expired at", at));
        }
        if !is_from(&record.networks, visitor.from) {
            return Err(elsewhere());
        }
        Ok(record)
    }

    async fn record(&self, id: ShareId, guard: &Guard, visitor: Visitor) -> Result<Option<ShareRecord>, Problem> {
        let now = visitor.now;
        if let Some(record) = self.recent.find(id, now) {
            return Ok(Some(record));
        }
        // Only look-ups are limited: whoever shares an address with a guesser goes on with a share in use.
        guard.check(visitor.from, now)?;
        let record = self.archive.share(id).await.map_err(|error| archive_problem("look up the share", &error))?;
        Ok(record.inspect(|record| self.recent.keep(id, record.clone(), now)))
    }
}

/// Whoever holds the address of this share.
fn identity(record: &ShareRecord) -> Identity {
    Identity {
        issuer: Some("local".to_owned()),
        credential: Credential {
            form: CredentialForm::ShareLink,
            id: record.id.to_string(),
            issued: Some(record.created),
            expires: record.expires,
        },
        bounds: vec![Bound {
            by: format!("the share {}", record.id),
            grants: vec![Grant::new(record.verbs, record.path.clone())],
        }],
        authorises: true,
        ..Identity::new(Kind::Share, format!("share {}", record.id))
    }
}

/// Is this address in one of these networks? None: everybody's is.
fn is_from(networks: &str, from: IpAddr) -> bool {
    // What cannot be read lets nobody in: it was read when the share was made.
    let holds = |text: &str| text.parse::<Network>().is_ok_and(|network| network.contains(from));
    networks.is_empty() || networks.split(',').any(holds)
}

/// The same for a wrong form, a wrong id and a wrong secret.
fn unknown() -> Problem {
    Problem {
        status: 404,
        kind: "share-unknown",
        title: "There is no such share",
        detail: "No share has this address, or it ended long ago.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Look whether the address was cut, or ask whoever gave it to you.".to_owned(),
    }
}

fn over(kind: &'static str, how: &str, at: Timestamp) -> Problem {
    Problem {
        status: 410,
        kind,
        title: "The share is over",
        detail: format!("This share {how} {at}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask whoever gave you the address for another one.".to_owned(),
    }
}

fn elsewhere() -> Problem {
    Problem {
        status: 403,
        kind: "share-elsewhere",
        title: "The share is for another network",
        detail: "This share is not good for the network that you come from.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Use it from where it is meant for, or ask whoever gave you the address.".to_owned(),
    }
}
