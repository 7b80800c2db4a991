//! promtool: what Prometheus itself thinks of our metrics.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::{Port, Run, needs};

#[test]
fn promtool_finds_nothing_to_blame_in_the_metrics() {
    if !needs(&[("promtool", "prometheus"), ("curl", "curl")]) {
        return;
    }
    let port = Port::start();
    // Some traffic first: a metric that nobody has counted yet may be absent.
    port.curl().args(["-T", "-"]).arg(port.url("/data/f")).input("x").succeed();
    port.curl().arg(port.url("/data/f")).succeed();
    let metrics = port.curl().arg(port.url("/metrics")).succeed();
    assert!(metrics.text().lines().any(|line| !line.starts_with('#')), "{metrics}");
    // Exit 3 is for lint: names and help texts.
    Run::new("promtool").args(["check", "metrics"]).input(metrics.stdout).succeed();
}
