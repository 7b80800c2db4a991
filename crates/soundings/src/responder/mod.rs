//! The responder: one measurement port for every tool that asks.
//!
//! A connection is told apart by its first octets ([`run`]): TLS is shaken hands with and looked into again; a cookie of
//! iperf3's form leads to the session that expects it ([`Registry`]), or begins a test; a zero is our own throughput
//! control; a one is another responder that asks for a turn of a shared budget; an upper-case letter is HTTP: ndt7, its
//! page, synthetic bytes.
//!
//! What all tests of a responder have in common is [`Shared`]. A test asks, in this order:
//!
//! 1. who calls ([`Callers::who`]), and what that caller may ([`crate::guard::Guard::allowance`]);
//! 2. for its turn ([`Shared::turn`]), and tells its peer for whom it waits and how long;
//! 3. to be listed and counted ([`Runs::begin`]), for as long as it runs;
//! 4. while it runs, whether it is to end ([`Shared::cut`]), and then tells its peer why.
//!
//! Never here: what a protocol says, or how bytes are moved.

mod callers;
pub mod http;
mod keeper;
mod listener;
mod places;
mod registry;
mod runs;
mod uplink;

pub use callers::{Anyone, Callers};
pub use listener::run;
pub use places::Place;
pub(crate) use registry::Leads;
pub(crate) use registry::next_number;
pub use registry::{Arrival, COOKIE_BYTES, Cookie, Expected, Registry, is_cookie};
pub use runs::{Moved, Protocol, Refusal, Run, RunView, Runs, Start, Totals};
pub use uplink::uplink;

use crate::guard::Guard;
use crate::guard::budget::Budget;
use crate::guard::host::{self, HostTurn};
use crate::guard::turn::{Claim, NoTurn, Turn, Waiting};
use net::Drain;
use net::certificate::ServerCertificate;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Every bound of a responder, with its reason and its cost.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections open at once, control and data together: one costs a descriptor and its socket's buffers. Those beyond
    /// it are closed at once, so that those which run go on.
    pub connections_max: usize,
    /// The same for one address (of IPv6: for one /64). A test of 128 streams in both directions needs 257.
    pub connections_per_address_max: usize,
    /// How long a connection may take to say what it wants: its first octets, a TLS handshake, a cookie.
    pub first_octets_timeout: Duration,
    /// How long a peer of a control connection may be silent where it has something to say.
    pub stall_timeout: Duration,
    /// How long a test waits for its turn at most.
    pub patience: Duration,
    /// How long draining lets tests run on before it cuts them.
    pub drain_deadline: Duration,
    /// For callers that begin with TLS; without it they are closed.
    pub certificate: Option<Arc<ServerCertificate>>,
    /// The budget that this host shares with others.
    pub budget: Budget,
    /// The name by which throughput tests of all programs on this host take turns ([`crate::guard::host`]); without it
    /// only the tests of this responder do.
    pub host_turn: Option<String>,
    /// The one folder that tests of disks read and write; without it there are none.
    pub scratch: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            connections_per_address_max: 300,
            first_octets_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(300),
            drain_deadline: Duration::from_secs(30),
            certificate: None,
            budget: Budget::default(),
            host_turn: None,
            scratch: None,
        }
    }
}

/// What all tests of a responder share.
pub struct Shared {
    /// Who may how much, and whose turn it is.
    pub guard: Guard,
    /// Which sessions expect data connections.
    pub registry: Registry,
    /// Who callers are.
    pub callers: Arc<dyn Callers>,
    /// The orderly end.
    pub drain: Drain,
    /// What runs, and what ran.
    pub runs: Runs,
    /// The turns of tests that have many requests.
    pub leases: crate::load::Leases,
    /// What ndt7 reached lately.
    pub ndt7: crate::ndt7::Recent,
    /// The bounds.
    pub settings: Settings,
    cut: watch::Sender<bool>,
}

impl Shared {
    /// Of a new responder.
    pub fn new(guard: Guard, callers: Arc<dyn Callers>, drain: Drain, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            guard,
            registry: Registry::default(),
            callers,
            drain,
            runs: Runs::default(),
            leases: crate::load::Leases::default(),
            ndt7: crate::ndt7::Recent::default(),
            settings,
            cut: watch::Sender::new(false),
        })
    }

    /// Waits for a turn of this responder, of this host, and of the budget that it shares with others; `tell` hears
    /// whenever there is news for who waits. Dropping the future leaves the queue, dropping the turn lets the next one in.
    pub async fn turn(
        &self,
        claim: Claim,
        patience: Duration,
        mut tell: impl FnMut(&Waiting) + Send,
    ) -> Result<Turn, NoTurn> {
        let asked = Instant::now();
        let turn = self.guard.turns().enter(claim.clone(), patience, &mut tell).await?;
        let host = self.turn_of_host(&claim, patience.saturating_sub(asked.elapsed()), &mut tell).await?;
        let left = patience.saturating_sub(asked.elapsed());
        let lease = self.settings.budget.enter(&claim, left, &mut tell).await?;
        Ok(turn.with(host, lease))
    }

    /// The turn among all programs of this host, where tests are exclusive. Throughput tests take it by themselves: the
    /// other end of theirs may be on this host, and have it.
    async fn turn_of_host(
        &self,
        claim: &Claim,
        patience: Duration,
        tell: impl FnMut(&Waiting) + Send,
    ) -> Result<Option<HostTurn>, NoTurn> {
        let exclusive = self.guard.turns().settings().at_once == 1 && claim.what != "throughput";
        match &self.settings.host_turn {
            Some(name) if exclusive => host::take(name, claim, "", None, patience, tell).await,
            _ => Ok(None),
        }
    }

    /// Returns when the test is to end now, whatever it does: draining has lasted long enough. A test tells its peer so
    /// ([`CUT`]) and ends within [`CUT_GRACE`].
    pub async fn cut(&self) {
        let mut watched = self.cut.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = watched.wait_for(|cut| *cut).await;
    }

    /// The same as a question.
    pub fn is_cut(&self) -> bool {
        *self.cut.borrow()
    }

    pub(crate) fn begin_cut(&self) {
        self.cut.send_replace(true);
    }
}

/// What a test that is cut tells its peer.
pub const CUT: &str = "this responder is stopping, and the test did not end in the time that it had left";

/// What a caller hears who comes while the responder drains.
pub const DRAINING: &str = "this responder is stopping and takes no new tests; try again in a minute";

/// How long a test may take to say so.
pub const CUT_GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
