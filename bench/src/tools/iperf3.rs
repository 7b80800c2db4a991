//! iperf3: what it is called with, and the sums of its JSON.

use super::{Moved, words};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// A server for one test after the other.
pub(crate) fn server(address: &str, port: u16) -> Vec<String> {
    words(&format!("iperf3 -s -B {address} -p {port}"))
}

/// A test of so many seconds, the first `omit` of which do not count; `more` are further options: `-R`, `-C cubic`.
pub(crate) fn client(server: (&str, u16), seconds: u32, omit: u32, more: &str) -> Vec<String> {
    words(&format!("iperf3 -J -c {} -p {} -t {seconds} -O {omit} {more}", server.0, server.1))
}

/// What it found: the receiver's bytes, the sender's retransmissions. Its own error where there was one.
pub(crate) fn moved(json: &str) -> Result<Moved, String> {
    let value: Value = serde_json::from_str(json).map_err(|error| format!("iperf3 wrote no JSON: {error}"))?;
    if let Some(error) = value["error"].as_str() {
        return Err(format!("iperf3: {error}"));
    }
    let (sent, received) = (&value["end"]["sum_sent"], &value["end"]["sum_received"]);
    let known = received["bytes"].as_u64().zip(received["seconds"].as_f64());
    let (bytes, seconds) = known.filter(|(_, seconds)| *seconds > 0.0).ok_or("iperf3 tells no sum")?;
    Ok(Moved { bytes, seconds, retransmits: sent["retransmits"].as_u64() })
}
