//! Digests: their algorithms, values and plain spellings. How HTTP spells them in headers is `port-core`'s.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A digest algorithm that Portolan computes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Adler-32 (RFC 1950 §8.2): what WLCG compares.
    Adler32,
    /// CRC-32C (Castagnoli, RFC 9260 appendix A).
    Crc32c,
    /// MD5 (RFC 1321): for peers that know nothing else; no protection against intent.
    Md5,
    /// SHA-256 (FIPS 180-4).
    #[serde(rename = "sha-256")]
    Sha256,
}

impl Algorithm {
    /// All of them, the cheapest first.
    pub const ALL: [Self; 4] = [Self::Adler32, Self::Crc32c, Self::Md5, Self::Sha256];

    /// Length of the value in bytes.
    pub const fn len_bytes(self) -> usize {
        match self {
            Self::Adler32 | Self::Crc32c => 4,
            Self::Md5 => 16,
            Self::Sha256 => 32,
        }
    }

    /// Our name for it, in settings, JSON and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adler32 => "adler32",
            Self::Crc32c => "crc32c",
            Self::Md5 => "md5",
            Self::Sha256 => "sha-256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is not a digest or an algorithm.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidDigest {
    /// No algorithm of this name is computed here.
    #[error("'{0}' is not one of adler32, crc32c, md5, sha-256")]
    UnknownAlgorithm(String),
    /// The value does not have the form or length of its algorithm.
    #[error("'{value}' is not a value of {algorithm}")]
    Value {
        /// The algorithm that was named.
        algorithm: Algorithm,
        /// The text that was given.
        value: String,
    },
}

/// Takes every spelling met in the field (`adler`, `ADLER32`, `sha256`, `SHA-256`, …).
impl FromStr for Algorithm {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        match text.to_ascii_lowercase().as_str() {
            "adler32" | "adler" | "adler-32" => Ok(Self::Adler32),
            "crc32c" | "crc-32c" => Ok(Self::Crc32c),
            "md5" | "md-5" => Ok(Self::Md5),
            "sha-256" | "sha256" => Ok(Self::Sha256),
            _ => Err(InvalidDigest::UnknownAlgorithm(text.to_owned())),
        }
    }
}

/// One digest of one body of bytes. Prints as `algorithm:hex`, and is read back from that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    /// The value in its first `algorithm.len_bytes()` bytes, big-endian; zero beyond them.
    value: [u8; 32],
}

impl Digest {
    /// From its value; `None` when the length is not the algorithm's.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != algorithm.len_bytes() {
            return None;
        }
        let mut value = [0; 32];
        value[..bytes.len()].copy_from_slice(bytes);
        Some(Self { algorithm, value })
    }

    /// From hexadecimal digits in either case; a short Adler-32 or CRC is padded on the left, as old tools print it.
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Result<Self, InvalidDigest> {
        let bad = || InvalidDigest::Value { algorithm, value: text.chars().take(80).collect() };
        let digits = algorithm.len_bytes() * 2;
        let short_is_fine = algorithm.len_bytes() == 4 && !text.is_empty();
        if text.len() > digits || (text.len() < digits && !short_is_fine) || !text.is_ascii() {
            return Err(bad());
        }
        let padded = format!("{text:0>digits$}");
        let mut value = [0; 32];
        for (byte, pair) in value.iter_mut().zip(padded.as_bytes().chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16).ok_or_else(bad)?;
            let low = char::from(pair[1]).to_digit(16).ok_or_else(bad)?;
            *byte = (high * 16 + low) as u8;
        }
        Ok(Self { algorithm, value })
    }

    /// From standard base64 of the binary value (RFC 4648 §4).
    pub fn from_base64(algorithm: Algorithm, text: &str) -> Result<Self, InvalidDigest> {
        STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| Self::new(algorithm, &bytes))
            .ok_or_else(|| InvalidDigest::Value { algorithm, value: text.chars().take(80).collect() })
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its value, big-endian.
    pub fn bytes(&self) -> &[u8] {
        &self.value[..self.algorithm.len_bytes()]
    }

    /// The value in lower-case hexadecimal, full width.
    pub fn to_hex(&self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The value in standard base64.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let (name, value) = text.split_once(':').ok_or_else(|| InvalidDigest::UnknownAlgorithm(text.to_owned()))?;
        Self::from_hex(name.parse()?, value)
    }
}

/// The digests of one body of bytes, at most one of each algorithm, in the order of [`Algorithm::ALL`].
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DigestSet(Vec<Digest>);

impl DigestSet {
    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one, replacing that of the same algorithm.
    pub fn insert(&mut self, digest: Digest) {
        match self.0.binary_search_by_key(&digest.algorithm, |d| d.algorithm) {
            Ok(at) => self.0[at] = digest,
            Err(at) => self.0.insert(at, digest),
        }
    }

    /// The digest of this algorithm.
    pub fn get(&self, algorithm: Algorithm) -> Option<&Digest> {
        self.0.iter().find(|digest| digest.algorithm == algorithm)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Digest> {
        self.0.iter()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of ours that contradicts one of `claimed`: `(ours, claimed)`. Algorithms that only one side has say
    /// nothing.
    pub fn contradiction(&self, claimed: &Self) -> Option<(Digest, Digest)> {
        claimed.iter().find_map(|theirs| {
            let ours = self.get(theirs.algorithm)?;
            (ours != theirs).then_some((*ours, *theirs))
        })
    }
}

impl FromIterator<Digest> for DigestSet {
    fn from_iter<I: IntoIterator<Item = Digest>>(digests: I) -> Self {
        let mut set = Self::new();
        digests.into_iter().for_each(|digest| set.insert(digest));
        set
    }
}

/// `adler32:…,crc32c:…`, the form kept in records.
impl fmt::Display for DigestSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digest) in self.0.iter().enumerate() {
            write!(f, "{}{digest}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for DigestSet {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        text.split(',').filter(|part| !part.is_empty()).map(str::parse).collect()
    }
}
