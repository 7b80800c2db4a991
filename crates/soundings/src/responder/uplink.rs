//! With what rate this host is connected, as far as the kernel knows.

use std::path::Path;
use terms::Rate;

/// The rate of the interface of the default route; IPv4 first. `None` where there is no such route, or where the interface
/// does not know: virtual ones often do not.
pub fn uplink() -> Option<Rate> {
    let interface = default_interface(Path::new("/proc/net"))?;
    rate(&Path::new("/sys/class/net").join(interface))
}

pub(super) fn default_interface(net: &Path) -> Option<String> {
    // `Iface Destination Gateway Flags … Mask …`, all in hexadecimal.
    let v4 = std::fs::read_to_string(net.join("route")).unwrap_or_default();
    let of_v4 = v4.lines().skip(1).find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        (words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000")).then(|| words[0].to_owned())
    });
    // `destination prefix-length … flags interface`; the default route of `lo` is the one that refuses.
    let v6 = std::fs::read_to_string(net.join("ipv6_route")).unwrap_or_default();
    of_v4.or_else(|| {
        v6.lines().find_map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let is_default = words.first().is_some_and(|to| to.bytes().all(|octet| octet == b'0'));
            let interface = words.last().filter(|name| **name != "lo")?;
            (is_default && words.get(1) == Some(&"00")).then(|| (*interface).to_owned())
        })
    })
}

/// `speed` is in Mbit/s; -1, or an error of reading, where it is not known.
pub(super) fn rate(interface: &Path) -> Option<Rate> {
    let megabits: i64 = std::fs::read_to_string(interface.join("speed")).ok()?.trim().parse().ok()?;
    u64::try_from(megabits).ok().filter(|megabits| *megabits > 0).map(|megabits| Rate(megabits * 1_000_000))
}
