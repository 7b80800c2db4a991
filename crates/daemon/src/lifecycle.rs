//! The outer life of the process: one port per data directory, signals, and what is told to the service manager.

use crate::problems::chain;
use crate::reload::reload;
use crate::running::Port;
use crate::settings::Settings;
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

/// The process of the port that runs on the data directory of these settings.
pub fn running_process(settings: &Settings) -> Result<rustix::process::Pid, Problem> {
    let path = settings.data_dir.join("lock");
    let none = || Problem {
        status: 500,
        kind: "no-port-runs",
        title: "no port runs here",
        detail: format!("No process holds the data directory {}.", settings.data_dir.display()),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Name its settings with --config or its data with --data-dir, or its address with --server.".to_owned(),
    };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(none()),
        Err(error) => return Err(unusable("open", &path, &error)),
    };
    // Who gets the lock is alone: a number in the file is that of a process long gone.
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return Err(none());
    }
    let mut holder = String::new();
    file.read_to_string(&mut holder).map_err(|error| unusable("read", &path, &error))?;
    holder.trim().parse().ok().and_then(rustix::process::Pid::from_raw).ok_or_else(none)
}

/// Tells that process to read everything again.
pub fn signal_reload(process: rustix::process::Pid) -> Result<(), Problem> {
    rustix::process::kill_process(process, rustix::process::Signal::HUP).map_err(|error| Problem {
        status: 500,
        kind: "signal-refused",
        title: "the port could not be told",
        detail: format!("The process {process:?} takes no signal from this user: {error}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Be the user that the port runs as, or root; or use --server with a token.".to_owned(),
    })
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

fn listen(kind: SignalKind) -> Result<Signal, Problem> {
    signal(kind).map_err(|error| Problem {
        status: 500,
        kind: "no-signals",
        title: "signals cannot be received",
        detail: format!("The kernel refused: {error}."),
        blame: Blame::Us,
        retry: Retry::Soon,
        next: "Report it.".to_owned(),
    })
}

/// SIGHUP.
pub(crate) struct ReloadSignal(Signal);

impl ReloadSignal {
    /// From now on it does not end the process.
    pub(crate) fn listen() -> Result<Self, Problem> {
        listen(SignalKind::hangup()).map(Self)
    }
}

/// Each signal has everything read again; never returns.
pub(crate) async fn reload_on_signals(port: &Port, mut signal: ReloadSignal) {
    // Without an end of the signals there is no end of waiting for them.
    while signal.0.recv().await.is_some() {
        // The manager wants to know by its own clock which of several reloads this is (sd_notify(3), RELOADING=1).
        let began = sd_notify::NotifyState::monotonic_usec_now();
        let states: Vec<_> = [sd_notify::NotifyState::Reloading].into_iter().chain(began).collect();
        notify(&states);
        reload(port, None, "SIGHUP").await;
        notify(&[sd_notify::NotifyState::Ready]);
    }
    std::future::pending().await
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
