//! What is written down of a lab, so that others find it, and find what it left: one folder for each lab, with the state,
//! the control socket, the file of hosts and the log.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A lab as it is written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// Of the start of the machine in which it runs.
    pub(crate) boot: String,
    /// The supervisor.
    pub(crate) process: Process,
    /// The supervisor's file of the user namespace, when it has one of its own.
    pub(crate) user: Option<i32>,
    /// Hosts and routers.
    pub(crate) nodes: Vec<NodeState>,
}

/// A host or router as it is written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct NodeState {
    pub(crate) name: String,
    /// The supervisor's file of its network namespace.
    pub(crate) file: i32,
    pub(crate) inode: u64,
    pub(crate) cookie: u64,
}

/// A process, told apart from another that got the same number later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// When it started, in ticks since the machine did.
    pub(crate) started: u64,
}

impl Process {
    /// The process with this number now.
    pub(crate) fn find(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is a name in parentheses that may hold anything; the rest begins with the third (proc(5)).
        let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
        let alive = fields.next().is_some_and(|state| state != "Z" && state != "X");
        let started = fields.nth(18)?.parse().ok()?;
        alive.then_some(Self { pid, started })
    }

    /// Whether it still runs.
    pub(crate) fn runs(self) -> bool {
        Self::find(self.pid) == Some(self)
    }
}

impl State {
    /// What is written down of the lab in this folder.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(STATE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes it down: whole or not at all.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let new = folder.join("state.new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, folder.join(STATE))
    }

    /// Whether its supervisor runs.
    pub(crate) fn runs(&self) -> bool {
        self.boot == boot() && self.process.runs()
    }
}

/// The file with the state.
const STATE: &str = "state.json";

/// The control socket in the folder of a lab.
pub(crate) fn control(folder: &Path) -> PathBuf {
    folder.join("control")
}

/// The file that stands in for /etc/hosts.
pub(crate) fn hosts(folder: &Path) -> PathBuf {
    folder.join("hosts")
}

/// What the supervisor has to say.
pub(crate) fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// The number of this start of the machine.
pub(crate) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The folder of all labs of this user, made if it is not there. It is refused when it belongs to somebody else.
pub(crate) fn room() -> io::Result<PathBuf> {
    let user = rustix::process::geteuid();
    let room = match std::env::var_os("XDG_RUNTIME_DIR") {
        _ if user.is_root() => PathBuf::from("/run/portolan-lab"),
        Some(runtime) if !runtime.is_empty() => Path::new(&runtime).join("portolan-lab"),
        _ => std::env::temp_dir().join(format!("portolan-lab-{}", user.as_raw())),
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&room)?;
    let facts = fs::symlink_metadata(&room)?;
    if !facts.is_dir() || facts.uid() != user.as_raw() {
        let text = format!("{} is not a folder of this user", room.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(room)
}

#[cfg(test)]
mod tests;
