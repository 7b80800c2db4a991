use super::address::{Asked, BadAddress, Part, asked, part};
use super::lease::Pace;
use super::target::{Inside, inside};
use super::*;
use core::net::IpAddr;
use std::time::Duration;
use terms::{Blame, Problem, Rate, Retry, TcpInfo};

fn plan() -> Plan {
    Plan {
        way: Way::Download,
        size_bytes: 1_000_000,
        span: Some(Duration::from_secs(10)),
        requests: None,
        warm_up: Duration::from_secs(2),
        connections: 1,
        streams: 1,
        patience: Duration::from_secs(30),
    }
}

#[test]
fn plans_that_cannot_be_carried_out_are_refused() {
    assert_eq!(plan().check(false), Ok(()));
    assert_eq!(Plan { span: None, ..plan() }.check(false), Err(BadPlan::Endless));
    let counted = Plan { span: None, requests: Some(3), warm_up: Duration::ZERO, ..plan() };
    assert_eq!(counted.check(false), Ok(()));
    assert_eq!(Plan { warm_up: Duration::from_secs(1), ..counted }.check(false), Err(BadPlan::WarmUpOfRequests));
    let long = Duration::from_secs(86_401);
    assert_eq!(Plan { span: Some(long), ..plan() }.check(false), Err(BadPlan::Long(long)));
    let ten = Duration::from_secs(10);
    let all = Plan { warm_up: ten, ..plan() };
    assert_eq!(all.check(false), Err(BadPlan::WarmUp { span: ten, warm_up: ten }));
    let none = Plan { connections: 0, ..plan() };
    assert_eq!(none.check(false), Err(BadPlan::Number { what: "connections", given: 0, most: 1_024 }));
    let streams = Plan { streams: 4, ..plan() };
    assert_eq!(streams.check(false), Err(BadPlan::StreamsOfHttp1));
    assert_eq!(streams.check(true), Ok(()));
}

#[test]
fn addresses_name_sizes_and_leases() {
    assert_eq!(asked("/synthetic/0"), Some(Ok(Asked::Bytes(0))));
    assert_eq!(asked("/synthetic/1048576"), Some(Ok(Asked::Bytes(1 << 20))));
    assert_eq!(asked("/synthetic/64KiB"), Some(Ok(Asked::Bytes(64 << 10))));
    assert_eq!(asked("/synthetic/1.5GB"), Some(Ok(Asked::Bytes(1_500_000_000))));
    assert_eq!(asked("/synthetic/lease"), Some(Ok(Asked::Leases)));
    assert_eq!(asked("/synthetic/lease/abc"), Some(Ok(Asked::Lease("abc".to_owned()))));
    assert_eq!(asked("/data/1"), None);
    assert_eq!(asked("/synthetic/big"), Some(Err(BadAddress::NoSize("big".to_owned()))));
    assert_eq!(asked("/synthetic/"), Some(Err(BadAddress::NoSize(String::new()))));
    assert_eq!(asked("/synthetic/2PB"), Some(Err(BadAddress::TooLarge("2PB".to_owned()))));
    let endless = "9".repeat(30);
    assert_eq!(asked(&format!("/synthetic/{endless}")), Some(Err(BadAddress::TooLarge(endless))));
}

#[test]
fn ranges_are_read_as_http_says() {
    let cases = [
        (None, Part::Whole),
        (Some("bytes=0-"), Part::Range { first: 0, len: 1000 }),
        (Some("bytes=0-0"), Part::Range { first: 0, len: 1 }),
        (Some("bytes=990-2000"), Part::Range { first: 990, len: 10 }),
        (Some("bytes=-10"), Part::Range { first: 990, len: 10 }),
        (Some("bytes=-5000"), Part::Range { first: 0, len: 1000 }),
        (Some("bytes=1000-"), Part::Beyond),
        (Some("bytes=1000-1001"), Part::Beyond),
        (Some("bytes=-0"), Part::Beyond),
        (Some("bytes=99999999999999999999999-"), Part::Beyond),
        // What may be ignored is: several ranges, another unit, nonsense.
        (Some("bytes=0-1,5-6"), Part::Whole),
        (Some("bytes=5-4"), Part::Whole),
        (Some("lines=0-1"), Part::Whole),
        (Some("bytes=-"), Part::Whole),
        (Some("bytes=a-b"), Part::Whole),
    ];
    for (field, wanted) in cases {
        assert_eq!(part(field, 1000), wanted, "{field:?}");
    }
    assert_eq!(part(Some("bytes=0-0"), 0), Part::Beyond);
    assert_eq!(part(Some("bytes=-1"), 0), Part::Beyond);
}

#[test]
fn bytes_are_held_to_their_rate_over_any_pauses() {
    let rate = Rate(8_000_000);
    let mut pace = Pace::new(rate);
    let mut now = Duration::from_secs(1);
    let mut passed = 0_u64;
    for step in 0..200 {
        now += pace.take(now, 10_000);
        passed += 10_000;
        // A pause saves nothing up but what may go ahead.
        if step == 100 {
            now += Duration::from_secs(5);
        }
    }
    let busy = now - Duration::from_secs(6);
    let wanted = passed as f64 * 8.0 / rate.0 as f64;
    assert!((busy.as_secs_f64() - wanted).abs() < 0.05, "{} s for {wanted} s", busy.as_secs_f64());
}

#[test]
fn only_the_open_internet_is_a_target_for_others() {
    let cases = [
        ("127.0.0.1", Some(Inside::Loopback)),
        ("127.255.0.1", Some(Inside::Loopback)),
        ("::1", Some(Inside::Loopback)),
        ("::ffff:127.0.0.1", Some(Inside::Loopback)),
        ("10.1.2.3", Some(Inside::Private)),
        ("172.15.0.1", None),
        ("172.16.0.1", Some(Inside::Private)),
        ("172.31.255.255", Some(Inside::Private)),
        ("192.168.1.1", Some(Inside::Private)),
        ("::ffff:192.168.1.1", Some(Inside::Private)),
        ("100.64.0.1", Some(Inside::Private)),
        ("169.254.169.254", Some(Inside::LinkLocal)),
        ("0.0.0.0", Some(Inside::NoHost)),
        ("224.0.0.1", Some(Inside::NoHost)),
        ("255.255.255.255", Some(Inside::NoHost)),
        ("198.18.0.1", Some(Inside::Reserved)),
        ("203.0.113.9", Some(Inside::Reserved)),
        ("8.8.8.8", None),
        ("131.169.40.1", None),
        ("::", Some(Inside::NoHost)),
        ("ff02::1", Some(Inside::NoHost)),
        ("fe80::1", Some(Inside::LinkLocal)),
        ("fd00::1", Some(Inside::Private)),
        ("2001:db8::1", Some(Inside::Reserved)),
        ("2002:7f00:1::", Some(Inside::Loopback)),
        ("64:ff9b::a00:1", Some(Inside::Private)),
        ("64:ff9b::808:808", None),
        ("2001:638:700::1", None),
        ("4000::1", Some(Inside::Reserved)),
    ];
    for (address, wanted) in cases {
        assert_eq!(inside(address.parse::<IpAddr>().unwrap()), wanted, "{address}");
    }
}

fn problem(kind: &'static str) -> Problem {
    Problem {
        status: 502,
        kind,
        title: "The connection to the other host was lost",
        detail: "It broke.".to_owned(),
        blame: Blame::Path,
        retry: Retry::Soon,
        next: "Try again.".to_owned(),
    }
}

fn pair(from: &str, to: &str, millis: u64) -> Report {
    let mut tally = Tally::default();
    for step in 0..10 {
        tally.latency.record(Duration::from_millis(millis + step));
        tally.first_byte.record(Duration::from_millis(millis / 2));
    }
    tally.connecting.record(Duration::from_millis(millis / 2));
    tally.tcp.saw(&TcpInfo {
        rtt: Duration::from_millis(millis / 2),
        rtt_least: Some(Duration::from_millis(millis / 3)),
        retransmits: 7,
        congestion_window_bytes: 1_000_000,
        segment_bytes: 1448,
        ..TcpInfo::default()
    });
    Report {
        from: Some(from.to_owned()),
        to: to.to_owned(),
        address: Some("192.0.2.1:443".to_owned()),
        http: "HTTP/1.1".to_owned(),
        tls: Some("TLSv1.3 TLS13_AES_128_GCM_SHA256".to_owned()),
        connections: 2,
        warm_up_seconds: 2.0,
        client_cpu: Some(Cpu { seconds: 4.0, of_seconds: 8.0 }),
        ..tally.report(Way::Download, Duration::from_secs(8), 1_000_000_000)
    }
}

#[test]
fn a_report_reads_like_this() {
    let mut tally = Tally::default();
    tally.failed(&problem("peer-connection-lost"));
    tally.failed(&problem("peer-connection-lost"));
    let failures = tally.failures.into_values().collect();
    let report = Report { failures, cut: 2, ..pair("a", "https://b.example/synthetic/100MB", 110) };
    assert_eq!(report.shown(), include_str!("tests/report.txt"));
}

#[test]
fn pairs_add_up_to_a_total() {
    let pairs = [pair("a", "https://c/", 110), pair("b", "https://c/", 220)];
    let text = serde_json::to_string(&pairs).unwrap();
    let travelled: Vec<Report> = serde_json::from_str(&text).unwrap();
    let total = Report::total(&travelled).unwrap().unwrap();
    assert_eq!(total.bits_per_second, 2e9);
    assert_eq!((total.bytes, total.requests, total.connections), (2_000_000_000, 20, 4));
    assert_eq!(total.tcp.retransmits, 14);
    assert_eq!(total.tcp.round_trip_least_seconds, Some(0.036));
    let latency = total.latency.unwrap().summary;
    assert_eq!((latency.count, latency.minimum, latency.maximum), (20, 0.110, 0.229));
    assert_eq!(total.tls.as_deref(), Some("TLSv1.3 TLS13_AES_128_GCM_SHA256"));
    assert_eq!(Report::total(&[]), Ok(None));
    let mut forged = pair("a", "b", 10);
    forged.latency.as_mut().unwrap().summary.count = 5;
    assert!(Report::total(&[forged]).is_err());
}

#[test]
fn causes_are_counted_and_bounded() {
    let mut one = Tally::default();
    for kind in ["a", "b", "a"] {
        one.failed(&problem(kind));
    }
    let mut other = Tally::default();
    other.failed(&problem("b"));
    one.add(&other);
    let counts: Vec<(&str, u64)> =
        one.failures.values().map(|failure| (failure.kind.as_str(), failure.count)).collect();
    assert_eq!(counts, [("a", 2), ("b", 2)]);
    assert!(one.failures["a"].example.contains("It broke."));
    for number in 0..100 {
        one.failures.insert(format!("x{number}"), one.failures["a"].clone());
    }
    let before = one.failures.len();
    one.failed(&problem("another"));
    assert_eq!(one.failures.len(), before);
}
