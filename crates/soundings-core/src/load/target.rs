//! Where a load may be sent that somebody asks for from elsewhere: no place that only this host can see.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is no target for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inside {
    /// This host itself.
    Loopback,
    /// A network that is not routed on the Internet.
    Private,
    /// The link alone.
    LinkLocal,
    /// No single host.
    NoHost,
    /// Set apart for documents, benchmarks and the future.
    Reserved,
}

impl std::fmt::Display for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Loopback => "it is this host itself (loopback)",
            Self::Private => "it is of a private network",
            Self::LinkLocal => "it is of the local link",
            Self::NoHost => "it is no address of a single host",
            Self::Reserved => "it is of a reserved network",
        })
    }
}

/// Why this address is not one of the open Internet; `None` if it is one.
pub fn inside(address: IpAddr) -> Option<Inside> {
    match address.to_canonical() {
        IpAddr::V4(address) => inside_v4(address),
        IpAddr::V6(address) => inside_v6(address),
    }
}

fn inside_v4(address: Ipv4Addr) -> Option<Inside> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => Some(Inside::Loopback),
        // RFC 1918, and what carriers share (RFC 6598).
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Some(Inside::Private),
        (169, 254, _) => Some(Inside::LinkLocal),
        (0, ..) | (224..=239, ..) | (255, 255, 255) => Some(Inside::NoHost),
        // RFC 6890: protocol assignments, documents, 6to4 relays, benchmarks, class E.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) | (240..=255, ..) => {
            Some(Inside::Reserved)
        }
        _ => None,
    }
}

fn inside_v6(address: Ipv6Addr) -> Option<Inside> {
    let [first, second, ..] = address.segments();
    match first {
        _ if address.is_loopback() => Some(Inside::Loopback),
        _ if address.is_unspecified() => Some(Inside::NoHost),
        0xff00..=0xffff => Some(Inside::NoHost),
        0xfe80..=0xfebf => Some(Inside::LinkLocal),
        // Unique local (RFC 4193), and site local before it (RFC 3879).
        0xfc00..=0xfdff | 0xfec0..=0xfeff => Some(Inside::Private),
        // What embeds an IPv4 address is as inside as that one: 6to4 (RFC 3056), NAT64 (RFC 6052).
        0x2002 => {
            let [_, high, low, ..] = address.segments();
            inside_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        0x64 if second == 0xff9b => {
            let [.., high, low] = address.segments();
            inside_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
                .or((address.segments()[2] != 0).then_some(Inside::Private))
        }
        0x2001 if second == 0x0db8 || second < 0x0200 => Some(Inside::Reserved),
        0x3fff => Some(Inside::Reserved),
        // Global unicast is 2000::/3.
        0x2000..=0x3fff => None,
        _ => Some(Inside::Reserved),
    }
}
