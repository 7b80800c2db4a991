//! The process that holds a lab. It is a copy of the one that asked for the lab, cut off from its files and its terminal;
//! namespaces, devices and links are in it and nowhere else, so that the kernel removes them with it, whatever ends it.

pub(crate) mod control;
pub(crate) mod state;

use crate::failure::{Failure, Tried};
use crate::namespace::{Namespace, become_root_of_our_own};
use crate::network::Network;
use crate::scenario::Scenario;
use control::{Answer, LinkStatus, Request, Status};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{WaitOptions, waitpid};
use state::{NodeState, Process, State};
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long somebody at the control socket may take for a question.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest question.
const QUESTION_MAX_BYTES: u64 = 64 * 1024;

/// Starts a supervisor and waits until its network stands. With a lifeline the lab ends when the file that is given back
/// is closed, as it is when this process ends.
pub(crate) fn start(scenario: &Scenario, folder: &Path, lifeline: bool) -> Result<Option<OwnedFd>, Failure> {
    let starting = || "starting the supervisor".to_owned();
    let (mut hear, tell) = io::pipe().tried(starting)?;
    let (end, hold) = io::pipe().tried(starting)?;
    let Some(child) = fork().tried(starting)? else {
        // A second copy, so that the first process of the system takes it over and not the caller.
        if matches!(fork(), Ok(None)) {
            be_supervisor(scenario, folder, tell.into(), lifeline.then(|| end.into()));
        }
        leave_at_once();
    };
    drop((tell, end));
    let _ = waitpid(rustix::process::Pid::from_raw(child), WaitOptions::empty());
    let mut told = Vec::new();
    hear.read_to_end(&mut told).tried(starting)?;
    match serde_json::from_slice::<Result<(), Failure>>(&told) {
        Ok(result) => result.map(|()| lifeline.then(|| hold.into())),
        Err(_) => {
            let log = fs::read_to_string(state::log(folder)).unwrap_or_default();
            Err(Failure::new(format!("The supervisor ended before the lab stood. It said: {}", log.trim())))
        }
    }
}

/// What becomes of the copied process: it never returns into what its origin was doing.
fn be_supervisor(scenario: &Scenario, folder: &Path, tell: OwnedFd, end: Option<OwnedFd>) -> ! {
    let run = AssertUnwindSafe(|| {
        let (tell, end) = keep_only(folder, tell, end)?;
        let mut tell = File::from(tell);
        let (listener, lab) = match set_up(scenario, folder) {
            Ok(lab) => lab,
            Err(failure) => return tell.write_all(&serde_json::to_vec(&Err::<(), _>(failure))?),
        };
        tell.write_all(&serde_json::to_vec(&Ok::<(), Failure>(()))?)?;
        drop(tell);
        lab.serve(&listener, end)
    });
    if let Ok(Err(error)) = std::panic::catch_unwind(run) {
        let _ = writeln!(io::stderr(), "the supervisor ended: {error}");
    }
    leave_at_once();
}

/// Closes every file but these two and leaves terminal and folder of the origin.
fn keep_only(folder: &Path, tell: OwnedFd, end: Option<OwnedFd>) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    rustix::process::setsid()?;
    let mut kept = [tell.as_raw_fd(), end.as_ref().map_or(2, AsRawFd::as_raw_fd)];
    kept.sort_unstable();
    close_all_but(kept)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let log = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
    let log = rustix::fs::open(state::log(folder), log, Mode::RUSR | Mode::WUSR)?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&log)?;
    rustix::stdio::dup2_stderr(&log)?;
    std::env::set_current_dir("/")?;
    Ok((tell, end))
}

/// Closes all files from 3 on but these two, which are given in their order.
#[allow(unsafe_code)]
fn close_all_but(kept: [i32; 2]) -> io::Result<()> {
    let [low, high] = kept.map(|file| file as libc::c_uint);
    for (first, last) in [(3, low.saturating_sub(1)), (low.max(2) + 1, high.saturating_sub(1)), (high + 1, u32::MAX)] {
        // SAFETY: this process is a copy whose owners of these files never run again: it ends without returning to them.
        if first <= last && unsafe { libc::close_range(first, last, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

#[allow(unsafe_code)]
fn fork() -> io::Result<Option<i32>> {
    // SAFETY: the child goes on with code of this module alone and ends by `leave_at_once`. It has one thread; the
    // allocator of glibc is whole after a fork, and no other lock of the parent is taken.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        child => Ok(Some(child)),
    }
}

#[allow(unsafe_code)]
fn leave_at_once() -> ! {
    // SAFETY: it ends the process. What the origin registered for its own end must not run in the copy.
    unsafe { libc::_exit(0) }
}

/// A lab at work.
struct Lab {
    scenario: Scenario,
    network: Network,
    began: Instant,
    steps_done: usize,
    step_failures: Vec<String>,
}

/// Builds the network and writes it down.
fn set_up(scenario: &Scenario, folder: &Path) -> Result<(UnixListener, Lab), Failure> {
    let is_root = rustix::process::geteuid().is_root();
    let may = is_root && crate::namespace::leave(rustix::thread::UnshareFlags::NEWNET).is_ok();
    let user = if may { None } else { Some(become_root_of_our_own().tried(|| "making a user namespace".to_owned())?) };
    let network = Network::build(scenario)?;
    let writing = || format!("writing to {}", folder.display());
    let mut hosts = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost\n");
    for (address, names) in scenario.names() {
        hosts.push_str(&format!("{address} {}\n", names.join(" ")));
    }
    fs::write(state::hosts(folder), hosts).tried(writing)?;
    fs::set_permissions(state::hosts(folder), Permissions::from_mode(0o644)).tried(writing)?;
    let listener = net::listen_local(&state::control(folder)).tried(writing)?;
    listener.set_nonblocking(true).tried(writing)?;
    let process = Process::find(std::process::id())
        .ok_or_else(|| Failure::new("The supervisor does not find itself in /proc.".to_owned()))?;
    let node = |(name, namespace): (&str, &Namespace)| NodeState {
        name: name.to_owned(),
        file: namespace.as_fd().as_raw_fd(),
        inode: namespace.inode,
        cookie: namespace.cookie,
    };
    let state = State {
        boot: state::boot(),
        process,
        user: user.as_ref().map(AsRawFd::as_raw_fd),
        nodes: network.nodes().map(node).collect(),
    };
    state.write(folder).tried(writing)?;
    // Held until the process ends, for those who come in.
    std::mem::forget(user);
    let lab =
        Lab { scenario: scenario.clone(), network, began: Instant::now(), steps_done: 0, step_failures: Vec::new() };
    Ok((listener, lab))
}

impl Lab {
    /// Answers at the control socket and makes the changes of the timeline, until it is told to end or the lifeline is
    /// cut.
    fn serve(mut self, listener: &UnixListener, lifeline: Option<OwnedFd>) -> io::Result<()> {
        loop {
            self.make_changes();
            let timeout = self.scenario.timeline.get(self.steps_done).map(|step| {
                let left = step.at.saturating_sub(self.began.elapsed());
                Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }
            });
            let mut files = vec![PollFd::new(listener, PollFlags::IN)];
            files.extend(lifeline.as_ref().map(|lifeline| PollFd::new(lifeline, PollFlags::IN)));
            if poll(&mut files, timeout.as_ref()).is_err() {
                continue;
            }
            if files.get(1).is_some_and(|lifeline| !lifeline.revents().is_empty()) {
                return Ok(());
            }
            match listener.accept() {
                Ok((stream, _)) => {
                    if self.answer(stream).unwrap_or(false) {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn make_changes(&mut self) {
        while let Some(step) = self.scenario.timeline.get(self.steps_done) {
            if step.at > self.began.elapsed() {
                return;
            }
            self.steps_done += 1;
            if let Err(failure) = self.network.change(&step.what) {
                self.step_failures.push(failure.problem().detail);
            }
        }
    }

    /// Answers one question; `true` when it was to end.
    fn answer(&self, stream: UnixStream) -> io::Result<bool> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut question = String::new();
        BufReader::new(&stream).take(QUESTION_MAX_BYTES).read_line(&mut question)?;
        let (answer, end) = match serde_json::from_str(&question) {
            Ok(Request::Status) => (Answer::Status(Box::new(self.status())), false),
            Ok(Request::End) => (Answer::Ending, true),
            Err(error) => (Answer::NotUnderstood(error.to_string()), false),
        };
        serde_json::to_writer(&stream, &answer)?;
        Ok(end)
    }

    fn status(&self) -> Status {
        let links = self.network.links().map(|(link, forward, backward)| LinkStatus {
            name: link.name.clone(),
            a: link.a.node.clone(),
            b: link.b.node.clone(),
            forward,
            backward,
        });
        Status {
            name: self.scenario.name.clone(),
            supervisor: std::process::id(),
            up_seconds: self.began.elapsed().as_secs_f64(),
            hosts: self.scenario.hosts.iter().map(|host| host.name.clone()).collect(),
            routers: self.scenario.routers.iter().map(|router| router.name.clone()).collect(),
            links: links.collect(),
            steps: self.scenario.timeline.len(),
            steps_done: self.steps_done,
            step_failures: self.step_failures.clone(),
        }
    }
}
