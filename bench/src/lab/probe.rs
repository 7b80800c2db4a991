//! Numbered datagrams through a link, with the kernel's time of arrival: what was lost, and how late the others were.

use ::lab::Running;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SERVER: &str = "10.0.0.2:9000";

/// So many datagrams leave at once, and then none until their time is over: the queue of a device before its link holds
/// some hundreds, and what it loses is not the link's doing.
const TRAIN: u32 = 64;

/// Datagrams a second, where no pause is asked for.
const RATE: f64 = 100_000.0;

/// How long nothing must arrive for all to have arrived, beyond the delay.
const PATIENCE: Duration = Duration::from_millis(500);

/// What arrived.
pub(super) struct Arrived {
    /// How many.
    pub(super) count: u32,
    /// From before the call that sends until the far kernel has it, in milliseconds, in order of size.
    pub(super) delays_ms: Vec<f64>,
}

/// Sends numbered datagrams from a to b.
pub(super) fn send(lab: &Running, count: u32, pause: Duration, delay: Duration) -> Result<Arrived, String> {
    let socket = on(lab, "b", || receiver(PATIENCE + delay))??;
    std::thread::scope(|scope| {
        let arrived = scope.spawn(|| receive_all(&socket));
        on(lab, "a", || {
            let sender = UdpSocket::bind("10.0.0.1:0").map_err(|error| error.to_string())?;
            let mut datagram = [0; 200];
            let begun = Instant::now();
            for number in 0..count {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                datagram[..16].copy_from_slice(&now.as_nanos().to_be_bytes());
                sender.send_to(&datagram, SERVER).map_err(|error| error.to_string())?;
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                } else if number % TRAIN == 0 {
                    let due = Duration::from_secs_f64(f64::from(number) / RATE);
                    std::thread::sleep(due.saturating_sub(begun.elapsed()));
                }
            }
            Ok::<(), String>(())
        })??;
        arrived.join().map_err(|_| "the receiver failed".to_owned())
    })
}

/// Does something in the network of a host.
fn on<T: Send>(lab: &Running, host: &str, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            lab.enter(host).map_err(|problem| problem.to_line())?;
            Ok(work())
        });
        inside.join().map_err(|_| format!("the thread on {host} failed"))?
    })
}

#[allow(unsafe_code)]
fn receiver(patience: Duration) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind(SERVER).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(patience)).map_err(|error| error.to_string())?;
    let yes: libc::c_int = 1;
    let room: libc::c_int = 256 << 20;
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    for (option, value) in [(libc::SO_TIMESTAMPNS, &raw const yes), (libc::SO_RCVBUFFORCE, &raw const room)] {
        // SAFETY: the socket is open; the value is of the size that is told.
        if unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value.cast(), size) } < 0 {
            return Err(format!("setting up the receiver: {}", std::io::Error::last_os_error()));
        }
    }
    Ok(socket)
}

fn receive_all(socket: &UdpSocket) -> Arrived {
    let mut delays_ms: Vec<f64> = std::iter::from_fn(|| receive(socket)).collect();
    delays_ms.sort_by(f64::total_cmp);
    Arrived { count: delays_ms.len() as u32, delays_ms }
}

#[allow(unsafe_code)]
fn receive(socket: &UdpSocket) -> Option<f64> {
    let mut bytes = [0_u8; 256];
    let mut control = [0_u64; 16];
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: the message points to buffers that live through the calls, with their true sizes; the control message is
    // read by the macros made for it, and holds a timespec when its type says so.
    let arrived = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), size_of_val(&control));
        if libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) < 16 {
            return None;
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() || (*header).cmsg_type != libc::SCM_TIMESTAMPNS {
            return None;
        }
        let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
        time.tv_sec as i128 * 1_000_000_000 + time.tv_nsec as i128
    };
    let sent = i128::from_be_bytes(*bytes.first_chunk()?);
    Some((arrived - sent) as f64 / 1e6)
}
