//! Which of IPv4 and IPv6 is spoken: asked for or reported, never silently swapped.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Which address families a caller wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Family {
    /// Each that the host has, one after the other: what is not said otherwise.
    #[default]
    Both,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// Is this address of it?
    pub fn takes(self, address: IpAddr) -> bool {
        match self {
            Self::Both => true,
            Self::V4 => address.to_canonical().is_ipv4(),
            Self::V6 => address.to_canonical().is_ipv6(),
        }
    }

    /// The family of an address, as people call it. An IPv4 address mapped into IPv6 is IPv4: that is what is on the wire.
    pub fn of(address: IpAddr) -> Self {
        if address.to_canonical().is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "IPv4 and IPv6",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// One address of a host for each family that was asked for and that it has: the first that the resolver gives
/// (RFC 6724), IPv6 before IPv4 where it does so.
///
/// A host without any address of the family is an error of kind `NotFound` that says what it has instead.
pub async fn addresses_of(host: &str, port: u16, family: Family) -> io::Result<Vec<SocketAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let all: Vec<SocketAddr> = tokio::net::lookup_host((bare, port)).await?.collect();
    let mut chosen: Vec<SocketAddr> = Vec::with_capacity(2);
    for address in &all {
        let known = chosen.iter().any(|other| Family::of(other.ip()) == Family::of(address.ip()));
        if family.takes(address.ip()) && !known {
            chosen.push(*address);
        }
    }
    if chosen.is_empty() {
        let instead: Vec<String> = all.iter().map(|address| address.ip().to_string()).collect();
        let has = if instead.is_empty() { "no address at all".to_owned() } else { instead.join(", ") };
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("{bare} has no address of {family}; it has {has}"),
        ));
    }
    Ok(chosen)
}
