//! Reports out of synthetic series.

use crate::throughput::report::report;
use crate::throughput::series::{End, Sample, StreamEnd, TcpSample};
use crate::throughput::wire::{Direction, Request};

const SECOND: u64 = 1_000_000_000;

/// A stream that runs evenly from `first` at so many bytes per second for so many seconds, looked at every 50 ms.
fn even(number: u32, sending: bool, first: u64, rate: u64, seconds: u64) -> StreamEnd {
    let last = first + seconds * SECOND;
    let bytes = |at: u64| (at.clamp(first, last) - first) * rate / SECOND;
    let looks = (0..=(seconds + 1) * 20).map(|index| index * SECOND / 20);
    let samples = looks.map(|at_ns| {
        let tcp = TcpSample {
            rtt_ns: 30_000_000,
            rtt_least_ns: Some(20_000_000),
            data_segments_sent: Some(bytes(at_ns) / 1000),
            retransmits: bytes(at_ns) / 1_000_000,
            busy_ns: Some(at_ns / 2),
            ..TcpSample::default()
        };
        Sample { at_ns, bytes: bytes(at_ns), cpu_ns: at_ns / 4, tcp: Some(tcp), ..Sample::default() }
    });
    StreamEnd {
        number,
        sending,
        bytes: bytes(last),
        first_ns: Some(first),
        last_ns: Some(last),
        samples: samples.collect(),
        ..StreamEnd::default()
    }
}

fn end(streams: Vec<StreamEnd>) -> End {
    End { streams, ..End::default() }
}

fn near(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 0.002, "{value} is not {expected}");
}

/// The receiver's count over its own window is the result; the warm-up and the tail are left out at both ends.
#[test]
fn the_window_is_counted() {
    let request = Request { streams: 2, duration_seconds: Some(5.0), omit_seconds: 1.0, ..Request::default() };
    // The sender has given all after 6 s; the receiver begins 40 ms later and drains its tail for 2 s more.
    let here = end(vec![even(0, true, 10, 1_000_000, 6), even(1, true, 10, 3_000_000, 6)]);
    let there = end(vec![even(0, false, SECOND / 25, 900_000, 8), even(1, false, SECOND / 25, 2_700_000, 8)]);
    let report = report(&request, &here, &there);
    assert_eq!(report.flows.len(), 1);
    let flow = &report.flows[0];
    near(flow.received.unwrap().bits_per_second, 3_600_000.0 * 8.0);
    near(flow.received.unwrap().seconds, 5.0);
    near(flow.sent.unwrap().bits_per_second, 4_000_000.0 * 8.0);
    near(flow.streams[1].received.unwrap().bytes as f64, 13_500_000.0);
    assert_eq!(flow.retransmits, Some(5 + 15));
    near(flow.loss.unwrap(), 0.001);
    let stream = &flow.streams[0];
    assert_eq!(
        (stream.rtt_least_seconds, stream.rtt_mean_seconds.map(|rtt| (rtt * 1e3).round())),
        (Some(0.02), Some(30.0))
    );
    near(stream.sender.cpu, 0.25);
    near(stream.sender.busy.unwrap(), 0.5);
    assert_eq!(stream.sender.receiver_limited, None);
    assert_eq!(stream.bits_per_second_over_time.len(), 40);
    stream.bits_per_second_over_time.iter().for_each(|rate| near(*rate, 7_200_000.0));
}

/// Where bytes are counted, time ends with the last of them.
#[test]
fn bytes_end_with_the_last() {
    let request = Request { bytes: Some(2_000_000), direction: Direction::Both, ..Request::default() };
    let here = end(vec![even(0, true, 1, 1_000_000, 2), even(1, false, 1, 500_000, 4)]);
    let there = end(vec![even(0, false, 1, 1_000_000, 2), even(1, true, 1, 500_000, 4)]);
    let report = report(&request, &here, &there);
    let received: Vec<_> = report.flows.iter().map(|flow| flow.received.unwrap()).collect();
    assert_eq!(received.iter().map(|counted| counted.bytes).collect::<Vec<_>>(), [2_000_000, 2_000_000]);
    near(received[0].seconds, 2.0);
    near(received[1].seconds, 4.0);
}

/// A test that was cut short is counted as far as it went; one of which nothing arrived counts nothing.
#[test]
fn what_is_missing_is_absent() {
    let request = Request { duration_seconds: Some(60.0), ..Request::default() };
    let here = end(vec![even(0, true, 1, 1_000_000, 2)]);
    let there = end(vec![even(0, false, 1, 1_000_000, 2)]);
    let flow = &report(&request, &here, &there).flows[0];
    assert!(flow.received.unwrap().seconds < 3.1);
    assert_eq!(flow.received.unwrap().bytes, 2_000_000);
    let nothing = StreamEnd { number: 0, failure: Some("reset".to_owned()), ..StreamEnd::default() };
    let flow = &report(&request, &here, &end(vec![nothing])).flows[0];
    assert_eq!(flow.received, None);
    assert_eq!(flow.streams[0].failures, ["receiver: reset"]);
    let flow = &report(&request, &end(vec![]), &end(vec![])).flows[0];
    assert_eq!((flow.received, flow.sent, flow.retransmits, flow.loss), (None, None, None, None));
}

/// The far sender's counters are its words: any numbers give a report.
#[test]
fn no_counters_of_a_peer_are_a_fault() {
    let request = Request { direction: Direction::From, streams: 2, duration_seconds: Some(2.0), ..Request::default() };
    let absurd = |number| {
        let mut stream = even(number, true, 10, 1_000_000, 3);
        for sample in stream.samples.iter_mut().skip(20) {
            let all = TcpSample { retransmits: u64::MAX, data_segments_sent: Some(u64::MAX), ..TcpSample::default() };
            *sample = Sample { bytes: u64::MAX, cpu_ns: u64::MAX, tcp: Some(all), ..*sample };
        }
        StreamEnd { bytes: u64::MAX, ..stream }
    };
    let here = end(vec![even(0, false, 10, 1_000_000, 3), even(1, false, 10, 1_000_000, 3)]);
    let report = report(&request, &here, &end(vec![absurd(0), absurd(1)]));
    assert_eq!(report.flows[0].retransmits, Some(u64::MAX));
    near(report.flows[0].received.unwrap().bits_per_second, 16e6);
}
