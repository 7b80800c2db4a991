//! `portolan path-model` on a section with a real queue and real loss: a good one passes, and each fault is the one that
//! is named.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

mod routed;

use interop::needs::{needs, needs_root};
use routed::{Responder, Routed, THERE_V4, THERE_V6};
use serde_json::Value;

fn able() -> bool {
    needs_root() && needs(&[("ip", "iproute2"), ("nft", "nftables"), ("sysctl", "procps"), ("ethtool", "ethtool")])
}

/// What the section is said to be good for, and the exit code.
fn model(net: &Routed, rate: &str, rtt: &str, there: &str) -> (Value, Option<i32>) {
    model_within(net, "10s", rate, rtt, there)
}

/// The same, measured for this long at most.
fn model_within(net: &Routed, time: &str, rate: &str, rtt: &str, there: &str) -> (Value, Option<i32>) {
    let line =
        ["path-model", "--json", "--quiet", "--time", time, "--mtu", "1500", "--rate", rate, "--rtt", rtt, there];
    let finished = net.portolan().args(line).finish();
    let value: Value = serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"));
    assert_eq!(value["results"].as_array().map(Vec::len), Some(1), "{finished}");
    (value["results"][0].clone(), finished.code)
}

fn answer<'a>(result: &'a Value, name: &str) -> &'a str {
    let all = result["requirements"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name);
    one.and_then(|one| one["answer"].as_str()).unwrap_or_else(|| panic!("no {name} in {result:#}"))
}

#[test]
fn a_good_section_passes_by_both_families() {
    if !able() {
        return;
    }
    let net = Routed::new();
    let _there = Responder::start(&net.there);
    for there in [THERE_V4, THERE_V6] {
        // 11 packets under way; 363 packets without loss are enough to believe in, 355 at least.
        let (result, code) = model(&net, "2.5Mbit", "50ms", there);
        assert_eq!((code, result["answer"].as_str()), (Some(0), Some("pass")), "{result:#}");
        assert_eq!(result["target"]["window_packets"], 11);
        assert_eq!(result["target"]["run_length_packets"], 363);
    }
    // The same section for a longer path: too few packets can be seen in the time, and that is said.
    let (result, code) = model(&net, "20Mbit", "200ms", THERE_V4);
    assert_eq!((code, answer(&result, "background-loss")), (Some(5), "inconclusive"), "{result:#}");
}

#[test]
fn loss_is_found_where_the_queue_is_empty() {
    if !able() {
        return;
    }
    let net = Routed::new();
    let _there = Responder::start(&net.there);
    // Packets one by one: of trains of forty, a rule that drops one in a hundred may not meet any for seconds.
    net.here.run("ethtool").args(["-K", "near", "tso", "off", "gso", "off"]).succeed();
    Routed::firewall(&net.router, "forward", "ip daddr 10.78.2.2 numgen random mod 100 == 0 drop");
    let (result, code) = model(&net, "10Mbit", "50ms", THERE_V4);
    assert_eq!((code, answer(&result, "background-loss")), (Some(4), "fail"), "{result:#}");
    assert_eq!(answer(&result, "path-mtu"), "pass");
}

#[test]
fn a_slow_link_and_a_short_queue_are_told_apart() {
    if !able() {
        return;
    }
    let net = Routed::new();
    let _there = Responder::start(&net.there);
    // Offloads would let bundles of 64 KiB through a queue that has no room for them.
    for (at, interface) in [(&net.here, "near"), (&net.router, "left"), (&net.router, "right")] {
        at.run("ip").args(["link", "set", interface, "gso_max_segs", "1"]).succeed();
    }
    let shaper = ["qdisc", "replace", "dev", "right", "root", "tbf", "burst", "3kb"];
    net.router.run("tc").args(shaper).args(["rate", "5mbit", "limit", "200kb"]).succeed();
    let (result, code) = model(&net, "20Mbit", "50ms", THERE_V4);
    assert_eq!((code, answer(&result, "data-rate")), (Some(4), "fail"), "{result:#}");

    // A window takes longer here than the whole test: the stream goes on, and the rate is what fails.
    let (result, code) = model_within(&net, "2s", "1Gbit", "100ms", THERE_V4);
    assert_eq!((code, answer(&result, "data-rate")), (Some(4), "fail"), "{result:#}");

    // Fast enough, with room for six packets: evenly sent all is well, and a burst of 87 packets is not.
    net.router.run("tc").args(shaper).args(["rate", "60mbit", "limit", "9kb"]).succeed();
    let (result, code) = model(&net, "20Mbit", "50ms", THERE_V4);
    assert_eq!((code, answer(&result, "fast-bursts")), (Some(4), "fail"), "{result:#}");
    assert_eq!(answer(&result, "data-rate"), "pass", "{result:#}");
}
