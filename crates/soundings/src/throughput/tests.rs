use super::*;
use crate::guard::turn::{TurnSettings, Turns};
use crate::guard::{Allowance, Guard};
use crate::responder::{Anyone, Shared};
use net::Drain;
use policy::{Policy, Rights};
use soundings_core::throughput::wire::{Direction, Request};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn shared_with(allowance: Allowance) -> Arc<Shared> {
    let rights = Rights::new(Policy::default(), ());
    let turns = Turns::new(TurnSettings::default());
    let guard = Guard::new(rights, allowance, Allowance::entitled(), turns);
    Shared::new(guard, Arc::new(Anyone), Drain::new(), crate::responder::Settings::default())
}

pub(super) fn start(shared: &Arc<Shared>, address: &str) -> SocketAddr {
    let listener = net::listen(address.parse().unwrap(), 64).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(crate::responder::run(listener, Arc::clone(shared)));
    address
}

pub(super) fn settings(address: SocketAddr, request: Request) -> Settings {
    Settings {
        address,
        host: "localhost".to_owned(),
        request,
        trust: net::client::Trust::default(),
        insecure: false,
        token: None,
        token_in_clear: false,
        bind: None,
        connect_timeout: Duration::from_secs(10),
    }
}

pub(super) fn short(direction: Direction, streams: u32) -> Request {
    Request { direction, streams, duration_seconds: Some(0.3), ..Request::default() }
}

/// Both ends count the same bytes of every stream, in each direction.
#[tokio::test]
async fn both_ends_count_the_same() {
    let shared = shared_with(Allowance { stream_rate: None, ..Allowance::anyone(None) });
    let address = start(&shared, "127.0.0.1:0");
    for (direction, streams, count) in [(Direction::To, 1, 1), (Direction::From, 2, 2), (Direction::Both, 2, 4)] {
        let ends = measure(&settings(address, short(direction, streams)), |_| {}).await.unwrap();
        assert_eq!((ends.here.streams.len(), ends.there.streams.len()), (count, count));
        for (here, there) in ends.here.streams.iter().zip(&ends.there.streams) {
            assert_eq!(here.number, there.number);
            assert_eq!(here.sending, !there.sending);
            assert_eq!((here.bytes, &here.failure), (there.bytes, &None), "{direction:?}");
            assert!(here.bytes > 0);
            assert!(here.samples.len() >= 3 && there.samples.len() >= 3);
        }
    }
}
