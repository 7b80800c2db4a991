//! GridFTP: Globus' server, anonymous, and `globus-url-copy`. Times are the server's own ("Transfer stats" in its log):
//! the client prints a mean only every few seconds.

use super::{Moved, words};
use std::path::Path;

#[cfg(test)]
mod tests;

/// Where a file is moved, as seen by the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// The server sends.
    Get,
    /// The server receives.
    Put,
}

/// A server for anybody, on one address.
pub(crate) fn server(address: &str, port: u16, log: &Path) -> Vec<String> {
    let mut call = words(&format!(
        "globus-gridftp-server -aa -allow-root -p {port} -control-interface {address} -data-interface {address} \
         -anonymous-user root -d ALL -l"
    ));
    call.push(log.to_string_lossy().into_owned());
    call
}

/// Moves so many bytes of `theirs` to or from `ours`, by so many connections. /dev/zero and /dev/null make it memory to
/// memory; the length is needed, because /dev/zero has no end.
pub(crate) fn client(
    server: (&str, u16),
    way: Way,
    [theirs, ours]: [&str; 2],
    bytes: u64,
    streams: u32,
) -> Vec<String> {
    let (theirs, ours) = (format!("ftp://{}:{}{theirs}", server.0, server.1), format!("file://{ours}"));
    let (from, to) = if way == Way::Get { (theirs, ours) } else { (ours, theirs) };
    let parallel = if streams > 1 { format!("-p {streams}") } else { String::new() };
    words(&format!("globus-url-copy -fast {parallel} -len {bytes} {from} {to}"))
}

/// The last transfer that the server's log tells of.
pub(crate) fn last_moved(log: &str) -> Option<Moved> {
    let line = log.lines().rev().find(|line| line.contains("Transfer stats:"))?;
    let value = |key: &str| line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let seconds = seconds_of_day(value("DATE")?)? - seconds_of_day(value("START")?)?;
    // Over midnight.
    let seconds = if seconds < 0.0 { seconds + 86_400.0 } else { seconds };
    let again = value("retrans").map(|list| list.split(',').filter_map(|count| count.parse::<u64>().ok()).sum());
    (seconds > 0.0).then_some(Moved { bytes: value("NBYTES")?.parse().ok()?, seconds, retransmits: again })
}

/// Of `20261122065308.591960`.
fn seconds_of_day(stamp: &str) -> Option<f64> {
    let part = |from: usize, to: usize| stamp.get(from..to)?.parse::<f64>().ok();
    let seconds: f64 = stamp.get(12..)?.parse().ok()?;
    Some(part(8, 10)? * 3600.0 + part(10, 12)? * 60.0 + seconds)
}
