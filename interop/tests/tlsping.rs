//! `portolan tlsping` against openssl's server, and openssl's clients against our listener: both must tell the same of a
//! handshake, and agree in kind about what it takes.
#![allow(clippy::unwrap_used)]

use interop::apache::{free_port, wait_for};
use interop::port::program;
use interop::{Finished, Port, Run, needs};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// `openssl s_server` with a certificate of this kind; killed when dropped.
struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Server {
    fn start(key: &[&str], options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-tls-").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let openssl = || Run::new("openssl").within(folder.path());
        let make = ["req", "-x509", "-nodes", "-days", "2", "-newkey"];
        let authority = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "ca.key", "-out", "ca.pem"];
        openssl().args(make).args(authority).args(["-subj", "/CN=test authority"]).succeed();
        let host = ["-keyout", "host.key", "-out", "host.pem", "-CA", "ca.pem", "-CAkey", "ca.key"];
        let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
        openssl().args(make).args(key).args(host).args(names).args(leaf).succeed();
        let port = free_port();
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-www", "-quiet"])
            .arg("-cert")
            .arg(path("host.pem"))
            .arg("-key")
            .arg(path("host.key"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(port, &mut child, &path("log"));
        Self { child, folder, port }
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Five of each kind, asked by us.
    fn ask(&self, options: &[&str]) -> Value {
        let run = ping(&format!("localhost:{}", self.port), &self.authority(), options);
        assert_eq!(run.code, Some(0), "{run}");
        serde_json::from_str(&run.text()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ping(host: &str, authority: &Path, options: &[&str]) -> Finished {
    let run = Run::new(program()).args(["tlsping", host, "-c", "5", "-4", "--json", "--ca"]).arg(authority);
    run.args(options).finish()
}

/// What five handshakes of a stage agreed on, all alike.
fn agreed(report: &Value, round: usize) -> &Value {
    let agreed = report["reports"][0]["rounds"][round]["agreed"].as_array().unwrap();
    assert_eq!(agreed.len(), 1, "{report}");
    assert_eq!(agreed[0]["count"], 5, "{report}");
    &agreed[0]
}

#[test]
fn openssl_s_server_is_timed_full_and_resumed() {
    if !needs(&[("openssl", "openssl")]) {
        return;
    }
    let rsa = Server::start(&["rsa:2048"], &[]);
    let ecdsa = Server::start(&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], &["-alpn", "h2"]);
    for (server, key) in [(&rsa, "RSA 2048"), (&ecdsa, "ECDSA P-384")] {
        for (version, named, trips) in [("1.3", "TLSv1.3", 2), ("1.2", "TLSv1.2", 3)] {
            let report = server.ask(&["--tls", version, "--alpn", "h2"]);
            let full = agreed(&report, 0);
            assert_eq!((full["form"].as_str(), full["version"].as_str()), (Some("full"), Some(named)));
            assert_eq!(full["key"], key, "{report}");
            assert_eq!(full["alpn"].is_string(), key != "RSA 2048", "{report}");
            let resumed = agreed(&report, 1);
            assert_eq!(resumed["form"], "resumed", "{report}");
            let rounds = &report["reports"][0]["rounds"];
            assert_eq!(rounds[0]["distance"]["round_trips"], trips);
            assert_eq!(rounds[1]["distance"]["round_trips"], 2);
            assert_eq!(rounds[0]["handshake"]["count"], 5);
        }
    }
    // What is asked for is what is agreed on, in openssl's names.
    let chosen = rsa.ask(&["--tls", "1.2", "--cipher", "ECDHE-RSA-AES256-GCM-SHA384", "--group", "P-256"]);
    assert_eq!(agreed(&chosen, 0)["cipher"], "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(agreed(&chosen, 0)["group"], "secp256r1");
}

#[test]
fn a_server_that_wants_another_group_or_gives_no_tickets_is_told() {
    if !needs(&[("openssl", "openssl")]) {
        return;
    }
    let picky = Server::start(&["rsa:2048"], &["-groups", "P-384", "-num_tickets", "0"]);
    let report = picky.ask(&["--handshakes", "full", "--tls", "1.3"]);
    assert_eq!(agreed(&report, 0)["form"], "retried", "{report}");
    assert_eq!(report["reports"][0]["rounds"][0]["distance"]["round_trips"], 3);
    let host = format!("localhost:{}", picky.port);
    let run = ping(&host, &picky.authority(), &["--handshakes", "resumed", "--tls", "1.3"]);
    assert_eq!(run.code, Some(1), "who does not resume is not clean: {run}");
    let tcp = ping(&host, &picky.authority(), &["-tcponly"]);
    assert_eq!(tcp.code, Some(0), "{tcp}");
    let report: Value = serde_json::from_str(&tcp.text()).unwrap();
    assert_eq!(report["reports"][0]["rounds"][0]["connecting"]["count"], 5);
    let nobody = ping(&host, Path::new("/etc/ssl/certs/ca-certificates.crt"), &[]);
    assert!(nobody.text().contains("peer-untrusted") || nobody.stderr.contains("authorities"), "{nobody}");
}

/// openssl's client and ours say the same of our listener: version, suite, and that it resumes.
#[test]
fn openssl_s_client_and_we_agree_about_our_listener() {
    if !needs(&[("openssl", "openssl")]) {
        return;
    }
    let port = Port::start();
    let host = port.url("/").trim_start_matches("https://").trim_end_matches('/').to_owned();
    for (version, flag, suite) in [
        ("1.3", "-tls1_3", ("TLS_AES_128_GCM_SHA256", "TLS13_AES_128_GCM_SHA256")),
        ("1.2", "-tls1_2", ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")),
    ] {
        let ticket = port.folder().join(format!("ticket-{version}"));
        let client = |option: &str| {
            let run = Run::new("openssl").args(["s_client", "-connect", &host, flag, "-CAfile"]).arg(port.authority());
            // It reads the ticket while it waits for the answer.
            run.arg(option).arg(&ticket).input("GET / HTTP/1.0\r\n\r\n").args(["-ign_eof"]).succeed()
        };
        let first = client("-sess_out");
        assert!(first.text().contains("New, TLSv1."), "{first}");
        assert!(first.text().contains(&format!("Cipher is {}", suite.0)), "{first}");
        let again = client("-sess_in");
        assert!(again.text().contains("Reused, TLSv1."), "{again}");
        let ours = ping(&host, &port.authority(), &["--tls", version]);
        let report: Value = serde_json::from_str(&ours.text()).unwrap();
        assert_eq!(
            (agreed(&report, 0)["form"].as_str(), agreed(&report, 1)["form"].as_str()),
            (Some("full"), Some("resumed"))
        );
        assert_eq!(agreed(&report, 0)["cipher"], suite.1, "{ours}");
        assert_eq!(agreed(&report, 0)["key"], "ECDSA P-256");
    }
    // Its clock measures our listener: new and resumed connections, none of which failed.
    for kind in ["-new", "-reuse"] {
        let run = Run::new("openssl").args(["s_time", "-connect", &host, "-time", "1", kind, "-CAfile"]);
        let run = run.arg(port.authority()).succeed();
        assert!(run.text().contains("connections in"), "{run}");
    }
}
