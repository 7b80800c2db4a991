//! The program in a world of its own.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Long enough for a machine that does much else besides; nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    directory: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) struct Running {
    child: Child,
    pub(crate) ready: serde_json::Value,
    pub(crate) ready_file: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_string_lossy().into_owned()
    }

    pub(crate) fn data(&self) -> String {
        self.path("data")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// Permissions of something in the data directory.
    pub(crate) fn mode(&self, name: &str) -> u32 {
        std::fs::metadata(Path::new(&self.data()).join(name)).expect("it is there").permissions().mode() & 0o777
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
        command.current_dir(self.directory.path()).env_remove("PORTOLAN_LOG").env("HOME", self.directory.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command().args(arguments).output().expect("it runs");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("a text"),
            stderr: String::from_utf8(output.stderr).expect("a text"),
        }
    }

    /// A port with a plain listener on loopback.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_on("127.0.0.1:0", arguments)
    }

    /// A port whose token is known.
    pub(crate) fn start_with_token(&self) -> Running {
        self.start(&["--admin-token-file", &self.path("admin.token")])
    }

    pub(crate) fn start_on(&self, plain: &str, arguments: &[&str]) -> Running {
        let (ready_file, stdout, stderr) = (self.path("ready.json"), self.path("stdout"), self.path("stderr"));
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--plain", plain, "--data-dir", &self.data()]);
        if Path::new(&self.path("portolan.toml")).exists() {
            command.args(["--config", "portolan.toml"]);
        }
        command.args(["--ready-file", &ready_file]).args(arguments);
        command.stdout(File::create(&stdout).expect("a file")).stderr(File::create(&stderr).expect("a file"));
        let mut child = command.spawn().expect("it starts");
        let deadline = Instant::now() + PATIENCE;
        let ready = loop {
            if let Ok(text) = std::fs::read_to_string(&ready_file) {
                break serde_json::from_str(&text).expect("JSON, and whole");
            }
            let ended = child.try_wait().expect("its state");
            let said = || std::fs::read_to_string(&stderr).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < deadline, "it did not start: {ended:?} {}", said());
            sleep(Duration::from_millis(10));
        };
        Running { child, ready, ready_file: ready_file.into(), stdout: stdout.into(), stderr: stderr.into() }
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn token(&self) -> String {
        let file = self.ready["admin_token_file"].as_str().expect("a token file");
        std::fs::read_to_string(file).expect("a token").trim().to_owned()
    }

    /// The address without TLS.
    pub(crate) fn plain(&self) -> SocketAddr {
        let text =
            self.ready["addresses"][1].as_str().and_then(|text| text.strip_prefix("http://")).expect("an address");
        text.replace("localhost", "127.0.0.1").parse().expect("an address")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }

    /// Returns when nobody accepts connections any more.
    pub(crate) fn wait_until_drained_of_listeners(&self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.plain()).is_ok() {
            assert!(Instant::now() < deadline, "it still listens");
            sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn stop(self, signal: Signal) -> Ended {
        self.signal(signal);
        self.end()
    }

    /// Waits for it to end by itself.
    pub(crate) fn end(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                break status;
            }
            assert!(Instant::now() < deadline, "it did not end");
            sleep(Duration::from_millis(10));
        };
        let read = |path: &Path| std::fs::read_to_string(path).expect("what it said");
        let ended = Ended { code: status.code(), stdout: read(&self.stdout), stderr: read(&self.stderr) };
        let _ = std::fs::remove_file(&self.ready_file);
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only when a test failed half-way; otherwise it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request and reads to the end of the connection.
pub(crate) fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
