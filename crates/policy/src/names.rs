//! Names that answers carry without copying them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// So many different names of rules are kept for the life of the process, so that an answer can point to one instead of
/// copying it. A reload with the same names adds none; at 200 bytes each they are 4 MB at most. Any further name is copied.
const NAMES_MAX: usize = 20_000;

static NAMES: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

/// The name, where possible as one that lives as long as the process.
pub(crate) fn keep(name: &str) -> Cow<'static, str> {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    match names.get(name) {
        Some(kept) => Cow::Borrowed(*kept),
        None if names.len() < NAMES_MAX => {
            let kept: &'static str = Box::leak(name.into());
            names.insert(kept);
            Cow::Borrowed(kept)
        }
        None => Cow::Owned(name.to_owned()),
    }
}
