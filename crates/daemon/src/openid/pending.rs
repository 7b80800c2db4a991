//! Sign-ins under way: the browser is at the provider.

use crate::secret::{hash, random_text, same};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use terms::Problem;
use zeroize::Zeroizing;

/// How long somebody may take at the provider.
const PATIENCE: Duration = Duration::from_mins(10);

/// Sign-ins under way at once, of about 400 bytes each; beyond, the oldest is forgotten.
const MAX_PENDING: usize = 4_096;

/// Sign-ins under way, by the hash of their state.
#[derive(Default)]
pub(super) struct Pending {
    began: Mutex<HashMap<[u8; 32], Began>>,
}

/// One sign-in under way.
pub(super) struct Began {
    /// Comes back with the browser, and finds this.
    pub(super) state: Zeroizing<String>,
    /// Comes back in the ID token, which is then for this sign-in.
    pub(super) nonce: Zeroizing<String>,
    /// The secret of PKCE: whoever has the code alone can do nothing with it.
    pub(super) verifier: Zeroizing<String>,
    /// The cookie of the browser that began it.
    pub(super) browser: Zeroizing<String>,
    /// Where to go afterwards.
    pub(super) target: String,
    at: Instant,
}

impl Began {
    pub(super) fn new(target: String, at: Instant) -> Result<Self, Problem> {
        Ok(Self {
            state: random_text()?,
            nonce: random_text()?,
            verifier: random_text()?,
            browser: random_text()?,
            target,
            at,
        })
    }

    /// RFC 7636 §4.2, `S256`.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(hash(&self.verifier))
    }
}

impl Pending {
    pub(super) fn keep(&self, began: Began) {
        let mut all = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        crate::auth::make_room(&mut all, MAX_PENDING, |began| began.at, began.at, PATIENCE);
        all.insert(hash(&began.state), began);
    }

    /// The sign-in of this state, once, if this browser began it in time.
    pub(super) fn take(&self, state: &str, browser: &str, now: Instant) -> Option<Began> {
        let mut all = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        // Of another browser it stays: whoever learns a state must not be able to end somebody's sign-in.
        let key = hash(state);
        let own = all.get(&key).is_some_and(|began| same(&hash(&began.browser), &hash(browser)));
        let began = if own { all.remove(&key) } else { None };
        began.filter(|began| now.duration_since(began.at) < PATIENCE)
    }
}
