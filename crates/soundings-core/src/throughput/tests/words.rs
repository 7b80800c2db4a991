//! Messages as bytes.

use crate::throughput::series::{End, Sample, StreamEnd, TcpSample};
use crate::throughput::spec::{COOKIE_ALPHABET, FRAME_BYTES_MAX, SAMPLES_MAX, STREAMS_MAX, sample_every};
use crate::throughput::wire::*;
use proptest::prelude::*;
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// A hello, octet by octet: its length, big-endian, so that the first octet is 0; then JSON.
#[test]
fn a_hello_as_it_is_sent() {
    let hello = Hello { versions: vec![1], program: "p".to_owned(), ..Hello::default() };
    let bytes = encode(&Message::Hello(hello)).unwrap();
    assert_eq!(&bytes[..4], [0, 0, 0, 45]);
    assert_eq!(&bytes[4..], br#"{"type":"hello","versions":[1],"program":"p"}"#);
}

/// What a later version adds is ignored: fields, and whole messages.
#[test]
fn what_is_unknown_is_ignored() {
    assert_eq!(decode(br#"{"type":"weather","sun":1}"#).unwrap(), Message::Unknown);
    let grown = decode(br#"{"type":"progress","at_ns":5,"received_bytes":7,"mood":"good"}"#).unwrap();
    assert_eq!(grown, Message::Progress(Progress { at_ns: 5, received_bytes: 7, sent_bytes: 0 }));
    let plain = decode(br#"{"type":"request","duration_seconds":10}"#).unwrap();
    assert_eq!(plain, Message::Request(Request { duration_seconds: Some(10.0), ..Request::default() }));
}

/// Every message survives its bytes; every part of its bytes alone is an error and no panic.
#[test]
fn messages_survive_their_bytes() {
    for message in every() {
        let bytes = encode(&message).unwrap();
        assert_eq!(length([bytes[0], bytes[1], bytes[2], bytes[3]]).unwrap(), bytes.len() - 4);
        assert_eq!(decode(&bytes[4..]).unwrap(), message);
        for cut in 4..bytes.len() {
            assert!(decode(&bytes[4..cut]).is_err(), "{message:?} cut to {cut}");
        }
    }
}

pub(super) fn every() -> Vec<Message> {
    let sample = Sample { at_ns: 1, bytes: 2, tcp: Some(TcpSample::default()), ..Sample::default() };
    vec![
        Message::Hello(Hello { token: Some("t".to_owned()), ..Hello::default() }),
        Message::Welcome(Welcome { version: 1, program: "p".to_owned() }),
        Message::Request(Request { bytes: Some(1), pace_bits_per_second: Some(8), ..Request::default() }),
        Message::Wait(Wait { position: 1, running: vec![Running::default()], at_most_seconds: 1.5 }),
        Message::Refusal(Refusal::from(&problem())),
        Message::Grant(Grant::default()),
        Message::Ready,
        Message::Start,
        Message::Progress(Progress::default()),
        Message::Stream(StreamEnd { failure: Some("f".to_owned()), ..StreamEnd::default() }),
        Message::Series(Series { stream: 1, samples: vec![sample] }),
        Message::Results(End::default()),
        Message::Bye,
    ]
}

fn problem() -> Problem {
    Problem {
        status: 503,
        kind: "no-turn",
        title: "no turn",
        detail: "Others run.".to_owned(),
        blame: Blame::Peer,
        retry: Retry::After(Duration::from_secs(7)),
        next: "Wait.".to_owned(),
    }
}

/// A problem keeps its word, its status and when to try again; what the peer wrote cannot steer a terminal.
#[test]
fn a_problem_travels() {
    let back = Refusal::from(&problem()).into_problem();
    assert_eq!((back.kind, back.status, back.retry), ("no-turn", 503, Retry::After(Duration::from_secs(7))));
    let evil = Refusal {
        status: 99,
        kind: "made-up".to_owned(),
        detail: format!("\x1b[2J{}", "x".repeat(5000)),
        again_seconds: Some(f64::NAN),
        ..Refusal::from(&problem())
    };
    let back = evil.into_problem();
    assert_eq!((back.kind, back.status, back.retry), ("refused", 502, Retry::Soon));
    assert!(!back.detail.contains('\x1b') && back.detail.len() < 1300);
}

/// The longest samples that can be still fit their message.
#[test]
fn results_fit_their_messages() {
    let wide = u64::MAX;
    let tcp = TcpSample {
        rtt_ns: wide,
        rtt_least_ns: Some(wide),
        receiver_rtt_ns: Some(wide),
        congestion_window_bytes: wide,
        peer_window_bytes: Some(wide),
        retransmits: wide,
        data_segments_sent: Some(wide),
        segment_bytes: u32::MAX,
        delivery_rate_bytes_per_second: Some(wide),
        pacing_rate_bytes_per_second: Some(wide),
        busy_ns: Some(wide),
        receiver_limited_ns: Some(wide),
        send_buffer_limited_ns: Some(wide),
        unsent_bytes: Some(wide),
        congestion_marks: Some(wide),
        reordering: u32::MAX,
    };
    let sample = Sample { at_ns: wide, bytes: wide, socket_ns: wide, disk_ns: wide, cpu_ns: wide, tcp: Some(tcp) };
    let stream = StreamEnd { samples: vec![sample; 200], ..StreamEnd::default() };
    let end = End { streams: vec![stream; 2], ..End::default() };
    let messages: Vec<Message> = results(&end).collect();
    assert_eq!(messages.len(), 2 * (1 + 3) + 1);
    for message in &messages {
        assert!(encode(message).unwrap().len() < FRAME_BYTES_MAX, "{}", encode(message).unwrap().len());
    }
    assert_eq!(length([0, 1, 0, 1]), Err(WireError::TooLong(65_537)));
    assert_eq!(length([0xff; 4]), Err(WireError::TooLong(u32::MAX as usize)));
}

/// However long and wide a test is, an end keeps no more samples than it may send.
#[test]
fn samples_are_bounded() {
    for seconds in [1, 10, 60, 86_400] {
        for streams in [1, 8, 2 * STREAMS_MAX as usize] {
            let total = Duration::from_secs(seconds);
            let count = total.as_secs_f64() / sample_every(total, streams).as_secs_f64() * streams as f64;
            assert!(count <= SAMPLES_MAX as f64 / 2.0 + 1.0, "{seconds} s, {streams} streams: {count}");
        }
    }
    assert_eq!(sample_every(Duration::from_secs(10), 1), Duration::from_millis(50));
    assert_eq!(sample_every(Duration::from_secs(60), 1), Duration::from_millis(100));
}

/// Requests beyond what the protocol allows are named.
#[test]
fn requests_are_checked() {
    let good = Request { duration_seconds: Some(10.0), ..Request::default() };
    assert_eq!(good.check(), Ok(()));
    let cases = [
        (Request { duration_seconds: None, ..good.clone() }, "either a duration"),
        (Request { bytes: Some(1), ..good.clone() }, "either a duration"),
        (Request { duration_seconds: Some(f64::NAN), ..good.clone() }, "either a duration"),
        (Request { duration_seconds: Some(1e9), ..good.clone() }, "the duration"),
        (Request { omit_seconds: f64::INFINITY, ..good.clone() }, "the warm-up"),
        (Request { omit_seconds: -1.0, ..good.clone() }, "the warm-up"),
        (Request { wait_seconds: 1e300, ..good.clone() }, "the time to wait"),
        (Request { streams: 0, ..good.clone() }, "streams"),
        (Request { streams: 129, ..good.clone() }, "streams"),
        (Request { block_bytes: 0, ..good.clone() }, "a block"),
        (Request { block_bytes: u32::MAX, ..good.clone() }, "a block"),
        (Request { congestion_control: Some("a b".to_owned()), ..good.clone() }, "congestion control"),
        (Request { congestion_control: Some("x".repeat(16)), ..good.clone() }, "congestion control"),
        (Request { dscp: Some(64), ..good.clone() }, "DSCP"),
        (Request { pace_bits_per_second: Some(7), ..good.clone() }, "pacing"),
        (Request { send_buffer_bytes: Some(0), ..good.clone() }, "a buffer"),
        (Request { receive_buffer_bytes: Some(u64::MAX), ..good.clone() }, "a buffer"),
    ];
    for (request, why) in cases {
        let told = request.check().unwrap_err();
        assert!(told.contains(why), "{request:?}: {told}");
    }
}

/// Streams are numbered first to the responder, then from it.
#[test]
fn streams_are_numbered() {
    let kinds = |direction| Request { direction, streams: 2, ..Request::default() }.kinds();
    let ways = |direction| kinds(direction).iter().map(|kind| (kind.number, kind.to_responder)).collect::<Vec<_>>();
    assert_eq!(ways(Direction::To), [(0, true), (1, true)]);
    assert_eq!(ways(Direction::From), [(0, false), (1, false)]);
    assert_eq!(ways(Direction::Both), [(0, true), (1, true), (2, false), (3, false)]);
}

proptest! {
    /// A cookie has the form that the measurement port knows, and is read back.
    #[test]
    fn cookies_have_their_form(random in proptest::array::uniform32(any::<u8>()), more in any::<[u8; 4]>()) {
        let mut seed = [0; 36];
        seed[..32].copy_from_slice(&random);
        seed[32..].copy_from_slice(&more);
        let octets = cookie(&seed);
        prop_assert!(octets[..36].iter().all(|octet| COOKIE_ALPHABET.contains(octet)));
        let text = String::from_utf8(octets[..36].to_vec()).unwrap();
        prop_assert_eq!(Grant { cookie: text, ..Grant::default() }.cookie_octets(), Some(octets));
    }

    /// Whatever comes, decoding it ends.
    #[test]
    fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }
}
