//! The chain of signatures: HMAC-SHA256 of each caveat under the signature before it, as libmacaroons has it.

use super::packet::{Macaroon, RawCaveat, signature};
use super::refusal::Refusal;
use super::seal;
use super::verified::Verified;
use ring::hmac;
use terms::{Identity, Timestamp};
use zeroize::Zeroizing;

/// The longest location that is minted: an address without its path.
const MAX_LOCATION_BYTES: usize = 512;

/// What a root key is hashed with before its first use (libmacaroons, `generate_derived_key`).
const KEY_GENERATOR: &[u8] = b"macaroons-key-generator";

/// A key that macaroons are made with and verified by. Whoever has it can make any macaroon.
#[derive(Clone)]
pub struct RootKey {
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RootKey({})", self.id)
    }
}

/// Random bytes for one macaroon, never used twice.
#[derive(Clone, Copy)]
pub struct Fresh {
    /// Its id, which records and lists of revoked macaroons name.
    pub id: [u8; 16],
    /// For the sealing.
    pub nonce: [u8; 12],
}

impl RootKey {
    /// A key and the name that tells it from others: letters and digits.
    pub fn new(id: impl Into<String>, secret: Zeroizing<[u8; 32]>) -> Self {
        Self { id: id.into(), secret }
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Makes a macaroon for this caller, without caveats yet.
    pub fn mint(&self, location: &str, fresh: Fresh, minter: &Identity, now: Timestamp) -> Result<Macaroon, Refusal> {
        if location.len() > MAX_LOCATION_BYTES {
            return Err(Refusal::Malformed("its location is too long"));
        }
        let identifier = seal::seal(self, location, fresh, minter, now).into_bytes();
        if identifier.len() > MAX_IDENTIFIER_BYTES {
            return Err(Refusal::Long);
        }
        let signature = first_signature(&*self.secret, &identifier);
        Ok(Macaroon { location: location.to_owned(), identifier, caveats: Vec::new(), signature })
    }

    /// Verifies one that [`Macaroon::key_id`] says was made with this key: the chain first, then what is sealed, then
    /// that every caveat is understood. Whether they hold is asked of the outcome.
    pub fn verify(&self, macaroon: &Macaroon) -> Result<Verified, Refusal> {
        if macaroon.caveats.iter().any(|caveat| caveat.third_party) {
            return Err(Refusal::ThirdParty);
        }
        if !signed_by(&*self.secret, macaroon) {
            return Err(Refusal::Altered);
        }
        let minter = seal::open(self, &macaroon.location, &macaroon.identifier)?;
        Verified::new(minter, &macaroon.caveats)
    }
}

/// The longest identifier: somebody with some hundred groups. What is sealed grows by a third twice, and there must be
/// room for caveats.
const MAX_IDENTIFIER_BYTES: usize = 16 * 1024;

impl Macaroon {
    /// The name of the key that it says it was made with; `None` when it is none of ours.
    pub fn key_id(&self) -> Option<&str> {
        seal::key_id(&self.identifier)
    }
}

/// Was this one made with this root key, and not altered since? Compares in constant time.
pub(super) fn signed_by(root: &[u8], macaroon: &Macaroon) -> bool {
    let first = first_signature(root, &macaroon.identifier);
    let Some((last, former)) = macaroon.caveats.split_last() else {
        return same(&first, &macaroon.signature);
    };
    let before_last = former.iter().fold(first, |key, caveat| next_signature(&key, caveat));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &*before_last);
    hmac::verify(&key, &last.text, &*macaroon.signature).is_ok()
}

fn first_signature(root: &[u8], identifier: &[u8]) -> Zeroizing<[u8; 32]> {
    let generator = hmac::Key::new(hmac::HMAC_SHA256, KEY_GENERATOR);
    let derived = signature(&hmac::sign(&generator, root));
    signature(&hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*derived), identifier))
}

fn next_signature(key: &[u8; 32], caveat: &RawCaveat) -> Zeroizing<[u8; 32]> {
    signature(&hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &caveat.text))
}

fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
    // Under a key of no meaning both have equal tags exactly when they are equal; ring compares tags in constant time.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"compare");
    hmac::verify(&key, left, hmac::sign(&key, right).as_ref()).is_ok()
}

/// A macaroon with any identifier, as other programs make them: to compare with theirs.
#[cfg(test)]
pub(super) fn plain(root: &[u8], location: &str, identifier: &str) -> Macaroon {
    let identifier = identifier.as_bytes().to_vec();
    let signature = first_signature(root, &identifier);
    Macaroon { location: location.to_owned(), identifier, caveats: Vec::new(), signature }
}
