//! Measurement by others: from the section `[responder]` to what `soundings::responder` does, inside a port or alone.

mod alone;
mod callers;

pub use alone::{AloneOptions, AloneStarted, TellAlone, run_alone};
pub(crate) use callers::OfGate;

use crate::settings::{Responder as ResponderSettings, Settings};
use net::Drain;
use net::certificate::ServerCertificate;
use policy::Rights;
use soundings::guard::budget::Budget;
use soundings::guard::turn::{TurnSettings, Turns};
use soundings::guard::{Allowance, Guard};
use soundings::responder::{Callers, Settings as Bounds, Shared};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use terms::{Blame, Problem, Rate, Retry};
use tokio::net::TcpListener;

/// Connections that wait in the kernel to be accepted: all streams of a test come at once.
const BACKLOG: u32 = 512;

/// A responder that is ready to listen.
pub(crate) struct Responder {
    pub(crate) shared: Arc<Shared>,
    /// The rate at which this host is connected, where that is known.
    pub(crate) uplink: Option<Rate>,
    /// Where the settings put it.
    pub(crate) listen: SocketAddr,
}

impl Responder {
    /// The responder of these settings; `None` where they have none.
    pub(crate) fn of(
        settings: &Settings,
        rights: Rights,
        callers: Arc<dyn Callers>,
        drain: Drain,
        certificate: Option<Arc<ServerCertificate>>,
    ) -> Option<Self> {
        let wanted = &settings.responder;
        let listen = wanted.listen?;
        let uplink = wanted.uplink.or_else(soundings::responder::uplink);
        let (anyone, entitled) = allowances(wanted, uplink);
        let guard = Guard::new(rights, anyone, entitled, Turns::new(turns(wanted)));
        let bounds = Bounds { drain_deadline: settings.limits.drain_time.0, certificate, ..bounds(wanted) };
        Some(Self { shared: Shared::new(guard, callers, drain, bounds), uplink, listen })
    }

    /// Opens its port. On a host without IPv6, `[::]` is `0.0.0.0`.
    pub(crate) fn listen(&self) -> Result<(TcpListener, SocketAddr), Problem> {
        let wanted = self.listen;
        let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, wanted.port()));
        let opened = match net::listen(wanted, BACKLOG) {
            Err(error) if wanted.ip() == Ipv6Addr::UNSPECIFIED && is_without_ipv6(&error) => {
                net::listen(anywhere, BACKLOG)
            }
            opened => opened,
        };
        let opened = opened.and_then(|listener| Ok((listener.local_addr()?, listener)));
        opened.map(|(address, listener)| (listener, address)).map_err(|error| cannot_listen(wanted, &error))
    }
}

/// What anyone may, and what those may who have the verb `measure`: never less.
fn allowances(wanted: &ResponderSettings, uplink: Option<Rate>) -> (Allowance, Allowance) {
    let streams_max = count(wanted.streams);
    let by_uplink = Allowance::anyone(uplink);
    let anyone = Allowance {
        longest: wanted.anyone_tcp_time.0,
        datagrams_longest: wanted.anyone_udp_time.0,
        stream_rate: wanted.anyone_tcp_rate.or(by_uplink.stream_rate),
        datagram_rate: wanted.anyone_udp_rate.or(by_uplink.datagram_rate),
        streams_max,
        ..by_uplink
    };
    let entitled = Allowance {
        longest: wanted.longest.0.max(anyone.longest),
        datagrams_longest: wanted.longest.0.max(anyone.datagrams_longest),
        disk: wanted.scratch.is_some(),
        streams_max,
        ..Allowance::entitled()
    };
    (anyone, entitled)
}

fn turns(wanted: &ResponderSettings) -> TurnSettings {
    TurnSettings {
        at_once: if wanted.shared_turns { count(wanted.at_once) } else { 1 },
        waiting_max: count(wanted.waiting_max),
    }
}

fn bounds(wanted: &ResponderSettings) -> Bounds {
    Bounds {
        connections_max: count(wanted.connections),
        connections_per_address_max: count(wanted.connections_per_address),
        first_octets_timeout: wanted.first_octets_time.0,
        stall_timeout: wanted.stall_time.0,
        patience: wanted.patience.0,
        budget: Budget {
            name: wanted.budget.name.clone(),
            keeper: wanted.budget.keeper.clone(),
            without_keeper: wanted.budget.without_keeper,
        },
        scratch: wanted.scratch.clone(),
        host_turn: Some(soundings::guard::host::NAME.to_owned()),
        ..Bounds::default()
    }
}

/// The ranges of the list are within these types.
fn count<N: TryFrom<u64> + Bounded>(number: u64) -> N {
    N::try_from(number).unwrap_or(N::MOST)
}

trait Bounded {
    const MOST: Self;
}

impl Bounded for usize {
    const MOST: Self = usize::MAX;
}

impl Bounded for u32 {
    const MOST: Self = u32::MAX;
}

fn is_without_ipv6(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Problem {
    Problem {
        status: 500,
        kind: "cannot-listen",
        title: "the measurement port cannot be listened on",
        detail: format!("{address}: {error}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next:
            "Another iperf3 server may run here. Name another port with `listen` of the section [responder], or with \
               --listen; port 0 lets the system choose."
                .to_owned(),
    }
}

#[cfg(test)]
mod tests;
