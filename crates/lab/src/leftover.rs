//! Processes that live in the networks of a lab. They are found by their namespaces and ended by their numbers, so that
//! nothing of a lab outlives it.

use crate::namespace::open;
use crate::supervisor::state::State;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long a process may take to end when it is asked to.
const ASKED: Duration = Duration::from_secs(2);

/// How long the kernel may take to end it.
const ENDED: Duration = Duration::from_secs(5);

/// A process that is held by a file, so that its number cannot come to mean another.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) pid: u32,
    file: OwnedFd,
}

impl Held {
    /// Holds the process with this number.
    pub(crate) fn process(pid: u32) -> io::Result<Self> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { pid, file: pidfd_open(number, PidfdFlags::empty())? })
    }

    /// Whether it ends within this time.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let mut files = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut files, Some(&timeout)) {
                Ok(count) if count > 0 => return true,
                _ if left.is_zero() => return false,
                _ => {}
            }
        }
    }

    /// Sends it a signal; it does not matter if it is gone.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.file, signal);
    }
}

/// Ends all processes in the networks of this lab, first by asking. Gives their numbers.
pub(crate) fn end_processes(state: &State) -> Vec<u32> {
    let held = processes(state);
    for process in &held {
        process.signal(Signal::TERM);
    }
    let until = Instant::now() + ASKED;
    for process in &held {
        if !process.ends_within(until.saturating_duration_since(Instant::now())) {
            process.signal(Signal::KILL);
            process.ends_within(ENDED);
        }
    }
    held.iter().map(|process| process.pid).collect()
}

/// All processes in the networks of this lab but the supervisor.
fn processes(state: &State) -> Vec<Held> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let others = numbers.filter(|pid| *pid != state.process.pid && *pid != std::process::id());
    let supervised = state.runs();
    others.filter_map(|pid| lives_in(state, pid, supervised)).collect()
}

/// Holds the process if it lives in one of the lab's networks. As long as the supervisor holds them, their inodes say so;
/// later another namespace may have got an inode of theirs, and the number of the namespace decides.
fn lives_in(state: &State, pid: u32, supervised: bool) -> Option<Held> {
    let path = format!("/proc/{pid}/ns/net");
    let inode = || fs::metadata(&path).ok().map(|facts| std::os::unix::fs::MetadataExt::ino(&facts));
    let ours = |inode: u64| state.nodes.iter().find(|node| node.inode == inode);
    ours(inode()?)?;
    let held = Held::process(pid).ok()?;
    let node = ours(inode()?)?;
    (supervised || cookie_of(pid) == Some(node.cookie)).then_some(held)
}

/// The number of the network namespace of a process, asked from inside by a process made for this question: only one with
/// a single thread may enter a user namespace.
#[allow(unsafe_code)]
fn cookie_of(pid: u32) -> Option<u64> {
    let network = open(&format!("/proc/{pid}/ns/net")).ok()?;
    let user = open(&format!("/proc/{pid}/ns/user")).ok();
    let (hear, tell) = io::pipe().ok()?;
    // SAFETY: the child makes system calls alone, allocates nothing, and ends by `_exit`.
    let child = match unsafe { libc::fork() } {
        -1 => return None,
        0 => {
            use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
            use std::os::fd::AsFd;
            if let Some(user) = &user {
                // Refused where it is the one that we are in.
                let _ = move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User));
            }
            if move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).is_ok()
                && let Ok(cookie) = net::network_namespace_cookie()
            {
                let _ = rustix::io::write(&tell, &cookie.to_ne_bytes());
            }
            // SAFETY: it ends the child.
            unsafe { libc::_exit(0) }
        }
        child => child,
    };
    drop(tell);
    let mut cookie = [0; 8];
    let length = rustix::io::read(&hear, &mut cookie).ok();
    let _ = rustix::process::waitpid(Pid::from_raw(child), rustix::process::WaitOptions::empty());
    (length == Some(8)).then(|| u64::from_ne_bytes(cookie))
}
