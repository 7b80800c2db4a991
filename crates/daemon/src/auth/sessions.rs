//! Sessions of browsers, made by signing in ([`crate::openid`]).
//!
//! A session is 256 random bits in a cookie that only this host gets, only over TLS, out of reach of scripts and left out
//! of requests that other sites cause (RFC 6265bis: `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax`). We keep its
//! SHA-256 in memory. What changes something must in addition come from a page of ours.

use super::Presented;
use super::guard::make_room;
use crate::secret::{hash, random_text};
use crate::settings::Settings;
use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderMap, Method, Uri};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use terms::{Blame, Identity, Problem, Retry};
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// The cookie of a session.
pub(crate) const COOKIE_NAME: &str = "__Host-portolan-session";

/// Sessions at once, of about 1 KB each; beyond, the oldest ends.
const MAX_SESSIONS: usize = 10_000;

/// The sessions of browsers.
pub(crate) struct Sessions {
    lifetime: Duration,
    idle: Duration,
    open: Mutex<HashMap<[u8; 32], Session>>,
}

struct Session {
    identity: Identity,
    began: Instant,
    used: Instant,
}

impl Sessions {
    pub(crate) fn new(settings: &Settings) -> Self {
        let sign_in = &settings.sign_in;
        Self { lifetime: sign_in.session_lifetime.0, idle: sign_in.session_idle.0, open: Mutex::default() }
    }

    /// Who the caller is by its session; nobody where it has none, or one that has ended: whoever comes back the next
    /// day shall see what everybody sees, and sign in again.
    pub(super) fn identify(&self, at: &Presented<'_>) -> Result<Option<Identity>, Problem> {
        let Some(key) = key_of(at.headers).filter(|_| at.tls) else { return Ok(None) };
        let identity = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            match open.get_mut(&key) {
                Some(session) if self.lasts(session, at.now) => {
                    session.used = at.now;
                    session.identity.clone()
                }
                Some(_) => {
                    open.remove(&key);
                    return Ok(None);
                }
                None => return Ok(None),
            }
        };
        if changes(at.method) && !from_own_page(at.uri, at.headers) {
            return Err(cross_site());
        }
        Ok(Some(identity))
    }

    /// Begins one; answers the value of its cookie.
    pub(crate) fn begin(&self, identity: Identity, now: Instant) -> Result<Zeroizing<String>, Problem> {
        let text = random_text()?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut open, MAX_SESSIONS, |session| session.began, now, self.lifetime);
        open.insert(hash(&text), Session { identity, began: now, used: now });
        Ok(text)
    }

    /// Ends the one of this request; answers whose it was.
    pub(crate) fn end(&self, headers: &HeaderMap) -> Option<Identity> {
        let key = key_of(headers)?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&key).map(|session| session.identity)
    }

    /// Whose session it is.
    #[cfg(test)]
    pub(crate) fn of_cookie(&self, value: &str) -> Option<Identity> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&hash(value)).map(|session| session.identity.clone())
    }

    /// How long a new one lasts at most.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    fn lasts(&self, session: &Session, now: Instant) -> bool {
        now.duration_since(session.began) < self.lifetime && now.duration_since(session.used) < self.idle
    }
}

/// The value of a cookie; of several of one name the first, as browsers put the most specific first.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Did a page of this very host cause the request? Browsers say so themselves, and scripts cannot change it
/// (Fetch Metadata; RFC 6454 for those that know `Origin` only).
pub(crate) fn from_own_page(uri: &Uri, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    // HTTP/2 has the host in the address (RFC 9113 §8.3.1).
    let host = uri.authority().map(|authority| authority.as_str()).or_else(|| text(HOST.as_str()));
    match (text(ORIGIN.as_str()), host) {
        (Some(origin), Some(host)) => origin.strip_prefix("https://").is_some_and(|own| own.eq_ignore_ascii_case(host)),
        _ => false,
    }
}

fn key_of(headers: &HeaderMap) -> Option<[u8; 32]> {
    cookie(headers, COOKIE_NAME).map(hash)
}

pub(super) fn changes(method: &Method) -> bool {
    !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PROPFIND")
}

pub(super) fn cross_site() -> Problem {
    Problem {
        status: 403,
        kind: "cross-site-request",
        title: "Another site caused this request",
        detail: "A browser that is signed in here sent it, but no page of this port asked for it.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Use the pages of this port; programs send a token instead of a session.".to_owned(),
    }
}
