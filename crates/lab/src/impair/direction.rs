//! The figures of one direction of a link.

use std::time::Duration;
use terms::{ByteSize, Rate};

/// What one direction of a link is like. The default changes nothing: no delay, no loss, as fast as it goes.
#[derive(Clone, PartialEq, Debug)]
pub struct Direction {
    /// How fast packets are sent, counted in octets of IP and [`overhead_bytes`](Self::overhead_bytes); as fast as it
    /// goes when absent.
    pub rate: Option<Rate>,
    /// Octets that each packet takes on the wire beside its own: 38 for Ethernet with preamble and gap.
    pub overhead_bytes: u32,
    /// How many octets may wait behind the rate; a packet that does not fit is dropped. Without a rate nothing waits.
    pub queue: ByteSize,
    /// How long a packet travels after it was sent.
    pub delay: Duration,
    /// How much longer or shorter, by chance.
    pub jitter: Option<Jitter>,
    /// What is lost on the way.
    pub loss: Loss,
    /// What arrives behind its successors.
    pub reorder: Option<Reorder>,
    /// The share of packets that arrive twice, 0 to 1.
    pub duplicate: f64,
    /// The share of packets with one wrong bit, 0 to 1.
    pub corrupt: f64,
    /// The MTU of the device on the sending side, in octets of IP. The kernel answers bigger packets as a router does.
    pub mtu: u16,
    /// Packets bigger than this vanish without an answer, as behind a misconfigured tunnel.
    pub blackhole_above: Option<u16>,
    /// Nothing arrives at all.
    pub down: bool,
}

/// The MTU of Ethernet.
pub const ETHERNET_MTU: u16 = 1500;

impl Default for Direction {
    fn default() -> Self {
        Self {
            rate: None,
            overhead_bytes: 0,
            queue: ByteSize(0),
            delay: Duration::ZERO,
            jitter: None,
            loss: Loss::default(),
            reorder: None,
            duplicate: 0.0,
            corrupt: 0.0,
            mtu: ETHERNET_MTU,
            blackhole_above: None,
            down: false,
        }
    }
}

/// Delay that differs from packet to packet.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Jitter {
    /// How much: see [`Distribution`] for what it means to each.
    pub spread: Duration,
    /// How it is distributed.
    pub distribution: Distribution,
    /// Whether a packet waits for those before it, as in a queue; else jitter reorders.
    pub keeps_order: bool,
}

/// How jitter is distributed. No packet ever arrives before it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distribution {
    /// Evenly between delay − spread and delay + spread.
    Uniform,
    /// Around the delay with the spread as standard deviation, cut at four of them.
    Normal,
    /// Only longer: exponentially with the spread as mean, as waiting behind random cross traffic.
    Exponential,
    /// Only longer, with a heavy tail: Lomax of shape 3, the spread as standard deviation.
    Pareto,
    /// A quarter normal and three quarters Pareto, each with the spread as standard deviation: what is seen on busy
    /// paths.
    ParetoNormal,
}

/// What is lost on the way.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Loss {
    /// Each packet by itself with this probability, 0 to 1.
    pub independent: f64,
    /// In bursts.
    pub bursty: Option<GilbertElliott>,
}

/// Loss in bursts: a good and a bad state, with a step between them before each packet. Probabilities, 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GilbertElliott {
    /// From good to bad.
    pub p: f64,
    /// From bad to good: bad lasts for 1/r packets on average.
    pub r: f64,
    /// Loss in the bad state, 1 − h.
    pub loss_in_bad: f64,
    /// Loss in the good state, 1 − k.
    pub loss_in_good: f64,
}

impl GilbertElliott {
    /// The share of packets that is lost in the long run.
    pub fn mean_loss(&self) -> f64 {
        let bad = if self.p + self.r > 0.0 { self.p / (self.p + self.r) } else { 0.0 };
        bad * self.loss_in_bad + (1.0 - bad) * self.loss_in_good
    }
}

/// Packets that arrive late, behind their successors.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reorder {
    /// The share of candidates that is late, 0 to 1.
    pub probability: f64,
    /// By how much.
    pub by: Duration,
    /// Each how many-th packet is a candidate, at least 1.
    pub gap: u32,
}

impl Distribution {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Uniform, Self::Normal, Self::Exponential, Self::Pareto, Self::ParetoNormal];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Normal => "normal",
            Self::Exponential => "exponential",
            Self::Pareto => "pareto",
            Self::ParetoNormal => "pareto-normal",
        }
    }
}
