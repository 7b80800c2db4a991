//! The outer life of the process: one port per data directory, signals, and what is told to the service manager.

use crate::problems::chain;
use net::Drain;
use rustix::fs::FlockOperation;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use terms::{Blame, Problem, Retry};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The hold on a data directory; given up when dropped, and by the kernel when the process ends in any way.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Takes hold. Another port that holds it is named by its process id.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, Problem> {
        let path = data_dir.join("lock");
        // The file stays: who removed it could not know whether another process has just locked it.
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(|error| unusable("open", &path, &error))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(in_use(data_dir, &mut file)),
            Err(error) => return Err(unusable("lock", &path, &error.into())),
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| unusable("write", &path, &error))?;
        Ok(Self { file })
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // An old process id must not be read as a running one.
        let _ = self.file.set_len(0);
    }
}

/// Makes a directory that only we may enter, with those above it.
pub(crate) fn make_private(path: &Path) -> Result<(), Problem> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| unusable("make", path, &error))
}

/// Something in the data directory cannot be used.
pub(crate) fn unusable(action: &str, path: &Path, error: &std::io::Error) -> Problem {
    Problem {
        status: 500,
        kind: "data-directory-unusable",
        title: "the data directory cannot be used",
        detail: format!("Could not {action} {}: {}.", path.display(), chain(error)),
        blame: Blame::Storage,
        retry: Retry::Never,
        next: "Give this user the right to it, or name another with --data-dir.".to_owned(),
    }
}

fn in_use(data_dir: &Path, file: &mut File) -> Problem {
    let mut holder = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut holder));
    let holder = holder.trim();
    let process = if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
    Problem {
        status: 500,
        kind: "data-directory-in-use",
        title: "a port is running already",
        detail: format!("{process} holds the data directory {}.", data_dir.display()),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: if holder.is_empty() {
            "Stop it first, or name another directory with --data-dir.".to_owned()
        } else {
            format!("Stop it first (kill {holder}), or name another directory with --data-dir.")
        },
    }
}

/// SIGTERM and SIGINT.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From now on these signals do not end the process by themselves.
    pub(crate) fn listen() -> Result<Self, Problem> {
        let listen = |kind| {
            signal(kind).map_err(|error| Problem {
                status: 500,
                kind: "no-signals",
                title: "signals cannot be received",
                detail: format!("The kernel refused: {error}."),
                blame: Blame::Us,
                retry: Retry::Soon,
                next: "Report it.".to_owned(),
            })
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next one and names it.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// The first signal begins draining; returns with the second.
pub(crate) async fn stop_on_signals(mut signals: StopSignals, drain: Drain) {
    let name = signals.next().await;
    tracing::info!("{name}: stopping; running requests may finish, a second signal ends them at once");
    notify(&[sd_notify::NotifyState::Stopping]);
    drain.begin();
    let name = signals.next().await;
    tracing::warn!("{name} again: ending at once");
}

/// Tells the service manager, if there is one.
pub(crate) fn notify(state: &[sd_notify::NotifyState<'_>]) {
    // Without NOTIFY_SOCKET it does nothing; a manager that does not listen is no reason to stop.
    let _ = sd_notify::notify(state);
}
