//! Keys and signatures: what is believed, and what is no longer.

use super::der::{Malformed, Reader, dotted, tag};
use ring::signature::{self as with, UnparsedPublicKey, VerificationAlgorithm};

/// How something was signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Scheme {
    /// RSA with PKCS #1 v1.5 padding.
    RsaPkcs1(Hash),
    /// RSA-PSS, whose salt is as long as its hash.
    RsaPss(Hash),
    /// ECDSA; the curve is the key's.
    Ecdsa(Hash),
    /// Ed25519.
    Ed25519,
    /// By a hash for which collisions can be made.
    Weak(&'static str),
    /// By something else.
    Other(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// A public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PublicKey {
    kind: KeyKind,
    bits: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum KeyKind {
    /// With this many bits.
    Rsa(usize),
    P256,
    P384,
    Ed25519,
    Other(String),
}

/// Why a signature is not believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The hash is weak.
    Weak(&'static str),
    /// The RSA key has this many bits, which are too few or too many.
    KeySize(usize),
    /// Key or scheme is none that we know.
    Unsupported(String),
    /// It is not that key's signature of that message.
    Wrong,
}

/// Bits of an RSA key: less is broken by 2030 (NIST SP 800-57), more only costs time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const SHA_384: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
const SHA_512: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8];
/// 1.2.840.113549.1.1
const PKCS_1: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const CURVE_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const CURVE_P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
/// 1.2.840.10045.4
const ECDSA: [u8; 6] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

impl Scheme {
    /// Reads an `AlgorithmIdentifier`.
    pub(super) fn parse(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let oid = reader.oid()?;
        let other = || Self::Other(dotted(oid));
        if let Some(rest) = oid.strip_prefix(PKCS_1.as_slice()) {
            return Ok(match rest {
                [4] => Self::Weak("MD5"),
                [5] => Self::Weak("SHA-1"),
                [10] => pss(reader).map_or_else(|_| Self::Other("RSA-PSS of an unusual form".to_owned()), Self::RsaPss),
                [11] => Self::RsaPkcs1(Hash::Sha256),
                [12] => Self::RsaPkcs1(Hash::Sha384),
                [13] => Self::RsaPkcs1(Hash::Sha512),
                _ => other(),
            });
        }
        if let Some(rest) = oid.strip_prefix(ECDSA.as_slice()) {
            return Ok(match rest {
                [1] => Self::Weak("SHA-1"),
                [3, 2] => Self::Ecdsa(Hash::Sha256),
                [3, 3] => Self::Ecdsa(Hash::Sha384),
                [3, 4] => Self::Ecdsa(Hash::Sha512),
                _ => other(),
            });
        }
        Ok(if oid == ED25519 { Self::Ed25519 } else { other() })
    }
}

/// `RSASSA-PSS-params` (RFC 4055, section 3.1): one hash for all, and a salt of its length. The defaults are SHA-1.
fn pss(mut reader: Reader<'_>) -> Result<Hash, Malformed> {
    const UNUSUAL: Malformed = Malformed("RSA-PSS of an unusual form");
    let mut reader = reader.sequence()?;
    let hash = hash_of(reader.inside(tag::constructed(0))?.sequence()?)?;
    let mut mask = reader.inside(tag::constructed(1))?.sequence()?;
    if mask.oid()? != MGF1 || hash_of(mask.sequence()?)? != hash {
        return Err(UNUSUAL);
    }
    let salt = reader.inside(tag::constructed(2))?.count()?;
    let length = match hash {
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
        Hash::Sha512 => 64,
    };
    if salt == length { Ok(hash) } else { Err(UNUSUAL) }
}

fn hash_of(mut reader: Reader<'_>) -> Result<Hash, Malformed> {
    match reader.oid()? {
        SHA_256 => Ok(Hash::Sha256),
        SHA_384 => Ok(Hash::Sha384),
        SHA_512 => Ok(Hash::Sha512),
        _ => Err(Malformed("another hash")),
    }
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    pub(super) fn parse(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let mut algorithm = reader.sequence()?;
        let bits = reader.bytes_of_bits()?.to_owned();
        reader.end()?;
        let kind = match algorithm.oid()? {
            oid if oid.strip_prefix(PKCS_1.as_slice()) == Some(&[1]) => KeyKind::Rsa(modulus_bits(&bits)?),
            EC_PUBLIC_KEY => match algorithm.oid()? {
                CURVE_P256 => KeyKind::P256,
                CURVE_P384 => KeyKind::P384,
                curve => KeyKind::Other(format!("elliptic curve {}", dotted(curve))),
            },
            ED25519 => KeyKind::Ed25519,
            other => KeyKind::Other(dotted(other)),
        };
        Ok(Self { kind, bits })
    }

    /// The size of an RSA key that is too small or too large.
    pub(super) fn wrong_size(&self) -> Option<usize> {
        match self.kind {
            KeyKind::Rsa(bits) if !RSA_BITS.contains(&bits) => Some(bits),
            _ => None,
        }
    }

    /// Is this this key's signature of that message?
    pub(super) fn verify(&self, scheme: &Scheme, message: &[u8], signature: &[u8]) -> Result<(), Fault> {
        let algorithm = self.algorithm(scheme)?;
        UnparsedPublicKey::new(algorithm, &self.bits).verify(message, signature).map_err(|_| Fault::Wrong)
    }

    fn algorithm(&self, scheme: &Scheme) -> Result<&'static dyn VerificationAlgorithm, Fault> {
        if let Some(bits) = self.wrong_size() {
            return Err(Fault::KeySize(bits));
        }
        match (scheme, &self.kind) {
            (Scheme::Weak(hash), _) => Err(Fault::Weak(hash)),
            (Scheme::Other(name), _) | (_, KeyKind::Other(name)) => Err(Fault::Unsupported(name.clone())),
            (Scheme::RsaPkcs1(Hash::Sha256), KeyKind::Rsa(_)) => Ok(&with::RSA_PKCS1_2048_8192_SHA256),
            (Scheme::RsaPkcs1(Hash::Sha384), KeyKind::Rsa(_)) => Ok(&with::RSA_PKCS1_2048_8192_SHA384),
            (Scheme::RsaPkcs1(Hash::Sha512), KeyKind::Rsa(_)) => Ok(&with::RSA_PKCS1_2048_8192_SHA512),
            (Scheme::RsaPss(Hash::Sha256), KeyKind::Rsa(_)) => Ok(&with::RSA_PSS_2048_8192_SHA256),
            (Scheme::RsaPss(Hash::Sha384), KeyKind::Rsa(_)) => Ok(&with::RSA_PSS_2048_8192_SHA384),
            (Scheme::RsaPss(Hash::Sha512), KeyKind::Rsa(_)) => Ok(&with::RSA_PSS_2048_8192_SHA512),
            (Scheme::Ecdsa(Hash::Sha256), KeyKind::P256) => Ok(&with::ECDSA_P256_SHA256_ASN1),
            (Scheme::Ecdsa(Hash::Sha384), KeyKind::P256) => Ok(&with::ECDSA_P256_SHA384_ASN1),
            (Scheme::Ecdsa(Hash::Sha256), KeyKind::P384) => Ok(&with::ECDSA_P384_SHA256_ASN1),
            (Scheme::Ecdsa(Hash::Sha384), KeyKind::P384) => Ok(&with::ECDSA_P384_SHA384_ASN1),
            (Scheme::Ecdsa(Hash::Sha512), KeyKind::P256 | KeyKind::P384) => {
                Err(Fault::Unsupported("ECDSA with SHA-512".to_owned()))
            }
            (Scheme::Ed25519, KeyKind::Ed25519) => Ok(&with::ED25519),
            _ => Err(Fault::Wrong),
        }
    }
}

fn modulus_bits(key: &[u8]) -> Result<usize, Malformed> {
    let modulus = Reader::new(key).sequence()?.integer()?;
    let first = modulus.first().ok_or(Malformed("a key is empty"))?;
    Ok(modulus.len() * 8 - first.leading_zeros() as usize)
}
