//! The one pass over the bytes in which every wanted digest is computed, and how digests of parts become the digest of
//! the whole.

use crc_fast::CrcAlgorithm;
use sha2::Digest as _;
use terms::{Algorithm, Digest, DigestSet};

/// Computes several digests of one body of bytes in one pass.
///
/// Feed it with [`update`](Self::update) in order, then [`finish`](Self::finish). Cost for each byte on one core of 2023:
/// adler32 and crc32c run at 25 GB/s each and are lost in the noise; sha-256 at 1.5 GB/s and md5 at 0.6 GB/s are not, so
/// give large pieces of those to a core of their own. A clone is a checkpoint; it copies less than a kilobyte.
#[derive(Clone)]
pub struct Digester {
    adler32: Option<simd_adler32::Adler32>,
    crc32c: Option<crc_fast::Digest>,
    md5: Option<md5::Md5>,
    sha256: Option<sha2::Sha256>,
    length_bytes: u64,
}

impl Digester {
    /// For these algorithms; naming one twice changes nothing.
    pub fn new(algorithms: &[Algorithm]) -> Self {
        let wants = |algorithm| algorithms.contains(&algorithm);
        Self {
            adler32: wants(Algorithm::Adler32).then(simd_adler32::Adler32::new),
            crc32c: wants(Algorithm::Crc32c).then(|| crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi)),
            md5: wants(Algorithm::Md5).then(md5::Md5::new),
            sha256: wants(Algorithm::Sha256).then(sha2::Sha256::new),
            length_bytes: 0,
        }
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(adler32) = &mut self.adler32 {
            adler32.write(bytes);
        }
        if let Some(crc32c) = &mut self.crc32c {
            crc32c.update(bytes);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.length_bytes += bytes.len() as u64;
    }

    /// How many bytes it has seen.
    pub fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// Does it compute anything at all?
    pub fn is_idle(&self) -> bool {
        self.adler32.is_none() && self.crc32c.is_none() && self.md5.is_none() && self.sha256.is_none()
    }

    /// The digests of all bytes seen.
    pub fn finish(self) -> DigestSet {
        let adler32 = self.adler32.map(|state| of_word(Algorithm::Adler32, state.finish()));
        // A CRC-32 sits in the low half of the 64 bits that the crate uses for every width.
        let crc32c = self.crc32c.map(|state| of_word(Algorithm::Crc32c, state.finalize() as u32));
        let md5 = self.md5.and_then(|state| Digest::new(Algorithm::Md5, &state.finalize()));
        let sha256 = self.sha256.and_then(|state| Digest::new(Algorithm::Sha256, &state.finalize()));
        [adler32, crc32c, md5, sha256].into_iter().flatten().collect()
    }
}

impl std::fmt::Debug for Digester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digester").field("length_bytes", &self.length_bytes).finish_non_exhaustive()
    }
}

/// The digests of bytes that are all at hand.
pub fn of_bytes(algorithms: &[Algorithm], bytes: &[u8]) -> DigestSet {
    let mut digester = Digester::new(algorithms);
    digester.update(bytes);
    digester.finish()
}

/// Can the digest of a whole be had from the digests of its parts?
pub const fn is_combinable(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::Adler32 | Algorithm::Crc32c)
}

/// The digest of two bodies of bytes one after the other, from the digest of each and the length of the second. `None`
/// when the algorithms differ or have no such rule (md5, sha-256). Costs the logarithm of the length, not the length.
pub fn combine(first: &Digest, second: &Digest, second_length_bytes: u64) -> Option<Digest> {
    let algorithm = first.algorithm();
    if algorithm != second.algorithm() {
        return None;
    }
    let (a, b) = (to_word(first)?, to_word(second)?);
    match algorithm {
        Algorithm::Adler32 => Some(of_word(algorithm, adler32_combine(a, b, second_length_bytes))),
        Algorithm::Crc32c => {
            let parameters = (u64::from(a), u64::from(b));
            let whole =
                crc_fast::checksum_combine(CrcAlgorithm::Crc32Iscsi, parameters.0, parameters.1, second_length_bytes);
            Some(of_word(algorithm, whole as u32))
        }
        Algorithm::Md5 | Algorithm::Sha256 => None,
    }
}

/// [`combine`] for every algorithm that both sets hold and that has such a rule.
pub fn combine_sets(first: &DigestSet, second: &DigestSet, second_length_bytes: u64) -> DigestSet {
    first.iter().filter_map(|a| combine(a, second.get(a.algorithm())?, second_length_bytes)).collect()
}

fn of_word(algorithm: Algorithm, word: u32) -> Digest {
    // Both 32-bit algorithms have four bytes: a fixed fact of `Algorithm::len_bytes`.
    Digest::new(algorithm, &word.to_be_bytes()).expect("a 32-bit algorithm has a value of four bytes")
}

fn to_word(digest: &Digest) -> Option<u32> {
    Some(u32::from_be_bytes(digest.bytes().try_into().ok()?))
}

/// RFC 1950 §8.2: the low half `a` is 1 plus the sum of the bytes, the high half `b` the sum of all values of `a`, both
/// modulo 65,521. Behind `first`, every one of the second's values of `a` is greater by the first's `a` less 1.
fn adler32_combine(first: u32, second: u32, second_length_bytes: u64) -> u32 {
    const BASE: u64 = 65_521;
    let halves = |sum: u32| (u64::from(sum & 0xffff), u64::from(sum >> 16));
    let ((a1, b1), (a2, b2)) = (halves(first), halves(second));
    let length = second_length_bytes % BASE;
    // BASE is added before each subtraction, so that nothing goes below zero.
    let a = (a1 + a2 + BASE - 1) % BASE;
    let b = (b1 + b2 + length * ((a1 + BASE - 1) % BASE)) % BASE;
    ((b << 16) | a) as u32
}

#[cfg(test)]
mod tests;
