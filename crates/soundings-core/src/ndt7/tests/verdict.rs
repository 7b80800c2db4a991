//! Verdicts: each by the figures of a test that has this limit, and none by those of a good one.

use crate::ndt7::{Evidence, Kind, TcpInfo, Test, Verdict, judge};
use std::time::Duration;
use terms::Rate;

/// A download of ten seconds at this rate, by a path of `rtt_ms` that has no fault.
fn good(rate: u64, rtt_ms: i64, control: &str) -> Evidence {
    let bytes = rate / 8 * 10;
    let first = TcpInfo { min_rtt: Some(rtt_ms * 1000), ..blank() };
    let last = TcpInfo {
        data_segs_out: Some((bytes / 1448) as i64),
        busy_time: Some(9_950_000),
        snd_wnd: Some(64 << 20),
        min_rtt: Some(rtt_ms * 1000),
        ..blank()
    };
    Evidence {
        elapsed: Duration::from_secs(10),
        bytes,
        sender: Some((first, last)),
        round_trips: vec![Duration::from_millis(rtt_ms as u64); 40],
        congestion_control: Some(control.to_owned()),
        ..Evidence::default()
    }
}

fn blank() -> TcpInfo {
    TcpInfo {
        options: Some(7),
        snd_mss: Some(1448),
        total_retrans: Some(0),
        data_segs_out: Some(0),
        busy_time: Some(0),
        rwnd_limited: Some(0),
        snd_buf_limited: Some(0),
        ..TcpInfo::default()
    }
}

fn last(evidence: &mut Evidence) -> &mut TcpInfo {
    &mut evidence.sender.as_mut().unwrap().1
}

fn kinds(verdict: &Verdict) -> Vec<Kind> {
    verdict.findings.iter().map(|finding| finding.kind).collect()
}

fn download(evidence: &Evidence) -> Vec<Kind> {
    kinds(&judge(Test::Download, evidence))
}

#[test]
fn a_good_path_is_full() {
    let verdict = judge(Test::Download, &good(940_000_000, 20, "bbr"));
    assert_eq!(kinds(&verdict), [Kind::PathFull]);
    assert_eq!(verdict.limit().unwrap().says, "Nothing is wrong: the path was full at 940 Mbit/s.");
    assert_eq!((verdict.rtt_least_seconds, verdict.loss), (Some(0.02), Some(0.0)));
}

#[test]
fn the_allowance() {
    let mut evidence = good(930_000_000, 20, "bbr");
    evidence.allowance = Some(Rate(1_000_000_000));
    assert_eq!(download(&evidence), [Kind::Allowance]);
    // A slow path is not held back by a wide allowance.
    evidence.bytes /= 10;
    assert_eq!(download(&evidence), [Kind::PathFull]);
}

/// 3 MiB at 100 ms let 252 Mbit/s through.
#[test]
fn the_receivers_window() {
    let mut evidence = good(240_000_000, 100, "cubic");
    last(&mut evidence).rwnd_limited = Some(9_500_000);
    last(&mut evidence).snd_wnd = Some(3 << 20);
    let verdict = judge(Test::Download, &evidence);
    assert_eq!(kinds(&verdict), [Kind::ReceiverWindow]);
    let says = &verdict.limit().unwrap().says;
    assert!(says.contains("3.15 MB at a round-trip time of 100 ms let at most 252 Mbit/s"), "{says}");
    // The same share of time with a window for ten times as much: the program does not read.
    last(&mut evidence).snd_wnd = Some(30 << 20);
    assert_eq!(download(&evidence), [Kind::Receiver]);
}

#[test]
fn the_sender() {
    let mut evidence = good(240_000_000, 100, "cubic");
    last(&mut evidence).snd_buf_limited = Some(8_000_000);
    assert_eq!(download(&evidence), [Kind::SendBuffer]);
    let mut evidence = good(240_000_000, 1, "cubic");
    last(&mut evidence).busy_time = Some(3_000_000);
    assert_eq!(download(&evidence), [Kind::Sender]);
    evidence.processor = Some(0.97);
    assert_eq!(download(&evidence), [Kind::Processor]);
}

/// Four segments of ten thousand at 90 ms: Mathis promises some 7 Mbit/s, however wide the path is.
#[test]
fn loss_for_this_distance() {
    let mut evidence = good(10_000_000, 90, "cubic");
    let segments = evidence.bytes as i64 / 1448;
    last(&mut evidence).total_retrans = Some(4);
    let verdict = judge(Test::Download, &evidence);
    assert_eq!(kinds(&verdict), [Kind::LossForDistance]);
    let finding = verdict.limit().unwrap();
    assert!(finding.figures.iter().any(|line| line.contains("Mathis: 1448 B / (90 ms")), "{finding:?}");
    // BBR does not slow down for that.
    evidence.congestion_control = Some("bbr".to_owned());
    assert_eq!(download(&evidence), [Kind::PathFull]);
    // It does for three percent.
    last(&mut evidence).total_retrans = Some(segments / 33);
    assert_eq!(download(&evidence), [Kind::Loss]);
}

/// What slow start loses when it overshoots is the test's own doing: only what comes after it counts.
#[test]
fn losses_of_slow_start_do_not_count() {
    let mut evidence = good(90_000_000, 60, "bbr");
    last(&mut evidence).total_retrans = Some(3000);
    evidence.settled = Some(TcpInfo { total_retrans: Some(2998), data_segs_out: Some(20_000), ..blank() });
    assert_eq!(download(&evidence), [Kind::PathFull]);
    // A cubic sender: quick until the first loss, slow after it.
    let mut evidence = good(17_000_000, 60, "cubic");
    let told = last(&mut evidence);
    (told.total_retrans, told.data_segs_out) = (Some(140), Some(14_700));
    (told.bytes_acked, told.elapsed_time) = (Some(21_250_000), Some(10_000_000));
    evidence.settled = Some(TcpInfo {
        total_retrans: Some(132),
        data_segs_out: Some(9_000),
        bytes_acked: Some(13_000_000),
        elapsed_time: Some(3_000_000),
        ..blank()
    });
    let verdict = judge(Test::Download, &evidence);
    assert_eq!(kinds(&verdict), [Kind::LossForDistance]);
    assert!(
        verdict.findings[0].figures.iter().any(|line| line.starts_with("after slow start: 8 segments lost, 0.14 %"))
    );
}

/// Loss behind a queue that the test itself fills is how a path says that it is full.
#[test]
fn loss_behind_a_queue_is_a_full_path() {
    let mut evidence = good(25_000_000, 90, "cubic");
    last(&mut evidence).total_retrans = Some(20);
    evidence.round_trips = vec![Duration::from_millis(150); 40];
    assert_eq!(download(&evidence), [Kind::PathFull]);
    evidence.round_trips = vec![Duration::from_millis(800); 40];
    let verdict = judge(Test::Download, &evidence);
    assert_eq!(kinds(&verdict), [Kind::PathFull, Kind::Bufferbloat]);
    assert!(verdict.findings[1].says.contains("800 ms instead of 90 ms"), "{:?}", verdict.findings[1]);
}

#[test]
fn a_duplex_mismatch() {
    let mut evidence = good(4_000_000, 2, "cubic");
    last(&mut evidence).total_retrans = Some(60);
    evidence.other_way = Some(Rate(90_000_000));
    // Plain loss under cubic beside a direction under BBR looks much the same, but for the timeouts.
    assert_eq!(download(&evidence), [Kind::LossForDistance]);
    evidence.timeouts = Some(0.1);
    assert_eq!(download(&evidence), [Kind::DuplexMismatch]);
    // Without the other direction it is loss and no more.
    evidence.other_way = None;
    assert_eq!(download(&evidence), [Kind::LossForDistance]);
}

#[test]
fn options_that_are_missing() {
    let mut evidence = good(940_000_000, 20, "bbr");
    last(&mut evidence).options = Some(1);
    assert_eq!(download(&evidence), [Kind::PathFull, Kind::NoWindowScale, Kind::NoSack]);
}

/// An upload whose sender does not tell: what the receiver sees, and no more.
#[test]
fn an_upload_of_a_browser() {
    let mut evidence = good(50_000_000, 20, "");
    evidence.congestion_control = None;
    evidence.sender = None;
    let first = TcpInfo { rcv_ooo_pack: Some(0), data_segs_in: Some(0), options: Some(7), ..TcpInfo::default() };
    let mut seen = TcpInfo {
        rcv_ooo_pack: Some(3),
        data_segs_in: Some(40_000),
        min_rtt: Some(20_000),
        rcv_ss_thresh: Some(3 << 20),
        options: Some(7),
        ..TcpInfo::default()
    };
    evidence.receiver = Some((first.clone(), seen.clone()));
    let upload = |evidence: &Evidence| kinds(&judge(Test::Upload, evidence));
    assert_eq!(upload(&evidence), [Kind::Unseen]);
    seen.rcv_ooo_pack = Some(400);
    evidence.receiver = Some((first.clone(), seen.clone()));
    assert_eq!(upload(&evidence), [Kind::Unseen, Kind::OutOfOrder]);
    seen.rcv_ooo_pack = Some(0);
    seen.rcv_ss_thresh = Some(128 << 10);
    evidence.receiver = Some((first, seen));
    assert_eq!(upload(&evidence), [Kind::ReceiverWindow]);
    evidence.allowance = Some(Rate(50_000_000));
    assert_eq!(upload(&evidence), [Kind::Allowance]);
}

/// With the client's figures the same verdict is to be had as of a download.
#[test]
fn an_upload_of_ours() {
    let mut evidence = good(240_000_000, 100, "cubic");
    last(&mut evidence).rwnd_limited = Some(9_500_000);
    last(&mut evidence).snd_wnd = Some(3 << 20);
    let verdict = judge(Test::Upload, &evidence);
    assert_eq!(kinds(&verdict), [Kind::ReceiverWindow]);
    assert!(verdict.limit().unwrap().says.starts_with("The window of this responder is too small"));
}

#[test]
fn too_little_is_said_to_be_too_little() {
    assert_eq!(download(&Evidence::default()), [Kind::TooShort]);
    let mut evidence = good(940_000_000, 20, "bbr");
    evidence.elapsed = Duration::from_millis(1500);
    assert_eq!(download(&evidence), [Kind::TooShort]);
}

/// Figures that a hostile client sends as its own: absurd, and harmless.
#[test]
fn absurd_figures() {
    let wild = |number: i64| {
        let text = format!(
            r#"{{"SndMSS":{number},"RTT":{number},"MinRTT":{number},"TotalRetrans":{number},"DataSegsOut":{number},
                "BusyTime":{number},"RWndLimited":{number},"SndBufLimited":{number},"SndWnd":{number},"Options":{number}}}"#
        );
        serde_json::from_str::<TcpInfo>(&text).unwrap()
    };
    let numbers = [0, 1, -1, i64::from(u32::MAX)];
    for first in numbers {
        for last in numbers {
            let mut evidence = good(1, 1, "cubic");
            evidence.sender = Some((wild(first), wild(last)));
            for bytes in [0, 1, u64::MAX] {
                evidence.bytes = bytes;
                assert!(!judge(Test::Upload, &evidence).findings.is_empty());
            }
        }
    }
}

/// A peer may say any number of its kernel's counters: there is a verdict all the same, and its figures are numbers.
#[test]
fn no_figures_of_a_peer_are_a_fault() {
    let told = |value: i64| {
        let members = serde_json::to_value(good(1_000_000, 10, "cubic").sender.unwrap().0).unwrap();
        let names =
            ["MinRTT", "RTT", "RTTVar", "DataSegsOut", "DataSegsIn", "TotalRetrans", "BytesAcked", "BytesReceived"];
        let more =
            ["BusyTime", "RWndLimited", "SndBufLimited", "ElapsedTime", "RcvOooPack", "SndMSS", "SndWnd", "RcvSpace"];
        let mut members = members.as_object().unwrap().clone();
        for name in names.iter().chain(&more) {
            members.insert((*name).to_owned(), value.into());
        }
        serde_json::from_value::<TcpInfo>(members.into()).unwrap()
    };
    let extremes = [i64::MIN, -1, 0, 1, i64::MAX];
    for (first, last) in extremes.iter().flat_map(|first| extremes.iter().map(move |last| (*first, *last))) {
        let pair = (told(first), told(last));
        let evidence = Evidence {
            sender: Some(pair.clone()),
            receiver: Some(pair.clone()),
            settled: Some(pair.0.clone()),
            round_trips: vec![Duration::from_micros(first.unsigned_abs()), Duration::from_micros(last.unsigned_abs())],
            ..good(1_000_000, 10, "cubic")
        };
        for test in [Test::Download, Test::Upload] {
            let verdict = judge(test, &evidence);
            assert!(!verdict.findings.is_empty());
            serde_json::to_string(&verdict).unwrap();
        }
    }
}

/// What a server writes goes to a terminal: it moves no cursor there, and does not fill it.
#[test]
fn a_verdict_of_a_server_is_made_plain() {
    let mut verdict = judge(Test::Download, &good(1_000_000, 10, "cubic"));
    let hostile = "\u{1b}[2J\u{9b}31m\r\n".to_owned() + &"x".repeat(1_000);
    let finding = &mut verdict.findings[0];
    (finding.says, finding.next, finding.figures) = (hostile.clone(), hostile.clone(), vec![hostile.clone(); 20]);
    verdict.congestion_control = Some(hostile);
    verdict.findings = vec![verdict.findings[0].clone(); 20];
    let plain = verdict.made_plain();
    assert_eq!((plain.findings.len(), plain.findings[0].figures.len()), (16, 16));
    let texts = plain.findings.iter().flat_map(|finding| finding.figures.iter().chain([&finding.says, &finding.next]));
    for text in texts.chain(&plain.congestion_control) {
        assert!(text.chars().count() <= 500 && !text.chars().any(char::is_control), "{text}");
    }
}
