//! Random bytes.

use ring::rand::SecureRandom as _;

/// Fills this with random bytes that nobody can foretell.
///
/// # Panics
///
/// If the system has no random bytes: nothing that needs them can go on.
pub fn fill_random(bytes: &mut [u8]) {
    #[allow(clippy::expect_used)]
    ring::rand::SystemRandom::new().fill(bytes).expect("the system gives random bytes");
}
