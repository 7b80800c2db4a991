//! Both ends talk to one another and to captures of 3.12; silence and nonsense end them.

use super::*;
use crate::iperf3::spec::{Deadlines, State};
use crate::iperf3::wire::{Cookie, Direction, Parameters, Results, frame};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn client(now: Duration) -> ClientSession {
    let parameters = Parameters { streams: 2, seconds: 1, block_bytes: 1024, ..Parameters::default() };
    ClientSession::new(now, Cookie::of_seed(&[7; 36]), &parameters, Deadlines::default(), SECOND * 60)
}

/// All that a client has to say, from its cookie on.
fn said(octets: Option<Vec<u8>>) -> Vec<u8> {
    octets.unwrap_or_default()
}

/// A test from cookie to good-bye, both ends ours, octet by octet.
#[test]
fn two_ends_come_to_the_end() {
    let now = Duration::ZERO;
    let (mut client, mut server) = (client(now), ServerSession::new(Deadlines::default()));
    let cookie = said(client.poll_transmit());
    assert_eq!(cookie.len(), 37);
    server.ask(now);
    let mut events = Vec::new();
    for _ in 0..200 {
        for octet in said(server.poll_transmit()) {
            client.handle_bytes(now, &[octet]);
        }
        for octet in said(client.poll_transmit()) {
            server.handle_bytes(now, &[octet]);
        }
        match server.poll_event() {
            Some(ServerEvent::Asked(parameters)) => {
                assert_eq!(parameters.streams, 2);
                server.accept(now, 2, SECOND);
            }
            Some(ServerEvent::Run) => events.push("server runs"),
            Some(ServerEvent::Stop) => server.results(now, &Results::default()),
            Some(ServerEvent::PeerResults(_)) => events.push("server knows"),
            Some(ServerEvent::Over(ending)) => {
                assert_eq!(ending, Ending::Done);
                events.push("server done");
            }
            None => {}
        }
        match client.poll_event() {
            Some(ClientEvent::OpenStreams) => {
                server.stream_arrived(now);
                server.stream_arrived(now);
            }
            Some(ClientEvent::Run) => client.finish(now),
            Some(ClientEvent::WantResults) => client.results(now, &Results::default()),
            Some(ClientEvent::PeerResults(_)) => events.push("client knows"),
            Some(ClientEvent::Over(ending)) => {
                assert_eq!(ending, Ending::Done);
                events.push("client done");
            }
            None => {}
        }
    }
    // Each end in its order; which of them is asked first is the test's own affair.
    let of = |end: &str| events.iter().filter(|event| event.starts_with(end)).copied().collect::<Vec<_>>();
    assert_eq!(of("server"), ["server runs", "server knows", "server done"]);
    assert_eq!(of("client"), ["client knows", "client done"]);
}

/// What 3.12 said as client of a test with `-P 2`, with what its server said between.
#[test]
fn a_capture_of_the_client_is_understood() {
    let now = Duration::ZERO;
    let mut server = ServerSession::new(Deadlines::default());
    server.ask(now);
    assert_eq!(server.poll_transmit(), Some(vec![9]));
    let parameters = br#"{"tcp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":2,"len":131072,"pacing_timer":1000,"client_version":"3.12"}"#;
    server.handle_bytes(now, &frame(parameters));
    let Some(ServerEvent::Asked(asked)) = server.poll_event() else { panic!("it was not understood") };
    assert_eq!((asked.streams, asked.seconds, asked.direction), (2, 1, Direction::Forward));
    server.accept(now, 2, SECOND);
    assert_eq!(server.poll_transmit(), Some(vec![10]));
    server.stream_arrived(now);
    assert_eq!(server.poll_transmit(), None);
    server.stream_arrived(now);
    assert_eq!(server.poll_transmit(), Some(vec![1, 2]));
    assert_eq!(server.poll_event(), Some(ServerEvent::Run));
    server.handle_bytes(now, &[4]);
    assert_eq!(server.poll_event(), Some(ServerEvent::Stop));
    server.results(now, &Results::default());
    assert_eq!(server.poll_transmit(), Some(vec![13]));
    server.handle_bytes(
        now,
        &frame(
            br#"{"cpu_util_total":1.5,"sender_has_retransmits":1,"streams":[{"id":1,"bytes":5},{"id":3,"bytes":6}]}"#,
        ),
    );
    let Some(ServerEvent::PeerResults(results)) = server.poll_event() else { panic!("no results") };
    assert_eq!(results.stream(3).map(|stream| stream.bytes), Some(6));
    let last = said(server.poll_transmit());
    assert_eq!(last.last(), Some(&14));
    server.handle_bytes(now, &[16]);
    assert_eq!(server.poll_event(), Some(ServerEvent::Over(Ending::Done)));
}

/// Each step has its deadline, and after it nothing is left to wait for.
#[test]
fn silence_ends_each_step() {
    let late = SECOND * 200;
    type Step = fn(&mut ServerSession);
    let steps: [(&str, Step); 4] = [
        ("telling its parameters", |_| {}),
        ("opening its streams", |server| {
            server.handle_bytes(Duration::ZERO, &frame(b"{}"));
            server.accept(Duration::ZERO, 2, SECOND);
            server.stream_arrived(Duration::ZERO);
        }),
        ("the test was stopped", |server| {
            server.handle_bytes(Duration::ZERO, &frame(b"{}"));
            server.accept(Duration::ZERO, 1, SECOND);
            server.stream_arrived(Duration::ZERO);
            server.handle_bytes(Duration::ZERO, &[4]);
        }),
        ("telling its results", |server| {
            server.handle_bytes(Duration::ZERO, &frame(b"{}"));
            server.accept(Duration::ZERO, 1, SECOND);
            server.stream_arrived(Duration::ZERO);
            server.handle_bytes(Duration::ZERO, &[4]);
            server.results(Duration::ZERO, &Results::default());
        }),
    ];
    for (step, go) in steps {
        let mut server = ServerSession::new(Deadlines::default());
        server.ask(Duration::ZERO);
        go(&mut server);
        assert!(server.poll_timeout().is_some(), "{step}");
        server.handle_timeout(late);
        let mut last = None;
        while let Some(event) = server.poll_event() {
            last = Some(event);
        }
        let Some(ServerEvent::Over(Ending::Silent { during, .. })) = last else { panic!("{step}: {last:?}") };
        assert_eq!(during, step);
        assert_eq!(server.poll_timeout(), None);
    }
}

/// A client that does not end its test is told that the server ends it.
#[test]
fn a_test_without_end_is_ended() {
    let mut server = ServerSession::new(Deadlines::default());
    server.ask(Duration::ZERO);
    server.handle_bytes(Duration::ZERO, &frame(b"{}"));
    server.accept(Duration::ZERO, 1, SECOND);
    server.stream_arrived(Duration::ZERO);
    assert_eq!(server.poll_timeout(), Some(SECOND + Deadlines::default().overtime));
    server.handle_timeout(SECOND * 100);
    assert_eq!(said(server.poll_transmit()).last(), Some(&State::ServerTerminate.to_octet()));
}

/// A server that is busy, that refuses with a number, or that talks nonsense.
#[test]
fn refusals_reach_the_client() {
    let endings: [(&[u8], Ending); 5] = [
        (&[0xff], Ending::Denied),
        (&[9, 0xff], Ending::Denied),
        (&[9, 0xfe, 0, 0, 0, 27, 0, 0, 0, 13], Ending::Refused { number: ErrorNumber::TOTAL_RATE, errno: 13 }),
        (&[9, 10, 11], Ending::Interrupted),
        (&[77], Ending::Malformed(Malformed::State { octet: 77, during: "this client waited to be asked" })),
    ];
    for (octets, expected) in endings {
        let mut client = client(Duration::ZERO);
        client.handle_bytes(Duration::ZERO, octets);
        let mut last = None;
        while let Some(event) = client.poll_event() {
            last = Some(event);
        }
        assert_eq!(last, Some(ClientEvent::Over(expected)));
    }
}

proptest! {
    /// Whatever comes, in whatever pieces: no panic, nothing held beyond bounds, and an end comes.
    #[test]
    fn nonsense_ends_both(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
        let mut server = ServerSession::new(Deadlines::default());
        server.ask(Duration::ZERO);
        let mut client = client(Duration::ZERO);
        for piece in &pieces {
            server.handle_bytes(Duration::ZERO, piece);
            client.handle_bytes(Duration::ZERO, piece);
            if let Some(ServerEvent::Asked(_)) = server.poll_event() {
                server.accept(Duration::ZERO, 1, SECOND);
                server.stream_arrived(Duration::ZERO);
            }
        }
        server.handle_closed();
        client.handle_closed();
        prop_assert!(server.poll_timeout().is_none() && client.poll_timeout().is_none());
    }
}
