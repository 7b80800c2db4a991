//! Both ends over loopback, in one process.

mod limits;
mod verdicts;

use super::*;
use crate::guard::turn::{TurnSettings, Turns};
use crate::guard::{Allowance, Guard};
use crate::responder::{self, Anyone, Shared};
use net::Drain;
use net::certificate::{PrivateAuthority, ServerCertificate};
use policy::{Policy, Rights};
use soundings_core::throughput::report::{Report, report};
use soundings_core::throughput::wire::{Direction, FarStore, Request};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A responder with this allowance for anyone.
struct Host {
    shared: Arc<Shared>,
    address: SocketAddr,
}

fn unbounded() -> Allowance {
    Allowance { stream_rate: None, disk: true, ..Allowance::anyone(None) }
}

fn host(allowance: Allowance) -> Host {
    host_at("127.0.0.1:0", allowance, None)
}

fn host_at(address: &str, allowance: Allowance, scratch: Option<&Path>) -> Host {
    net::install_crypto_provider();
    let rights = Rights::new(Policy::default(), ());
    let turns = Turns::new(TurnSettings::default());
    let guard = Guard::new(rights, allowance, Allowance::entitled(), turns);
    let authority = PrivateAuthority::create().unwrap();
    let issued = authority.issue(&["localhost".to_owned()], Duration::from_secs(3600)).unwrap();
    let certificate = ServerCertificate::new(&issued.certificate_pem, &issued.key_pem).unwrap();
    let settings = responder::Settings {
        certificate: Some(Arc::new(certificate)),
        scratch: scratch.map(Path::to_owned),
        ..responder::Settings::default()
    };
    let shared = Shared::new(guard, Arc::new(Anyone), Drain::new(), settings);
    let listener = net::listen(address.parse().unwrap(), 64).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(responder::run(listener, Arc::clone(&shared)));
    Host { shared, address }
}

impl Host {
    fn settings(&self, request: Request) -> Settings {
        Settings {
            address: self.address,
            host: "localhost".to_owned(),
            request,
            trust: net::client::Trust::default(),
            insecure: true,
            token: None,
            source: None,
            sink: None,
            host_turn: None,
            token_in_clear: false,
            bind: None,
            connect_timeout: Duration::from_secs(10),
        }
    }

    async fn measure(&self, request: Request) -> Ends {
        measure(&self.settings(request), |_| {}).await.unwrap()
    }
}

fn short(direction: Direction, streams: u32) -> Request {
    Request { direction, streams, duration_seconds: Some(0.3), ..Request::default() }
}

fn reported(request: &Request, ends: &Ends) -> Report {
    report(request, &ends.here, &ends.there)
}

/// Both ends count the same bytes of every stream: in each direction, in clear and inside TLS, by IPv4 and by IPv6.
#[tokio::test]
async fn both_ends_count_the_same() {
    let hosts = [host(unbounded()), host_at("[::1]:0", unbounded(), None)];
    let ways = [(Direction::To, 1, 1), (Direction::From, 2, 2), (Direction::Both, 2, 4)];
    for (host, tls) in [(&hosts[0], false), (&hosts[0], true), (&hosts[1], false)] {
        for (direction, streams, count) in ways {
            let ends = host.measure(Request { tls, ..short(direction, streams) }).await;
            assert_eq!(ends.tls.is_some(), tls);
            assert_eq!((ends.here.streams.len(), ends.there.streams.len()), (count, count));
            for (here, there) in ends.here.streams.iter().zip(&ends.there.streams) {
                assert_eq!((here.number, here.sending), (there.number, !there.sending));
                assert_eq!((here.bytes, &here.failure), (there.bytes, &there.failure), "{direction:?}");
                assert!(here.bytes > 0 && here.failure.is_none());
                assert!(here.samples.len() >= 3 && there.samples.len() >= 3);
            }
        }
    }
}

/// So many bytes are so many bytes, and the report counts them all.
#[tokio::test]
async fn a_number_of_bytes_is_kept() {
    let host = host(unbounded());
    let request = Request { streams: 3, bytes: Some(10_000_000), direction: Direction::Both, ..Request::default() };
    let ends = host.measure(request.clone()).await;
    let report = reported(&request, &ends);
    assert_eq!(report.flows.len(), 2);
    for flow in &report.flows {
        let bytes: Vec<u64> = flow.streams.iter().map(|stream| stream.received.unwrap().bytes).collect();
        assert_eq!(bytes, [3_333_334; 3]);
        assert_eq!(flow.sent.unwrap().bytes, 10_000_002);
    }
}

/// The warm-up is left out, and the counted time is as long as was asked for, at both ends.
#[tokio::test]
async fn the_warm_up_does_not_count() {
    let host = host(unbounded());
    let request = Request { omit_seconds: 0.4, pace_bits_per_second: Some(400_000_000), ..short(Direction::From, 2) };
    let ends = host.measure(request.clone()).await;
    let report = reported(&request, &ends);
    let received = report.flows[0].received.unwrap();
    assert!((received.seconds - 0.3).abs() < 0.05, "{received:?}");
    let all: u64 = ends.here.streams.iter().map(|stream| stream.bytes).sum();
    assert!(received.bytes < all * 3 / 4, "{received:?} of {all}");
}

/// Files at either end: what is read is what the file has, what is written leaves nothing behind.
#[tokio::test]
async fn disks_at_either_end() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let host = host_at("127.0.0.1:0", unbounded(), Some(scratch.path()));
    let source = folder.path().join("source");
    std::fs::write(&source, vec![7; 3 << 20]).unwrap();
    for (streams, tls) in [(1, false), (2, true)] {
        let request = Request {
            store: FarStore::Disk,
            tls,
            bytes: Some(8 << 20),
            duration_seconds: None,
            ..short(Direction::To, streams)
        };
        let settings = Settings { source: Some(source.clone()), ..host.settings(request.clone()) };
        let ends = measure(&settings, |_| {}).await.unwrap();
        assert!(ends.here.read.is_some() && ends.there.written.is_some(), "{ends:?}");
        let failures: Vec<_> =
            ends.there.streams.iter().chain(&ends.here.streams).filter_map(|stream| stream.failure.clone()).collect();
        assert_eq!(failures, [""; 0]);
        assert_eq!(ends.there.streams.iter().map(|stream| stream.bytes).sum::<u64>(), 8 << 20);
        let request = Request { direction: Direction::From, ..request };
        let settings = Settings { sink: Some(folder.path().join("sink")), ..host.settings(request) };
        let ends = measure(&settings, |_| {}).await.unwrap();
        assert_eq!(ends.here.streams.iter().map(|stream| stream.bytes).sum::<u64>(), 8 << 20);
    }
    let left = |folder: &Path| std::fs::read_dir(folder).unwrap().count();
    assert_eq!((left(folder.path()), left(scratch.path())), (1, 0));
}

/// What is there is never written to.
#[tokio::test]
async fn a_file_that_is_there_is_no_sink() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("precious");
    std::fs::write(&file, "precious").unwrap();
    let host = host(unbounded());
    let settings = Settings { sink: Some(file.clone()), ..host.settings(short(Direction::From, 1)) };
    let problem = measure(&settings, |_| {}).await.unwrap_err();
    assert_eq!((problem.kind, std::fs::read(&file).unwrap()), ("no-scratch", b"precious".to_vec()));
}
