//! A scenario is carried out by the command line: up, commands, output and counters kept, down; also when it is interrupted.

#![allow(clippy::unwrap_used)]

use interop::needs::{needs, needs_root};
use interop::port::program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One host serves in the background, the other fetches; then the link loses all, which a timeline tells.
const SCENARIO: &str = r#"
[[link]]
name = "path"
between = ["near", "far"]
rate = "100 Mbit/s"
rtt = "10 ms"
[[step]]
at = "1 min"
loss = "100 %"
[[command]]
name = "server"
host = "far"
run = ["python3", "-m", "http.server", "8000", "--bind", "::"]
background = true
ready = 8000
[[command]]
name = "client"
host = "near"
run = "for family in -4 -6; do curl $family -sS -o /dev/null -w '%{http_code} ' http://far:8000/; done"
[[command]]
name = "patience"
host = "near"
run = "sleep SECONDS"
limit = "50 s"
"#;

fn lab(folder: &Path, name: &str, seconds: u32) -> Command {
    let file = folder.join("scenario.toml");
    fs::write(&file, SCENARIO.replace("SECONDS", &seconds.to_string())).unwrap();
    let mut command = Command::new(program());
    command.args(["lab", "run", "--name", name, "--output"]).arg(folder.join("out")).arg(file);
    command.current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn is_up(name: &str) -> bool {
    let mut status = Command::new(program());
    status.args(["lab", "status", name]).stderr(Stdio::null()).stdout(Stdio::null());
    status.status().unwrap().success()
}

fn summary(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("out/summary.json")).unwrap()).unwrap()
}

fn end<'a>(summary: &'a Value, name: &str) -> &'a str {
    let commands = summary["commands"].as_array().unwrap();
    commands.iter().find(|command| command["name"] == name).unwrap()["end"].as_str().unwrap()
}

#[test]
fn a_scenario_is_carried_out_and_leaves_its_output_alone() {
    if !needs_root() || !needs(&[("curl", "curl"), ("python3", "python3")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name = format!("interop-run-{}", std::process::id());
    let output = lab(folder.path(), &name, 0).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(fs::read_to_string(folder.path().join("out/client.out")).unwrap(), "200 200 ");
    let summary = summary(folder.path());
    assert_eq!(summary, serde_json::from_slice::<Value>(&output.stdout).unwrap());
    assert_eq!(summary["succeeded"], true);
    assert_eq!(end(&summary, "client"), "exited");
    assert_eq!(end(&summary, "server"), "ran until the others had ended");
    // Two connections of three packets at least.
    assert!(summary["status"]["links"][0]["forward"]["delivered_packets"].as_u64().unwrap() >= 6);
    assert!(!is_up(&name));
}

#[test]
fn who_interrupts_a_run_has_no_lab_left() {
    if !needs_root() || !needs(&[("curl", "curl"), ("python3", "python3")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name = format!("interop-stop-{}", std::process::id());
    let mut run = lab(folder.path(), &name, 40).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !folder.path().join("out/patience.out").exists() {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not come so far");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(is_up(&name));
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    assert!(!run.wait().unwrap().success());
    let summary = summary(folder.path());
    assert_eq!((&summary["interrupted"], &summary["succeeded"]), (&true.into(), &false.into()));
    assert_eq!(end(&summary, "patience"), "was interrupted");
    assert!(!is_up(&name));
}
