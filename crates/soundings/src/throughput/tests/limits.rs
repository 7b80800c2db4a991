//! What a responder refuses, bounds and forgets.

use super::super::engine::{Pipe, Running};
use super::super::responder::received;
use super::super::streams::plan;
use super::super::worker::Store;
use super::*;
use soundings_core::throughput::spec;
use soundings_core::throughput::wire::{self, Hello, Message};
use terms::{Problem, Rate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn refused(host: &Host, request: Request) -> Problem {
    measure(&host.settings(request), |_| {}).await.unwrap_err()
}

/// What is beyond the allowance is refused, with what would be allowed.
#[tokio::test]
async fn more_than_is_allowed_is_refused() {
    let host = host(Allowance { longest: Duration::from_secs(1), streams_max: 2, ..Allowance::anyone(None) });
    let cases = [
        (Request { streams: 3, ..short(Direction::To, 1) }, "not-allowed", "2 are allowed"),
        (Request { omit_seconds: 0.8, ..short(Direction::To, 1) }, "not-allowed", "1 s are allowed"),
        (Request { store: FarStore::Disk, ..short(Direction::To, 1) }, "not-allowed", "disk"),
        (
            Request { congestion_control: Some("nosuch".to_owned()), ..short(Direction::From, 1) },
            "option-refused",
            "'nosuch' was asked for, and this host allows: ",
        ),
        (
            Request { congestion_control: Some("nosuch".to_owned()), ..short(Direction::To, 1) },
            "option-refused",
            "'nosuch' was asked for, and this host allows: ",
        ),
    ];
    for (request, kind, detail) in cases {
        let problem = refused(&host, request.clone()).await;
        assert_eq!(problem.kind, kind, "{problem:?}");
        assert!(problem.detail.contains(detail), "{problem:?}");
    }
    idle(&host).await;
}

/// Nothing runs and nobody holds a turn.
async fn idle(host: &Host) {
    let idle = async {
        while !host.shared.runs.look().is_empty() || !host.shared.guard.turns().look().0.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), idle).await.expect("it is held");
}

/// A second client is told for whom it waits, and runs afterwards; one that will not wait is sent away.
#[tokio::test]
async fn turns_are_taken() {
    let host = host(unbounded());
    let long = Request { duration_seconds: Some(0.8), ..short(Direction::To, 1) };
    let first = tokio::spawn({
        let settings = host.settings(long);
        async move { measure(&settings, |_| {}).await.unwrap() }
    });
    while host.shared.runs.look().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let problem = refused(&host, short(Direction::To, 1)).await;
    assert_eq!((problem.kind, problem.status), ("no-turn", 503), "{problem:?}");
    let patient = Request { wait_seconds: 20.0, ..short(Direction::To, 1) };
    let mut waited = Vec::new();
    let settings = host.settings(patient);
    let ends = measure(&settings, |news| {
        if let News::Wait(wait) = news {
            waited.push(wait);
        }
    });
    assert!(ends.await.is_ok());
    assert_eq!(waited[0].running[0].what, "throughput");
    assert!(waited[0].at_most_seconds > 0.0 && waited[0].at_most_seconds < 5.0, "{waited:?}");
    first.await.unwrap();
}

/// A sender keeps to the rate that it was granted.
#[tokio::test]
async fn the_allowed_rate_is_kept() {
    let host = host(Allowance { stream_rate: Some(Rate(80_000_000)), ..Allowance::anyone(None) });
    for direction in [Direction::To, Direction::From] {
        let request = Request { duration_seconds: Some(1.0), ..short(direction, 2) };
        let ends = host.measure(request.clone()).await;
        let rate = reported(&request, &ends).flows[0].received.unwrap().bits_per_second;
        assert!(rate < 88e6, "{direction:?}: {rate}");
    }
}

/// One that does not keep to it is cut, with the reason.
#[tokio::test]
async fn who_sends_more_than_is_allowed_is_cut() {
    let listener = net::listen("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    let address = listener.local_addr().unwrap();
    let options = net::SocketOptions::default();
    let sender = net::connect_tuned(address, &options, Duration::from_secs(5)).unwrap();
    let (receiver, _) = listener.accept().await.unwrap();
    let pipe = |stream, sending| Pipe { number: 0, sending, stream, tls: None, store: Store::Memory, place: None };
    let request = Request { duration_seconds: Some(30.0), ..Request::default() };
    let plan = |rate_in| plan(&request, None, rate_in, Duration::from_secs(30));
    let mut receiving = Running::start(vec![pipe(receiver.into_std().unwrap(), false)], plan(Some(1_000_000))).unwrap();
    let sending = Running::start(vec![pipe(sender, true)], plan(None)).unwrap();
    receiving.go();
    sending.go();
    tokio::time::timeout(Duration::from_secs(20), receiving.ended()).await.expect("it was not cut");
    assert_eq!(receiving.why_cut().unwrap(), "more was sent than this host allows");
}

/// A client that is gone in any state holds nothing.
#[tokio::test]
async fn who_vanishes_holds_nothing() {
    let host = host(unbounded());
    let request = short(Direction::To, 1);
    let hello = Message::Hello(Hello { versions: vec![1], ..Hello::default() });
    let said = [hello, Message::Request(request)];
    for count in 0..=said.len() {
        let mut client = TcpStream::connect(host.address).await.unwrap();
        for message in &said[..count] {
            client.write_all(&wire::encode(message).unwrap()).await.unwrap();
            let _answer = heard(&mut client).await;
        }
        drop(client);
        idle(&host).await;
    }
    // With its streams open, and with data on the way.
    for begun in [false, true] {
        let settings = host.settings(Request { duration_seconds: Some(30.0), ..short(Direction::Both, 2) });
        let told = Arc::new(tokio::sync::Notify::new());
        let test = tokio::spawn({
            let told = Arc::clone(&told);
            async move { measure(&settings, |_| told.notify_one()).await.map(|_| ()) }
        });
        if begun {
            told.notified().await;
        } else {
            while host.shared.runs.look().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        test.abort();
        idle(&host).await;
    }
}

async fn heard(client: &mut TcpStream) -> Message {
    let mut head = [0; 4];
    client.read_exact(&mut head).await.unwrap();
    let mut body = vec![0; wire::length(head).unwrap()];
    client.read_exact(&mut body).await.unwrap();
    wire::decode(&body).unwrap()
}

/// Garbage, lengths that are too long and words out of order get a reason and an end.
#[tokio::test]
async fn garbage_is_answered_with_a_reason() {
    let host = host(unbounded());
    let framed = |message: &Message| wire::encode(message).unwrap();
    let cases = [
        b"\0\0\0\x02{]".to_vec(),
        b"\0\x01\0\x01".to_vec(),
        framed(&Message::Start),
        framed(&Message::Hello(Hello { versions: vec![99], ..Hello::default() })),
    ];
    for said in cases {
        let mut client = TcpStream::connect(host.address).await.unwrap();
        client.write_all(&said).await.unwrap();
        let Message::Refusal(refusal) = heard(&mut client).await else { panic!("no refusal to {said:?}") };
        assert!(refusal.kind == "protocol" || refusal.kind == "version", "{refusal:?}");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
    }
}

/// A stream of a number that is taken, or that is none, ends the test.
#[tokio::test]
async fn streams_have_the_numbers_of_the_test() {
    let host = host(unbounded());
    for numbers in [[0_u32, 0], [0, 7]] {
        let mut client = TcpStream::connect(host.address).await.unwrap();
        client
            .write_all(&wire::encode(&Message::Hello(Hello { versions: vec![1], ..Hello::default() })).unwrap())
            .await
            .unwrap();
        assert!(matches!(heard(&mut client).await, Message::Welcome(_)));
        client.write_all(&wire::encode(&Message::Request(short(Direction::To, 2))).unwrap()).await.unwrap();
        let Message::Grant(grant) = heard(&mut client).await else { panic!("no grant") };
        let mut streams = Vec::new();
        for number in numbers {
            let mut stream = TcpStream::connect(host.address).await.unwrap();
            stream.write_all(&grant.cookie_octets().unwrap()).await.unwrap();
            stream.write_all(&number.to_be_bytes()).await.unwrap();
            streams.push(stream);
        }
        assert!(matches!(heard(&mut client).await, Message::Refusal(_)));
        idle(&host).await;
    }
}

/// One that opens a stream and does not say which holds its turn no longer than it may, however slowly it speaks.
#[tokio::test]
async fn a_stream_has_to_say_its_number_in_time() {
    let listener = net::listen("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    let local = listener.local_addr().unwrap();
    let mut slow = TcpStream::connect(local).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    slow.write_all(&[0]).await.unwrap();
    let place = responder::Place::unbounded();
    let arrival = responder::Arrival { stream: stream.into_std().unwrap(), peer, local, tls: None, place, number: 0 };
    let begun = std::time::Instant::now();
    let problem = received(arrival, &short(Direction::To, 1), Duration::from_millis(50)).await.err().unwrap();
    assert!(problem.detail.contains("in time"), "{problem:?}");
    // The connection is closed with it, and with that the thread ends that reads.
    assert_eq!(slow.read(&mut [0]).await.unwrap(), 0);
    assert!(begun.elapsed() < spec::MESSAGE_LIMIT);
}

/// A token is not shown to whoever listens.
#[tokio::test]
async fn a_token_is_not_sent_in_clear() {
    let host = host(unbounded());
    let token = Some("secret".to_owned());
    let settings = Settings { token: token.clone(), ..host.settings(short(Direction::To, 1)) };
    assert_eq!(measure(&settings, |_| {}).await.unwrap_err().kind, "token-refused");
    // On loopback it may be; this responder knows no tokens, and says so.
    let settings = Settings { token, token_in_clear: true, ..host.settings(short(Direction::To, 1)) };
    assert_eq!(measure(&settings, |_| {}).await.unwrap_err().status, 401);
}

/// Draining tells a test that its time is over.
#[tokio::test]
async fn a_stopping_responder_says_so() {
    let host = host(unbounded());
    host.shared.drain.begin();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let problem = refused(&host, short(Direction::To, 1)).await;
    assert!(matches!(problem.kind, "peer-unreachable" | "peer-gone" | "stopping"), "{problem:?}");
    const { assert!(spec::COOKIE_CHARACTERS == 36) };
}
