//! Devices, addresses and routes of a network namespace, set through rtnetlink: the few messages that a lab needs.
//! A socket belongs to the namespace in which it was opened and speaks of that one for ever, whoever uses it.
//!
//! Numbers are those of `linux/rtnetlink.h`, `linux/if_link.h` and `linux/if_addr.h`, in the byte order of the machine.

use core::net::IpAddr;
use rustix::net::{RecvFlags, SendFlags, netdevice, recv, send};
use std::io;
use std::os::fd::OwnedFd;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST: u16 = 0x01;
const NLM_F_ACK: u16 = 0x04;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;

const IFLA_MTU: u16 = 4;
const IFLA_TXQLEN: u16 = 13;
const IFLA_STATS64: u16 = 23;
/// Where `struct rtnl_link_stats64` has what could not be sent: its eighth number.
const TX_DROPPED: usize = 7 * 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
/// No duplicate address detection: there is nobody else on a link between two, and the address is wanted at once.
const IFA_F_NODAD: u32 = 0x02;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;
const RTN_UNICAST: u8 = 1;

const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

const IFF_UP: u32 = 0x1;
const IFF_MULTICAST: u32 = 0x1000;

/// Length of a header (`struct nlmsghdr`).
const HEADER_BYTES: usize = 16;

/// Length of what comes before the attributes of a device (`struct ifinfomsg`).
const DEVICE_BYTES: usize = 16;

/// A connection to the kernel about one namespace.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
}

impl Netlink {
    /// About the namespace of the calling thread.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { socket: net::routing_socket()? })
    }

    fn index(&self, device: &str) -> io::Result<u32> {
        Ok(netdevice::name_to_index(&self.socket, device)?)
    }

    /// Brings a device up, without multicast: then IPv6 sends nothing by itself.
    pub(crate) fn up(&self, device: &str) -> io::Result<()> {
        self.link(device, IFF_UP, IFF_UP | IFF_MULTICAST, &[])
    }

    /// Sets the MTU of a device.
    pub(crate) fn mtu(&self, device: &str, mtu: u16) -> io::Result<()> {
        self.link(device, 0, 0, &[(IFLA_MTU, u32::from(mtu))])
    }

    /// Sets how many packets a device keeps until we read them.
    pub(crate) fn queue(&self, device: &str, packets: u32) -> io::Result<()> {
        self.link(device, 0, 0, &[(IFLA_TXQLEN, packets)])
    }

    fn link(&self, device: &str, flags: u32, mask: u32, attributes: &[(u16, u32)]) -> io::Result<()> {
        let mut message = Message::new(RTM_NEWLINK, 0);
        message.put(&[AF_UNSPEC, 0, 0, 0]);
        message.put(&self.index(device)?.to_ne_bytes());
        message.put(&flags.to_ne_bytes());
        message.put(&mask.to_ne_bytes());
        for (kind, value) in attributes {
            message.attribute(*kind, &value.to_ne_bytes());
        }
        self.ask(message).map(drop)
    }

    /// Gives a device an address.
    pub(crate) fn address(&self, device: &str, address: IpAddr, prefix_length: u8) -> io::Result<()> {
        let mut message = Message::new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
        message.put(&[family(address), prefix_length, 0, 0]);
        message.put(&self.index(device)?.to_ne_bytes());
        message.attribute(IFA_LOCAL, &octets(address));
        message.attribute(IFA_ADDRESS, &octets(address));
        if address.is_ipv6() {
            message.attribute(IFA_FLAGS, &IFA_F_NODAD.to_ne_bytes());
        }
        self.ask(message).map(drop)
    }

    /// Adds a route, or replaces the one to the same prefix.
    pub(crate) fn route(&self, to: IpAddr, prefix_length: u8, via: IpAddr, device: &str) -> io::Result<()> {
        let mut message = Message::new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
        message.put(&[family(to), prefix_length, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST]);
        message.put(&0_u32.to_ne_bytes());
        message.attribute(RTA_DST, &octets(to));
        message.attribute(RTA_GATEWAY, &octets(via));
        message.attribute(RTA_OIF, &self.index(device)?.to_ne_bytes());
        self.ask(message).map(drop)
    }

    /// How many packets a device could not keep until somebody read them.
    pub(crate) fn dropped(&self, device: &str) -> io::Result<u64> {
        let mut message = Message::new(RTM_GETLINK, 0);
        message.put(&[AF_UNSPEC, 0, 0, 0]);
        message.put(&self.index(device)?.to_ne_bytes());
        message.put(&[0; 8]);
        let answer = self.ask(message)?;
        let unknown = || io::Error::new(io::ErrorKind::InvalidData, "the kernel does not tell");
        let numbers = attribute(answer.get(HEADER_BYTES + DEVICE_BYTES..).unwrap_or_default(), IFLA_STATS64);
        let number = numbers.and_then(|numbers| numbers.get(TX_DROPPED..)?.first_chunk()).ok_or_else(unknown)?;
        Ok(u64::from_ne_bytes(*number))
    }

    /// Sends one message and waits until it is done; gives what was answered before, if anything was.
    fn ask(&self, message: Message) -> io::Result<Vec<u8>> {
        send(&self.socket, &message.finish(), SendFlags::empty())?;
        let mut told = Vec::new();
        let mut answer = vec![0; ANSWER_MAX_BYTES];
        loop {
            let (_, length) = recv(&self.socket, answer.as_mut_slice(), RecvFlags::empty())?;
            let kind = u16::from_ne_bytes([answer[4], answer[5]]);
            if length < HEADER_BYTES + 4 || kind != NLMSG_ERROR {
                told = answer[..length.min(answer.len())].to_vec();
                continue;
            }
            let code = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
            return if code == 0 { Ok(told) } else { Err(io::Error::from_raw_os_error(-code)) };
        }
    }
}

/// Longest answer: all that the kernel tells of one device.
const ANSWER_MAX_BYTES: usize = 32 * 1024;

/// The value of the first attribute of this kind.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let [low, high, kind_low, kind_high] = *bytes.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let value = bytes.get(4..length)?;
        if u16::from_ne_bytes([kind_low, kind_high]) == wanted {
            return Some(value);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A message under way.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
        Self { bytes }
    }

    fn put(&mut self, octets: &[u8]) {
        self.bytes.extend_from_slice(octets);
    }

    /// Length, kind, value, and zeros up to a multiple of 4.
    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.put(&((4 + value.len()) as u16).to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        self.put(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests;
