//! Turns: one exclusive throughput test at a time; the others wait, and are told for whom and how long at most.
//!
//! Callers take turns, and of one caller its tests do, in the order of asking: whoever asks for many waits behind everybody
//! who asks for few, so that nobody keeps the others away (start-time fair queueing, each test with the cost 1).

use super::budget::Lease;
use super::host::HostTurn;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How many tests run at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TurnSettings {
    /// Tests at once; 1 is what makes results mean something.
    pub at_once: usize,
    /// How many may wait; who comes when all these places are taken is sent away. A waiting one costs a connection.
    pub waiting_max: usize,
}

impl TurnSettings {
    /// How many of one caller may wait: a part of the places, so that others find one; a few in any case.
    fn waiting_max_of_one(&self) -> usize {
        (self.waiting_max / 4).max(WAITING_OF_ONE_MIN)
    }
}

/// As many tests of one caller can wait, where there are places.
const WAITING_OF_ONE_MIN: usize = 8;

impl Default for TurnSettings {
    fn default() -> Self {
        Self { at_once: 1, waiting_max: 64 }
    }
}

/// A test that wants its turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// What it is, for those who wait: `iperf3`, `throughput`.
    pub what: &'static str,
    /// For whom: an address, or a name.
    pub who: String,
    /// How long it takes at most; the turn is not taken away when this is over, so its holder must end.
    pub longest: Duration,
}

/// Told to those who wait, whenever it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Tests that run now, with how long each still takes at most.
    pub running: Vec<(Claim, Duration)>,
    /// Tests that wait before this one.
    pub ahead: usize,
    /// When its turn comes at the latest; of a caller's second test and those after it, unless others come between.
    pub at_most: Duration,
}

/// Why there is no turn to be had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoTurn {
    /// All places to wait are taken, or all that this caller may have.
    #[error("{waiting} tests wait already")]
    Full {
        /// So many.
        waiting: usize,
        /// When asking again makes sense.
        again: Duration,
    },
    /// It would be longer than the caller wants to wait.
    #[error("the turn comes in {} s at the latest, which is longer than the caller waits", .0.at_most.as_secs())]
    TooLong(Waiting),
    /// The keeper of the budget that this host shares with others gives none.
    #[error("the budget that this host shares with others has none: {why}")]
    Keeper {
        /// What it said, or that it does not answer.
        why: String,
        /// When asking again makes sense; `None`: not before somebody changes settings.
        again: Option<Duration>,
    },
}

/// When a caller may ask again whose turn depends on somebody changing settings.
const NO_TURN_AGAIN: Duration = Duration::from_secs(600);

impl NoTurn {
    /// When asking again makes sense.
    pub fn again(&self) -> Duration {
        match self {
            Self::Full { again, .. } => *again,
            Self::TooLong(waiting) => waiting.at_most,
            Self::Keeper { again, .. } => again.unwrap_or(NO_TURN_AGAIN),
        }
    }
}

/// The turns of one budget. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Turns {
    shared: Arc<Shared>,
}

struct Shared {
    settings: TurnSettings,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    running: Vec<Entry>,
    /// In the order of their rounds; within a round in the order of asking.
    queue: VecDeque<Entry>,
    /// That of the test which began last.
    round: u64,
}

struct Entry {
    number: u64,
    claim: Claim,
    caller: Caller,
    /// In which it runs: of one caller one test runs in each.
    round: u64,
    /// Of those that run.
    since: Instant,
}

/// Who takes turns with others.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Caller {
    /// An address of IPv4, or a /64 of IPv6, of which one host has all.
    Site(IpAddr),
    Name(String),
}

impl Caller {
    fn of(claim: &Claim) -> Self {
        claim.who.parse().map_or_else(|_| Self::Name(claim.who.clone()), |address| Self::Site(site(address)))
    }
}

/// What counts as one address: one of IPv4, or a /64 of IPv6, of which one host has all.
pub(crate) fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// A turn. Dropping it lets the next one in.
pub struct Turn {
    shared: Arc<Shared>,
    number: u64,
    /// What is given back with it: the turn of the host, and that of the budget shared with others.
    beside: (Option<HostTurn>, Option<Lease>),
}

impl Turn {
    /// With the turn of the host and that of the budget that is shared with other hosts: all are given back together.
    #[must_use]
    pub fn with(self, host: Option<HostTurn>, lease: Option<Lease>) -> Self {
        let mut turn = self;
        turn.beside = (host, lease);
        turn
    }
}

impl Turns {
    /// Of a new budget.
    pub fn new(settings: TurnSettings) -> Self {
        let shared = Shared { settings, state: Mutex::default(), changed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Waits for a turn, at most for `patience`; `tell` hears whenever there is news for who waits. Dropping the future
    /// leaves the queue.
    pub async fn enter(
        &self,
        claim: Claim,
        patience: Duration,
        mut tell: impl FnMut(&Waiting) + Send,
    ) -> Result<Turn, NoTurn> {
        let asked = Instant::now();
        let place = self.queue(claim)?;
        let mut told = None;
        loop {
            let changed = self.shared.changed.notified();
            let waiting = match self.shared.lock().try_run(place.number, &self.shared.settings) {
                None => return Ok(place.into_turn()),
                Some(waiting) => waiting,
            };
            if told.is_none() && waiting.at_most > patience {
                return Err(NoTurn::TooLong(waiting));
            }
            if told
                .as_ref()
                .is_none_or(|told: &Waiting| told.ahead != waiting.ahead || told.running.len() != waiting.running.len())
            {
                tell(&waiting);
                told = Some(waiting.clone());
            }
            let Some(left) = patience.checked_sub(asked.elapsed()) else { return Err(NoTurn::TooLong(waiting)) };
            // Either way the state is looked at again; who has no patience left is told above.
            let _ = tokio::time::timeout(left, changed).await;
        }
    }

    /// What runs now, with how long each takes at most, and what waits, in its order: for pages and answers.
    pub fn look(&self) -> (Vec<(Claim, Duration)>, Vec<Claim>) {
        let state = self.shared.lock();
        (state.running(), state.queue.iter().map(|entry| entry.claim.clone()).collect())
    }

    /// How many run at once, and how many may wait.
    pub fn settings(&self) -> TurnSettings {
        self.shared.settings
    }

    fn queue(&self, claim: Claim) -> Result<Place, NoTurn> {
        let settings = &self.shared.settings;
        let mut state = self.shared.lock();
        let caller = Caller::of(&claim);
        let own = state.queue.iter().filter(|entry| entry.caller == caller).count();
        if state.queue.len() >= settings.waiting_max || own >= settings.waiting_max_of_one() {
            let again = state.wait_for(state.queue.len(), settings);
            return Err(NoTurn::Full { waiting: state.queue.len(), again });
        }
        let number = state.next;
        state.next += 1;
        let others = state.running.iter().chain(&state.queue).filter(|entry| entry.caller == caller);
        let round = others.map(|entry| entry.round + 1).max().unwrap_or(0).max(state.round);
        let place = state.queue.partition_point(|entry| entry.round <= round);
        state.queue.insert(place, Entry { number, claim, caller, round, since: Instant::now() });
        if place + 1 < state.queue.len() {
            // Those behind it wait for one more.
            self.shared.changed.notify_waiters();
        }
        Ok(Place { shared: Arc::clone(&self.shared), number, kept: false })
    }
}

/// A place in the queue; dropping it leaves the queue.
struct Place {
    shared: Arc<Shared>,
    number: u64,
    kept: bool,
}

impl Place {
    fn into_turn(mut self) -> Turn {
        self.kept = true;
        Turn { shared: Arc::clone(&self.shared), number: self.number, beside: (None, None) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            self.shared.lock().queue.retain(|entry| entry.number != self.number);
            self.shared.changed.notify_waiters();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // First, so that the next test here finds it free.
        drop(std::mem::take(&mut self.beside));
        self.shared.lock().running.retain(|entry| entry.number != self.number);
        self.shared.changed.notify_waiters();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets the entry run if it is its turn; else says what it waits for.
    fn try_run(&mut self, number: u64, settings: &TurnSettings) -> Option<Waiting> {
        let ahead = self.queue.iter().take_while(|entry| entry.number != number).count();
        if ahead == 0 && self.running.len() < settings.at_once {
            if let Some(mut entry) = self.queue.pop_front() {
                entry.since = Instant::now();
                self.round = entry.round;
                self.running.push(entry);
            }
            return None;
        }
        Some(Waiting { running: self.running(), ahead, at_most: self.wait_for(ahead, settings) })
    }

    fn running(&self) -> Vec<(Claim, Duration)> {
        let left = |entry: &Entry| entry.claim.longest.saturating_sub(entry.since.elapsed());
        self.running.iter().map(|entry| (entry.claim.clone(), left(entry))).collect()
    }

    /// How long at most until the entry at this place of the queue runs: each place that runs is filled by the next as
    /// soon as it is free.
    fn wait_for(&self, ahead: usize, settings: &TurnSettings) -> Duration {
        let mut free: Vec<Duration> = self.running().into_iter().map(|(_, left)| left).collect();
        free.resize(settings.at_once.max(free.len()).max(1), Duration::ZERO);
        for entry in self.queue.iter().take(ahead) {
            free.sort_unstable();
            free[0] += entry.claim.longest;
        }
        free.into_iter().min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
