//! litmus 0.13: the conformance suites for WebDAV class 1 and 2.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::{Port, Run, needs};
use std::time::Duration;

/// Suite and number of its tests. Apache and wsgidav are known to pass them all: so must we.
const SUITES: [(&str, usize); 5] = [("basic", 16), ("copymove", 13), ("props", 30), ("locks", 41), ("http", 4)];

#[test]
fn all_five_suites_reach_full_marks_on_the_plain_listener() {
    if needs(&[("litmus", "litmus")]) {
        let port = Port::start();
        judge(&port, &port.plain_url("/data/"), &SUITES);
    }
}

#[test]
fn all_five_suites_reach_full_marks_over_tls() {
    if needs(&[("litmus", "litmus")]) {
        let port = Port::start();
        // One of the four tests of HTTP itself, Expect: 100-continue, it makes without TLS only.
        let suites = SUITES.map(|(suite, count)| (suite, if suite == "http" { 3 } else { count }));
        judge(&port, &port.url("/data/"), &suites);
    }
}

fn judge(port: &Port, url: &str, suites: &[(&str, usize)]) {
    // litmus knows user and password only (the token is the password), and trusts any certificate.
    let litmus = Run::new("litmus")
        .within(port.folder())
        .args(["-k", url, "anyone", &port.token])
        .limit(Duration::from_secs(240))
        .finish();
    let text = litmus.text();
    for (suite, count) in suites {
        // It exits 0 whatever happens; what it found stands in "<- summary for `basic': of 16 tests run: 16 passed, …".
        let summary = text.lines().find(|line| line.contains(&format!("summary for `{suite}'"))).unwrap_or("none");
        let full = format!("of {count} tests run: {count} passed, 0 failed.");
        assert!(summary.contains(&full), "{suite}: {summary}\n{}\n{litmus}", exchanges(port));
    }
}

/// The last requests and answers, as litmus saw them: what one needs to mend the server.
fn exchanges(port: &Port) -> String {
    let log = std::fs::read(port.folder().join("debug.log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log).into_owned();
    let interesting = |line: &&str| !line.starts_with("Reading") && !line.starts_with("Got") && !line.is_empty();
    let lines: Vec<&str> = log.lines().filter(interesting).collect();
    lines[lines.len().saturating_sub(400)..].join("\n")
}
