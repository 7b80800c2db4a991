//! The servers that are compared. Each file starts one kind, in its plain form as its manual recommends it, on loopback.

use crate::packages;
use clap::ValueEnum;
use rcgen::CertifiedKey;
use serde::Serialize;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) mod nginx;
pub(crate) mod portolan;
pub(crate) mod rclone;
pub(crate) mod xrootd;

/// A start on a busy machine may take seconds; nothing that we run needs half a minute.
const START_TIME: Duration = Duration::from_secs(30);
/// Then it is killed.
const STOP_TIME: Duration = Duration::from_secs(10);

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// With its DAV module; what all others are measured by.
    Nginx,
    /// With its XrdHttp plugin.
    Xrootd,
    /// `rclone serve webdav`.
    Rclone,
    /// Ours.
    Portolan,
}

impl Kind {
    /// The program whose presence tells that it is installed; ours is built, not installed.
    pub(crate) fn program(self) -> Option<&'static str> {
        match self {
            Self::Nginx => Some("nginx"),
            Self::Xrootd => Some("xrootd"),
            Self::Rclone => Some("rclone"),
            Self::Portolan => None,
        }
    }
}

/// Where things are on the disk; the same for all servers.
pub(crate) struct Place {
    /// Everything is below it.
    pub scratch: PathBuf,
    /// The folder that all servers serve as their root: `get/` is read, `put/` is written.
    pub files: PathBuf,
    /// The same for Portolan's namespace with fewer digests.
    pub light: PathBuf,
    /// The program `portolan`.
    pub portolan: PathBuf,
    /// Of all servers but ours, which makes its own of the same kind (ECDSA P-256).
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Place {
    /// Makes the folders and the certificate.
    pub(crate) fn create(scratch: &Path, portolan: &Path) -> Result<Self, String> {
        let at = |name: &str| scratch.join(name);
        let place = Self {
            scratch: scratch.to_owned(),
            files: at("files"),
            light: at("light"),
            portolan: portolan.to_owned(),
            certificate: at("host.pem"),
            key: at("host.key"),
        };
        for folder in [&place.files, &place.light] {
            let put = folder.join("put");
            fs::create_dir_all(folder.join("get")).map_err(|error| format!("{}: {error}", folder.display()))?;
            fs::create_dir_all(&put).map_err(|error| format!("{}: {error}", put.display()))?;
        }
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
                .map_err(|error| format!("making a certificate: {error}"))?;
        write(&place.certificate, &cert.pem())?;
        write(&place.key, &signing_key.serialize_pem())?;
        Ok(place)
    }

    /// A folder for one server's own things.
    fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.scratch.join("servers").join(name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }
}

/// A running server. Dropping it stops it.
pub(crate) struct Server {
    /// What it calls itself.
    pub version: String,
    /// One, or several where it is measured with several settings.
    pub contestants: Vec<Contestant>,
    /// Its processes; their descendants are found when needed.
    pub processes: Vec<Process>,
}

/// One line of the table.
pub(crate) struct Contestant {
    /// As the table names it.
    pub name: &'static str,
    /// URL of the root for HTTP/1.1 without TLS.
    pub plain: String,
    /// URL of the root for HTTP/2 without TLS ("prior knowledge"), where the server speaks that.
    pub plain_http2: Option<String>,
    /// URL of the root with TLS.
    pub tls: String,
    /// Does it speak HTTP/2 over TLS?
    pub tls_http2: bool,
    /// What the client is to trust.
    pub authority: PathBuf,
    /// A header that uploads need.
    pub upload_header: Option<String>,
    /// Where uploads to `put/` of the root appear.
    pub uploads: PathBuf,
    /// Is it measured for PUT only?
    pub uploads_only: bool,
}

/// Starts one.
pub(crate) fn start(kind: Kind, place: &Place) -> Result<Server, String> {
    match kind {
        Kind::Nginx => nginx::start(place),
        Kind::Xrootd => xrootd::start(place),
        Kind::Rclone => rclone::start(place),
        Kind::Portolan => portolan::start(place),
    }
}

/// A process of a server, stopped when dropped.
pub(crate) struct Process {
    child: Child,
    /// What it wrote.
    log: PathBuf,
}

impl Process {
    /// Starts it, its output going to a file.
    fn start(mut command: Command, log: &Path) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let copy = file.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(file).stderr(copy).spawn();
        let child = child.map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something holds, while the process lives.
    fn wait_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) -> Result<(), String> {
        let started = Instant::now();
        while !holds() {
            let ended = self.child.try_wait().map_err(|error| format!("waiting for {what}: {error}"))?;
            let why = match ended {
                Some(status) => format!("ended with {status}"),
                None if started.elapsed() > START_TIME => format!("is not there after {} s", START_TIME.as_secs()),
                None => {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
            };
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            return Err(format!("{what} {why}; {} ends with:\n{}", self.log.display(), tail.join("\n")));
        }
        Ok(())
    }

    /// Waits until a port of loopback accepts.
    fn wait_for_port(&mut self, port: u16) -> Result<(), String> {
        self.wait_until(&format!("the server for port {port}"), || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }
}

impl Drop for Process {
    /// SIGTERM first: nginx's workers would outlive a killed master.
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIME {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback that is free now.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no free port on loopback: {error}"))
}

fn command(program: &str) -> Command {
    Command::new(packages::program(program).unwrap_or_else(|| program.into()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Version as the program prints it.
fn version(program: &str, arguments: &[&str]) -> String {
    packages::program(program).map_or_else(|| "unknown".to_owned(), |program| packages::first_line(&program, arguments))
}
