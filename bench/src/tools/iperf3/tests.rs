use super::*;

#[test]
fn the_receivers_bytes_count() {
    let json =
        r#"{"end":{"sum_sent":{"bytes":20,"seconds":2.0,"retransmits":7},"sum_received":{"bytes":10,"seconds":4.0}}}"#;
    let moved = moved(json).unwrap();
    assert_eq!(moved, Moved { bytes: 10, seconds: 4.0, retransmits: Some(7) });
    assert_eq!(moved.bits_per_second(), 20.0);
}

#[test]
fn an_error_of_iperf3_is_passed_on() {
    assert_eq!(moved(r#"{"error":"unable to connect"}"#).unwrap_err(), "iperf3: unable to connect");
    assert!(moved("bad parameter").unwrap_err().contains("no JSON"));
    assert!(moved(r#"{"end":{}}"#).is_err());
}
