//! What the tests need from Debian, and the one place where that is written.

use crate::command::{exists, on_ci, output, show};
use crate::stages::Outcome;
use std::fs;
use std::path::Path;

/// One package: how its presence is seen, and what it is for.
struct Need {
    package: &'static str,
    proof: Proof,
    reason: &'static str,
}

/// How the presence of a package is seen.
enum Proof {
    /// A program on the path, whoever installed it.
    Program(&'static str),
    /// The package itself: plug-ins and libraries have no program of their own.
    Package,
}

use Proof::{Package, Program};

const NEEDS: &[Need] = &[
    need("aria2", Program("aria2c"), "downloads by sixteen connections: ranges, and Want-Digest for what we lack"),
    need("apache2-bin", Program("apache2"), "mod_dav, the reference server for our client (no service is set up)"),
    need("bsdutils", Program("script"), "a terminal for cadaver, which asks on one only"),
    need("cadaver", Program("cadaver"), "the oldest WebDAV client in use: neon's habits"),
    need("curl", Program("curl"), "HTTP/1.1 and HTTP/2 by hand: ranges, trailers, Expect"),
    need("davix", Program("davix-get"), "the grid's HTTP client, alone"),
    need("e2fsprogs", Program("mkfs.ext4"), "a disk whose power can be cut"),
    need("ethtool", Program("ethtool"), "offloads as the doctor must see them, and faults to be found"),
    need("fitsverify", Program("fitsverify"), "judges the images that the demonstration makes"),
    need("gfal2-plugin-file", Package, "gfal2's local side"),
    need("gfal2-plugin-http", Package, "gfal2 over HTTPS: the judge nearest to FTS"),
    need("gfal2-util-scripts", Program("gfal-copy"), "gfal2's commands"),
    need("globus-proxy-utils", Program("grid-proxy-init"), "RFC 3820 proxies; limited, independent and legacy too"),
    need("iperf3", Program("iperf3"), "the measurement tool that people trust: client of ours, and server for ours"),
    need("iproute2", Program("ip"), "network namespaces for servers that listen on every address"),
    need("iputils-ping", Program("ping"), "round-trip times in the lab, by the tool that everybody trusts"),
    need("iputils-tracepath", Program("tracepath"), "what fits through a path of the lab"),
    need("libmacaroons0", Package, "the reference library of macaroons, which XRootD uses: narrows ours"),
    need("litmus", Program("litmus"), "conformance to WebDAV classes 1 and 2"),
    need("mount", Program("mount"), "a small file system in memory, to be run full"),
    need("nghttp2-client", Program("h2load"), "many streams on one HTTP/2 connection"),
    need("nftables", Program("nft"), "real loss, black holes and firewalls between namespaces"),
    need(
        "nginx-light",
        Program("nginx"),
        "a server that is none of ours, for portolan httpload (no service is set up)",
    ),
    need("openssl", Program("openssl"), "certificates as grid sites make them, and hashed CA folders"),
    need("postgresql", Package, "the archive's second engine, started by the tests on a socket of their own"),
    need("procps", Program("sysctl"), "settings of the kernel, changed and read independently of us"),
    need("prometheus", Program("promtool"), "judges /metrics (its server is never started)"),
    need("python3", Program("python3"), "cuts that power, by a call that has no command of its own"),
    need("python3-gfal2-util", Package, "what gfal2's commands are made of"),
    need("python3-venv", Package, "makes the environment for what comes from PyPI"),
    need("rclone", Program("rclone"), "client of our server, and a server for our client"),
    need("sqlite3", Program("sqlite3"), "checks the database after a kill, independently of our driver"),
    need("testssl.sh", Program("testssl"), "judges our TLS, from protocols to known weaknesses"),
    need("traceroute", Program("traceroute"), "the routers of the lab, as they show themselves"),
    need("voms-clients", Program("voms-proxy-fake"), "proxies with attributes of an organisation, without its server"),
    need("wget", Program("wget"), "the everyday downloader, with resume"),
    need("xrootd-plugins", Package, "xrootd's checksums and protocols"),
    need("xrootd-scitokens-plugins", Package, "xrootd's tokens: whether it believes our issuer as we do"),
    need("xrootd-server", Program("xrootd"), "the grid's storage server, for our client"),
    need("xrootd-server-plugins", Package, "xrootd's HTTP"),
];

const fn need(package: &'static str, proof: Proof, reason: &'static str) -> Need {
    Need { package, proof, reason }
}

/// Installs what is missing. Without the rights or the network to do so it says what will be skipped, which is a
/// failure on CI alone.
pub(crate) fn install() -> Outcome {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !present(need)).collect();
    if missing.is_empty() {
        println!("all {} are there", NEEDS.len());
        return Ok(());
    }
    if let Err(reason) = add(&missing) {
        println!("not installed: {reason}. Tests that need these will be skipped:");
        for need in missing.iter().filter(|need| !present(need)) {
            println!("  {:<22} {}", need.package, need.reason);
        }
        return if on_ci() { Err(format!("tools are missing: {reason}")) } else { Ok(()) };
    }
    Ok(())
}

fn add(missing: &[&Need]) -> Outcome {
    if !exists("apt-get") {
        return Err("this is no Debian: there is no apt-get".to_owned());
    }
    if output("id", &["-u"]).is_none_or(|id| id.trim() != "0") {
        return Err("only root may install; 'sudo cargo xtask install' does only this".to_owned());
    }
    let environment = [("DEBIAN_FRONTEND", "noninteractive")];
    // Another installation may be under way on a developer's machine: wait for it.
    let wait = ["-q", "-o", "DPkg::Lock::Timeout=300"];
    show("apt-get", &[&wait[..], &["update"]].concat(), &environment)?;
    let quiet_services = QuietServices::begin();
    let mut arguments = [&wait[..], &["install", "-y", "--no-install-recommends"]].concat();
    arguments.extend(missing.iter().map(|need| need.package));
    let outcome = show("apt-get", &arguments, &environment);
    drop(quiet_services);
    outcome?;
    match missing.iter().find(|need| !present(need)) {
        None => Ok(()),
        Some(need) => Err(format!("{} was installed and still is not to be found", need.package)),
    }
}

fn present(need: &Need) -> bool {
    let query = || {
        output("dpkg-query", &["-W", "-f", "${db:Status-Status}", need.package])
            .is_some_and(|status| status.trim() == "installed")
    };
    match need.proof {
        Program(program) => exists(program) || query(),
        Package => query(),
    }
}

/// While it lives, packages do not start their services: nobody who runs tests asks for a Prometheus server that
/// listens on every address. Debian's own switch for this is a program that answers 101 ("forbidden by policy").
struct QuietServices {
    ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl QuietServices {
    fn begin() -> Self {
        if Path::new(POLICY).exists() {
            return Self { ours: false };
        }
        let written = fs::write(POLICY, "#!/bin/sh\nexit 101\n").is_ok();
        let ours = written && output("chmod", &["755", POLICY]).is_some();
        Self { ours }
    }
}

impl Drop for QuietServices {
    fn drop(&mut self) {
        if self.ours {
            // Best effort: a policy left behind is visible, and dpkg says so at the next installation.
            let _ = fs::remove_file(POLICY);
        }
    }
}
