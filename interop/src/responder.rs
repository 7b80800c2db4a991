//! `portolan responder` as a process.

use crate::port::program;
use crate::run::path;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than any start or orderly end takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A responder on 127.0.0.1; killed when dropped.
pub struct Responder {
    child: Child,
    folder: TempDir,
    /// What it said when it listened.
    pub ready: Value,
}

impl Responder {
    /// With further lines of the section `[responder]`, and further sections.
    pub fn start(lines: &str, sections: &str) -> Self {
        Self::start_with(lines, sections, &[])
    }

    /// The same with options of the command line.
    pub fn start_with(lines: &str, sections: &str, options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-responder-").tempdir().unwrap();
        let settings = folder.path().join("portolan.toml");
        std::fs::write(&settings, format!("[responder]\nlisten = \"127.0.0.1:0\"\n{lines}\n{sections}\n")).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut child = Command::new(program())
            .env_clear()
            .env("PATH", path())
            .args(["responder", "--json", "--config"])
            .arg(&settings)
            .arg("--ca-out")
            .arg(folder.path().join("ca.pem"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("{error}: {line:?}\n{log}")
        });
        Self { child, folder, ready }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        u16::try_from(self.ready["port"].as_u64().unwrap()).unwrap()
    }

    /// The authority of its certificate.
    pub fn authority(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Tells it to stop.
    pub fn terminate(&self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < LIMIT, "the responder does not end\n{}", self.log());
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
        if std::thread::panicking() {
            eprintln!("--- the responder's log\n{}", self.log());
        }
    }
}
