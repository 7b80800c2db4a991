//! Network namespaces: made by a process for itself, held by open files, entered by others. None has a name in the file
//! system, so that the kernel removes each with the last process that holds it.

use crate::netlink::Netlink;
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A network namespace that this process holds.
#[derive(Debug)]
pub(crate) struct Namespace {
    file: OwnedFd,
    /// About this namespace, from wherever.
    pub(crate) netlink: Netlink,
    /// Its inode, as in `/proc/PID/ns/net`. Another may have it when this one is gone.
    pub(crate) inode: u64,
    /// Its number, which no other has until the machine starts anew.
    pub(crate) cookie: u64,
}

impl Namespace {
    /// Makes one, with its loopback device up, and leaves the calling thread in it.
    pub(crate) fn make() -> io::Result<Self> {
        leave(UnshareFlags::NEWNET)?;
        let file = open("/proc/thread-self/ns/net")?;
        let inode = rustix::fs::fstat(&file)?.st_ino;
        let netlink = Netlink::open()?;
        netlink.up("lo")?;
        Ok(Self { file, netlink, inode, cookie: net::network_namespace_cookie()? })
    }

    /// Brings the calling thread in.
    pub(crate) fn enter(&self) -> io::Result<()> {
        Ok(move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))?)
    }

    /// Sets a kernel setting of this namespace, as `net.ipv4.tcp_rmem`. The calling thread must be in it.
    pub(crate) fn set(&self, name: &str, value: &str) -> io::Result<()> {
        let parts: Vec<&str> = name.split('.').collect();
        if parts[0] != "net" || parts.iter().any(|part| part.is_empty() || part.contains('/')) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no setting of a network namespace"));
        }
        fs::write(format!("/proc/sys/{}", parts.join("/")), value)
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Opens a file that stands for a namespace.
pub(crate) fn open(path: &str) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Puts this process, which must have one thread alone, into a new user namespace, where it is root and may make network
/// namespaces. Outside it stays who it was.
pub(crate) fn become_root_of_our_own() -> io::Result<OwnedFd> {
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    leave(UnshareFlags::NEWUSER)?;
    // The kernel wants this before it believes a map of groups from a process without rights.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    allow_others_of_this_user()?;
    open("/proc/self/ns/user")
}

/// A process that gained rights is closed to others of the same user, who would then find no way into the lab.
#[allow(unsafe_code)]
fn allow_others_of_this_user() -> io::Result<()> {
    // SAFETY: the call changes one flag of this process.
    let code = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Leaves the present namespace of this kind for a new one.
#[allow(unsafe_code)]
pub(crate) fn leave(kind: UnshareFlags) -> io::Result<()> {
    // SAFETY: only kinds are passed that change where names and devices are looked up, never `FILES`, whose change could
    // take open files away from other threads' owners.
    Ok(unsafe { rustix::thread::unshare_unsafe(kind) }?)
}
