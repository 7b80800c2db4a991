//! Measures a short section of a path, for [`soundings_core::path_model`] to judge by what a long one would ask of it.
//!
//! One connection carries all: an even stream at the target's rate, then bursts of a window, then as much as goes. What was
//! lost is read from the kernel (`tcp_info`), so the far side only has to take the data: the responder of
//! `portolan throughput`. These are blocking sockets with threads of their own; call it where blocking is allowed.

mod sender;
mod session;
#[cfg(test)]
mod tests;

use sender::Sender;
use session::Session;
use soundings_core::path_model::{Ends, Section, Target};
use std::net::SocketAddr;
use std::time::Duration;
use terms::{Blame, Problem, Rate, Retry};

/// What to measure, and how long.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The responder.
    pub address: SocketAddr,
    /// The rate that the whole path is to carry.
    pub rate: Rate,
    /// Round-trip time of the whole path.
    pub rtt: Duration,
    /// Largest packet; without it that of this section.
    pub mtu_bytes: Option<u32>,
    /// For all parts together.
    pub time: Duration,
    /// Congestion control; without it cubic where the kernel has it, because bbr paces bursts away.
    pub congestion_control: Option<String>,
    /// How long to wait for a turn there.
    pub patience: Duration,
}

/// What happens meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// Not our turn yet; it comes so late at most.
    Wait(Duration),
    /// This part begins, and takes so long at most.
    Part(&'static str, Duration),
}

/// Measures. Blocks for the time that is asked for, and for the turn.
pub fn measure(settings: &Settings, tell: impl Fn(News)) -> Result<(Target, Section), Problem> {
    let parts = Parts::of(settings.time);
    let (session, stream) = Session::open(settings, parts.whole(), &tell)?;
    let first = net::tcp_info(&stream).map_err(|error| session::lost(&error))?;
    let mtu = settings.mtu_bytes.unwrap_or(first.path_mtu).min(65_536);
    let ipv6 = settings.address.ip().to_canonical().is_ipv6();
    let target = Target::new(settings.rate, settings.rtt, mtu, Target::overhead(ipv6))
        .map_err(|error| misused(&error.to_string()))?;
    let mut sender = Sender::new(stream, &session, target);
    let section = run(settings, &parts, &mut sender, &tell)?;
    let sent_bytes = sender.finish();
    session.close(sent_bytes);
    Ok((target, section))
}

fn run(settings: &Settings, parts: &Parts, sender: &mut Sender<'_>, tell: &impl Fn(News)) -> Result<Section, Problem> {
    let mut section = Section::default();
    tell(News::Part("an even stream at the rate", parts.steady));
    section.steady = Some(sender.steady(parts.warm_up, parts.steady)?);
    tell(News::Part("bursts of a window at twice the rate", parts.bursts));
    section.slow_bursts = Some(sender.bursts(parts.bursts, Some(settings.rate.0.saturating_mul(2)))?);
    tell(News::Part("bursts of a window at the speed of the interface", parts.bursts));
    section.fast_bursts = Some(sender.bursts(parts.bursts, None)?);
    tell(News::Part("as much as goes", parts.fill));
    section.fill = Some(sender.fill(parts.fill)?);
    let last = sender.look();
    section.rtt_least = last.rtt_least;
    section.path_mtu_bytes = Some(last.path_mtu);
    section.ends = Ends {
        selective_acknowledgements: Some(last.selective_acknowledgements),
        timestamps: Some(last.timestamps),
        peer_window_scale: Some(last.peer_window_scale),
        peer_window_bytes: last.peer_window_bytes,
        peer_buffer_bytes: None,
        send_buffer_bytes: sender.buffer_most(),
        interface_bits_per_second: None,
    };
    Ok(section)
}

/// How long each part takes.
struct Parts {
    warm_up: Duration,
    steady: Duration,
    bursts: Duration,
    fill: Duration,
}

impl Parts {
    /// Half for the even stream, whose loss needs the most packets; a fifth for each kind of bursts; a tenth to fill.
    fn of(time: Duration) -> Self {
        Self { warm_up: (time / 20).min(WARM_UP_MOST), steady: time / 2, bursts: time / 5, fill: time / 10 }
    }

    fn whole(&self) -> Duration {
        self.warm_up + self.steady + self.bursts * 2 + self.fill
    }
}

fn misused(why: &str) -> Problem {
    Problem {
        status: 400,
        kind: "usage",
        title: "this target means nothing",
        detail: format!("{why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Give --rate, --rtt and --mtu of a path that there could be.".to_owned(),
    }
}

/// Slow start to the rate takes some ten round trips of a short section.
const WARM_UP_MOST: Duration = Duration::from_secs(1);
