//! The keys of an issuer (JWK Set, RFC 7517 and RFC 7518, section 6).
//!
//! Signatures are checked by ring itself. The crate `jsonwebtoken` would need a provider on ring as large as this file,
//! and its leniency in headers would have to be taken back beside.

use super::json;
use super::refusal::Refusal;
use super::spec::MAX_KEYS;
use crate::shown::shown;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

/// How a token is signed: never by a shared secret, and never not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Algorithm {
    /// RSA PKCS #1 1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// The public keys of one issuer that can verify tokens.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// One public key. Its kind decides the algorithm, whatever the token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point uncompressed, as SEC 1 has it: 4, x, y.
    P256(Vec<u8>),
}

/// What is wrong with a key set.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not JSON, or not of the form of a key set.
    #[error("it is no JSON Web Key Set: {0}")]
    Malformed(String),
    /// More than anyone needs.
    #[error("it holds {0} keys, and at most {MAX_KEYS} are accepted")]
    TooMany(usize),
    /// Keys, but none that verifies RS256 or ES256.
    #[error("it holds {0} keys, and none of them is for signatures by RS256 (of at least 2,048 bits) or ES256")]
    NoneUsable(usize),
}

impl KeySet {
    /// Reads a JWK Set. Keys of other kinds and for other uses are left out, as RFC 7517, section 5, wants it.
    pub fn read(bytes: &[u8]) -> Result<Self, InvalidKeySet> {
        let set = json::object(bytes).map_err(InvalidKeySet::Malformed)?;
        let Some(Value::Array(entries)) = set.get("keys") else {
            return Err(InvalidKeySet::Malformed("it has no list 'keys'".to_owned()));
        };
        if entries.len() > MAX_KEYS {
            return Err(InvalidKeySet::TooMany(entries.len()));
        }
        let keys: Vec<Key> = entries.iter().filter_map(Value::as_object).filter_map(read_key).collect();
        if keys.is_empty() { Err(InvalidKeySet::NoneUsable(entries.len())) } else { Ok(Self { keys }) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Their names; empty for one that has none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.id.as_deref().unwrap_or_default())
    }

    /// The key that a token names, if it is for this algorithm. Without a name, the one key of a set that has just one.
    pub(super) fn choose(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Key, Refusal> {
        match (id, self.keys.as_slice()) {
            (None, [only]) => Ok(only),
            (None, keys) => Err(Refusal::NoKeyId(keys.len())),
            (Some(id), keys) => {
                // Two keys may share a name when they are of different kinds (RFC 7517, section 4.5).
                let mut named = keys.iter().filter(|key| key.id.as_deref() == Some(id));
                let first = named.clone().next().ok_or_else(|| Refusal::UnknownKey(shown(id)))?;
                Ok(named.find(|key| key.algorithm() == algorithm).unwrap_or(first))
            }
        }
    }
}

impl Key {
    fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
        }
    }

    /// Is this the signature of `message`, by the algorithm that the token says?
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let verified = match (&self.material, algorithm) {
            (Material::Rsa { modulus, exponent }, Algorithm::Rs256) => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Material::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            // A key serves the algorithm that it was made for (RFC 8725, section 3.1).
            _ => return Err(Refusal::Signature),
        };
        verified.map_err(|_| Refusal::Signature)
    }
}

/// `None` for keys of other kinds, or for other uses than signatures.
fn read_key(entry: &Map<String, Value>) -> Option<Key> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let number = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
    let lists_verify = |operations: &Vec<Value>| operations.iter().any(|operation| operation == "verify");
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    if entry.get("key_ops").and_then(Value::as_array).is_some_and(|operations| !lists_verify(operations)) {
        return None;
    }
    let material = match (text("kty")?, text("alg").unwrap_or_default()) {
        ("RSA", "" | "RS256") => {
            let (modulus, exponent) = (without_zeros(number("n")?), without_zeros(number("e")?));
            // What ring's algorithm accepts, asked here so that a set of weak keys is told from a good one.
            let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
            (2048..=8192).contains(&bits).then_some(Material::Rsa { modulus, exponent })?
        }
        ("EC", "" | "ES256") if text("crv") == Some("P-256") => {
            let (x, y) = (number("x")?, number("y")?);
            (x.len() == 32 && y.len() == 32).then(|| Material::P256([&[4][..], &x, &y].concat()))?
        }
        _ => return None,
    };
    Some(Key { id: text("kid").map(str::to_owned), material })
}

/// Some issuers write a sign byte before the modulus, which RFC 7518, section 6.3.1.1, forbids and ring refuses.
fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes[zeros..].to_vec()
}
