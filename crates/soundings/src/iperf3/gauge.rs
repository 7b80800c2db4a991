//! Reads the counters of all streams from time to time, and makes intervals and the whole of them.

use super::flow::{Flow, Link};
use soundings_core::iperf3::datagram::Arrivals;
use soundings_core::iperf3::model::{Interval, RttSeen, Span};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use terms::TcpInfo;

/// What a stream had done at one instant.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    bytes: u64,
    packets: u64,
    arrivals: Arrivals,
    tcp: Option<TcpInfo>,
}

impl Mark {
    fn of(flow: &Flow) -> Self {
        let tcp = match &flow.link {
            Link::Tcp(stream) if flow.sends => net::tcp_info(&**stream).ok(),
            _ => None,
        };
        Self {
            bytes: flow.counters.bytes.load(Relaxed),
            packets: flow.counters.packets.load(Relaxed),
            arrivals: flow.counters.arrivals(),
            tcp,
        }
    }

    fn since(&self, before: &Self, sends: bool, start: f64, end: f64) -> Span {
        let retransmits = |now: &TcpInfo| {
            let then = before.tcp.map_or(0, |info| info.retransmits);
            u64::from(now.retransmits.saturating_sub(then))
        };
        let packets = if sends {
            self.packets.saturating_sub(before.packets)
        } else {
            self.arrivals.packets.saturating_sub(before.arrivals.packets)
        };
        Span {
            start,
            end,
            bytes: self.bytes.saturating_sub(before.bytes),
            tcp: self.tcp.map(|info| (retransmits(&info), info)),
            packets,
            lost: self.arrivals.lost.saturating_sub(before.arrivals.lost),
            out_of_order: self.arrivals.out_of_order.saturating_sub(before.arrivals.out_of_order),
            jitter_seconds: self.arrivals.jitter_seconds,
        }
    }
}

/// Of all streams of a test.
#[derive(Debug)]
pub(super) struct Gauge {
    /// Where the seconds count from: the beginning, then the end of the warm-up.
    origin: Instant,
    warming: bool,
    base: Vec<Mark>,
    last: Vec<Mark>,
    last_at: f64,
    seen: Vec<RttSeen>,
    /// Datagrams in all, and lost, in the warm-up.
    omitted: Vec<(u64, u64)>,
}

impl Gauge {
    pub(super) fn new(flows: &[Flow], warming: bool) -> Self {
        let marks = vec![Mark::default(); flows.len()];
        Self {
            origin: Instant::now(),
            warming,
            base: marks.clone(),
            last: marks,
            last_at: 0.0,
            seen: vec![RttSeen::default(); flows.len()],
            omitted: vec![(0, 0); flows.len()],
        }
    }

    /// Seconds since the last interval began.
    pub(super) fn since_last(&self) -> f64 {
        self.origin.elapsed().as_secs_f64() - self.last_at
    }

    /// An interval ends.
    pub(super) fn tick(&mut self, flows: &[Flow]) -> Interval {
        let end = self.origin.elapsed().as_secs_f64();
        let marks: Vec<Mark> = flows.iter().map(Mark::of).collect();
        let mut streams = Vec::with_capacity(flows.len());
        for (at, mark) in marks.iter().enumerate() {
            streams.push(mark.since(&self.last[at], flows[at].sends, self.last_at, end));
            if let Some(info) = mark.tcp.filter(|_| !self.warming) {
                self.seen[at].add(&info);
            }
        }
        let interval = Interval { omitted: self.warming, streams };
        self.last = marks;
        self.last_at = end;
        interval
    }

    /// The warm-up is over: everything is counted from here.
    pub(super) fn warm(&mut self, flows: &[Flow]) {
        for flow in flows {
            flow.counters.warm();
        }
        self.base = flows.iter().map(Mark::of).collect();
        self.omitted = flows
            .iter()
            .zip(&self.base)
            .map(|(flow, mark)| {
                let packets = if flow.sends { mark.packets } else { mark.arrivals.packets };
                (packets, mark.arrivals.lost)
            })
            .collect();
        self.last.clone_from(&self.base);
        self.last_at = 0.0;
        self.origin = Instant::now();
        self.warming = false;
    }

    /// Seconds since the origin.
    pub(super) fn seconds(&self) -> f64 {
        self.origin.elapsed().as_secs_f64()
    }

    /// The whole, from the end of the warm-up to `end`; with what was seen of each connection, and what the warm-up had.
    pub(super) fn whole(&mut self, flows: &[Flow], end: f64) -> Vec<(Span, RttSeen, (u64, u64))> {
        let marks = flows.iter().map(Mark::of);
        let parts = marks.zip(flows).enumerate();
        parts
            .map(|(at, (mark, flow))| {
                let span = mark.since(&self.base[at], flow.sends, 0.0, end);
                (span, self.seen[at], self.omitted[at])
            })
            .collect()
    }
}
