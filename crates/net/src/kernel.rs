//! What the kernel tells of a TCP connection, as its bytes: for formats that want every field of it.

use crate::ConnectionFacts;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// `TCP_ESTABLISHED` of net/tcp_states.h: the peer has not said that it is done.
const ESTABLISHED: u8 = 1;

/// More than any kernel tells today.
const TOLD_BYTES: usize = 512;

/// `struct tcp_info` of linux/tcp.h, as long as this kernel makes it.
pub fn tcp_info_bytes(socket: &impl AsFd) -> io::Result<Vec<u8>> {
    read(socket, libc::TCP_INFO)
}

/// `union tcp_cc_info` of linux/inet_diag.h: what the congestion control tells of itself, often nothing.
pub fn congestion_info_bytes(socket: &impl AsFd) -> io::Result<Vec<u8>> {
    read(socket, libc::TCP_CC_INFO)
}

impl ConnectionFacts {
    /// Is the connection still open in both directions?
    pub fn is_established(&self) -> bool {
        let stream = self.0.stream();
        stream.and_then(|stream| tcp_info_bytes(&*stream).ok()).is_some_and(|told| told.first() == Some(&ESTABLISHED))
    }
}

/// Wakes a writer only when less than this waits unsent in the kernel (`TCP_NOTSENT_LOWAT`): what is written later is sent
/// sooner.
pub fn keep_unsent_below(socket: &impl AsFd, bytes: u32) -> io::Result<()> {
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(bytes)
}

#[allow(unsafe_code)]
fn read(socket: &impl AsFd, option: libc::c_int) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; TOLD_BYTES];
    let mut len = TOLD_BYTES as libc::socklen_t;
    // SAFETY: `bytes` has `len` bytes; the kernel writes at most so many and says how many.
    let result = unsafe {
        libc::getsockopt(socket.as_fd().as_raw_fd(), libc::IPPROTO_TCP, option, bytes.as_mut_ptr().cast(), &raw mut len)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    bytes.truncate(len as usize);
    Ok(bytes)
}
