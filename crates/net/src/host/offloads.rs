//! What a network card does for the processor, and how long its rings are: ethtool's ioctl (linux/ethtool.h).

use std::io;
use std::os::fd::AsRawFd as _;

/// Work that the card, or the kernel in its stead, does once for many packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offloads {
    /// Checksums of what is received are verified by the card.
    pub receive_checksum: Option<bool>,
    /// Checksums of what is sent are computed by the card.
    pub send_checksum: Option<bool>,
    /// Segments are cut by the card (TSO).
    pub segmentation: Option<bool>,
    /// Segments are cut late, by the kernel (GSO).
    pub generic_segmentation: Option<bool>,
    /// Received segments are joined early (GRO).
    pub generic_receive: Option<bool>,
}

/// Descriptors of a card: how many packets it can hold until the processor comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ring {
    /// Received, now.
    pub receive: u32,
    /// Received, at most.
    pub receive_max: u32,
    /// To be sent, now.
    pub send: u32,
    /// To be sent, at most.
    pub send_max: u32,
}

/// The offloads of an interface; each is `None` where its driver does not say.
pub fn offloads(interface: &str) -> io::Result<Offloads> {
    let handle = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
    let ask = |command: u32| {
        let mut value = [command, 0];
        call(&handle, interface, &mut value).ok().map(|()| value[1] != 0)
    };
    Ok(Offloads {
        receive_checksum: ask(ETHTOOL_GRXCSUM),
        send_checksum: ask(ETHTOOL_GTXCSUM),
        segmentation: ask(ETHTOOL_GTSO),
        generic_segmentation: ask(ETHTOOL_GGSO),
        generic_receive: ask(ETHTOOL_GGRO),
    })
}

/// The rings of an interface; many virtual ones have none (`Unsupported`).
pub fn ring(interface: &str) -> io::Result<Ring> {
    let handle = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
    // struct ethtool_ringparam: cmd, four maxima (rx, mini, jumbo, tx), four values of now.
    let mut value = [0_u32; 9];
    value[0] = ETHTOOL_GRINGPARAM;
    call(&handle, interface, &mut value)?;
    Ok(Ring { receive: value[5], receive_max: value[1], send: value[8], send_max: value[4] })
}

/// `struct ifreq` with a pointer; the union is 24 octets on 64-bit machines.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    data: *mut u32,
    rest: [u8; 16],
}

#[allow(unsafe_code)]
fn call(handle: &std::net::UdpSocket, interface: &str, value: &mut [u32]) -> io::Result<()> {
    let mut name = [0; libc::IFNAMSIZ];
    if interface.len() >= name.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no interface has a name as long"));
    }
    name[..interface.len()].copy_from_slice(interface.as_bytes());
    let mut request = Request { name, data: value.as_mut_ptr(), rest: [0; 16] };
    // SAFETY: `request` is laid out as the kernel's ifreq and outlives the call; `value` is the structure that its command
    // in the first number asks for, and the kernel writes no more than that structure.
    let result = unsafe { libc::ioctl(handle.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

const ETHTOOL_GRINGPARAM: u32 = 0x10;
const ETHTOOL_GRXCSUM: u32 = 0x14;
const ETHTOOL_GTXCSUM: u32 = 0x16;
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_GGSO: u32 = 0x23;
const ETHTOOL_GGRO: u32 = 0x2b;
