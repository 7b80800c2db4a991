//! iperf 3.12 in both roles, over its options.
#![allow(clippy::unwrap_used)]

use interop::iperf3::{Server, foreign_client, key_paths, our_client};
use interop::{Run, needs};
use serde_json::Value;
use std::collections::BTreeSet;

const NEEDS: &[(&str, &str)] = &[("iperf3", "iperf3")];

/// Few octets, so that many modes take little time.
const MODES: &[&str] = &[
    "-n 1M",
    "-n 1M -R",
    "-n 1M --bidir",
    "-k 10 -P 4",
    "-n 1M -P 3 -R",
    "-n 2M --bidir -P 2",
    "-t 1 -O 1 -b 50M",
    "-t 1 -O 1 -b 50M -R",
    "-t 1 -b 100M/8",
    "-n 1M -C cubic -M 1400 -w 256K -S 0x20 -N -l 16K",
    "-n 1M -R -C cubic -M 1400 -w 256K -S 0x20 -N -l 16K",
    "-n 1M -Z --repeating-payload -T title --extra-data extra",
    "-n 1M -Z -R",
    "-n 1M --get-server-output",
    "-u -b 20M -n 200K -l 1200",
    "-u -b 20M -n 200K -R --udp-counters-64bit",
    "-u -b 20M -n 200K --bidir -P 2",
    "-u -b 20M/4 -t 1 -O 1 -R",
    "-u -b 20M -k 20 -P 3 --get-server-output",
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What went one way: sent and received octets, by the report of the client.
fn moved(report: &Value, keys: [&str; 2]) -> [u64; 2] {
    keys.map(|key| report["end"][key]["bytes"].as_u64().unwrap_or_else(|| panic!("{key}: {report:#}")))
}

/// A report that ended as agreed, in which what was received was sent, and most of what was sent was received.
fn check(mode: &str, report: &Value) {
    assert!(report["error"].is_null(), "{mode}: {report:#}");
    let mut ways = vec![["sum_sent", "sum_received"]];
    if mode.contains("--bidir") {
        ways.push(["sum_sent_bidir_reverse", "sum_received_bidir_reverse"]);
    }
    let by_time = mode.contains("-t ");
    let total: u64 = ways.iter().map(|way| moved(report, *way)[0]).sum();
    assert!(total > 0, "{mode}: {report:#}");
    for way in ways {
        let [sent, received] = moved(report, way);
        // Where octets end a test, its end can overtake the last of them: they have connections of their own. And with
        // --bidir one side may have sent all of them before the other has begun.
        assert!(!by_time || (sent > 0 && received > 0), "{mode}: {way:?} {sent} {received}");
        // With -O both sides leave out their own warm-up, and blocks that are under way then count on one side only.
        let slack = if mode.contains("-O") { sent / 2 } else { 0 };
        assert!(received <= sent + slack, "{mode}: {received} received of {sent}");
    }
}

/// Our client with iperf3's server, in every mode.
#[test]
fn our_client_is_understood_by_iperf3() {
    if !needs(NEEDS) {
        return;
    }
    let server = Server::foreign(&[]);
    for mode in MODES {
        let run = our_client(server.port, &format!("{mode} -J")).succeed();
        check(mode, &json(&run.text()));
    }
}

/// iperf3's client with our server, in every mode.
#[test]
fn our_server_is_understood_by_iperf3() {
    if !needs(NEEDS) {
        return;
    }
    let server = Server::ours(&[]);
    for mode in MODES {
        let run = foreign_client(server.port, &format!("{mode} -J")).succeed();
        check(mode, &json(&run.text()));
    }
}

/// What iperf3 writes as JSON we write: the same keys at the same places, of both roles, in each mode.
#[test]
fn json_has_the_keys_of_iperf3() {
    if !needs(NEEDS) {
        return;
    }
    let modes = [
        "-n 1M",
        "-n 1M -R",
        "-n 1M --bidir",
        "-n 1M -P 2",
        "-t 1 -O 1 -b 10M",
        "-n 1M -M 1400 -T title --extra-data extra",
        "-n 1M --get-server-output",
        "-u -b 2M -t 1",
        "-u -b 20M -n 100K -R",
        "-u -b 20M -n 200K --bidir -P 2",
    ];
    let mut differences = Vec::new();
    for mode in modes {
        let options = format!("{mode} -J");
        let theirs = Server::foreign(&["-1", "-J"]);
        let client = foreign_client(theirs.port, &options).succeed();
        let server = theirs.finish();
        let (client, server) = (key_paths(&json(&client.text())), key_paths(&json(&server)));

        let foreign = Server::foreign(&["-1", "-J"]);
        let run = our_client(foreign.port, &options).succeed();
        foreign.finish();
        differences.extend(difference(mode, "client", &client, &key_paths(&json(&run.text()))));

        let ours = Server::ours(&["-1", "-J"]);
        foreign_client(ours.port, &options).succeed();
        differences.extend(difference(mode, "server", &server, &key_paths(&json(&ours.finish()))));
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

fn difference(mode: &str, role: &str, theirs: &BTreeSet<String>, ours: &BTreeSet<String>) -> Option<String> {
    // A test shorter than an interval has one, or none, by chance.
    let counts = |key: &&String| mode.contains("-t ") || !key.starts_with("intervals[]");
    let lacks: Vec<_> = theirs.difference(ours).filter(counts).collect();
    let more: Vec<_> = ours.difference(theirs).filter(counts).collect();
    let differ = !lacks.is_empty() || !more.is_empty();
    differ.then(|| format!("{role} {mode}: lacks {lacks:?}, has beside {more:?}"))
}

/// Eight clients come at once: they take turns, and all get their test; with room for eight all run together.
#[test]
fn eight_clients_at_once_all_get_their_test() {
    if !needs(NEEDS) {
        return;
    }
    for (at_once, mode) in [("1", "-n 1M -P 2"), ("8", "-t 1 -b 20M --bidir"), ("8", "-t 1 -u -b 2M -P 2")] {
        let server = Server::ours(&["--at-once", at_once]);
        let port = server.port;
        let clients: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(move || foreign_client(port, &format!("{mode} -J")).succeed().text()))
            .collect();
        for client in clients {
            check(mode, &json(&client.join().unwrap()));
        }
    }
}

/// An iperf3 user reads our text at once: the same lines, but for figures and numbers of sockets.
#[test]
fn text_has_the_lines_of_iperf3() {
    if !needs(NEEDS) {
        return;
    }
    let modes = [
        "-t 1 -b 10M",
        "-t 1 -b 10M -R",
        "-t 1 -b 10M --bidir",
        "-t 2 -b 10M -P 2",
        "-t 1 -u -b 5M",
        "-t 1 -u -b 5M -R",
    ];
    let server = Server::foreign(&[]);
    for mode in modes {
        let theirs = foreign_client(server.port, mode).succeed();
        let ours = our_client(server.port, mode).succeed();
        // In reverse mode iperf3 itself wavers about the columns of its first head.
        let heads = !mode.contains("-R");
        assert_eq!(
            shape(&theirs.text(), heads),
            shape(&ours.text(), heads),
            "{mode}\n{}\n{}",
            theirs.text(),
            ours.text()
        );
    }
}

/// The words of each line, without figures.
fn shape(text: &str, heads: bool) -> Vec<String> {
    let words = |line: &str| {
        let plain: String = line
            .chars()
            .map(|letter| if letter.is_ascii_digit() || ".-/()%[]".contains(letter) { ' ' } else { letter })
            .collect();
        let units = ["K", "M", "G", "Bytes", "bits", "sec"];
        let kept = plain.split_whitespace().filter(|word| !units.iter().any(|unit| word.starts_with(unit)));
        kept.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(words).filter(|line| heads || !line.starts_with("ID")).collect()
}

/// -4 and -6 choose, a name with both is tested over both, and an address that is missing is said to be.
#[test]
fn the_family_is_chosen_or_told() {
    if !needs(NEEDS) {
        return;
    }
    let server = Server::ours(&[]);
    let port = server.port.to_string();
    let client = |options: &[&str]| {
        Run::new(interop::port::program()).args(["iperf3", "-n", "100K", "-p", &port]).args(options).finish()
    };
    let four = client(&["-c", "127.0.0.1", "-4"]);
    assert_eq!(four.code, Some(0), "{four}");
    let six = client(&["-c", "127.0.0.1", "-6"]);
    assert_eq!(six.code, Some(1), "{six}");
    assert!(six.stderr.contains("no address of IPv6"), "{six}");
}
