//! What one direction of a link does to packets: when they arrive at the far end, how often, and which do not.
//!
//! There is no clock and no socket here: [`Impairment::admit`] takes "now" and sizes, and gives back instants. Equal seeds
//! and equal calls give equal answers.
//!
//! Order of events for a packet, as on a real path: the link may be down; the packet may be too big for a black hole; it
//! waits in the queue, or finds it full; it is sent at the rate; it may be lost on the way, damaged or doubled; it travels
//! for the delay, more or less by the jitter, and perhaps behind its successors.

mod chance;
mod direction;
mod queue;
#[cfg(test)]
mod tests;

pub use direction::{Direction, Distribution, ETHERNET_MTU, GilbertElliott, Jitter, Loss, Reorder};

use chance::Chance;
use queue::{PICOSECONDS_PER_NANOSECOND, Queue};
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

/// One direction of a link with its memory: the queue, the state of bursts, and the generators of chances.
///
/// Each kind of chance has a generator of its own, so that more jitter does not lose other packets.
#[derive(Clone, Debug)]
pub struct Impairment {
    direction: Direction,
    queue: Queue,
    /// Whether losses are in a burst.
    in_burst: bool,
    /// The latest instant given so far, for order.
    latest: Duration,
    /// How many packets came to where some may be late.
    candidates: u64,
    losses: Chance,
    bursts: Chance,
    jitters: Chance,
    reorders: Chance,
    duplicates: Chance,
    corruptions: Chance,
    runs: Vec<Run>,
}

/// Trains are at most what the link sends in this time. It is a quarter of the millisecond inside which delays are meant
/// to be right.
const LONGEST_TRAIN: Duration = Duration::from_micros(250);

/// The longest train that a segmentation-offloaded read can give.
const MOST_TRAIN_BYTES: u32 = u16::MAX as u32;

/// From this share of packets with a fate of their own on, trains of 45 packets are mostly split, and cost more than
/// they spare.
const SPLIT_SHARE: f64 = 0.02;

impl Impairment {
    /// One that has carried nothing yet.
    pub fn new(direction: &Direction, seed: u64) -> Self {
        let mut seeds = Chance::new(seed);
        let mut chance = || Chance::new(seeds.next());
        Self {
            direction: direction.clone(),
            queue: Queue::default(),
            in_burst: false,
            latest: Duration::ZERO,
            candidates: 0,
            losses: chance(),
            bursts: chance(),
            jitters: chance(),
            reorders: chance(),
            duplicates: chance(),
            corruptions: chance(),
            runs: Vec::new(),
        }
    }

    /// From the next packet on, the link is like that. Packets that were admitted keep their instants; where the delay
    /// gets shorter, new ones overtake them, as on a route that gets shorter.
    pub fn change(&mut self, direction: &Direction) {
        if direction.delay < self.direction.delay {
            self.latest = Duration::ZERO;
        }
        self.in_burst &= direction.loss.bursty.is_some();
        self.direction = direction.clone();
    }

    /// What it does now.
    pub fn direction(&self) -> &Direction {
        &self.direction
    }

    /// Whether trains should be split before they are admitted, since nearly each packet gets an instant of its own.
    pub fn wants_single_packets(&self) -> bool {
        let direction = &self.direction;
        let bursty = direction.loss.bursty.map_or(0.0, |bursty| bursty.mean_loss());
        let late = direction.reorder.map_or(0.0, |reorder| reorder.probability / f64::from(reorder.gap.max(1)));
        let own = direction.loss.independent + bursty + late + direction.duplicate + direction.corrupt;
        let slow = self.longest_train_bytes() < 2 * u32::from(direction.mtu);
        direction.jitter.is_some() || own > SPLIT_SHARE || slow
    }

    /// The longest train that still keeps the instants honest: what the link sends in a quarter of a millisecond, and at
    /// least one packet. A device can be told not to build longer ones.
    pub fn longest_train_bytes(&self) -> u32 {
        let Some(rate) = self.direction.rate else { return MOST_TRAIN_BYTES };
        let bytes = rate.0 as f64 / 8.0 * LONGEST_TRAIN.as_secs_f64();
        (bytes as u32).clamp(u32::from(self.direction.mtu).min(MOST_TRAIN_BYTES), MOST_TRAIN_BYTES)
    }

    /// Octets that wait in the queue at `now`, without those of the packet that is being sent.
    pub fn backlog_bytes(&self, now: Duration) -> u64 {
        self.queue.backlog(picoseconds(now))
    }

    /// Takes packets in at `now`, which never goes back, and says what becomes of them: runs in order, without gaps.
    /// The packets of one run are alike, so that a train with one run needs no splitting; it arrives with its last bit.
    pub fn admit(&mut self, now: Duration, train: Train) -> &[Run] {
        self.runs.clear();
        let plain = self.direction.jitter.is_none();
        for place in 0..train.segments {
            let bytes = if place + 1 == train.segments { train.last_bytes } else { train.each_bytes };
            let (fate, late) = self.fate(now, bytes);
            match (self.runs.last_mut(), fate) {
                (Some(Run { segments, fate: Fate::Drop(before) }), Fate::Drop(why)) if *before == why => {
                    segments.end = place + 1;
                }
                (
                    Some(Run { segments, fate: Fate::Deliver { at: before, again: None, corrupt: None } }),
                    Fate::Deliver { at, again: None, corrupt: None },
                ) if (plain && !late && at >= *before) || at == *before => {
                    segments.end = place + 1;
                    *before = at;
                }
                _ => self.runs.push(Run { segments: place..place + 1, fate }),
            }
        }
        &self.runs
    }

    /// What becomes of one packet, and whether it is one of those that arrive behind their successors.
    fn fate(&mut self, now: Duration, bytes: u32) -> (Fate, bool) {
        if self.direction.down {
            return (Fate::Drop(Why::Down), false);
        }
        if self.direction.blackhole_above.is_some_and(|most| bytes > u32::from(most)) {
            return (Fate::Drop(Why::TooBig), false);
        }
        let Some(sent) = self.sent(now, bytes) else { return (Fate::Drop(Why::Queue), false) };
        if let Some(why) = self.lost() {
            return (Fate::Drop(why), false);
        }
        let mut at = self.arrival(sent);
        let late = self.late();
        if let Some(by) = late {
            at += by;
        } else {
            if self.direction.jitter.is_none_or(|jitter| jitter.keeps_order) {
                at = at.max(self.latest);
            }
            self.latest = self.latest.max(at);
        }
        let again = self.duplicates.happens(self.direction.duplicate).then_some(at);
        let wrong = self.corruptions.happens(self.direction.corrupt);
        let corrupt = wrong.then(|| (self.corruptions.next() >> 32) as u32);
        (Fate::Deliver { at, again, corrupt }, late.is_some())
    }

    /// When the last bit of a packet is on the wire, unless the queue has no room.
    fn sent(&mut self, now: Duration, bytes: u32) -> Option<Duration> {
        let Some(rate) = self.direction.rate else { return Some(now) };
        let wire_bytes = u64::from(bytes) + u64::from(self.direction.overhead_bytes);
        let sent = self.queue.take(picoseconds(now), bytes, wire_bytes, rate.0, self.direction.queue.0)?;
        Some(duration(sent).max(now))
    }

    /// Bursts step once for each packet that was sent, lost or not.
    fn lost(&mut self) -> Option<Why> {
        if let Some(bursty) = self.direction.loss.bursty {
            let leaves = self.bursts.happens(if self.in_burst { bursty.r } else { bursty.p });
            self.in_burst ^= leaves;
            if self.bursts.happens(if self.in_burst { bursty.loss_in_bad } else { bursty.loss_in_good }) {
                return Some(Why::Burst);
            }
        }
        self.losses.happens(self.direction.loss.independent).then_some(Why::Loss)
    }

    fn arrival(&mut self, sent: Duration) -> Duration {
        let delay = self.direction.delay;
        let Some(jitter) = self.direction.jitter else { return sent + delay };
        let seconds = delay.as_secs_f64() + jitter.spread.as_secs_f64() * self.jitters.deviate(jitter.distribution);
        // A deviate has at most the size of a cube root of 2^53, so that this fits for every spread a scenario may give.
        sent + Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(delay)
    }

    fn late(&mut self) -> Option<Duration> {
        let reorder = self.direction.reorder?;
        self.candidates += 1;
        let candidate = self.candidates.is_multiple_of(u64::from(reorder.gap.max(1)));
        (candidate && self.reorders.happens(reorder.probability)).then_some(reorder.by)
    }
}

fn picoseconds(instant: Duration) -> u128 {
    instant.as_nanos() * PICOSECONDS_PER_NANOSECOND
}

fn duration(picoseconds: u128) -> Duration {
    let nanoseconds = picoseconds / PICOSECONDS_PER_NANOSECOND;
    u64::try_from(nanoseconds).map_or(Duration::MAX, Duration::from_nanos)
}
