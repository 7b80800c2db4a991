//! Networks in the notation of CIDR (RFC 4632 §3.1; RFC 4291 §2.3).

use core::net::IpAddr;
use std::str::FromStr;

/// An address and how many of its first bits count: `192.0.2.0/24`, `2001:db8::/32`, a single address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Is this address in it? IPv4 addresses inside IPv6 count as what they are.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), 32, self.bits),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

/// Are the first of so many bits the same?
fn same(left: u128, right: u128, width: u8, bits: u8) -> bool {
    // Shifting all bits away is not defined: nothing is compared then.
    (left ^ right).checked_shr(u32::from(width - bits)).unwrap_or(0) == 0
}

/// A text that is no network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{0}' is no address and no network, as 192.0.2.1 or 192.0.2.0/24 or 2001:db8::/32")]
pub struct InvalidNetwork(pub String);

impl FromStr for Network {
    type Err = InvalidNetwork;
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        read(text).ok_or_else(|| InvalidNetwork(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(width), str::parse).ok()?;
    if bits > width {
        return None;
    }
    // ::ffff:192.0.2.0/120 is a network of IPv4.
    let canonical = address.to_canonical();
    match (address.is_ipv6() && canonical.is_ipv4(), bits) {
        (true, 96..) => Some(Network { address: canonical, bits: bits - 96 }),
        _ => Some(Network { address, bits }),
    }
}
