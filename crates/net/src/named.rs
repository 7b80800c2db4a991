//! Sockets between processes of one host that have a name and no file (unix(7), the abstract namespace). The kernel takes
//! the name back when its holder ends, however it ends; each network namespace has names of its own.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

/// Takes this name, and listens by it. `AddrInUse` when another process has it.
pub fn listen_named(name: &str) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// Connects to the process that has this name. `ConnectionRefused` when none has.
pub fn connect_named(name: &str) -> io::Result<UnixStream> {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
}
