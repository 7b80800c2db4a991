//! Wire, datagrams and text: captures of 3.12, refusals, properties.

use super::datagram::{Arrivals, Head};
use super::spec::{State, stream_id};
use super::text::{Format, amount};
use super::wire::{Cookie, Direction, Malformed, Parameters, Protocol, Results, StreamResults};
use proptest::prelude::*;
use std::time::Duration;

/// Parameters as 3.12 sent them.
#[test]
fn captured_parameters_are_read() {
    let captured = br#"{"tcp":true,"omit":1,"time":10,"num":0,"blockcount":0,"MSS":1400,"nodelay":true,"parallel":3,"bidirectional":true,"window":1048576,"len":65536,"bandwidth":1000000000,"pacing_timer":1000,"burst":5,"TOS":32,"title":"hello","extra_data":"xx","congestion":"cubic","get_server_output":1,"repeating_payload":1,"zerocopy":1,"client_version":"3.12"}"#;
    let read = Parameters::from_json(captured).unwrap();
    let expected = Parameters {
        omit_seconds: 1,
        seconds: 10,
        segment_bytes: Some(1400),
        no_delay: true,
        streams: 3,
        direction: Direction::Both,
        window_bytes: Some(1 << 20),
        block_bytes: 65_536,
        rate: 1_000_000_000,
        pacing_timer_us: 1000,
        burst: 5,
        traffic_class: 32,
        title: Some("hello".to_owned()),
        extra_data: Some("xx".to_owned()),
        congestion: Some("cubic".to_owned()),
        want_server_output: true,
        repeating_payload: true,
        zero_copy: true,
        client_version: Some("3.12".to_owned()),
        ..Parameters::default()
    };
    assert_eq!(read, expected);
    assert_eq!(Parameters::from_json(&read.to_json()).unwrap(), read);
    let again: serde_json::Value = serde_json::from_slice(&read.to_json()).unwrap();
    let captured: serde_json::Value = serde_json::from_slice(captured).unwrap();
    assert_eq!(again, captured);
}

/// Results as 3.12 sent them; −1 in each of its spellings is unknown, not a count.
#[test]
fn captured_results_are_read() {
    for minus_one in ["-1", "18446744073709551615", "1.8446744073709552e+19", "-1.0"] {
        let captured = r#"{"cpu_util_total":0.076,"cpu_util_user":0,"cpu_util_system":0.076,"sender_has_retransmits":N,"congestion_used":"bbr","streams":[{"id":1,"bytes":1310720,"retransmits":N,"jitter":0,"errors":0,"packets":0,"start_time":0,"end_time":1.046348},{"id":3,"bytes":1.31072e6,"retransmits":7}]}"#;
        let read = Results::from_json(captured.replace('N', minus_one).as_bytes()).unwrap();
        assert_eq!(read.sender_has_retransmits, None, "{minus_one}");
        assert_eq!(read.congestion_used.as_deref(), Some("bbr"));
        assert_eq!(read.stream(1).unwrap().retransmits, None, "{minus_one}");
        assert_eq!(read.stream(3).unwrap().retransmits, Some(7));
        assert_eq!(read.stream(3).unwrap().bytes, 1_310_720);
        assert!(read.stream(2).is_none());
    }
}

/// The second stream is called 3.
#[test]
fn streams_are_numbered_as_iperf3_does() {
    assert_eq!([0, 1, 2, 3].map(stream_id), [1, 3, 4, 5]);
}

#[test]
fn states_have_their_octets() {
    for octet in 0..=u8::MAX {
        if let Some(state) = State::from_octet(octet) {
            assert_eq!(state.to_octet(), octet);
        }
    }
    assert_eq!(State::AccessDenied.to_octet(), 0xff);
    assert_eq!(State::ServerError.to_octet(), 0xfe);
}

/// Unknown keys, missing ones and those of a wrong kind are passed over; what is no object is refused, as is a long one.
#[test]
fn parameters_are_read_with_lenience_and_bounds() {
    let read =
        Parameters::from_json(br#"{"udp":1,"gso":true,"parallel":"many","TOS":999,"MSS":-1,"time":1e300,"x":[1]}"#)
            .unwrap();
    assert_eq!((read.protocol, read.streams, read.traffic_class, read.segment_bytes), (Protocol::Udp, 1, 0, None));
    for wrong in [&b"[]"[..], b"", b"{", b"\"x\"", br#"{"sctp":true}"#] {
        assert!(Parameters::from_json(wrong).is_err());
    }
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(9000));
    assert!(matches!(Parameters::from_json(long.as_bytes()), Err(Malformed::TooLong { .. })));
    let many = format!(r#"{{"streams":[{}]}}"#, vec!["{}"; 300].join(","));
    assert!(Results::from_json(many.as_bytes()).is_err());
}

#[test]
fn cookies_have_their_letters() {
    let cookie = Cookie::of_seed(&std::array::from_fn(|at| at as u8 * 7));
    assert_eq!(Cookie::parse(&cookie.0), Some(cookie));
    assert_eq!(cookie.as_str().len(), 36);
    let mut wrong = cookie.0;
    wrong[3] = b'1';
    assert_eq!(Cookie::parse(&wrong), None);
    wrong[3] = b'a';
    wrong[36] = b'a';
    assert_eq!(Cookie::parse(&wrong), None);
}

/// Twelve octets of head, or sixteen.
#[test]
fn heads_of_datagrams_are_big_endian() {
    let head = Head { sent: Duration::new(0x0102_0304, 5_000), number: 0x0001_0000_0002 };
    let mut datagram = [0xaa; 20];
    head.write(true, &mut datagram);
    assert_eq!(datagram[..16], [1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2]);
    assert_eq!(Head::read(true, &datagram), Some(head));
    head.write(false, &mut datagram);
    assert_eq!(datagram[..12], [1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 2]);
    assert_eq!(Head::read(false, &datagram[..11]), None);
    assert_eq!(Head::read(false, b"9876"), None);
}

/// A gap is a loss; who comes late fills a gap and counts as out of order.
#[test]
fn losses_and_latecomers_are_told_apart() {
    let mut arrivals = Arrivals::default();
    for number in [1, 2, 5, 4, 6, 8] {
        arrivals.arrived(Head { sent: Duration::ZERO, number }, Duration::ZERO);
    }
    assert_eq!((arrivals.packets, arrivals.lost, arrivals.out_of_order), (8, 2, 1));
}

/// RFC 3550 §6.4.1: a sixteenth of each difference of transit times; the offset of the clocks does not matter.
#[test]
fn jitter_is_that_of_rfc_3550() {
    let mut arrivals = Arrivals::default();
    let offset = Duration::from_secs(1_000_000);
    for (number, transit_ms) in [(1, 10), (2, 26), (3, 26), (4, 10)] {
        let sent = Duration::from_millis(100 * number);
        arrivals.arrived(Head { sent, number }, offset + sent + Duration::from_millis(transit_ms));
    }
    // 0 → 1 → 0.9375 → 1.87890625 ms
    assert!((arrivals.jitter_seconds * 1000.0 - 1.878_906_25).abs() < 1e-6, "{}", arrivals.jitter_seconds);
}

/// Figures as iperf3 writes them: three that count, 1024s for amounts and 1000s for rates.
#[test]
fn figures_are_written_as_iperf3_writes_them() {
    assert_eq!(amount(0), "0.00 Bytes");
    assert_eq!(amount(131_072), " 128 KBytes");
    assert_eq!(amount(1_047_728), "1023 KBytes");
    assert_eq!(amount(2_598_500_000), "2.42 GBytes");
    assert_eq!(Format::Adaptive.rate(20.84e9), "20.8 Gbits/sec");
    assert_eq!(Format::Adaptive.rate(9.96e6), "9.96 Mbits/sec");
    assert_eq!(Format::of('m').unwrap().rate(20.84e9), "20840 Mbits/sec");
    assert_eq!(Format::of('M').unwrap().rate(8.0 * 1_048_576.0), "1.00 MBytes/sec");
    assert_eq!(Format::of('x'), None);
}

proptest! {
    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Parameters::from_json(&octets);
        let _ = Results::from_json(&octets);
        let _ = Head::read(true, &octets);
    }

    #[test]
    fn results_survive_the_way(bytes in 0..u64::MAX / 2, lost in 0..1_000_000_u64, seconds in 0..86_400_u32) {
        let stream = StreamResults { id: 3, bytes, errors: lost, packets: lost, end: f64::from(seconds), ..StreamResults::default() };
        let results = Results { streams: vec![stream], ..Results::default() };
        prop_assert_eq!(Results::from_json(&results.to_json()).unwrap(), results);
    }
}
