//! Tokens that were verified a moment ago: a client sends the same one with every request, and a signature costs some
//! 60 microseconds.

use super::Issuer;
use crate::auth::make_room;
use identity::jwt::CLOCK_SKEW;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use terms::{Identity, Timestamp};

/// Tokens kept, of about 1 KiB each.
const MAX_TOKENS: usize = 4_096;

/// How long a token is not looked at again. A key that is withdrawn counts out at once, since its set is another one
/// then.
const BELIEVED: Duration = Duration::from_mins(5);

/// The SHA-256 of a token: what is kept is of no use to whoever reads our memory.
pub(super) type Name = [u8; 32];

/// What a token is found by.
pub(super) fn name(text: &str) -> Name {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let mut name = Name::default();
    name.copy_from_slice(digest.as_ref());
    name
}

/// Tokens that were verified.
#[derive(Default)]
pub(super) struct Verified {
    tokens: Mutex<HashMap<Name, Entry>>,
}

struct Entry {
    identity: Identity,
    generation: u64,
    at: Instant,
}

impl Verified {
    /// Whose it is, if it was verified by keys and rules that are still in force.
    pub(super) fn find(&self, name: &Name, known: &[Arc<Issuer>], now: Instant, wall: Timestamp) -> Option<Identity> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = tokens.get(name)?;
        let issuer = known.iter().find(|issuer| Some(&issuer.rules.issuer) == entry.identity.issuer.as_ref())?;
        let expires = entry.identity.credential.expires?;
        let good = now.saturating_duration_since(entry.at) < BELIEVED
            && wall < expires.after(CLOCK_SKEW)
            && issuer.keys.is_of(entry.generation, now);
        good.then(|| entry.identity.clone())
    }

    /// Keeps one, if the rules that it was judged by are still in force. Asked behind the lock: a reload puts its rules into
    /// force before it clears.
    pub(super) fn keep(
        &self,
        name: Name,
        generation: u64,
        identity: &Identity,
        now: Instant,
        in_force: impl FnOnce() -> bool,
    ) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if !in_force() {
            return;
        }
        make_room(&mut tokens, MAX_TOKENS, |entry| entry.at, now, BELIEVED);
        tokens.insert(name, Entry { identity: identity.clone(), generation, at: now });
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
