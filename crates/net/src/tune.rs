//! Sockets opened with options: what a measurement chooses, and what the kernel made of it. These are blocking sockets of
//! std: a stream that is to be as fast as the host can has a thread of its own.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

/// What is asked of a socket. `None` leaves the kernel's choice.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SocketOptions {
    /// Bind to this address and port before connecting; port 0 lets the kernel choose.
    pub bind: Option<SocketAddr>,
    /// Congestion control by its name in the kernel: `cubic`, `bbr`.
    pub congestion_control: Option<String>,
    /// Send buffer (`SO_SNDBUF`). The kernel takes at most `net.core.wmem_max` and then stops tuning it by itself.
    pub send_buffer_bytes: Option<usize>,
    /// Receive buffer (`SO_RCVBUF`), likewise.
    pub receive_buffer_bytes: Option<usize>,
    /// Largest segment (`TCP_MAXSEG`).
    pub segment_bytes: Option<u16>,
    /// Pace by the kernel, bytes per second (`SO_MAX_PACING_RATE`).
    pub pacing_bytes_per_second: Option<u64>,
    /// The byte of DSCP and ECN (`IP_TOS`, `IPV6_TCLASS`).
    pub traffic_class: Option<u8>,
    /// Send small segments at once (`TCP_NODELAY`).
    pub no_delay: bool,
    /// How long sent bytes may stay unacknowledged before the kernel gives the connection up (`TCP_USER_TIMEOUT`).
    pub unacknowledged: Option<Duration>,
}

/// What the kernel made of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketFacts {
    /// Congestion control in use; `None` of UDP.
    pub congestion_control: Option<String>,
    /// Send buffer as the kernel counts it: twice what was asked, for its own needs.
    pub send_buffer_bytes: usize,
    /// Receive buffer, likewise.
    pub receive_buffer_bytes: usize,
    /// Largest segment now; `None` of UDP.
    pub segment_bytes: Option<u32>,
}

/// Opens a TCP connection; buffers and segment size are set before the handshake, as they must be.
pub fn connect_tuned(address: SocketAddr, options: &SocketOptions, deadline: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    tune_stream(&SockRef::from(&socket), address.is_ipv6(), options)?;
    if let Some(bind) = options.bind {
        socket.set_reuse_address(true)?;
        socket.bind(&bind.into())?;
    }
    socket.connect_timeout(&address.into(), deadline)?;
    Ok(socket.into())
}

/// Opens a listening socket whose connections inherit the options. An IPv6 wildcard takes IPv4 too, unless `only_v6`.
pub fn listen_tuned(
    address: SocketAddr,
    backlog: u32,
    only_v6: bool,
    options: &SocketOptions,
) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    tune_stream(&SockRef::from(&socket), address.is_ipv6(), options)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Opens a UDP socket bound to `address`.
pub fn datagrams(address: SocketAddr, reuse: bool, options: &SocketOptions) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(reuse)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    tune(&SockRef::from(&socket), address.is_ipv6(), options)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Applies to an open TCP connection what can still be changed on it.
pub fn retune(stream: &impl AsFd, ipv6: bool, options: &SocketOptions) -> io::Result<()> {
    tune_stream(&SockRef::from(stream), ipv6, options)
}

/// Applies to an open UDP socket what can be changed on it.
pub fn retune_datagrams(socket: &impl AsFd, ipv6: bool, options: &SocketOptions) -> io::Result<()> {
    tune(&SockRef::from(socket), ipv6, options)
}

/// What the kernel made of the options of an open socket.
pub fn socket_facts(socket: &impl AsFd) -> io::Result<SocketFacts> {
    let socket = SockRef::from(socket);
    let stream = socket.r#type()? == Type::STREAM;
    let name = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.trim_end_matches('\0').to_owned()
    };
    Ok(SocketFacts {
        congestion_control: if stream { Some(name(socket.tcp_congestion()?)) } else { None },
        send_buffer_bytes: socket.send_buffer_size()?,
        receive_buffer_bytes: socket.recv_buffer_size()?,
        segment_bytes: if stream { Some(socket.tcp_mss()?) } else { None },
    })
}

fn tune_stream(socket: &SockRef<'_>, ipv6: bool, options: &SocketOptions) -> io::Result<()> {
    if let Some(name) = &options.congestion_control {
        socket.set_tcp_congestion(name.as_bytes())?;
    }
    if let Some(bytes) = options.segment_bytes {
        socket.set_tcp_mss(bytes.into())?;
    }
    socket.set_tcp_nodelay(options.no_delay)?;
    if options.unacknowledged.is_some() {
        socket.set_tcp_user_timeout(options.unacknowledged)?;
    }
    tune(socket, ipv6, options)
}

fn tune(socket: &SockRef<'_>, ipv6: bool, options: &SocketOptions) -> io::Result<()> {
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(class) = options.traffic_class {
        if ipv6 {
            socket.set_tclass_v6(class.into())?;
        } else {
            socket.set_tos_v4(class.into())?;
        }
    }
    match options.pacing_bytes_per_second {
        Some(rate) => pace(&**socket, rate),
        None => Ok(()),
    }
}

/// Paces a socket from now on, bytes per second.
#[allow(unsafe_code)]
pub fn pace(socket: &impl AsFd, bytes_per_second: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the value is a u64 that lives through the call, and its size is told; the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MAX_PACING_RATE,
            std::ptr::from_ref(&bytes_per_second).cast(),
            size_of::<u64>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The congestion controls that this kernel lets this user choose.
pub fn congestion_controls() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_allowed_congestion_control").unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}
