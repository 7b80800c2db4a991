//! Limits that were put there on purpose are found.

use super::super::disk::Place;
use super::super::engine::{Pipe, Running};
use super::super::streams::plan;
use super::super::worker::Store;
use super::*;
use soundings_core::throughput::series::End;
use soundings_core::verdict::{Facts, Limit, Verdict, judge};
use terms::Rate;

fn judged(request: &Request, ends: &Ends) -> Verdict {
    let report = reported(request, ends);
    let flow = &report.flows[0];
    let (sender, receiver) = if flow.to_responder { (&ends.here, &ends.there) } else { (&ends.there, &ends.here) };
    judge(&Facts::of(request, flow, sender, receiver, ends.grant.rate_bits_per_second))
}

fn second(direction: Direction) -> Request {
    Request { duration_seconds: Some(1.0), ..short(direction, 1) }
}

/// Pacing that was asked for, and a rate that is allowed.
#[tokio::test]
async fn rates_are_found() {
    let host = host(Allowance { stream_rate: Some(Rate(200_000_000)), ..Allowance::anyone(None) });
    for (pace, limit) in [(Some(50_000_000), Limit::Pacing), (None, Limit::Allowance)] {
        let request = Request { pace_bits_per_second: pace, ..second(Direction::To) };
        let verdict = judged(&request, &host.measure(request.clone()).await);
        assert_eq!(verdict.limit, limit, "{verdict:#?}");
    }
}

/// Windows and buffers that are far too small.
#[tokio::test]
async fn small_buffers_are_found() {
    let host = host(unbounded());
    let plain = second(Direction::To);
    let cases = [
        (Request { receive_buffer_bytes: Some(8 << 10), ..plain.clone() }, Limit::ReceiveWindow),
        (Request { send_buffer_bytes: Some(4 << 10), ..plain.clone() }, Limit::SendBuffer),
        (Request { send_buffer_bytes: Some(4 << 10), direction: Direction::From, ..plain }, Limit::SendBuffer),
    ];
    for (request, limit) in cases {
        let verdict = judged(&request, &host.measure(request.clone()).await);
        assert_eq!(verdict.limit, limit, "{verdict:#?}");
    }
}

/// Disks that are held down, at either end.
#[tokio::test]
async fn slow_disks_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let slow = 20_000_000;
    let sink = || Store::Write(Place::scratch(folder.path(), 64 << 20).unwrap().slowed(slow));
    let source = || Store::Read(Place::filled(folder.path(), 8 << 20).unwrap().slowed(slow));
    let cases = [(Store::Memory, sink(), Limit::DiskWrite), (source(), Store::Memory, Limit::DiskRead)];
    for (from, to, limit) in cases {
        let request = second(Direction::To);
        let facts = Some(soundings_core::throughput::DiskFacts::default());
        let (mut sender, mut receiver) = run(&request, from, to).await;
        if limit == Limit::DiskRead {
            sender.read = facts
        } else {
            receiver.written = facts
        }
        let report = report(&request, &sender, &receiver);
        let verdict = judge(&Facts::of(&request, &report.flows[0], &sender, &receiver, None));
        assert_eq!(verdict.limit, limit, "{verdict:#?}");
    }
}

/// One stream between two engines, without the talk.
async fn run(request: &Request, from: Store, to: Store) -> (End, End) {
    let listener = net::listen("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    let address = listener.local_addr().unwrap();
    let sender = net::connect_tuned(address, &net::SocketOptions::default(), Duration::from_secs(5)).unwrap();
    let (receiver, _) = listener.accept().await.unwrap();
    let pipe = |stream, sending, store| Pipe { number: 0, sending, stream, tls: None, store, place: None };
    let plan = plan(request, None, None, Duration::from_secs(30));
    let mut receiving = Running::start(vec![pipe(receiver.into_std().unwrap(), false, to)], plan.clone()).unwrap();
    let mut sending = Running::start(vec![pipe(sender, true, from)], plan).unwrap();
    receiving.go();
    sending.go();
    (sending.ended().await, receiving.ended().await)
}

/// A full disk is a reason, in words.
#[tokio::test]
async fn a_full_disk_is_a_reason() {
    // Everything written there is refused for want of room.
    let full = Place::of_device(Path::new("/dev/full"));
    let (_, receiver) = run(&second(Direction::To), Store::Memory, Store::Write(full)).await;
    let failure = receiver.streams[0].failure.clone().unwrap();
    assert!(failure.starts_with("the disk is full"), "{failure}");
}
