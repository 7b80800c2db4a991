//! `portolan httpload` against a foreign server, foreign clients against our synthetic bytes, and ports that load ports.
#![allow(clippy::unwrap_used)]

use interop::nginx::Nginx;
use interop::port::{Setup, program};
use interop::{Port, Run, needs};
use serde_json::Value;

const RESPONDER: &str = "[responder]\nlisten = \"127.0.0.1:0\"\nloads_inside = true\n";

fn load(arguments: &[&str]) -> Value {
    let run = Run::new(program()).arg("httpload").args(arguments).args(["--json", "--quiet"]).succeed();
    serde_json::from_str(&run.text()).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn port() -> Port {
    Port::start_with(Setup { sections: RESPONDER.to_owned(), ..Setup::default() })
}

/// nginx counts nothing for us, but it gives the whole file or none: bytes and requests must agree.
#[test]
fn a_foreign_server_is_loaded_over_both_versions() {
    if !needs(&[("nginx", "nginx")]) {
        return;
    }
    let nginx = Nginx::start();
    std::fs::write(nginx.root().join("f"), interop::tree::bytes(1, 700_000)).unwrap();
    let authority = nginx.authority.certificate();
    let ca = authority.to_str().unwrap();
    let cases: [(String, &[&str], &str); 4] = [
        (nginx.plain_url("/f"), &["--http", "1", "-c", "2"], "HTTP/1.1"),
        (nginx.prior_url("/f"), &["--http", "2", "-m", "3"], "HTTP/2"),
        (nginx.url("/f"), &["--http", "1", "--cacert", ca], "HTTP/1.1"),
        (nginx.url("/f"), &["--http", "2", "-c", "2", "-m", "3", "--cacert", ca], "HTTP/2"),
    ];
    for (url, options, version) in cases {
        let report = load(&[&[&url, "-n", "30", "-4"], options].concat());
        let total = &report["rounds"][0]["total"];
        assert_eq!(total["requests"], 30, "{url} {options:?}: {report}");
        assert_eq!(total["bytes"], 30 * 700_000, "{url} {options:?}");
        assert_eq!(total["http"], version);
        assert_eq!(total["latency"]["count"], 30);
        assert_eq!(total["failures"].as_array().map(Vec::len), Some(0), "{report}");
        assert_eq!(total["tls"].is_string(), url.starts_with("https"));
    }
    // Uploads, each to a name of its own.
    let url = nginx.url("/in/{n}");
    let report = load(&[&url, "-4", "--upload", "-s", "300 kB", "-n", "12", "--http", "2", "-m", "4", "--cacert", ca]);
    assert_eq!(report["rounds"][0]["total"]["bytes"], 12 * 300_000, "{report}");
    for number in 0..12 {
        let size = std::fs::metadata(nginx.root().join(format!("in/{number}"))).unwrap().len();
        assert_eq!(size, 300_000, "/in/{number}");
    }
}

/// What cannot be had is said with its cause, and in the exit code.
#[test]
fn failures_have_causes() {
    if !needs(&[("nginx", "nginx")]) {
        return;
    }
    let nginx = Nginx::start();
    let authority = nginx.authority.certificate();
    let cases = [
        (nginx.plain_url("/nothing"), "answer-not-found"),
        (nginx.url("/f"), "peer-untrusted"),
        ("http://127.0.0.1:9/f".to_owned(), "peer-unreachable"),
    ];
    for (url, cause) in cases {
        let run = Run::new(program()).args(["httpload", "-4", "-n", "2", "--json", "-q", &url]).finish();
        assert_eq!(run.code, Some(1), "{run}");
        let report: Value = serde_json::from_str(&run.text()).unwrap();
        assert_eq!(report["rounds"][0]["total"]["failures"][0]["kind"], cause, "{run}");
    }
    // nginx offers HTTP/1.1 alone on its plain port: prior knowledge does not help there.
    let plain = nginx.plain_url("/f");
    let run = Run::new(program()).args(["httpload", "-4", "-n", "2", "--http", "2", &plain]).finish();
    assert_eq!(run.code, Some(1), "{run}");
    let family = Run::new(program()).args(["httpload", "-6", "-n", "2", &plain, "--cacert"]).arg(&authority).finish();
    assert!(family.stderr.contains("no address of IPv6"), "{family}");
}

/// curl gets our bytes whole and in ranges that fit together, over both versions, and puts its own.
#[test]
fn curl_gets_and_puts_synthetic_bytes() {
    if !needs(&[("curl", "curl")]) {
        return;
    }
    let port = port();
    let folder = port.folder().to_owned();
    let (whole, part) = (folder.join("whole"), folder.join("part"));
    for version in ["--http1.1", "--http2"] {
        let run = port.curl().arg(version).arg(port.url("/synthetic/3MB")).arg("-o").arg(&whole);
        run.args(["-w", "%{http_code} %{size_download}"]).succeed();
        let bytes = std::fs::read(&whole).unwrap();
        assert_eq!(bytes.len(), 3_000_000);
        let run = port.curl().arg(version).args(["-r", "1048570-1048589"]).arg(port.url("/synthetic/3MB"));
        let run = run.arg("-o").arg(&part).args(["-w", "%{http_code}"]).succeed();
        assert_eq!(run.text(), "206");
        assert_eq!(std::fs::read(&part).unwrap(), &bytes[1_048_570..1_048_590]);
        let run = port.curl().arg(version).arg("-T").arg(&whole).arg(port.url("/synthetic/up")).finish();
        assert!(run.text().contains("size-unreadable"), "a size must be named: {run}");
        let run = port.curl().arg(version).arg("-T").arg(&whole).arg(port.url("/synthetic/0")).succeed();
        let answer: Value = serde_json::from_str(&run.text()).unwrap_or_else(|error| panic!("{error}: {run}"));
        assert_eq!(answer["bytes"], 3_000_000);
    }
    let run = port.curl().args(["-sI"]).arg(port.url("/synthetic/12345")).succeed();
    assert!(run.text().to_lowercase().contains("content-length: 12345"), "{run}");
    let none = Port::start();
    let run = none.curl().args(["-o", "/dev/null", "-w", "%{http_code}"]).arg(none.url("/synthetic/10")).finish();
    assert_eq!(run.text(), "404", "without a responder there are none: {run}");
}

/// h2load asks for no turn, and gets one for all of its streams.
#[test]
fn h2load_gets_synthetic_bytes_by_many_streams() {
    if !needs(&[("h2load", "nghttp2-client")]) {
        return;
    }
    let port = port();
    let run = Run::new("h2load").args(["-n", "400", "-c", "2", "-m", "20", &port.url("/synthetic/20000")]).succeed();
    assert!(run.text().contains("400 succeeded, 0 failed, 0 errored"), "{run}");
    assert!(run.text().contains("status codes: 400 2xx"), "{run}");
}

/// One driver has two ports load one server: they share its turn, begin together, and add up.
#[test]
fn ports_load_a_port_and_one_report_tells_all() {
    let (first, second, server) = (port(), port(), port());
    let authorities: String = [&first, &second].map(|port| std::fs::read_to_string(port.authority()).unwrap()).concat();
    let believed = server.folder().join("authorities.pem");
    std::fs::write(&believed, authorities).unwrap();
    let mut run = Run::new(program()).arg("httpload").args(["--to", &server.plain_url("/synthetic/200kB"), "-4"]);
    for port in [&first, &second] {
        run = run.args(["--from", &port.url("/")]).arg("--port-token-file").arg(port.folder().join("token"));
    }
    let run = run.args(["-t", "1 s", "-O", "0 s", "-c", "2", "-m", "2", "--http", "2", "--json", "-q"]);
    let run = run.arg("--cacert").arg(&believed).succeed();
    let report: Value = serde_json::from_str(&run.text()).unwrap();
    let (pairs, total) = (&report["rounds"][0]["pairs"], &report["rounds"][0]["total"]);
    let number = |report: &Value, name: &str| report[name].as_u64().unwrap();
    assert_eq!(pairs.as_array().map(Vec::len), Some(2), "{run}");
    for pair in pairs.as_array().unwrap() {
        assert!(number(pair, "requests") > 0, "{run}");
        assert_eq!(pair["http"], "HTTP/2");
        assert!(pair["server_cpu"]["seconds"].is_number(), "{run}");
    }
    assert_eq!(number(total, "requests"), number(&pairs[0], "requests") + number(&pairs[1], "requests"));
    assert_eq!(total["latency"]["count"], total["requests"]);
    assert_eq!(number(total, "connections"), 4);
    // Who may not measure there commands nothing.
    let refused = Run::new(program()).args(["httpload", "--from", &first.url("/"), "--to", &server.plain_url("/")]);
    let refused = refused.arg("--cacert").arg(&believed).args(["-t", "1 s", "-q"]).finish();
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.stderr.contains("token"), "{refused}");
}
