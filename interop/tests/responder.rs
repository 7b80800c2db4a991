//! The measurement port as others find it: what anyone may, what a rule gives, turns, and the orderly end.

use interop::iperf3::{foreign_client, our_client};
use interop::port::Setup;
use interop::responder::Responder;
use interop::{Port, Run, needs};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const NEEDS: &[(&str, &str)] = &[("iperf3", "iperf3"), ("curl", "curl")];

/// Callers from 127.0.0.2 may measure; those from 127.0.0.1 are anyone.
const RULE: &str =
    "[[rule]]\nname = \"laboratory\"\nverbs = [\"measure\"]\nto = [\"everyone\"]\nnetworks = [\"127.0.0.2/32\"]\n";

fn report(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs iperf3, and gives its report; `None` where the responder did not let it.
fn iperf3(port: u16, options: &str) -> Option<Value> {
    let done = foreign_client(port, &format!("{options} -J")).finish();
    let report = report(&done.text());
    if done.code == Some(0) && report["error"].is_null() { Some(report) } else { None }
}

/// Without settings: 61 s are too long and 1.1 Gbit/s too fast, datagrams are taken and not sent, and what no rate was
/// named for is held at 1 Gbit/s.
#[test]
fn anyone_may_what_the_bcp_says_and_no_more() {
    if !needs(NEEDS) {
        return;
    }
    let responder = Responder::start("uplink = \"1 Gbit/s\"", "");
    assert_eq!(responder.ready["anyone"]["udp_bits_per_second"], 500_000_000);
    let port = responder.port();
    for refused in ["-t 61", "-t 55 -O 6", "-t 1 -b 1100M", "-u -t 1 -b 501M", "-u -t 1 -b 1M -R", "-u -t 61 -b 1M"] {
        assert!(iperf3(port, refused).is_none(), "{refused}");
    }
    for direction in ["", "-R"] {
        let report = iperf3(port, &format!("-t 2 {direction}")).unwrap();
        let rate = report["end"]["sum_received"]["bits_per_second"].as_f64().unwrap();
        assert!(rate < 1.1e9, "{direction}: {rate}");
    }
    let report = iperf3(port, "-u -n 200K -b 50M").unwrap();
    assert!(report["end"]["sum"]["packets"].as_u64().unwrap() > 0);
}

/// A rule about a network gives callers from there more, and nobody else.
#[test]
fn a_rule_gives_more_to_its_network() {
    if !needs(NEEDS) {
        return;
    }
    let lines = "anyone_tcp_time = \"1 s\"\nanyone_tcp_rate = \"100 Mbit/s\"\nanyone_udp_time = \"1 s\"\nanyone_udp_rate = \"10 Mbit/s\"";
    let responder = Responder::start(lines, RULE);
    let port = responder.port();
    for beyond in ["-t 2 -b 10M", "-t 1 -b 200M", "-u -t 2 -b 1M", "-u -t 1 -b 20M", "-u -t 1 -b 1M -R"] {
        assert!(iperf3(port, beyond).is_none(), "{beyond}");
        assert!(iperf3(port, &format!("{beyond} -B 127.0.0.2")).is_some(), "{beyond}");
    }
    let report = iperf3(port, "-t 1 -b 100M").unwrap();
    assert!(report["end"]["sum_received"]["bits_per_second"].as_f64().unwrap() < 1.3e8);
    assert!(responder.log().contains("beyond what anyone may"), "{}", responder.log());
}

/// A port with the section serves the same callers on its measurement port, the places by HTTP on all its listeners, and
/// tells of both; who was given more is on record.
#[test]
fn a_port_with_the_section_is_a_responder_too() {
    if !needs(NEEDS) {
        return;
    }
    let sections = format!("[responder]\nlisten = \"127.0.0.1:0\"\nanyone_tcp_time = \"1 s\"\n{RULE}");
    let port = Port::start_with(Setup { sections, ..Setup::default() });
    let ready = report(&std::fs::read_to_string(port.folder().join("ready")).unwrap());
    let measurement: u16 = ready["responder"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    assert!(iperf3(measurement, "-n 1M").is_some() && iperf3(measurement, "-t 2").is_none());
    assert!(iperf3(measurement, "-t 2 -b 10M -B 127.0.0.2").is_some());
    let here = [format!("http://127.0.0.1:{measurement}/speed"), format!("https://127.0.0.1:{measurement}/speed")];
    for url in here.into_iter().chain([port.url("/speed"), port.plain_url("/speed")]) {
        let page = Run::new("curl").args(["-sS", "--fail", "--cacert"]).arg(port.authority()).arg(&url).succeed();
        assert!(page.text().contains("<html"), "{url}");
    }
    let state = report(&port.curl().arg(port.url("/api/v1/responder")).succeed().text());
    assert_eq!(state["totals"][0]["protocol"], "iperf3");
    assert_eq!(state["totals"][0]["finished"], 2, "{state:#}");
    assert!(state["totals"][0]["received_bytes"].as_u64().unwrap() > 2 << 20, "{state:#}");
    let metrics = port.curl().arg(port.url("/metrics")).succeed().text();
    assert!(
        metrics.contains("portolan_responder_tests_total{protocol=\"iperf3\",outcome=\"finished\"} 2"),
        "{metrics}"
    );
    let record = port.client().args(["audit", "--config", "portolan.toml", "--data-dir"]).arg(port.data()).succeed();
    let found = record.text().lines().any(|line| line.contains("measure") && line.contains("127.0.0.2"));
    assert!(found, "{record}");
}

/// Whoever waits hears how long, though iperf3 has no word for it.
#[test]
fn our_client_hears_how_long_it_waits() {
    if !needs(NEEDS) {
        return;
    }
    let responder = Responder::start("", "");
    let port = responder.port();
    let runs = std::thread::spawn(move || foreign_client(port, "-t 5 -b 1M").succeed());
    let began = Instant::now();
    let busy = || Run::new("curl").args(["-sS", &format!("http://127.0.0.1:{port}/speed/turn")]).succeed().text();
    while !busy().contains("\"running\":1") {
        assert!(began.elapsed() < Duration::from_secs(10), "the first test does not begin");
    }
    let waited = our_client(port, "-n 100K").succeed();
    let told = &waited.stderr;
    assert!(told.contains("A test runs there, for ") && told.contains("nobody else waits"), "{waited}");
    runs.join().unwrap();
}

/// A port without the section has no measurement port, and nothing at its places.
#[test]
fn a_port_without_the_section_stays_closed() {
    if !needs(NEEDS) {
        return;
    }
    let port = Port::start();
    let ready = report(&std::fs::read_to_string(port.folder().join("ready")).unwrap());
    assert!(ready["responder"].is_null(), "{ready}");
    for place in ["/speed", "/ndt/v7/download", "/synthetic/1MB"] {
        let asked = port.curl().args(["-o", "/dev/null", "-w", "%{http_code}"]).arg(port.url(place)).succeed();
        assert_eq!(asked.text(), "404", "{place}");
    }
}

/// Hosts behind one uplink: one keeps the budget, and the other asks it; without the keeper there are no tests.
#[test]
fn a_shared_budget_has_a_keeper() {
    if !needs(NEEDS) {
        return;
    }
    let member_rule = RULE.replace("127.0.0.2/32", "127.0.0.0/8");
    let mut keeper = Responder::start("", &member_rule);
    let budget = format!("[responder.budget]\nkeeper = \"127.0.0.1:{}\"\n", keeper.port());
    let member = Responder::start("", &budget);
    assert!(iperf3(member.port(), "-n 1M").is_some());
    let other = Responder::start("", "");
    let closed = Responder::start("", &format!("[responder.budget]\nkeeper = \"127.0.0.1:{}\"\n", other.port()));
    assert!(iperf3(closed.port(), "-n 1M").is_none(), "who has no right at the keeper gets no turn");
    keeper.terminate();
    assert!(keeper.ended().success());
    assert!(iperf3(member.port(), "-n 1M").is_none());
}

/// Told to stop, it ends at once when nothing runs; a test that runs has its time, and is then told.
#[test]
fn it_stops_in_order() {
    if !needs(NEEDS) {
        return;
    }
    let mut idle = Responder::start("", "");
    let mut silent = TcpStream::connect(("127.0.0.1", idle.port())).unwrap();
    idle.terminate();
    assert!(idle.ended().success());
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);

    let mut busy = Responder::start_with("", "", &["--drain-time", "300ms"]);
    let port = busy.port();
    let client = std::thread::spawn(move || foreign_client(port, "-t 30 -J").finish());
    let asks = ["-sS", "--max-time", "20"];
    let turn = || Run::new("curl").args(asks).arg(format!("http://127.0.0.1:{port}/speed/turn")).succeed().text();
    let begun = Instant::now();
    while report(&turn())["running"] != 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the test never runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    busy.terminate();
    assert!(busy.ended().success(), "{}", busy.log());
    let told = client.join().unwrap();
    let report = report(&told.text());
    assert!(report["error"].as_str().is_some_and(|error| error.contains("terminated")), "{told}");
}

/// Callers that never say what they want cost a bounded time, and do not keep others out.
#[test]
fn slow_callers_keep_nobody_out() {
    if !needs(NEEDS) {
        return;
    }
    let responder =
        Responder::start("first_octets_time = \"1 s\"\nstall_time = \"2 s\"\nconnections_per_address = 20", "");
    let port = responder.port();
    let mut slow: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    for (at, stream) in slow.iter_mut().enumerate() {
        // Those beyond the bound are closed already.
        let _ = stream.write_all([&b"a"[..], b"\x16\x03", b"GET /", b"\0\0"][at % 4]);
    }
    // Another address has places of its own.
    assert!(iperf3(port, "-n 1M -B 127.0.0.2").is_some());
    for stream in &mut slow {
        stream.set_read_timeout(Some(Duration::from_secs(45))).unwrap();
        let mut said = Vec::new();
        let ended = stream.read_to_end(&mut said);
        assert!(!matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock), "it stays open");
    }
    assert!(iperf3(port, "-n 1M").is_some());
}
