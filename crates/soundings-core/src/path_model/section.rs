//! What was measured of a section of a path.

use serde::Serialize;
use std::time::Duration;

/// All that was measured. What could not be measured is absent.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Section {
    /// Least round-trip time of the section.
    #[serde(rename = "rtt_least_seconds", serialize_with = "crate::seconds::maybe")]
    pub rtt_least: Option<Duration>,
    /// Path MTU as the connection found it, bytes.
    pub path_mtu_bytes: Option<u32>,
    /// Sent at the target's rate, evenly.
    pub steady: Option<Steady>,
    /// Bursts of a window, sent at twice the target's rate, one in each of the target's round-trip times.
    pub slow_bursts: Option<Bursts>,
    /// Bursts of a window, sent as fast as the interface takes them.
    pub fast_bursts: Option<Bursts>,
    /// Sent without any pace, so that the queue fills.
    pub fill: Option<Fill>,
    /// What the two ends agreed on and have room for.
    pub ends: Ends,
}

/// Packets at an even pace.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Steady {
    /// How long.
    #[serde(rename = "elapsed_seconds", serialize_with = "crate::seconds::of")]
    pub elapsed: Duration,
    /// What arrived, bits per second of data.
    pub delivered_bits_per_second: u64,
    /// Packets sent, those sent again with them.
    pub packets: u64,
    /// Packets lost, or marked by a queue in distress (ECN); those that only came late are not counted.
    pub losses: u64,
    /// Part of the time in which our own program or buffer had nothing to send.
    pub sender_idle_share: Option<f64>,
    /// Part of the time in which the receiver's window was closed.
    pub receiver_limited_share: Option<f64>,
    /// Processor time that we spent, as a share of one processor.
    pub processor_share: Option<f64>,
}

/// Packets in bursts.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Bursts {
    /// Bursts sent.
    pub bursts: u64,
    /// Packets of each.
    pub burst_packets: u64,
    /// Packets sent in all.
    pub packets: u64,
    /// Of them lost.
    pub losses: u64,
    /// Rate in the bursts, bits per second: the target was to keep the queue as full as a real sender would.
    pub rate_bits_per_second: Option<u64>,
    /// Largest round-trip time seen.
    #[serde(rename = "rtt_most_seconds", serialize_with = "crate::seconds::maybe")]
    pub rtt_most: Option<Duration>,
}

/// A filled queue.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Fill {
    /// What arrived, bits per second of data.
    pub delivered_bits_per_second: u64,
    /// Largest round-trip time seen.
    #[serde(rename = "rtt_most_seconds", serialize_with = "crate::seconds::maybe")]
    pub rtt_most: Option<Duration>,
    /// Packets sent.
    pub packets: u64,
    /// Of them lost: with any, the queue was full.
    pub losses: u64,
}

/// The two hosts.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Ends {
    /// Selective acknowledgements were agreed on.
    pub selective_acknowledgements: Option<bool>,
    /// Timestamps were agreed on.
    pub timestamps: Option<bool>,
    /// How often the receiver's window doubles what 16 bits can say; `Some(None)` where scaling was refused.
    pub peer_window_scale: Option<Option<u8>>,
    /// Largest receive window seen, bytes.
    pub peer_window_bytes: Option<u64>,
    /// What the receiver's kernel allows its buffer to become, bytes, if it told.
    pub peer_buffer_bytes: Option<u64>,
    /// What our kernel allows the send buffer to become, bytes.
    pub send_buffer_bytes: Option<u64>,
    /// Speed of our interface, bits per second.
    pub interface_bits_per_second: Option<u64>,
}
