//! The queue before the wire: first in, first out, with room for so many octets, served at the rate.
//!
//! Nothing is kept but instants: a packet that comes in is told at once when it will have been sent.

use std::collections::VecDeque;

/// An instant or a span in picoseconds: a packet at 100 Gbit/s takes 120 ns, and roundings must not add up to a rate.
pub(super) type Picoseconds = u128;

pub(super) const PICOSECONDS_PER_NANOSECOND: u128 = 1_000;

/// How many octets a train may have for its time on the wire to be computed exactly in 64 bits: far above any packet.
const MOST_BYTES: u64 = 2_000_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// When the wire is free.
    free_at: Picoseconds,
    /// What waits: when it begins to be sent, and its octets.
    waiting: VecDeque<(Picoseconds, u32)>,
    waiting_bytes: u64,
}

impl Queue {
    /// Octets that wait at `now`, without those of the packet that is being sent.
    pub(super) fn backlog(&self, now: Picoseconds) -> u64 {
        let begun = self.waiting.iter().take_while(|(start, _)| *start <= now).map(|(_, bytes)| u64::from(*bytes));
        self.waiting_bytes - begun.sum::<u64>()
    }

    /// Takes a packet in, or not when it does not fit; says when its last bit is on the wire. A packet that finds the
    /// wire free does not wait, and needs no room.
    pub(super) fn take(
        &mut self,
        now: Picoseconds,
        bytes: u32,
        wire_bytes: u64,
        rate: u64,
        room: u64,
    ) -> Option<Picoseconds> {
        while let Some((start, bytes)) = self.waiting.front().copied()
            && start <= now
        {
            self.waiting_bytes -= u64::from(bytes);
            self.waiting.pop_front();
        }
        let start = self.free_at.max(now);
        if start > now {
            if self.waiting_bytes + u64::from(bytes) > room {
                return None;
            }
            self.waiting.push_back((start, bytes));
            self.waiting_bytes += u64::from(bytes);
        }
        self.free_at = start + u128::from(time_on_wire(wire_bytes, rate));
        Some(self.free_at)
    }
}

fn time_on_wire(bytes: u64, rate: u64) -> u64 {
    bytes.min(MOST_BYTES) * 8 * 1_000_000_000_000 / rate.max(1)
}
