//! `portolan throughput` against `portolan responder`, as processes in a network namespace of their own.
#![allow(clippy::unwrap_used)]

use interop::needs::{needs, needs_root};
use interop::netns::Netns;
use interop::port::program;
use interop::run::{Finished, Run, path};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A responder in a namespace; killed when dropped.
struct Host {
    netns: Netns,
    folder: tempfile::TempDir,
    child: Child,
}

impl Host {
    /// Everybody may measure without bounds.
    fn start() -> Self {
        let netns = Netns::new();
        let folder = tempfile::tempdir().unwrap();
        let rule = "[[rule]]\nname = \"all\"\nverbs = [\"measure\"]\npaths = [\"/\"]\nto = [\"everyone\"]\n";
        let settings = folder.path().join("portolan.toml");
        fs::write(&settings, format!("[responder]\nlisten = \"[::]:5201\"\n\n{rule}")).unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        let [first, rest @ ..] = netns.prefix();
        let child = Command::new(first)
            .args(rest)
            .arg(program())
            .args(["responder", "--json", "--config"])
            .arg(&settings)
            .arg("--ca-out")
            .arg(folder.path().join("ca.pem"))
            .arg("--scratch")
            .arg(folder.path().join("scratch"))
            .env_clear()
            .env("PATH", path())
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.path().join("ready")).unwrap())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let host = Self { netns, folder, child };
        host.until(|| fs::metadata(host.path("ready")).is_ok_and(|meta| meta.len() > 0));
        host
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    fn until(&self, moment: impl Fn() -> bool) {
        let started = Instant::now();
        while !moment() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(30), "it never came\n{log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn throughput(&self, arguments: &[&str]) -> Run {
        let [first, rest @ ..] = self.netns.prefix();
        Run::new(first).args(rest).arg(program()).arg("throughput").args(arguments)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

#[track_caller]
fn json(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"))
}

fn ready() -> bool {
    needs(&[("ip", "iproute2")]) && needs_root()
}

/// Both families, both ways, in clear and inside TLS, memory and disk: the receiver's count is there, with a verdict.
#[test]
fn every_kind_of_test() {
    if !ready() {
        return;
    }
    let host = Host::start();
    let ca = host.path("ca.pem");
    let ca = ca.to_str().unwrap();
    let file = host.path("file");
    fs::write(&file, vec![1; 8 << 20]).unwrap();
    let file = file.to_str().unwrap();
    let cases: [&[&str]; 5] = [
        &["127.0.0.1", "-P", "2", "--direction", "both"],
        &["::1", "--direction", "from", "-O", "200ms"],
        &["::1", "--tls", "--cacert", ca],
        &["127.0.0.1", "--source", file, "--far", "disk"],
        &["127.0.0.1", "--far", "disk", "--direction", "from", "--sink", file.strip_suffix("file").unwrap()],
    ];
    for arguments in cases {
        let finished = host.throughput(arguments).args(["--time", "600ms", "--json"]).succeed();
        let report = json(&finished);
        for flow in report["tests"][0]["flows"].as_array().unwrap() {
            assert!(flow["received"]["bits_per_second"].as_f64().unwrap() > 1e6, "{arguments:?}: {flow:#}");
            assert!(flow["verdict"]["sentence"].as_str().unwrap().ends_with('.'));
        }
        assert_eq!(report["tests"][0]["tls"].is_object(), arguments.contains(&"--tls"));
    }
    assert_eq!(left(&host.path("scratch")), 0);
    let text = host.throughput(&["127.0.0.1", "-t", "600ms", "--pace", "50Mbit/s"]).succeed().text();
    assert!(text.contains("verdict: ") && text.contains("this is the rate that was asked for, 50 Mbit/s."), "{text}");
}

fn left(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// A client that is killed while its data flow holds the turn of neither host nor responder; who does not wait meanwhile
/// is told when to come again.
#[test]
fn a_killed_client_holds_nothing() {
    if !ready() {
        return;
    }
    let host = Host::start();
    let [first, rest @ ..] = host.netns.prefix();
    let mut command = Command::new(first);
    command.args(rest).arg(program()).args(["throughput", "127.0.0.1", "-t", "50s", "-q"]).env("PATH", path());
    let mut client = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let refused = || host.throughput(&["127.0.0.1", "-t", "500ms", "--no-wait"]).finish();
    host.until(|| refused().code == Some(1));
    let finished = refused();
    assert!(finished.stderr.contains("there is no turn to be had"), "{finished}");
    client.kill().unwrap();
    client.wait().unwrap();
    let killed = Instant::now();
    host.throughput(&["127.0.0.1", "-t", "500ms", "--wait", "20s"]).succeed();
    assert!(killed.elapsed() < Duration::from_secs(20));
}
