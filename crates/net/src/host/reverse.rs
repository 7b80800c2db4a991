//! Names of addresses and addresses of names, as this host's resolver tells them.

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The name of an address, or `None` where it has none. Blocks for as long as the resolver takes.
#[allow(unsafe_code)]
pub fn name_of(address: IpAddr) -> io::Result<Option<String>> {
    let address = socket2::SockAddr::from(SocketAddr::new(address, 0));
    let mut name = [0_u8; NAME_BYTES];
    // SAFETY: the address is one of the kernel's with its own length; the kernel's library writes at most `NAME_BYTES`
    // octets, the ending zero with them.
    let result = unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            name.as_mut_ptr().cast(),
            NAME_BYTES as libc::socklen_t,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    match result {
        0 => Ok(CStr::from_bytes_until_nul(&name).ok().map(|name| name.to_string_lossy().into_owned())),
        libc::EAI_NONAME => Ok(None),
        libc::EAI_SYSTEM => Err(io::Error::last_os_error()),
        libc::EAI_AGAIN => Err(io::Error::new(io::ErrorKind::TimedOut, "the resolver gave no answer")),
        code => Err(io::Error::other(format!("the resolver failed with code {code}"))),
    }
}

/// All addresses of a name, each once, in the order of the resolver.
pub async fn all_addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut found: Vec<IpAddr> = Vec::new();
    for address in tokio::net::lookup_host((name, 0)).await? {
        if !found.contains(&address.ip()) {
            found.push(address.ip());
        }
    }
    Ok(found)
}

/// NI_MAXHOST.
const NAME_BYTES: usize = 1025;
