//! What is asked of a path: RFC 8337 §5.2.

use serde::Serialize;
use std::time::Duration;
use terms::Rate;

/// A rate over a distance, carried in packets of a size.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Target {
    rate: Rate,
    rtt: Duration,
    mtu_bytes: u32,
    overhead_bytes: u32,
}

/// Why a target means nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidTarget {
    /// Nothing per second.
    #[error("a rate of 0 asks nothing of a path")]
    NoRate,
    /// No distance, or one that no path on Earth has.
    #[error("a round-trip time must be from 10 µs to 60 s")]
    Rtt,
    /// No data fits beside the headers.
    #[error("packets must be from {PACKET_BYTES_LEAST} to 65536 bytes")]
    Mtu,
}

impl Target {
    /// Of TCP over IPv4 or IPv6 with timestamps: `overhead_bytes` are the headers of a packet, options with them.
    pub fn new(rate: Rate, rtt: Duration, mtu_bytes: u32, overhead_bytes: u32) -> Result<Self, InvalidTarget> {
        if rate.0 == 0 {
            return Err(InvalidTarget::NoRate);
        }
        if !(RTT_LEAST..=RTT_MOST).contains(&rtt) {
            return Err(InvalidTarget::Rtt);
        }
        if !(PACKET_BYTES_LEAST..=65_536).contains(&mtu_bytes) || overhead_bytes >= mtu_bytes {
            return Err(InvalidTarget::Mtu);
        }
        Ok(Self { rate, rtt, mtu_bytes, overhead_bytes })
    }

    /// Headers of TCP with timestamps over IPv4 (20 + 20 + 12) or IPv6 (40 + 20 + 12).
    pub fn overhead(ipv6: bool) -> u32 {
        if ipv6 { 72 } else { 52 }
    }

    /// The rate that the whole path is to carry.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Round-trip time of the whole path.
    pub fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Largest packet, its headers with it.
    pub fn mtu_bytes(&self) -> u32 {
        self.mtu_bytes
    }

    /// Data in each packet.
    pub fn payload_bytes(&self) -> u32 {
        self.mtu_bytes - self.overhead_bytes
    }

    /// Bytes of data under way when the path is full: rate × round-trip time.
    pub fn window_bytes(&self) -> u64 {
        (self.rate.0 as f64 / 8.0 * self.rtt.as_secs_f64()).ceil() as u64
    }

    /// The same in packets (`target_window_size`): ceil(rate × RTT ÷ (MTU − overhead)).
    pub fn window_packets(&self) -> u64 {
        let bytes = self.rate.0 as f64 / 8.0 * self.rtt.as_secs_f64();
        (bytes / f64::from(self.payload_bytes())).ceil() as u64
    }

    /// Packets that must pass between two losses, on average, so that a Reno-like control stays at the rate
    /// (`target_run_length`): 3 × window².
    pub fn run_length(&self) -> u64 {
        self.window_packets().saturating_mul(self.window_packets()).saturating_mul(3)
    }

    /// The share of packets that may be lost: one of a run length.
    pub fn loss_most(&self) -> f64 {
        1.0 / self.run_length() as f64
    }

    /// Packets per second at the rate.
    pub fn packets_per_second(&self) -> f64 {
        self.rate.0 as f64 / 8.0 / f64::from(self.payload_bytes())
    }

    /// How long it takes to send so many packets at the rate.
    pub fn time_for(&self, packets: u64) -> Duration {
        Duration::try_from_secs_f64(packets as f64 / self.packets_per_second()).unwrap_or(Duration::MAX)
    }

    /// The arithmetic, for those who want to follow it.
    pub fn arithmetic(&self) -> Vec<String> {
        let (window, run) = (self.window_packets(), self.run_length());
        let seconds = self.rtt.as_secs_f64();
        vec![
            format!(
                "window: {} × {} s ÷ 8 = {} bytes under way; ÷ ({} − {}) bytes in each packet = {window} packets",
                self.rate,
                seconds,
                self.window_bytes(),
                self.mtu_bytes,
                self.overhead_bytes,
            ),
            format!(
                "run length: 3 × {window}² = {run} packets between losses, a loss of at most {:.2e}",
                self.loss_most()
            ),
        ]
    }
}

/// For programs: the numbers that follow from a target.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Numbers {
    /// Bits per second.
    pub rate_bits_per_second: u64,
    /// Seconds.
    pub rtt_s: f64,
    /// Bytes.
    pub mtu_bytes: u32,
    /// Bytes of headers in each packet.
    pub overhead_bytes: u32,
    /// Bytes under way.
    pub window_bytes: u64,
    /// Packets under way.
    pub window_packets: u64,
    /// Packets between losses.
    pub run_length_packets: u64,
}

impl Target {
    /// The same as values.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            rate_bits_per_second: self.rate.0,
            rtt_s: self.rtt.as_secs_f64(),
            mtu_bytes: self.mtu_bytes,
            overhead_bytes: self.overhead_bytes,
            window_bytes: self.window_bytes(),
            window_packets: self.window_packets(),
            run_length_packets: self.run_length(),
        }
    }
}

/// A loopback has about this.
const RTT_LEAST: Duration = Duration::from_micros(10);
/// The largest that TCP's timers are made for (RFC 6298 §2.4).
const RTT_MOST: Duration = Duration::from_secs(60);
/// What every IPv4 link carries (RFC 791 §3.1 says 68; no TCP works with as little).
const PACKET_BYTES_LEAST: u32 = 256;
