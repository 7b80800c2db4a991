//! Running another program to its end, within a time.

use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Programs here work on small files on one machine: this is for those that hang.
const LIMIT: Duration = Duration::from_secs(60);

/// The path of this process, with the folders where Debian puts servers.
pub fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

/// A program about to be run, in an environment of its own: what a developer has exported (proxies, tokens,
/// authorities, configuration) must not decide a test.
pub struct Run {
    command: Command,
    line: String,
    input: Vec<u8>,
    limit: Duration,
}

/// What became of it.
#[derive(Debug)]
pub struct Finished {
    /// The command line.
    pub line: String,
    /// Exit code; `None` when a signal ended it, ours after its time was up included.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// This program, without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(&program);
        command.env_clear().env("PATH", path()).env("LANG", "C.UTF-8").env("HOME", "/nonexistent");
        let line = program.as_ref().to_string_lossy().into_owned();
        Self { command, line, input: Vec::new(), limit: LIMIT }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.line.push(' ');
        self.line.push_str(&argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, |run, argument| run.arg(argument))
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Its working folder, which becomes its home too.
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder).env("HOME", folder);
        self
    }

    /// Its standard input.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// How long it may take.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end, or kills it and those that it started when its time is up.
    pub fn finish(mut self) -> Finished {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("cannot start '{}': {error}", self.line));
        let mut stdin = child.stdin.take().unwrap();
        let input = std::mem::take(&mut self.input);
        // A program that does not read its input closes it: that is its affair.
        let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
        let mut stdout = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || read_all(&mut stdout));
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || read_all(&mut stderr));
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > self.limit {
                eprintln!("killed after {} s: {}", self.limit.as_secs(), self.line);
                kill_process_group(Pid::from_child(&child), Signal::KILL).unwrap();
                break child.wait().unwrap();
            }
            thread::sleep(Duration::from_millis(5));
        };
        feeder.join().unwrap();
        let stderr = String::from_utf8_lossy(&stderr.join().unwrap()).into_owned();
        Finished { line: self.line, code: status.code(), stdout: stdout.join().unwrap(), stderr }
    }

    /// Starts it, waits until `moment` says so, and kills it (SIGKILL). Fails when it ended by itself before.
    pub fn kill_when(mut self, moment: impl Fn() -> bool) {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("cannot start '{}': {error}", self.line));
        let started = Instant::now();
        while !moment() {
            let ended = child.try_wait().unwrap();
            let late = started.elapsed() > self.limit;
            if late {
                let _ = child.kill();
            }
            assert!(ended.is_none() && !late, "the moment to kill '{}' never came ({ended:?})", self.line);
            thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs it and fails the test unless it exits with 0.
    #[track_caller]
    pub fn succeed(self) -> Finished {
        let finished = self.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        finished
    }
}

impl Finished {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// The command with all that it said, for the message of a failed test.
impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, stderr, .. } = self;
        let stdout: String = self.text().chars().take(20_000).collect();
        write!(f, "$ {line}\nexit {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

fn read_all(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error is worth showing.
    let _ = from.read_to_end(&mut bytes);
    bytes
}
