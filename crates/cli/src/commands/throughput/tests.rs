use super::*;

/// Hosts are told with and without ports, in both families.
#[test]
fn hosts_are_split_from_ports() {
    let cases = [
        ("dtn.example", "dtn.example", 5201),
        ("dtn.example:5202", "dtn.example", 5202),
        ("192.0.2.1:1", "192.0.2.1", 1),
        ("2001:db8::1", "2001:db8::1", 5201),
        ("[2001:db8::1]", "2001:db8::1", 5201),
        ("[2001:db8::1]:5202", "2001:db8::1", 5202),
    ];
    for (text, host, port) in cases {
        assert_eq!(split(text).unwrap(), (host.to_owned(), port), "{text}");
    }
    for text in ["", ":5201", "host:port", "host:99999"] {
        assert!(split(text).is_err(), "{text}");
    }
}

/// A sparkline's full height is the highest rate of all streams.
#[test]
fn a_sparkline_is_drawn_to_scale() {
    assert_eq!(show::sparkline(&[0.0, 50.0, 100.0], 100.0), "▁▅█");
    assert_eq!(show::sparkline(&[0.0, 0.0], 0.0), "▁▁");
    assert_eq!(show::sparkline(&[], 1.0), "");
}
