//! What `portolan doctor` sees of a host is what `ip`, `tc`, `ethtool` and `sysctl` see; faults made on purpose are found,
//! on the host and on the way, and nothing is found where nothing is.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

mod routed;

use interop::needs::{needs, needs_root};
use routed::{Responder, Routed, THERE_V4, THERE_V6};
use serde_json::Value;

fn able() -> bool {
    needs_root() && needs(&[("ip", "iproute2"), ("nft", "nftables"), ("ethtool", "ethtool"), ("sysctl", "procps")])
}

/// The doctor's answer as JSON, and its exit code.
fn doctor(net: &Routed, arguments: &[&str]) -> (Value, Option<i32>) {
    let finished = net.portolan().args(["doctor", "--json", "--rate", "900Mbit/s"]).args(arguments).finish();
    let value = serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"));
    (value, finished.code)
}

/// The state of a finding, whole text with it.
fn finding<'a>(answer: &'a Value, subject: &str, of: &str) -> (&'a str, String) {
    let all = answer["findings"].as_array().unwrap();
    let fits = |one: &&Value| one["subject"] == subject && one["of"].as_str().unwrap_or("").contains(of);
    let one = all.iter().find(fits).unwrap_or_else(|| panic!("no {subject} of {of} in {answer:#}"));
    (one["state"].as_str().unwrap(), one.to_string())
}

fn interface<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let all = answer["facts"]["interfaces"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {answer:#}"))
}

fn json_of(net: &Routed, program: &str, arguments: &[&str]) -> Value {
    serde_json::from_slice(&net.here.run(program).args(arguments).succeed().stdout).unwrap()
}

#[test]
fn it_sees_what_the_usual_tools_see_and_finds_each_fault() {
    if !able() {
        return;
    }
    let net = Routed::new();
    let (before, _) = doctor(&net, &[]);
    for (subject, of) in [("mtu", "near"), ("queue-discipline", "near"), ("offloads", "near"), ("send-dropped", "near")]
    {
        let (state, text) = finding(&before, subject, of);
        assert_eq!(state, "ok", "{text}");
    }
    assert_eq!(finding(&before, "selective-acknowledgements", "").0, "ok");

    net.here.run("ip").args(["link", "set", "near", "mtu", "1300"]).succeed();
    net.here.run("ethtool").args(["-K", "near", "gro", "off", "tso", "off", "gso", "off"]).succeed();
    net.here.run("sysctl").args(["-q", "-w", "net.ipv4.tcp_sack=0"]).succeed();
    net.here.run("sysctl").args(["-q", "-w", "net.ipv4.tcp_rmem=4096 65536 1000000"]).succeed();
    let shaper = ["qdisc", "replace", "dev", "near", "root", "tbf", "rate", "1mbit", "burst", "5kb", "limit", "5kb"];
    net.here.run("tc").args(shaper).succeed();
    let flood = format!("for i in $(seq 200); do head -c 1200 /dev/zero > /dev/udp/{THERE_V4}/9; done");
    net.here.run("bash").args(["-c", &flood]).succeed();

    let (answer, code) = doctor(&net, &[]);
    assert!(matches!(code, Some(1 | 4)), "{code:?}");
    for subject in ["mtu", "queue-discipline", "queue-drops", "offloads"] {
        let (state, text) = finding(&answer, subject, "near");
        assert_eq!(state, "costs", "{text}");
    }
    assert!(finding(&answer, "queue-discipline", "near").1.contains("1 Mbit/s"));
    for subject in ["selective-acknowledgements", "receive-buffer"] {
        let (state, text) = finding(&answer, subject, "");
        assert_eq!(state, "costs", "{text}");
    }

    let seen = interface(&answer, "near");
    let link = json_of(&net, "ip", &["-j", "link", "show", "dev", "near"]);
    assert_eq!(seen["mtu_bytes"], link[0]["mtu"]);
    let queue = json_of(&net, "tc", &["-j", "-s", "qdisc", "show", "dev", "near"]);
    assert_eq!(seen["queues"][0]["kind"], queue[0]["kind"]);
    assert_eq!(seen["queues"][0]["drops"], queue[0]["drops"]);
    let offloads = net.here.run("ethtool").args(["-k", "near"]).succeed().text();
    for (name, field) in [
        ("generic-receive-offload", "generic_receive"),
        ("generic-segmentation-offload", "generic_segmentation"),
        ("tcp-segmentation-offload", "segmentation"),
    ] {
        let on = offloads.lines().any(|line| line.trim_start().starts_with(&format!("{name}: on")));
        assert_eq!(seen["offloads"][field], on, "{name}");
    }
    for (key, value) in [
        ("net.ipv4.tcp_rmem", &answer["facts"]["memory"]["tcp_receive"]),
        ("net.ipv4.tcp_wmem", &answer["facts"]["memory"]["tcp_send"]),
        ("net.ipv4.tcp_congestion_control", &answer["facts"]["tcp"]["congestion_control"]),
    ] {
        let said = net.here.run("sysctl").args(["-n", key]).succeed().text();
        let said: Vec<&str> = said.split_whitespace().collect();
        let ours = value.to_string().replace(['[', ']', '"'], "").replace(',', " ");
        assert_eq!(ours, said.join(" "), "{key}");
    }
}

#[test]
fn the_far_side_shows_firewalls_and_black_holes() {
    if !able() {
        return;
    }
    let net = Routed::new();
    let _there = Responder::start(&net.there);
    let here = Responder::start(&net.here);
    let both = [THERE_V4, THERE_V6];
    for there in both {
        let (answer, _) = doctor(&net, &["--with", there, "--ports", "5201,8443"]);
        for (subject, state) in [("port-there", "ok"), ("path-mtu", "ok"), ("port-here", "ok")] {
            let (is, text) = finding(&answer, subject, there);
            assert_eq!(is, state, "{text}");
        }
        assert_eq!(answer["facts"]["far"][0]["interface"], "near");
        assert_eq!(answer["facts"]["far"][0]["back"][1][1], "refused", "nothing listens on 8443");
    }

    // A firewall here that lets nobody in, and a way that swallows full packets.
    Routed::firewall(&net.here, "input", "tcp dport 5201 drop");
    Routed::firewall(&net.router, "forward", "meta length > 1200 drop");
    for there in both {
        let (answer, code) = doctor(&net, &["--with", there, "--ports", "5201"]);
        assert_eq!(code, Some(4));
        for subject in ["port-here", "path-mtu"] {
            let (state, text) = finding(&answer, subject, there);
            assert_eq!(state, "broken", "{text}");
        }
    }
    drop(here);

    // A router with a smaller MTU that says so.
    Routed::no_firewall(&net.here);
    Routed::no_firewall(&net.router);
    net.router.run("ip").args(["link", "set", "right", "mtu", "1300"]).succeed();
    let (answer, _) = doctor(&net, &["--with", THERE_V4]);
    let (state, text) = finding(&answer, "path-mtu", THERE_V4);
    assert!(state == "costs" && text.contains("1300 bytes, 1500 at the interface"), "{text}");
}
