//! Sockets that never leave this machine: between processes of ours, and to the kernel about its own network.

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Listens for processes of ours at this path, which must not exist.
pub fn listen_local(path: &Path) -> io::Result<UnixListener> {
    UnixListener::bind(path)
}

/// Connects to a process of ours that listens at this path.
pub fn connect_local(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// A socket for questions and orders to the kernel about devices, addresses and routes (rtnetlink) of the network
/// namespace in which the calling thread is now; it keeps to that namespace.
pub fn routing_socket() -> io::Result<OwnedFd> {
    // No protocol means 0, which of netlink is NETLINK_ROUTE.
    Ok(socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?)
}

/// The number of the network namespace in which the calling thread is now: no other has it until the machine starts
/// anew, which cannot be said of the inode of the namespace.
#[allow(unsafe_code)]
pub fn network_namespace_cookie() -> io::Result<u64> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut cookie = 0_u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the socket is open; the kernel writes at most `length` octets to `cookie`, which has that many.
    let code = unsafe {
        let place = (&raw mut cookie).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_NETNS_COOKIE, place, &raw mut length)
    };
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(cookie) }
}

/// Of `asm-generic/socket.h`, Linux 5.14 and later; the libc crate lacks it.
const SO_NETNS_COOKIE: libc::c_int = 71;

#[cfg(test)]
mod tests;
