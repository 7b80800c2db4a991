use super::spec::FRAME_BYTES_MAX;
use super::wire::*;
use core::time::Duration;
use proptest::prelude::*;

/// Length in 32 bits, then JSON: what another implementation would have to write.
#[test]
fn an_ask_is_these_bytes() {
    let ask = Ask {
        budget: "uplink".to_owned(),
        what: "iperf3".to_owned(),
        who: "192.0.2.7".to_owned(),
        longest_seconds: 70.0,
        patience_seconds: 300.0,
    };
    let bytes = encode(&ask).unwrap();
    let text =
        r#"{"budget":"uplink","what":"iperf3","who":"192.0.2.7","longest_seconds":70.0,"patience_seconds":300.0}"#;
    assert_eq!((&bytes[..4], &bytes[4..]), (&[0, 0, 0, text.len() as u8][..], text.as_bytes()));
    assert_eq!(length([bytes[0], bytes[1], bytes[2], bytes[3]]), Ok(text.len()));
    assert_eq!(decode::<Ask>(&bytes[4..]), Ok(ask));
    for end in 4..bytes.len() {
        assert!(decode::<Ask>(&bytes[4..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn answers_are_read_back_and_members_of_later_versions_are_passed_over() {
    let running = vec![Running { what: "ndt7".to_owned(), who: "anonymous".to_owned(), seconds_left: 9.5 }];
    for answer in [
        Answer::Wait(Wait { ahead: 2, at_most_seconds: 130.0, running }),
        Answer::Granted { seconds: 70.0 },
        Answer::Refused { reason: "64 tests wait already".to_owned(), again_seconds: Some(60.0) },
        Answer::Refused { reason: "the keeper is stopping".to_owned(), again_seconds: None },
    ] {
        assert_eq!(decode::<Answer>(&encode(&answer).unwrap()[4..]), Ok(answer));
    }
    let later = br#"{"granted":{"seconds":1.0,"colour":"blue"}}"#;
    assert_eq!(decode::<Answer>(later), Ok(Answer::Granted { seconds: 1.0 }));
    assert!(matches!(decode::<Answer>(b"{\"danced\":{}}"), Err(WireError::Malformed(_))));
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read() {
    assert_eq!(length([0, 1, 0, 0]), Err(WireError::TooLong(65_536)));
    let reason = "x".repeat(FRAME_BYTES_MAX);
    assert!(matches!(encode(&Answer::Refused { reason, again_seconds: None }), Err(WireError::TooLong(_))));
    assert_eq!(plain("a\u{7}b\n").as_str(), "a b ");
    assert_eq!(plain(&"é".repeat(100)).chars().count(), 64);
}

#[test]
fn spans_of_peers_are_never_a_fault() {
    assert_eq!(span(1.5), Duration::from_millis(1500));
    for none in [-1.0, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(span(none), Duration::ZERO, "{none}");
    }
    assert_eq!((span(f64::INFINITY), span(1e300)), (Duration::MAX, Duration::MAX));
}

proptest! {
    #[test]
    fn no_bytes_are_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode::<Ask>(&bytes);
        let _ = decode::<Answer>(&bytes);
    }
}
