//! Callers by number: the same number for all whom no rule tells apart.

use crate::mentions::Mentions;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use terms::Identity;

/// When the rows of all callers together have so many numbers, all are forgotten: 16 MB. Tests forget all the time.
const ROW_NUMBERS_MAX: usize = if cfg!(test) { 64 } else { 1 << 22 };

/// Callers of one policy.
pub(crate) struct Callers {
    /// Of this policy and no other.
    id: u64,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    by_row: HashMap<Box<[u32]>, u64>,
    row_numbers: usize,
    /// Never given twice, so what is remembered of a forgotten caller is found by nobody.
    next: u64,
}

/// The caller that this thread asked about last. One request leads to several questions, a listing to thousands.
struct Last {
    policy: u64,
    /// Held, so that its address stays its own, and nobody can change it.
    identity: Arc<Identity>,
    number: u64,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    /// Rows are made here, so that looking one up allocates nothing.
    static ROW: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

static POLICIES: AtomicU64 = AtomicU64::new(0);

impl Callers {
    pub(crate) fn new() -> Self {
        Self { id: POLICIES.fetch_add(1, Ordering::Relaxed), known: RwLock::default() }
    }

    /// The number of this caller.
    pub(crate) fn number(&self, identity: &Arc<Identity>, mentions: &Mentions) -> u64 {
        LAST.with_borrow_mut(|last| {
            if let Some(last) = last
                && last.policy == self.id
                && Arc::ptr_eq(&last.identity, identity)
            {
                return last.number;
            }
            let number = ROW.with_borrow_mut(|row| {
                mentions.row(identity, row);
                self.find(row)
            });
            *last = Some(Last { policy: self.id, identity: Arc::clone(identity), number });
            number
        })
    }

    fn find(&self, row: &[u32]) -> u64 {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.by_row.get(row) {
            return *number;
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.row_numbers + row.len() > ROW_NUMBERS_MAX {
            known.by_row.clear();
            known.row_numbers = 0;
        }
        let next = known.next;
        let number = *known.by_row.entry(row.into()).or_insert(next);
        if number == next {
            known.next += 1;
            known.row_numbers += row.len();
        }
        number
    }
}
