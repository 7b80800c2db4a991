use super::*;
use std::time::Duration;
use terms::{Blame, Problem, Retry};

fn agreed(version: &str, form: Form) -> Agreed {
    Agreed {
        form,
        version: version.to_owned(),
        cipher: "TLS13_AES_128_GCM_SHA256".to_owned(),
        group: (form != Form::Resumed).then(|| "X25519".to_owned()),
        key: Some("ECDSA P-256".to_owned()),
        alpn: Some("h2".to_owned()),
    }
}

#[test]
fn handshakes_have_their_round_trips() {
    let trips = |version, form| agreed(version, form).round_trips();
    assert_eq!(trips("TLSv1.3", Form::Full), 1);
    assert_eq!(trips("TLSv1.3", Form::Retried), 2);
    assert_eq!(trips("TLSv1.3", Form::Resumed), 1);
    assert_eq!(trips("TLSv1.2", Form::Full), 2);
    assert_eq!(trips("TLSv1.2", Form::Resumed), 1);
}

fn problem() -> Problem {
    Problem {
        status: 502,
        kind: "tls-failed",
        title: "No agreement on TLS",
        detail: "It refused.".to_owned(),
        blame: Blame::Peer,
        retry: Retry::Never,
        next: "Check that the port speaks TLS 1.2 or 1.3.".to_owned(),
    }
}

fn tally(version: &str, form: Form) -> Tally {
    let mut tally = Tally::default();
    for step in 0..4 {
        let handshake = Duration::from_micros(21_500 + step * 100);
        tally.shaken(Duration::from_millis(10), handshake, agreed(version, form));
    }
    tally
}

#[test]
fn distance_and_work_are_told_apart() {
    // TLS 1.2: one round trip of TCP, two of TLS; 1.5 ms of the handshake are work.
    let distance = tally("TLSv1.2", Form::Full).round(Stage::Full).distance.unwrap();
    assert_eq!((distance.round_trips, distance.round_trip_seconds), (3, 0.010));
    assert!((distance.work_seconds - 0.0015).abs() < 1e-9, "{}", distance.work_seconds);
    let at: Vec<f64> = distance.at.iter().map(|at| (at.connection_seconds * 1e4).round() / 1e4).collect();
    assert_eq!(at, [0.0315, 0.1515, 0.3315, 0.6015]);
    // A handshake that was quicker than its round trips has no negative work.
    let mut quick = Tally::default();
    quick.shaken(Duration::from_millis(10), Duration::from_millis(9), agreed("TLSv1.3", Form::Full));
    assert_eq!(quick.round(Stage::Full).distance.unwrap().work_seconds, 0.0);
    assert_eq!(Tally::default().round(Stage::Tcp).distance, None);
}

#[test]
fn a_report_reads_like_this() {
    let mut tcp = Tally::default();
    tcp.connected(Duration::from_millis(10));
    let mut resumed = tally("TLSv1.3", Form::Resumed);
    resumed.add(&tally("TLSv1.3", Form::Full));
    resumed.failed(&problem());
    resumed.failed(&problem());
    let report = Report {
        host: "port.example:8443".to_owned(),
        address: "192.0.2.1:8443".to_owned(),
        family: "IPv4".to_owned(),
        concurrency: 1,
        rounds: vec![
            tcp.round(Stage::Tcp),
            tally("TLSv1.2", Form::Full).round(Stage::Full),
            resumed.round(Stage::Resumed),
        ],
    };
    assert_eq!(report.shown(), include_str!("tests/report.txt"));
    assert!(!report.is_clean());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["rounds"][1]["agreed"][0]["count"], 4);
    assert_eq!(json["rounds"][1]["agreed"][0]["form"], "full");
    assert_eq!(json["rounds"][1]["handshake"]["minimum_seconds"], 0.0215);
    assert_eq!(json["rounds"][2]["failures"][0]["count"], 2);
}

#[test]
fn what_was_asked_for_decides_what_is_clean() {
    let report = |stage, form| Report {
        host: String::new(),
        address: String::new(),
        family: String::new(),
        concurrency: 1,
        rounds: vec![tally("TLSv1.3", form).round(stage)],
    };
    assert!(report(Stage::Full, Form::Full).is_clean());
    assert!(report(Stage::Resumed, Form::Resumed).is_clean());
    assert!(!report(Stage::Resumed, Form::Full).is_clean());
}
