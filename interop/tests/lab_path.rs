//! The usual tools see in a lab what they would see outside: its routers, what fits through them, and its names; and an
//! ordinary user can have one as well.

#![allow(clippy::unwrap_used)]

use interop::needs::{lacking, needs, needs_root};
use lab::scenario::Scenario;
use lab::{Running, Until};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Two hosts with three routers between them; the link in the middle is narrower.
const PATH: &str = r#"
hosts = ["lyon", "slac"]
routers = ["r1", "r2", "r3"]
[[link]]
name = "l1"
between = ["lyon", "r1"]
[[link]]
name = "l2"
between = ["r1", "r2"]
rtt = "4 ms"
[[link]]
name = "l3"
between = ["r2", "r3"]
rtt = "6 ms"
mtu = 1400
[[link]]
name = "l4"
between = ["r3", "slac"]
"#;

/// A user without any rights: nobody.
const NOBODY: u32 = 65_534;

fn scenario(name: &str) -> Scenario {
    let mut scenario = Scenario::parse(PATH, "path").unwrap_or_else(|findings| panic!("{findings}"));
    scenario.name = format!("interop-{name}-{}", std::process::id());
    scenario
}

fn up(name: &str) -> (Running, Scenario) {
    let scenario = scenario(name);
    let lab = lab::up(&scenario, Until::Dropped).unwrap_or_else(|problem| panic!("{}", problem.to_line()));
    (lab, scenario)
}

fn said(lab: &Running, host: &str, line: &[&str]) -> String {
    let output = lab.command(host, line[0]).unwrap().args(&line[1..]).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{line:?} on {host}: {}\n{text}", output.status);
    text
}

/// The addresses that the far ends of the links have towards lyon: what a traceroute from there shows.
fn hops(scenario: &Scenario, v6: bool) -> Vec<String> {
    let address = |link: &lab::scenario::Link| {
        if v6 { link.b.v6.unwrap().0.to_string() } else { link.b.v4.unwrap().0.to_string() }
    };
    scenario.links.iter().map(address).collect()
}

#[test]
fn traceroute_shows_each_router() {
    if !needs_root() || !needs(&[("traceroute", "traceroute")]) {
        return;
    }
    let (lab, scenario) = up("traceroute");
    for (family, v6) in [("-4", false), ("-6", true)] {
        let text = said(&lab, "lyon", &["traceroute", family, "-n", "-q", "1", "-w", "3", "slac"]);
        let seen: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(seen, hops(&scenario, v6), "{text}");
    }
}

#[test]
fn tracepath_finds_where_it_becomes_narrow() {
    if !needs_root() || !needs(&[("tracepath", "iputils-tracepath")]) {
        return;
    }
    let (lab, _) = up("tracepath");
    for family in ["-4", "-6"] {
        let text = said(&lab, "lyon", &["tracepath", family, "-n", "slac"]);
        let last = text.lines().last().unwrap();
        assert!(last.contains("pmtu 1400") && last.contains("hops 4"), "{text}");
    }
}

#[test]
fn ping_sees_the_delay_of_all_links() {
    if !needs_root() || !needs(&[("ping", "iputils-ping")]) {
        return;
    }
    let (lab, _) = up("ping");
    for family in ["-4", "-6"] {
        let text = said(&lab, "lyon", &["ping", family, "-n", "-q", "-c", "20", "-i", "0.01", "slac"]);
        assert!(text.contains("20 packets transmitted, 20 received"), "{text}");
        let least: f64 = text.split("mdev = ").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        assert!((10.0..12.0).contains(&least), "{text}");
    }
}

/// Tells the test that it is run again.
const ORDINARY: &str = "PORTOLAN_TEST_ORDINARY_USER";

/// Runs itself again as a user without rights.
#[test]
fn an_ordinary_user_has_labs_too() {
    if std::env::var_os(ORDINARY).is_some() {
        return as_an_ordinary_user();
    }
    if !needs_root() || !needs(&[("ping", "iputils-ping")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let runtime = folder.path().join("runtime");
    fs::create_dir(&runtime).unwrap();
    chown(&runtime, Some(NOBODY), Some(NOBODY)).unwrap();
    // Where it was built, others may not look.
    let program = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::copy(interop::port::program(), folder.path().join("portolan")).unwrap();
    let output = Command::new(&program)
        .args(["--exact", "an_ordinary_user_has_labs_too", "--nocapture"])
        .env(ORDINARY, "1")
        .env("XDG_RUNTIME_DIR", &runtime)
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    if text.contains("lab-without-rights") {
        lacking("user namespaces");
        return;
    }
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn as_an_ordinary_user() {
    assert!(!rustix::process::geteuid().is_root());
    let scenario = scenario("user");
    let lab = match lab::up(&scenario, Until::Down) {
        Ok(lab) => lab,
        Err(problem) => panic!("{}: {}", problem.kind, problem.to_line()),
    };
    for family in ["-4", "-6"] {
        let text = said(&lab, "lyon", &["ping", family, "-n", "-q", "-c", "2", "-i", "0.1", "slac"]);
        assert!(text.contains("2 received"), "{text}");
    }
    assert_eq!(said(&lab, "r2", &["id", "-u"]), "0\n");
    assert!(said(&lab, "r2", &["cat", "/etc/hosts"]).contains("slac"));
    assert!(lab.status().unwrap().links[1].forward.delivered_packets >= 4);
    // The command becomes what it runs, which only a process with one thread can do there.
    let program = std::env::current_exe().unwrap().with_file_name("portolan");
    let run = |script| {
        let line = ["lab", "exec", "--lab", &scenario.name, "r1", "--", "sh", "-c", script];
        Command::new(&program).args(line).output().unwrap()
    };
    let there = run("echo $PORTOLAN_LAB_HOST; exit 7");
    assert_eq!((there.status.code(), there.stdout.as_slice()), (Some(7), b"r1\n".as_slice()), "{there:?}");
    let mut child = lab.command("slac", "sleep").unwrap().arg("1000").spawn().unwrap();
    let supervisor = lab.supervisor();
    // As if somebody else did it: by what is written down.
    let ended = lab::attach(&scenario.name).unwrap().down().unwrap();
    assert_eq!(ended, [child.id()]);
    assert!(!child.wait().unwrap().success());
    assert!(fs::read_to_string(format!("/proc/{supervisor}/cmdline")).unwrap_or_default().is_empty());

    let lab = lab::up(&scenario, Until::Down).unwrap();
    let mut child = lab.command("slac", "sleep").unwrap().arg("1000").spawn().unwrap();
    let pid = rustix::process::Pid::from_raw(lab.supervisor() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    while lab::labs().unwrap().contains(&scenario.name) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(lab::sweep().unwrap(), [child.id()], "the next one removes what a killed one left");
    assert!(!child.wait().unwrap().success());
}
