//! Leases: each is the turn of one test, however many requests it has.

use crate::guard::Allowance;
use crate::guard::turn::{Claim, NoTurn, Turn, Waiting, site};
use crate::responder::{Protocol, Refusal, Run, Shared, Start};
use core::net::{IpAddr, SocketAddr};
use soundings_core::load::lease::{ASK_WITHIN, IDLE, IDLE_UNASKED, LeaseAnswer, Pace, Used};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use terms::Principal;
use tokio::sync::watch;

/// Leases of one address, waiting and running: a driver of several servers has one at each.
const PER_ADDRESS_MAX: usize = 4;
/// How often a lease is looked after: whether its time is over, or its caller gone.
const LOOK: Duration = Duration::from_millis(250);

/// The leases of a responder. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Leases {
    held: Arc<Mutex<HashMap<String, Arc<Lease>>>>,
}

/// One lease.
pub(super) struct Lease {
    pub(super) id: String,
    /// Or of IPv6 its /64.
    address: IpAddr,
    /// Of a caller who sent a request without asking for a lease.
    unasked: bool,
    pub(super) allowance: Allowance,
    state: watch::Sender<State>,
    begun: Instant,
    /// When it was last asked about or used, milliseconds after `begun`.
    touched: AtomicU64,
    /// Requests under way.
    active: AtomicUsize,
    pub(super) requests: AtomicU64,
    sending: Option<Mutex<Pace>>,
    receiving: Option<Mutex<Pace>>,
}

/// Where a lease is.
#[derive(Clone)]
pub(super) enum State {
    Waiting(Waiting),
    Running { since: Instant, cpu: Duration, run: Arc<Run> },
    NoTurn(NoTurn),
    Over,
}

/// Counts a request as under way.
pub(super) struct Active(Arc<Lease>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.touch();
        self.0.active.fetch_sub(1, Relaxed);
    }
}

/// Why there is no lease.
pub(super) enum NoLease {
    /// This address has as many as it may.
    TooMany,
}

impl Leases {
    fn held(&self) -> MutexGuard<'_, HashMap<String, Arc<Lease>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease of this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Lease>> {
        let lease = self.held().get(id).cloned()?;
        lease.touch();
        Some(lease)
    }

    /// A new lease, which waits for its turn.
    pub(super) fn ask(
        &self,
        shared: &Arc<Shared>,
        who: &Principal,
        peer: SocketAddr,
        allowance: Allowance,
    ) -> Result<Arc<Lease>, NoLease> {
        let mut id = [0; 16];
        net::fill_random(&mut id);
        let id = id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        self.make(shared, who, peer, allowance, (id, false))
    }

    /// The lease of a caller who sends requests without asking: one for all of its address.
    pub(super) fn unasked(
        &self,
        shared: &Arc<Shared>,
        who: &Principal,
        peer: SocketAddr,
        allowance: Allowance,
    ) -> Result<Arc<Lease>, NoLease> {
        // No id that anybody could send: fields and paths have no line breaks.
        let id = format!("{}\n{}", peer.ip(), who.name());
        match self.find(&id) {
            Some(lease) if !matches!(*lease.state.borrow(), State::Over) => Ok(lease),
            _ => self.make(shared, who, peer, allowance, (id, true)),
        }
    }

    fn make(
        &self,
        shared: &Arc<Shared>,
        who: &Principal,
        peer: SocketAddr,
        allowance: Allowance,
        (id, unasked): (String, bool),
    ) -> Result<Arc<Lease>, NoLease> {
        let mut held = self.held();
        if unasked && let Some(lease) = held.get(&id).filter(|lease| !matches!(*lease.state.borrow(), State::Over)) {
            // Another request of the same caller was quicker.
            return Ok(Arc::clone(lease));
        }
        if held.values().filter(|lease| lease.address == site(peer.ip())).count() >= PER_ADDRESS_MAX {
            return Err(NoLease::TooMany);
        }
        let pace = || allowance.stream_rate.map(|rate| Mutex::new(Pace::new(rate)));
        let first = Waiting { running: Vec::new(), ahead: 0, at_most: Duration::ZERO };
        let lease = Arc::new(Lease {
            id: id.clone(),
            address: site(peer.ip()),
            unasked,
            allowance,
            state: watch::Sender::new(State::Waiting(first)),
            begun: Instant::now(),
            touched: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            sending: pace(),
            receiving: pace(),
        });
        held.insert(id, Arc::clone(&lease));
        drop(held);
        let anyone = shared.guard.anyone();
        if allowance.stream_rate != anyone.stream_rate || allowance.longest > anyone.longest {
            // It is on record who had more than anybody may.
            let _ = shared.guard.used(who, std::time::SystemTime::now().into());
        }
        tokio::spawn(keep(self.clone(), Arc::clone(&lease), Arc::clone(shared), who.name().to_owned(), peer));
        Ok(lease)
    }
}

/// Sees a lease through: its wait, its turn, its end.
async fn keep(leases: Leases, lease: Arc<Lease>, shared: Arc<Shared>, who: String, peer: SocketAddr) {
    if let Some(turn) = wait(&lease, &shared, peer).await {
        let run = Arc::new(shared.runs.begin(Start {
            protocol: Protocol::Synthetic,
            who,
            peer,
            what: "HTTP requests".to_owned(),
            longest: lease.allowance.longest,
        }));
        lease.touch();
        let since = Instant::now();
        lease.state.send_replace(State::Running { since, cpu: super::processor_time(), run });
        serve(&lease, &shared, since, turn).await;
    }
    leases.held().remove(&lease.id);
    let reached = !matches!(*lease.state.borrow(), State::NoTurn(_));
    if reached {
        lease.state.send_replace(State::Over);
    }
}

async fn wait(lease: &Arc<Lease>, shared: &Arc<Shared>, peer: SocketAddr) -> Option<Turn> {
    let claim =
        Claim { what: "synthetic", who: peer.ip().to_canonical().to_string(), longest: lease.allowance.longest };
    let patience = if lease.unasked { Duration::ZERO } else { shared.settings.patience };
    let tell = |waiting: &Waiting| _ = lease.state.send_replace(State::Waiting(waiting.clone()));
    let gone = async {
        while lease.unasked || lease.untouched() < ASK_WITHIN {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        turn = shared.turn(claim, patience, tell) => match turn {
            Ok(turn) => Some(turn),
            Err(none) => {
                shared.runs.refused(Some(Protocol::Synthetic), Refusal::Busy);
                lease.state.send_replace(State::NoTurn(none));
                None
            }
        },
        () = gone => None,
        () = shared.cut() => None,
    }
}

async fn serve(lease: &Lease, shared: &Shared, since: Instant, turn: Turn) {
    let idle = if lease.unasked { IDLE_UNASKED } else { IDLE };
    let mut state = lease.state.subscribe();
    while since.elapsed() < lease.allowance.longest {
        let unused = lease.active.load(Relaxed) == 0 && lease.untouched() >= idle;
        if unused || matches!(*state.borrow_and_update(), State::Over) {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK.min(lease.allowance.longest)) => {}
            _ = state.changed() => {}
            () = shared.cut() => break,
        }
    }
    if let State::Running { run, .. } = &*lease.state.borrow() {
        run.finish();
    }
    drop(turn);
}

impl Lease {
    fn touch(&self) {
        self.touched.store(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    fn untouched(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.touched.load(Relaxed)))
    }

    /// Where it is once it is clear whether its turn came at once.
    pub(super) async fn settled(&self) -> State {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Waiting(_))).await;
        settled.map_or(State::Over, |state| state.clone())
    }

    /// Where it is now.
    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.state.send_if_modified(|state| {
            let runs = matches!(state, State::Running { .. });
            if let State::Running { run, .. } = state {
                run.finish();
                *state = State::Over;
            }
            runs
        });
    }

    /// Returns when it is over.
    pub(super) async fn over(&self) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| matches!(state, State::Over)).await;
    }

    /// One more request is under way.
    pub(super) fn enter(self: &Arc<Self>) -> Active {
        self.active.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.touch();
        Active(Arc::clone(self))
    }

    /// Waits until so many bytes may be sent, or received, and counts them.
    pub(super) async fn pass(&self, bytes: usize, sending: bool) {
        let pace = if sending { &self.sending } else { &self.receiving };
        let wait = pace
            .as_ref()
            .map(|pace| pace.lock().unwrap_or_else(PoisonError::into_inner).take(self.begun.elapsed(), bytes));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            tokio::time::sleep(wait).await;
        }
        if let State::Running { run, .. } = &*self.state.borrow() {
            let moved = run.moved();
            let count = if sending { &moved.sent_bytes } else { &moved.received_bytes };
            count.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// What its caller is told.
    pub(super) fn answer(&self, state: &State) -> LeaseAnswer {
        let (ahead, at_most) = match state {
            State::Waiting(waiting) => (Some(waiting.ahead), Some(waiting.at_most.as_secs_f64())),
            _ => (None, None),
        };
        LeaseAnswer {
            lease: self.id.clone(),
            granted: matches!(state, State::Running { .. }),
            ahead,
            waits_at_most_seconds: at_most,
            longest_seconds: self.allowance.longest.as_secs_f64(),
            bits_per_second_at_most: self.allowance.stream_rate.map(|rate| rate.0),
            used: self.used(state),
        }
    }

    fn used(&self, state: &State) -> Option<Used> {
        let State::Running { since, cpu, run } = state else { return None };
        Some(Used {
            seconds: since.elapsed().as_secs_f64(),
            bytes_sent: run.moved().sent_bytes.load(Relaxed),
            bytes_received: run.moved().received_bytes.load(Relaxed),
            requests: self.requests.load(Relaxed),
            cpu_seconds: super::processor_time().saturating_sub(*cpu).as_secs_f64(),
        })
    }
}
