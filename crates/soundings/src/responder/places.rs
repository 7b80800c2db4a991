//! A bounded number of connections, in total and from each address.

use crate::guard::turn::site;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places that there are. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Places {
    max: usize,
    per_address_max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default, Debug)]
struct Taken {
    total: usize,
    of: HashMap<IpAddr, usize>,
}

/// The place of one connection; free again when dropped.
#[derive(Debug)]
pub struct Place {
    of: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

/// Why there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoPlace {
    /// The responder has as many connections as it may.
    Full,
    /// This address has.
    OfAddress,
}

impl Places {
    pub(crate) fn new(max: usize, per_address_max: usize) -> Self {
        Self { max, per_address_max, taken: Arc::default() }
    }

    /// Takes one for a connection from this address.
    pub(crate) fn take(&self, from: IpAddr) -> Result<Place, NoPlace> {
        let of = site(from);
        let mut taken = lock(&self.taken);
        if taken.total >= self.max {
            return Err(NoPlace::Full);
        }
        let own = taken.of.entry(of).or_default();
        if *own >= self.per_address_max {
            return Err(NoPlace::OfAddress);
        }
        *own += 1;
        taken.total += 1;
        drop(taken);
        Ok(Place { of, taken: Arc::clone(&self.taken) })
    }

    /// How many are taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        lock(&self.taken).total
    }
}

impl Place {
    /// A place among none: for tests of sessions.
    pub fn unbounded() -> Self {
        Self { of: IpAddr::V6(Ipv6Addr::UNSPECIFIED), taken: Arc::default() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.total = taken.total.saturating_sub(1);
        if let Some(own) = taken.of.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                taken.of.remove(&self.of);
            }
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}
