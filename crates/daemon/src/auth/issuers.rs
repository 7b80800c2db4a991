//! Signed tokens of issuers (WLCG, SciTokens): whose they are, by keys that the issuers publish.
//!
//! The issuers are asked in the background, so that a request waits for one only when its keys are not known at all, or
//! when a token names a key that is new. Whether an issuer can be reached says nothing of a token: a caller whose token
//! cannot be judged is told 503 and not 401.

mod cache;
mod fetch;
mod keyring;
mod names;

use super::{Guard, Presented};
use crate::first_start;
use crate::problems::unauthenticated;
use crate::reload::Reloaded;
use crate::settings::{self, Settings};
use cache::Verified;
use fetch::Source;
use identity::jwt::{self, IssuerRules, Refusal, Token};
use keyring::{Answer, Keyring};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};
use terms::{Blame, Identity, Problem, Retry, Timestamp};

#[cfg(test)]
mod tests;

/// How often it is looked whether keys must be fetched. Nothing is sent unless they must.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The issuers whose tokens are taken.
pub(crate) struct Issuers {
    known: RwLock<Arc<Vec<Arc<Issuer>>>>,
    verified: Verified,
}

/// One of them.
struct Issuer {
    settings: settings::Issuer,
    rules: IssuerRules,
    keys: Keyring,
}

/// Alike in all but the keys of the moment.
impl PartialEq for Issuer {
    fn eq(&self, other: &Self) -> bool {
        (&self.settings, &self.rules) == (&other.settings, &other.rules)
    }
}

/// How an issuer is doing, for pages and metrics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IssuerState {
    /// Its URL.
    pub(crate) issuer: String,
    /// The names of its keys in force, empty for one without a name. None: tokens of it cannot be judged.
    pub(crate) keys: Vec<String>,
    /// When these were fetched.
    pub(crate) fetched: Option<Timestamp>,
    /// Until when they stay in force if it cannot be asked any more.
    pub(crate) until: Option<Timestamp>,
    /// Why they could not be fetched, if the last attempt failed, and when that was.
    pub(crate) failure: Option<(Timestamp, String)>,
}

impl Issuers {
    /// Reads what the settings name, and begins to fetch keys. An issuer that cannot be reached now does not keep a
    /// port from starting.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Problem> {
        let issuers = Self { known: RwLock::default(), verified: Verified::default() };
        issuers.reload(settings).await?;
        Ok(issuers)
    }

    /// Reads them again. Keys of issuers that stay are kept until fresh ones have come; what was verified before is
    /// verified anew. On failure all of the former stays in force.
    pub(crate) async fn reload(&self, settings: &Settings) -> Result<Reloaded, Problem> {
        let before = self.known();
        let after = Arc::new(read(settings, &before)?);
        let changed = *before != *after;
        let told = format!("{} issuer{}", after.len(), if after.len() == 1 { "" } else { "s" });
        if !after.is_empty() {
            after.iter().for_each(|issuer| issuer.keys.clone().ask_in_background());
            tokio::spawn(look_after(Arc::downgrade(&after)));
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = after;
        self.verified.clear();
        Ok(if changed { Reloaded::changed(told) } else { Reloaded::unchanged(told) })
    }

    /// How each of them is doing.
    pub(crate) fn states(&self) -> Vec<IssuerState> {
        self.known().iter().map(|issuer| issuer.keys.state(&issuer.rules.issuer)).collect()
    }

    /// Whose token this is. Whoever shares an address with a guesser goes on with a token that is in use.
    pub(super) async fn identify(&self, text: &str, guard: &Guard, at: &Presented<'_>) -> Result<Identity, Problem> {
        if let Some(identity) = self.verified.find(&cache::name(text), &self.known(), at.now, at.wall) {
            return Ok(identity);
        }
        guard.check(at.from, at.now)?;
        self.judge(text, at.now, at.wall).await
    }

    async fn judge(&self, text: &str, now: Instant, wall: Timestamp) -> Result<Identity, Problem> {
        let known = self.known();
        let token = Token::read(text).map_err(|refusal| refused(&refusal))?;
        let issuer = known.iter().find(|issuer| issuer.rules.issuer == token.issuer());
        let issuer = issuer.ok_or_else(|| refused(&Refusal::unknown_issuer(token.issuer())))?;
        let (claims, generation) = issuer.verify(&token, now).await?;
        let identity = jwt::identify(&claims, &issuer.rules, wall).map_err(|refusal| refused(&refusal))?;
        // A reload may have come while an issuer was asked.
        let in_force = || Arc::ptr_eq(&known, &self.known());
        self.verified.keep(cache::name(text), generation, &identity, now, in_force);
        Ok(identity)
    }

    fn known(&self) -> Arc<Vec<Arc<Issuer>>> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Issuer {
    /// Checks the signature. A key that is not known may be new: then the issuer is asked once more.
    async fn verify(&self, token: &Token<'_>, now: Instant) -> Result<(jwt::Claims, u64), Problem> {
        let answer = self.keys.current(now).await.map_err(|error| self.unreachable(&error))?;
        match token.verify(&answer.keys) {
            Ok(claims) => Ok((claims.clone(), answer.generation)),
            Err(refusal @ Refusal::UnknownKey(_)) => {
                let newer = self.keys.newer_than(answer.generation, now).await;
                let Some(Answer { keys, generation }) = newer else { return Err(refused(&refusal)) };
                let claims = token.verify(&keys).map_err(|refusal| refused(&refusal))?;
                Ok((claims.clone(), generation))
            }
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    fn unreachable(&self, failure: &keyring::Failed) -> Problem {
        let issuer = &self.rules.issuer;
        Problem {
            status: 503,
            kind: "issuer-unreachable",
            title: "The issuer of your token cannot be asked",
            detail: format!("The keys of {issuer}, which your token is to be verified with, could not be had: {failure}."),
            blame: Blame::Peer,
            retry: Retry::After(failure.again_in.max(Duration::from_secs(1))),
            next: "Your token may be good: try again, and tell the operators of this port or of the issuer if it stays so."
                .to_owned(),
        }
    }
}

/// Fetches keys before they are too old, as long as these issuers are the ones in force.
async fn look_after(issuers: Weak<Vec<Arc<Issuer>>>) {
    loop {
        // All have been asked when they were read.
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(known) = issuers.upgrade() else { return };
        for issuer in known.iter().filter(|issuer| issuer.keys.wants_refresh(Instant::now())) {
            issuer.keys.clone().refresh_in_background();
        }
    }
}

/// What the settings say, with the keys of those that were known before.
fn read(settings: &Settings, before: &[Arc<Issuer>]) -> Result<Vec<Arc<Issuer>>, Problem> {
    let own = own_audiences(settings);
    let mut after: Vec<Arc<Issuer>> = Vec::new();
    for wanted in &settings.issuers {
        if after.iter().any(|issuer| issuer.rules.issuer == wanted.rules.issuer) {
            return Err(unusable(wanted, "it is given twice"));
        }
        let rules = complete(wanted, &own)?;
        let keys = match before.iter().find(|issuer| issuer.settings.same_source(wanted)) {
            Some(issuer) => issuer.keys.clone(),
            None => {
                let source = Source::open(&rules.issuer, wanted.authorities.as_deref());
                Keyring::new(source.map_err(|error| unusable(wanted, &error))?, wanted.refresh.0, wanted.keep.0)
            }
        };
        after.push(Arc::new(Issuer { settings: wanted.clone(), rules, keys }));
    }
    Ok(after)
}

/// The rules with what stands in files, and with the audiences that go without saying.
fn complete(wanted: &settings::Issuer, own: &BTreeSet<String>) -> Result<IssuerRules, Problem> {
    let mut rules = wanted.rules.clone();
    if rules.audiences.is_empty() {
        rules.audiences.clone_from(own);
    }
    if let Some(file) = &wanted.name_map {
        rules.names = names::read(file).map_err(|error| unusable(wanted, &error))?;
    }
    Ok(rules)
}

/// `https://NAME:PORT` with each name that clients may call this host by (WLCG profile, section 2.1.1). A port that is
/// not known beforehand has none.
fn own_audiences(settings: &Settings) -> BTreeSet<String> {
    let port = settings.listen.address.port();
    let name = |name: String| match name.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => name,
    };
    let names = first_start::names(settings).into_iter().map(name);
    match port {
        0 => BTreeSet::new(),
        443 => names.map(|name| format!("https://{name}")).collect(),
        port => names.map(|name| format!("https://{name}:{port}")).collect(),
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let detail = refusal.to_string();
    let next = match refusal {
        Refusal::Expired(_) => "Get a fresh token from its issuer.",
        Refusal::NotYet(_) => "Wait until it is valid; if it should be by now, compare the clocks.",
        Refusal::Audience(_) => "Ask the issuer for a token with the address of this service as its audience (`aud`).",
        Refusal::UnknownIssuer(_) => {
            "Use a token of an issuer that this site takes, or ask its operators to add yours."
        }
        _ => "Get another token from its issuer.",
    };
    unauthenticated(refusal.kind(), format!("{}{}.", detail[..1].to_uppercase(), &detail[1..]), next)
}

fn unusable(issuer: &settings::Issuer, why: &str) -> Problem {
    Problem {
        status: 500,
        kind: "settings-invalid",
        title: "the settings cannot be used",
        detail: format!("The issuer {} cannot be used: {why}.", issuer.rules.issuer),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Mend the [[issuer]] of that `url` in the settings.".to_owned(),
    }
}
