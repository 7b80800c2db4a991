//! UDP: the head of a datagram, and what a receiver makes of those that arrive.

use std::time::Duration;

/// What stands first in each datagram, big-endian: seconds, microseconds, number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// When it was sent, by the sender's clock; what counts is the difference to the next.
    pub sent: Duration,
    /// Counted from 1.
    pub number: u64,
}

impl Head {
    /// Octets of it: 12, or 16 with wide counters.
    pub fn bytes(wide: bool) -> usize {
        if wide { 16 } else { 12 }
    }

    /// Writes it to the front of a datagram, which is never shorter than 16 octets.
    pub fn write(&self, wide: bool, datagram: &mut [u8]) {
        // The clock of a datagram has 32 bits; it is the difference that counts, and wrapping keeps that.
        let seconds = (self.sent.as_secs() & u64::from(u32::MAX)) as u32;
        let mut put = |at: usize, octets: &[u8]| {
            if let Some(place) = datagram.get_mut(at..at + octets.len()) {
                place.copy_from_slice(octets);
            }
        };
        put(0, &seconds.to_be_bytes());
        put(4, &self.sent.subsec_micros().to_be_bytes());
        if wide {
            put(8, &self.number.to_be_bytes());
        } else {
            put(8, &((self.number & u64::from(u32::MAX)) as u32).to_be_bytes());
        }
    }

    /// Reads it; a datagram that is too short, or whose microseconds are none, has none.
    pub fn read(wide: bool, datagram: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(datagram.get(at..at + 4)?.try_into().ok()?));
        let micros = word(4).filter(|micros| *micros < 1_000_000)?;
        let sent = Duration::new(word(0)?.into(), micros * 1000);
        let number = if wide { u64::from(word(8)?) << 32 | u64::from(word(12)?) } else { word(8)?.into() };
        Some(Self { sent, number })
    }
}

/// What has arrived of a stream of datagrams.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Arrivals {
    /// Highest number seen: so many must have been sent.
    pub packets: u64,
    /// Gaps in the numbers; one that arrives late fills its gap.
    pub lost: u64,
    /// Arrived after a higher number.
    pub out_of_order: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1), seconds.
    pub jitter_seconds: f64,
    transit: Option<f64>,
}

impl Arrivals {
    /// One more, at this instant of the receiver's clock.
    pub fn arrived(&mut self, head: Head, now: Duration) {
        let next = self.packets.saturating_add(1);
        if head.number >= next {
            self.lost = self.lost.saturating_add(head.number - next);
            self.packets = head.number;
        } else {
            self.out_of_order += 1;
            self.lost = self.lost.saturating_sub(1);
        }
        let transit = now.as_secs_f64() - head.sent.as_secs_f64();
        if let Some(before) = self.transit.replace(transit) {
            self.jitter_seconds += ((transit - before).abs() - self.jitter_seconds) / 16.0;
        }
    }

    /// Jitter begins anew with the end of the warm-up; the counts are kept and told apart.
    pub fn warm(&mut self) {
        self.jitter_seconds = 0.0;
    }
}
