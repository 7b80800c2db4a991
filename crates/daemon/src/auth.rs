//! Who asks: from the `Authorization` header to a [`Principal`].
//!
//! `Bearer` tokens (RFC 6750) and, for programs that know only that, the same token as the password of `Basic`
//! (RFC 7617) with any user name. Secrets are never logged, and never part of an answer.

use crate::problems::{archive_problem, unauthenticated};
use crate::token;
use archive::{Archive, TokenRecord};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use terms::{Blame, Principal, Problem, Retry, Timestamp, TokenId};
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// A revoked token is refused everywhere at the latest after this long: how old a cached record may be. Long enough that
/// a busy client costs the database one query in a thousand requests, short enough for an operator in a hurry.
pub const REVOCATION_DELAY: Duration = Duration::from_secs(5);

/// Records kept in memory, of about 300 bytes each.
const CACHED_TOKENS: usize = 1024;

/// Source addresses whose failures are counted, of about 60 bytes each.
const COUNTED_ADDRESSES: usize = 4096;

/// Failures are counted over this long.
const FAILURE_WINDOW: Duration = Duration::from_secs(60);

/// The gate that every request but `/healthz` passes.
pub(crate) struct Gate {
    archive: Archive,
    failures_allowed: u64,
    cache: Mutex<HashMap<TokenId, (TokenRecord, Instant)>>,
    failures: Mutex<HashMap<IpAddr, (u64, Instant)>>,
}

impl Gate {
    pub(crate) fn new(archive: Archive, failures_allowed: u64) -> Self {
        Self { archive, failures_allowed, cache: Mutex::default(), failures: Mutex::default() }
    }

    /// Who asks. Without credentials: anonymous. With wrong ones: a problem, never anonymous, lest a caller with an
    /// expired token be told that files are not there.
    pub(crate) async fn who(
        &self,
        headers: &HeaderMap,
        from: IpAddr,
        now: Instant,
        wall: Timestamp,
    ) -> Result<Principal, Problem> {
        let Some(text) = presented(headers)? else {
            return Ok(Principal::Anonymous);
        };
        let found = self.look_up(&text, from, now).await?;
        let judged = found.ok_or_else(unknown).and_then(|record| valid(record, wall));
        if judged.is_err() {
            self.count_failure(from, now);
        }
        judged
    }

    /// Forgets a record at once, when this very process has revoked it.
    pub(crate) fn forget(&self, id: TokenId) {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    async fn look_up(&self, text: &str, from: IpAddr, now: Instant) -> Result<Option<TokenRecord>, Problem> {
        let Some((id, secret)) = token::take_apart(text) else {
            self.count_failure(from, now);
            return Err(malformed("the token has not the form ptl_<id>_<secret>"));
        };
        let cached = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache
                .get(&id)
                .filter(|(_, at)| now.duration_since(*at) < REVOCATION_DELAY)
                .map(|(record, _)| record.clone())
        };
        let record = match cached {
            Some(record) => Some(record),
            None => {
                // Only look-ups are limited: whoever shares an address with a guesser goes on with a token in use.
                self.check_failures(from, now)?;
                let record =
                    self.archive.token(id).await.map_err(|error| archive_problem("look up the token", &error))?;
                record.inspect(|record| self.keep(record, now))
            }
        };
        Ok(record.filter(|record| token::same(&record.secret_sha256, &secret)))
    }

    fn keep(&self, record: &TokenRecord, now: Instant) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut cache, CACHED_TOKENS, |(_, at)| *at, now, REVOCATION_DELAY);
        cache.insert(record.id, (record.clone(), now));
    }

    fn count_failure(&self, from: IpAddr, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut failures, COUNTED_ADDRESSES, |(_, since)| *since, now, FAILURE_WINDOW);
        let (count, since) = failures.entry(source(from)).or_insert((0, now));
        if now.duration_since(*since) >= FAILURE_WINDOW {
            (*count, *since) = (0, now);
        }
        *count += 1;
    }

    fn check_failures(&self, from: IpAddr, now: Instant) -> Result<(), Problem> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.get(&source(from)) {
            Some((count, since)) if *count >= self.failures_allowed => {
                let left = FAILURE_WINDOW.saturating_sub(now.duration_since(*since));
                if left.is_zero() { Ok(()) } else { Err(too_many(left)) }
            }
            _ => Ok(()),
        }
    }
}

/// Keeps a table within its bound: first what is over goes, then the oldest.
fn make_room<K: Copy + Eq + std::hash::Hash, V>(
    table: &mut HashMap<K, V>,
    bound: usize,
    since: impl Fn(&V) -> Instant,
    now: Instant,
    lifetime: Duration,
) {
    if table.len() < bound {
        return;
    }
    table.retain(|_, value| now.duration_since(since(value)) < lifetime);
    if table.len() >= bound
        && let Some(oldest) = table.iter().min_by_key(|(_, value)| since(value)).map(|(key, _)| *key)
    {
        table.remove(&oldest);
    }
}

/// Whom a failure counts against: one IPv4 address, or the /64 that one IPv6 host can choose its addresses from.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

/// The token's text as it was sent; `None` when there is no `Authorization` at all.
fn presented(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(malformed("there are several Authorization headers"));
    }
    let text = value.to_str().map_err(|_| malformed("the Authorization header is not ASCII text"))?;
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Zeroizing::new(rest.to_owned())));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed("the scheme of the Authorization header is neither Bearer nor Basic"));
    }
    let bytes =
        STANDARD.decode(rest).map(Zeroizing::new).map_err(|_| malformed("the Basic credentials are not base64"))?;
    let pair = std::str::from_utf8(&bytes).map_err(|_| malformed("the Basic credentials are not UTF-8"))?;
    let (_, password) = pair.split_once(':').ok_or_else(|| malformed("the Basic credentials have no colon"))?;
    Ok(Some(Zeroizing::new(password.to_owned())))
}

fn valid(record: TokenRecord, wall: Timestamp) -> Result<Principal, Problem> {
    if let Some(at) = record.revoked {
        return Err(over(&record, "token-revoked", "was revoked at", at));
    }
    if let Some(at) = record.expires.filter(|at| *at <= wall) {
        return Err(over(&record, "token-expired", "expired at", at));
    }
    Ok(Principal::Token { id: record.id, name: record.name, verbs: record.verbs, path: record.path })
}

fn malformed(what: &str) -> Problem {
    unauthenticated(
        "credentials-malformed",
        format!("{}{}.", what[..1].to_uppercase(), &what[1..]),
        "Send `Authorization: Bearer TOKEN`, or the token as the password of Basic.",
    )
}

fn unknown() -> Problem {
    // The same for a wrong id and a wrong secret: ids are no secrets, but nobody needs to learn them here.
    unauthenticated("token-unknown", "This token is not known here.".to_owned(), "`portolan token create` makes one.")
}

fn over(record: &TokenRecord, kind: &'static str, how: &str, at: Timestamp) -> Problem {
    unauthenticated(kind, format!("The token '{}' {how} {at}.", record.name), "`portolan token create` makes another.")
}

fn too_many(left: Duration) -> Problem {
    Problem {
        status: 429,
        kind: "too-many-failed-sign-ins",
        title: "Too many failed sign-ins",
        detail: "Too many unknown tokens came from this address in the last minute.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::After(left.max(Duration::from_secs(1))),
        next: "Mend the token, then wait.".to_owned(),
    }
}
