//! What a client gets, of what it asks.
//!
//! What we can hold is held: TCP whose rate nobody named runs at what is allowed, paced where we send and read no faster
//! where we receive. What was named and is above what is allowed is refused, with the error number that says what: a test
//! that silently did something else than it was told would be worse. Datagrams that come faster than allowed end the test.

use super::flow::Task;
use crate::guard::Allowance;
use soundings_core::iperf3::spec::{
    BLOCK_BYTES_MAX, ErrorNumber, OMIT_SECONDS_MAX, SECONDS_MAX, STREAMS_MAX, UDP_BLOCK_BYTES_MAX, UDP_BLOCK_BYTES_MIN,
};
use soundings_core::iperf3::wire::{Parameters, Protocol};
use std::time::Duration;

/// Datagrams may come so much faster than allowed, from the beginning on: clocks differ.
const TOLERANCE: f64 = 1.05;

/// And so many seconds' worth in advance: bursts are no flood.
const ADVANCE_SECONDS: f64 = 0.25;

/// What a test was granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Granted {
    /// It lasts no longer, its warm-up with it.
    pub(super) longest: Duration,
    /// All streams of one direction together, bits per second.
    pub(super) rate: Option<u64>,
}

/// What this client gets, or why it gets nothing.
pub(super) fn judge(asked: &Parameters, allowance: &Allowance) -> Result<Granted, ErrorNumber> {
    let udp = asked.protocol == Protocol::Udp;
    let longest = if udp { allowance.datagrams_longest } else { allowance.longest };
    let longest = longest.min(Duration::from_secs(SECONDS_MAX + OMIT_SECONDS_MAX));
    let duration = Duration::from_secs(asked.seconds.saturating_add(asked.omit_seconds));
    if asked.omit_seconds > OMIT_SECONDS_MAX {
        return Err(ErrorNumber::OMIT);
    }
    if duration > longest {
        return Err(ErrorNumber::DURATION);
    }
    if asked.streams > allowance.streams_max.min(STREAMS_MAX) {
        return Err(ErrorNumber::STREAMS);
    }
    let blocks = if udp { UDP_BLOCK_BYTES_MIN..=UDP_BLOCK_BYTES_MAX } else { 1..=BLOCK_BYTES_MAX };
    if !blocks.contains(&asked.block_bytes) {
        return Err(ErrorNumber::BLOCK);
    }
    if udp && asked.server_sends() && !allowance.datagrams_out {
        return Err(ErrorNumber::AUTHORIZATION);
    }
    let rate = if udp { allowance.datagram_rate } else { allowance.stream_rate }.map(|rate| rate.0);
    let named = asked.rate.saturating_mul(asked.streams.into());
    if rate.is_some_and(|rate| named > rate) {
        return Err(ErrorNumber::TOTAL_RATE);
    }
    // Seconds of zero: octets or blocks end it, within what is allowed.
    let longest = if asked.seconds == 0 { longest } else { duration };
    Ok(Granted { longest, rate })
}

impl Granted {
    /// The task within its rate: datagrams of ours never go out faster.
    pub(super) fn hold(&self, mut task: Task, udp: bool, streams: u32) -> Task {
        if let Some(rate) = self.rate.filter(|_| udp) {
            let part = rate / u64::from(streams.max(1));
            task.rate = if task.rate == 0 { part } else { task.rate.min(part) };
        }
        task
    }

    /// Whether more datagrams came than may.
    pub(super) fn is_flooded(&self, received_bytes: u64, after: Duration) -> bool {
        let seconds = after.as_secs_f64() * TOLERANCE + ADVANCE_SECONDS;
        self.rate.is_some_and(|rate| received_bytes as f64 * 8.0 > rate as f64 * seconds)
    }
}
