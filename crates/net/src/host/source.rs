//! The address from which this host would call another.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// What the routes choose as our address for a far one. Nothing is sent.
pub fn source_for(far: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if far.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Connecting a datagram socket only looks up the route.
    socket.connect(far)?;
    Ok(socket.local_addr()?.ip())
}
