//! Failed attempts, counted by source address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};

/// Source addresses whose failures are counted, of about 60 bytes each.
const COUNTED_ADDRESSES: usize = 4096;

/// Failures are counted over this long.
pub(super) const FAILURE_WINDOW: Duration = Duration::from_secs(60);

/// Counts failures.
pub(crate) struct Guard {
    failures_allowed: AtomicU64,
    failures: Mutex<HashMap<IpAddr, (u64, Instant)>>,
}

impl Guard {
    pub(crate) fn new(failures_allowed: u64) -> Self {
        Self { failures_allowed: AtomicU64::new(failures_allowed), failures: Mutex::default() }
    }

    /// Allows another number of failures from now on; was it another?
    pub(crate) fn allow(&self, failures: u64) -> bool {
        self.failures_allowed.swap(failures, Ordering::Relaxed) != failures
    }

    /// One more from there.
    pub(crate) fn count(&self, from: IpAddr, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut failures, COUNTED_ADDRESSES, |(_, since)| *since, now, FAILURE_WINDOW);
        let (count, since) = failures.entry(source(from)).or_insert((0, now));
        if now.duration_since(*since) >= FAILURE_WINDOW {
            (*count, *since) = (0, now);
        }
        *count += 1;
    }

    /// May whoever is there try again now? To be asked before anything that costs: a look-up, a signature.
    pub(crate) fn check(&self, from: IpAddr, now: Instant) -> Result<(), Problem> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.get(&source(from)) {
            Some((count, since)) if *count >= self.failures_allowed.load(Ordering::Relaxed) => {
                let left = FAILURE_WINDOW.saturating_sub(now.duration_since(*since));
                if left.is_zero() { Ok(()) } else { Err(too_many(left)) }
            }
            _ => Ok(()),
        }
    }
}

/// Keeps a table within its bound: first what is over goes, then the oldest.
pub(crate) fn make_room<K: Copy + Eq + std::hash::Hash, V>(
    table: &mut HashMap<K, V>,
    bound: usize,
    since: impl Fn(&V) -> Instant,
    now: Instant,
    lifetime: Duration,
) {
    if table.len() < bound {
        return;
    }
    table.retain(|_, value| now.duration_since(since(value)) < lifetime);
    if table.len() >= bound
        && let Some(oldest) = table.iter().min_by_key(|(_, value)| since(value)).map(|(key, _)| *key)
    {
        table.remove(&oldest);
    }
}

/// Whom a failure counts against: one IPv4 address, or the /64 that one IPv6 host can choose its addresses from.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

fn too_many(left: Duration) -> Problem {
    Problem {
        status: 429,
        kind: "too-many-failed-sign-ins",
        title: "Too many failed sign-ins",
        detail: "Too many refused credentials came from this address in the last minute.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::After(left.max(Duration::from_secs(1))),
        next: "Mend the credentials, then wait.".to_owned(),
    }
}
