//! Labs for tests, and sockets in them.

use lab::scenario::Scenario;
use lab::{Running, Until};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Root, without which threads cannot enter the lab's networks: says so if not, and fails where nothing may be skipped.
#[allow(clippy::print_stdout)]
pub(crate) fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    let demanded = ["CI", "PORTOLAN_DEMAND_FOREIGN"]
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| value == "1" || value == "true"));
    assert!(root || !demanded, "this test needs root, and none may be skipped here");
    if !root {
        println!("skipped: needs root");
    }
    root
}

/// A scenario under a name that no other test has.
pub(crate) fn scenario(text: &str) -> Scenario {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut scenario = Scenario::parse(text, "test").unwrap_or_else(|findings| panic!("{findings}"));
    scenario.name = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    scenario
}

/// Brings a lab up that ends with the test.
pub(crate) fn up(text: &str) -> Running {
    lab::up(&scenario(text), Until::Dropped).unwrap_or_else(|problem| panic!("{}", problem.to_line()))
}

/// Does something in the network of a host.
pub(crate) fn on<T: Send>(lab: &Running, host: &str, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            lab.enter(host).unwrap();
            work()
        });
        inside.join().unwrap()
    })
}

/// A UDP socket of a host with room for much, which tells the kernel's time of arrival and waits no longer than this.
#[allow(unsafe_code)]
pub(crate) fn receiver(lab: &Running, host: &str, address: &str, patience: Duration) -> UdpSocket {
    let socket = on(lab, host, || UdpSocket::bind(address).unwrap());
    socket.set_read_timeout(Some(patience)).unwrap();
    let yes: libc::c_int = 1;
    let room: libc::c_int = 64 << 20;
    // SAFETY: the socket is open; both values are of the size that is told.
    unsafe {
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        let (yes, room) = ((&raw const yes).cast(), (&raw const room).cast());
        assert_eq!(libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, yes, size), 0);
        assert_eq!(libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, room, size), 0);
    }
    socket
}

/// A datagram as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The number at its beginning.
    pub(crate) number: u32,
    /// The sender's time in it, since the epoch.
    pub(crate) sent: Duration,
    /// The kernel's time of arrival, since the epoch.
    pub(crate) arrived: Duration,
    /// Its length.
    pub(crate) bytes: usize,
}

/// The time since the epoch, as kernel stamps tell it.
pub(crate) fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()
}

/// A datagram of this length with this number and the time.
pub(crate) fn datagram(number: u32, bytes: usize) -> Vec<u8> {
    let mut datagram = vec![0x5a; bytes];
    datagram[..4].copy_from_slice(&number.to_be_bytes());
    datagram[4..20].copy_from_slice(&now().as_nanos().to_be_bytes());
    datagram
}

/// All that arrives until nothing does for as long as the socket waits.
pub(crate) fn receive_all(socket: &UdpSocket) -> Vec<Arrival> {
    std::iter::from_fn(|| receive(socket)).collect()
}

#[allow(unsafe_code)]
fn receive(socket: &UdpSocket) -> Option<Arrival> {
    let mut bytes = [0_u8; 2048];
    let mut control = [0_u64; 16];
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: the message points to buffers that live through the calls, with their true sizes; the control message is
    // read by the kernel's own macros, and holds a timespec when its type says so.
    let (length, arrived) = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), size_of_val(&control));
        let length = libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0);
        if length < 20 {
            return None;
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        assert!(!header.is_null() && (*header).cmsg_type == libc::SCM_TIMESTAMPNS, "the kernel stamps");
        let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
        (length as usize, Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    };
    let number = u32::from_be_bytes(bytes[..4].try_into().unwrap());
    let sent = u128::from_be_bytes(bytes[4..20].try_into().unwrap());
    Some(Arrival { number, sent: Duration::from_nanos(sent as u64), arrived, bytes: length })
}
