//! Secrets of our own making: the random part of tokens, shares, sessions and sign-ins. They have 256 random bits, so that
//! their SHA-256 can be kept in their place, and no slow hash is needed to protect it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SecureRandom as _;
use subtle::ConstantTimeEq as _;
use terms::{Blame, Problem, Retry};
use zeroize::Zeroizing;

/// Length of a secret before its base64url form.
const SECRET_BYTES: usize = 32;

/// Length of its base64url form.
pub(crate) const TEXT_BYTES: usize = (SECRET_BYTES * 4).div_ceil(3);

/// A new secret, as text that fits into addresses and cookies.
pub(crate) fn random_text() -> Result<Zeroizing<String>, Problem> {
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*random::<SECRET_BYTES>()?)))
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Problem> {
    let mut bytes = Zeroizing::new([0; N]);
    ring::rand::SystemRandom::new().fill(&mut *bytes).map_err(|_| no_randomness())?;
    Ok(bytes)
}

/// What is kept of a secret's text.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    let mut value = [0; 32];
    value.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    value
}

/// Compares without telling by its duration where the difference lies.
pub(crate) fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.ct_eq(right).into()
}

fn no_randomness() -> Problem {
    Problem {
        status: 500,
        kind: "no-randomness",
        title: "No secret was made",
        detail: "The kernel gave no random bytes for it.".to_owned(),
        blame: Blame::Us,
        retry: Retry::Soon,
        next: "Try again.".to_owned(),
    }
}
