//! ndt7 with others: the crate `ndt7-client` against our responder, and our client against a server made of another
//! WebSocket (Python's `websockets`). Tests run for four seconds instead of ten, which the server decides.
#![allow(clippy::unwrap_used)]

use interop::needs::lacking;
use interop::python::python;
use interop::run::path;
use interop::{Finished, Run};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// `portolan responder`, or another server that says its port in its first line; killed when dropped.
struct Server {
    child: Child,
    port: u64,
    folder: TempDir,
}

impl Server {
    /// Our responder, which lets anyone measure for four seconds.
    fn ours() -> Self {
        let folder = TempDir::with_prefix("portolan-ndt7-").unwrap();
        let settings = folder.path().join("portolan.toml");
        std::fs::write(&settings, "[responder]\nlisten = \"127.0.0.1:0\"\nanyone_tcp_time = \"4 s\"\n").unwrap();
        let mut command = Command::new(portolan());
        command.args(["responder", "--json", "--drain-time", "5s", "--config"]).arg(&settings);
        command.arg("--ca-out").arg(folder.path().join("ca.pem"));
        Self::launch(command, folder)
    }

    /// One that others made.
    fn theirs(python: PathBuf) -> Self {
        let folder = TempDir::with_prefix("portolan-ndt7-").unwrap();
        let script = folder.path().join("server.py");
        std::fs::write(&script, include_str!("ndt7/server.py")).unwrap();
        let mut command = Command::new(python);
        command.arg(&script);
        Self::launch(command, folder)
    }

    fn launch(mut command: Command, folder: TempDir) -> Self {
        command.env_clear().env("PATH", path()).env("HOME", folder.path()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).expect("the first line says where it listens");
        Self { port: told["port"].as_u64().unwrap(), child, folder }
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before; what counts is that it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn portolan() -> PathBuf {
    std::env::var_os("PORTOLAN_BIN").map_or_else(|| target().join("debug/portolan"), PathBuf::from)
}

/// Tests lie in target/debug/deps.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// The foreign client, if it is there.
fn foreign() -> Option<PathBuf> {
    let program = target().join("ndt7-client/bin/ndt7-client");
    (program.is_file() || lacking("the crate ndt7-client")).then_some(program)
}

fn lines(finished: &Finished) -> Vec<Value> {
    String::from_utf8_lossy(&finished.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What the foreign client says of our server, over plain connections or TLS.
fn foreign_against_ours(tls: &[&str]) {
    let Some(program) = foreign() else { return };
    let server = Server::ours();
    let address = format!("127.0.0.1:{}", server.port);
    let run = Run::new(program).args(["--server", &address, "--no-locate", "--format", "json"]).args(tls);
    let finished = run.limit(Duration::from_secs(60)).finish();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let said = lines(&finished);
    for test in ["download", "upload"] {
        let measured: Vec<&Value> = said
            .iter()
            .filter(|line| line["Type"] == "Measurement" && line["Test"] == test)
            .map(|line| &line["Measurement"])
            .filter(|measurement| measurement["Origin"] == "server")
            .collect();
        assert!(measured.len() >= 5, "{} measurements of the {test} among {} lines", measured.len(), said.len());
        let last = measured.last().unwrap();
        assert!(last["ConnectionInfo"]["UUID"].is_string(), "{last}");
        assert_eq!(last["ConnectionInfo"]["Server"], address);
        let tcp = &last["TCPInfo"];
        assert!(tcp["MinRTT"].as_i64().is_some_and(|micros| micros > 0), "{last}");
        let counter = if test == "download" { "BytesAcked" } else { "BytesReceived" };
        assert!(tcp[counter].as_i64().is_some_and(|bytes| bytes > 1 << 20), "{last}");
    }
    let summary = said.last().unwrap();
    for direction in ["Download", "Upload"] {
        let rate = summary["Summary"][direction]["ThroughputMbps"].as_f64();
        assert!(rate.is_some_and(|rate| rate > 1.0), "{summary}");
    }
}

#[test]
fn the_foreign_client_over_plain_connections() {
    foreign_against_ours(&["--no-tls"]);
}

#[test]
fn the_foreign_client_over_tls() {
    foreign_against_ours(&["--no-verify"]);
}

/// Our client's account of both tests.
fn ours(arguments: &[&str]) -> Vec<Value> {
    let run = Run::new(portolan()).args(["ndt7", "--json", "--quiet"]).args(arguments);
    let finished = run.limit(Duration::from_secs(60)).finish();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let said = lines(&finished);
    let tests: Vec<&Value> = said.iter().map(|line| &line["test"]).collect();
    assert_eq!(tests, ["download", "upload"]);
    said
}

/// Our client and our server, over TLS that is believed by its authority.
#[test]
fn ours_against_ours() {
    let server = Server::ours();
    let authority = server.authority();
    let host = format!("127.0.0.1:{}", server.port);
    for line in ours(&[&host, "--cacert", authority.to_str().unwrap()]) {
        assert_eq!(line["verdict_by"], "server", "{line}");
        assert_eq!(line["ending"], "complete", "{line}");
        assert!(line["tls_handshake_seconds"].as_f64().is_some_and(|span| span > 0.0), "{line}");
        assert!(line["verdict"]["findings"][0]["says"].is_string(), "{line}");
        assert_ne!(line["verdict"]["findings"][0]["kind"], "unseen", "our client tells what it sees: {line}");
    }
    let finished = Run::new(portolan()).args(["ndt7", "--quiet", &host]).finish();
    assert_eq!(finished.code, Some(1), "an authority that nobody vouches for is not believed");
}

/// Our client and a server that shares nothing with ours.
#[test]
fn ours_against_theirs() {
    let Some(python) = python(&["websockets"]) else { return };
    let server = Server::theirs(python);
    for line in ours(&[&format!("ws://127.0.0.1:{}", server.port)]) {
        assert_eq!((&line["verdict_by"], &line["ending"]), (&"client".into(), &"complete".into()), "{line}");
        assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{line}");
        assert_eq!(line["server_measurement"]["ConnectionInfo"]["UUID"], "theirs");
    }
}
