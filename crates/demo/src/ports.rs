//! Two ports as real processes: started, waited for, stopped by process id.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Retry};
use tokio::process::{Child, Command};

/// How long a port may take to begin listening. It makes a database and two keys; seconds on a slow disk.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a port may take to end once asked; it drains, and the demo leaves nothing running in it.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// What `portolan serve --ready-file` writes.
#[derive(Deserialize)]
struct Ready {
    addresses: Vec<String>,
    ca_file: Option<PathBuf>,
}

/// One running port.
pub struct Port {
    /// `A` or `B`, for people.
    pub name: &'static str,
    /// `https://127.0.0.1:40001`.
    pub address: String,
    /// The certificate authority that vouches for it.
    pub ca_file: PathBuf,
    /// The file that holds its administrator token.
    pub token_file: PathBuf,
    /// Where it keeps everything.
    pub data_directory: PathBuf,
    child: Child,
}

impl Port {
    /// Starts `program serve` in `directory` and waits until it listens.
    pub async fn start(program: &Path, name: &'static str, directory: &Path) -> Result<Self, Problem> {
        let data_directory = directory.join(format!("port-{name}"));
        let ready_file = directory.join(format!("port-{name}.ready.json"));
        let token_file = directory.join(format!("port-{name}.token"));
        let log_file = directory.join(format!("port-{name}.log"));
        let log = std::fs::File::create(&log_file).map_err(|error| failed(name, &format!("{error}"), &log_file))?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .args(["--listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(&data_directory)
            .arg("--ready-file")
            .arg(&ready_file)
            .arg("--admin-token-file")
            .arg(&token_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C reaches the whole group of the terminal; the demo itself stops its ports, once it has stopped
            // using them.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(name, &format!("{error}"), program))?;
        let ready = wait_until_ready(&mut child, name, &ready_file, &log_file).await?;
        let address = ready.addresses.into_iter().find(|address| address.starts_with("https"));
        let (Some(address), Some(ca_file)) = (address, ready.ca_file) else {
            return Err(failed(name, "it does not offer HTTPS", &log_file));
        };
        Ok(Self { name, address, ca_file, token_file, data_directory, child })
    }

    /// The process, for accounting.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks it to drain, waits, and kills it when it does not end.
    pub async fn stop(mut self) {
        if let Some(pid) = self.child.id().and_then(|pid| rustix::process::Pid::from_raw(pid as i32)) {
            // It may have ended by itself in between; then there is nobody to ask.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

async fn wait_until_ready(child: &mut Child, name: &str, ready_file: &Path, log_file: &Path) -> Result<Ready, Problem> {
    let begun = Instant::now();
    loop {
        if let Ok(text) = std::fs::read(ready_file) {
            return serde_json::from_slice(&text).map_err(|error| failed(name, &format!("{error}"), ready_file));
        }
        if let Ok(Some(status)) = child.try_wait() {
            let said = std::fs::read_to_string(log_file).unwrap_or_default();
            let said = said.lines().rev().take(5).collect::<Vec<_>>().join(" / ");
            return Err(failed(name, &format!("it ended with {status}: {said}"), log_file));
        }
        if begun.elapsed() > START_LIMIT {
            return Err(failed(name, &format!("it did not listen within {} s", START_LIMIT.as_secs()), log_file));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn failed(name: &str, why: &str, look_at: &Path) -> Problem {
    Problem {
        status: 500,
        kind: "port-not-started",
        title: "A port could not be started",
        detail: format!("starting port {name} failed: {why}"),
        blame: Blame::Us,
        retry: Retry::Soon,
        next: format!("Look at {}.", look_at.display()),
    }
}
