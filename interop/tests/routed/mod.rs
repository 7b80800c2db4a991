//! Two hosts with a router between them, each a network namespace: a real queue, a real firewall, both families.

use interop::Run;
use interop::netns::Netns;
use interop::port::program;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// `here` — `router` — `there`. Interfaces: `near` of the hosts, `left` and `right` of the router.
pub(crate) struct Routed {
    pub here: Netns,
    pub router: Netns,
    pub there: Netns,
}

pub(crate) const THERE_V4: &str = "10.78.2.2";
pub(crate) const THERE_V6: &str = "fd78:2::2";

impl Routed {
    pub(crate) fn new() -> Self {
        let net = Self { here: Netns::new(), router: Netns::new(), there: Netns::new() };
        for host in [&net.here, &net.router, &net.there] {
            // Or link-local addresses are looked for on the link for a second or two, and neighbours are not found meanwhile.
            host.run("sysctl").args(["-q", "-w", "net.ipv6.conf.default.accept_dad=0"]).succeed();
        }
        for (host, side, number) in [(&net.here, "left", 1), (&net.there, "right", 2)] {
            let router = net.router.prefix()[3].to_owned();
            host.run("ip").args(["link", "add", "near", "type", "veth", "peer", "name", side]).succeed();
            host.run("ip").args(["link", "set", side, "netns", &router]).succeed();
            let own = [format!("10.78.{number}.2/24"), format!("fd78:{number}::2/64")];
            let its = [format!("10.78.{number}.1/24"), format!("fd78:{number}::1/64")];
            for (at, interface, addresses) in [(host, "near", own), (&net.router, side, its)] {
                for address in addresses {
                    let own: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
                    at.run("ip").args(["address", "add", &address, "dev", interface]).args(own).succeed();
                }
                at.run("ip").args(["link", "set", interface, "up"]).succeed();
            }
            host.run("ip").args(["route", "add", "default", "via", &format!("10.78.{number}.1")]).succeed();
            host.run("ip").args(["-6", "route", "add", "default", "via", &format!("fd78:{number}::1")]).succeed();
        }
        for key in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            net.router.run("sysctl").args(["-q", "-w", key]).succeed();
        }
        // No resolver is reached from here, and that is to be known at once.
        let quiet = "table inet quiet { chain c { type filter hook output priority 0; udp dport 53 reject; }\n}\n";
        net.here.run("nft").args(["-f", "-"]).input(quiet).succeed();
        net
    }

    /// Our program on the near host.
    pub(crate) fn portolan(&self) -> Run {
        self.here.run(program()).limit(Duration::from_secs(60))
    }

    /// A firewall rule in a namespace, for what comes in (`input`) or goes through (`forward`).
    pub(crate) fn firewall(at: &Netns, hook: &str, rule: &str) {
        let table = format!("table inet t {{ chain c {{ type filter hook {hook} priority 0; {rule}; }}\n}}\n");
        at.run("nft").args(["-f", "-"]).input(table).succeed();
    }

    #[allow(dead_code, reason = "one of the tests that share this needs it")]
    pub(crate) fn no_firewall(at: &Netns) {
        at.run("nft").args(["delete", "table", "inet", "t"]).succeed();
    }
}

/// A responder in a namespace; stopped when dropped.
pub(crate) struct Responder {
    child: Child,
    _folder: TempDir,
}

impl Responder {
    pub(crate) fn start(at: &Netns) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ready: PathBuf = folder.path().join("ready");
        let prefix = at.prefix();
        let child = Command::new(prefix[0])
            .args(&prefix[1..])
            .arg(program())
            .args(["responder", "--ready-file"])
            .arg(&ready)
            .env_clear()
            .env("PATH", interop::run::path())
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let responder = Self { child, _folder: folder };
        let started = Instant::now();
        while !ready.exists() {
            assert!(started.elapsed() < Duration::from_secs(20), "the responder did not start");
            thread::sleep(Duration::from_millis(10));
        }
        responder
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
