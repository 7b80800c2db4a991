//! What a host should be able to do, and the arithmetic of it.

use super::facts::Facts;
use serde::Serialize;
use std::time::Duration;
use terms::{ByteSize, Rate, Span};

/// A rate over a distance, in one connection.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Goal {
    /// Bits per second.
    pub rate_bits_per_second: u64,
    /// Round-trip time.
    #[serde(rename = "rtt_seconds", serialize_with = "crate::seconds::of")]
    pub rtt: Duration,
    /// Where it comes from, for people.
    pub reason: String,
}

impl Goal {
    /// What the BCP asks of a host like this, or what its operator asks where that is said.
    ///
    /// The BCP: 900 Mbit/s over 80 ms on gigabit, 7 Gbit/s over 80 ms on ten gigabit. Other speeds are taken in proportion:
    /// nine tenths up to a gigabit, seven tenths beyond.
    pub fn of(facts: &Facts, rate: Option<Rate>, rtt: Option<Duration>) -> Self {
        let rtt = rtt.unwrap_or(RTT);
        if let Some(rate) = rate {
            return Self { rate_bits_per_second: rate.0, rtt, reason: "as asked".to_owned() };
        }
        let known = |interface: &&super::Interface| interface.speed_bits_per_second.is_some();
        let speed = |interface: &&super::Interface| interface.speed_bits_per_second.unwrap_or(0);
        let cards = facts.interfaces.iter().filter(|interface| interface.physical);
        let fastest = cards.filter(known).max_by_key(speed);
        match fastest {
            None => Self {
                rate_bits_per_second: GIGABIT / 10 * 9,
                rtt,
                reason: "no interface tells its speed, so gigabit is assumed (--rate)".to_owned(),
            },
            Some(interface) => {
                let speed = speed(&interface);
                let rate = if speed <= GIGABIT { speed / 10 * 9 } else { speed / 10 * 7 };
                let reason = format!("{} has {}, and the BCP asks for this share of it", interface.name, Rate(speed));
                Self { rate_bits_per_second: rate, rtt, reason }
            }
        }
    }

    /// The rate.
    pub fn rate(&self) -> Rate {
        Rate(self.rate_bits_per_second)
    }

    /// Bytes under way: rate × round-trip time.
    pub fn window_bytes(&self) -> u64 {
        (self.rate_bits_per_second as f64 / 8.0 * self.rtt.as_secs_f64()).ceil() as u64
    }

    /// In words: `7 Gbit/s over 80 ms`.
    pub fn text(&self) -> String {
        format!("{} over {}", self.rate(), Span(self.rtt))
    }

    /// The arithmetic of the window.
    pub fn arithmetic(&self) -> String {
        let bytes = self.window_bytes();
        format!("{} × {} s ÷ 8 = {bytes} bytes ({}) under way", self.rate(), self.rtt.as_secs_f64(), ByteSize(bytes))
    }

    /// The rate that a window of so many bytes reaches over the distance.
    pub(super) fn rate_of(&self, window_bytes: u64) -> Rate {
        Rate((window_bytes as f64 * 8.0 / self.rtt.as_secs_f64()) as u64)
    }

    /// Is a window of so many bytes enough, nearly enough included?
    pub(super) fn reached_by(&self, window_bytes: u64) -> bool {
        window_bytes as f64 >= self.window_bytes() as f64 * SHARE_ENOUGH
    }

    /// What a Reno-like control keeps up with such a loss: MSS ÷ RTT × 1 ÷ √p (Mathis et al. 1997).
    pub(super) fn rate_with_loss(&self, loss: f64, segment_bytes: f64) -> Rate {
        Rate((segment_bytes * 8.0 / self.rtt.as_secs_f64() / loss.sqrt()).min(9e18) as u64)
    }

    /// Segments of 1448 bytes under way.
    pub(super) fn segments(&self) -> u64 {
        (self.window_bytes() as f64 / SEGMENT_BYTES).ceil() as u64
    }
}

/// The BCP's distance: across a continent.
const RTT: Duration = Duration::from_millis(80);
pub(super) const GIGABIT: u64 = 1_000_000_000;
/// Five percent less is not worth a change. It also lets a host pass that follows fasterdata (128 MiB: 6.7 of 7 Gbit/s).
const SHARE_ENOUGH: f64 = 0.95;
/// Data of an Ethernet packet of 1500 bytes with timestamps.
pub(super) const SEGMENT_BYTES: f64 = 1448.0;
