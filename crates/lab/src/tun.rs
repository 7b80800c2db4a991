//! A TUN device: one end of a link, as the namespace sees it. What its kernel sends comes out of a file, packet by packet,
//! and what is written to the file arrives there. Segmentation is left to the far side: a read gives up to 64 KiB of a TCP
//! stream with one header, and a note (the header of virtio) that says how to cut it.
//!
//! The device lives as long as the file is open: it ends with the process that holds it.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Longest read: the note and one packet of the largest length that IP can tell.
pub(crate) const READ_MAX_BYTES: usize = NOTE_BYTES + 65_535;

/// Length of the note before each packet (`struct virtio_net_hdr`).
pub(crate) const NOTE_BYTES: usize = 10;

/// The open device.
#[derive(Debug)]
pub(crate) struct Tun {
    file: OwnedFd,
}

impl Tun {
    /// Makes a device of this name in the namespace of the calling thread. It is down and has no address.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let file = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        let flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_TUN_EXCL;
        let mut request = Request { name: [0; libc::IFNAMSIZ], flags: 0, rest: [0; 22] };
        request.flags = flags as libc::c_short;
        if name.is_empty() || name.len() >= libc::IFNAMSIZ {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("'{name}' is no name for a device")));
        }
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        set_up(&file, &request)?;
        Ok(Self { file })
    }

    /// Reads one packet with its note; `None` when there is none now.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match rustix::io::read(&self.file, &mut *buffer) {
                Ok(length) => return Ok(Some(length)),
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes one packet, given in pieces with its note first. `false`: the kernel did not take it.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> bool {
        loop {
            match rustix::io::writev(&self.file, parts) {
                Ok(_) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// `struct ifreq` as `TUNSETIFF` uses it.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: libc::c_short,
    rest: [u8; 22],
}

const _: () = assert!(size_of::<Request>() == size_of::<libc::ifreq>());

/// Names the device and says that we take whole segments of TCP and UDP, their checksums not yet computed. A kernel
/// before 6.2 does not know UDP's and is asked for the rest.
#[allow(unsafe_code)]
fn set_up(file: &OwnedFd, request: &Request) -> io::Result<()> {
    let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
    let udp = libc::TUN_F_USO4 | libc::TUN_F_USO6;
    let file = file.as_raw_fd();
    // SAFETY: the file is open for as long as this call lasts; `request` has the layout of `struct ifreq`, which the
    // kernel reads and writes within its size; TUNSETOFFLOAD takes its argument as a number.
    unsafe {
        if libc::ioctl(file, libc::TUNSETIFF, std::ptr::from_ref(request).cast_mut()) < 0 {
            return Err(io::Error::last_os_error());
        }
        if libc::ioctl(file, libc::TUNSETOFFLOAD, libc::c_ulong::from(tcp | udp)) < 0
            && libc::ioctl(file, libc::TUNSETOFFLOAD, libc::c_ulong::from(tcp)) < 0
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
