//! How each tool is called, and what it says.

use super::plan::{Extent, Path, Tool};
use crate::tools::{Moved, gridftp, iperf3};
use serde_json::Value;
use std::path::Path as FilePath;

pub(super) const IPERF3_PORT: u16 = 5201;
pub(super) const RESPONDER_PORT: u16 = 5301;
pub(super) const GRIDFTP_PORT: u16 = 2811;

/// Where things are.
pub(super) struct Where<'a> {
    pub portolan: &'a str,
    /// The address of the far end.
    pub server: &'a str,
    /// The file to send, and where GridFTP writes.
    pub source: &'a FilePath,
    pub sink: &'a FilePath,
}

/// The call of a client.
pub(super) fn client(tool: Tool, path: Path, extent: Extent, at: &Where<'_>) -> Vec<String> {
    let (seconds, omit) = (extent.seconds, extent.omit(path));
    let bytes = extent.amount(path, tool);
    let timed = format!("-t {seconds}s -O {omit}s");
    let (source, sink) = (at.source.to_string_lossy(), at.sink.to_string_lossy());
    match tool {
        Tool::Iperf3(control) => {
            iperf3::client((at.server, IPERF3_PORT), seconds, omit, &format!("-C {}", control.name()))
        }
        Tool::Tcp(control) => throughput(at, &format!("{timed} -C {}", control.name())),
        Tool::Tls(control) => throughput(at, &format!("{timed} --tls --insecure -C {}", control.name())),
        Tool::Amount(streams) => throughput(at, &format!("-n {bytes}B -P {streams}")),
        Tool::Disk => throughput(at, &format!("-n {bytes}B --far disk --source {source}")),
        Tool::Http { version, at_once } => {
            let (connections, streams) = if version == 1 { (at_once, 1) } else { (1, at_once) };
            words(&format!(
                "{} httpload https://{}:{RESPONDER_PORT} --insecure --json -q -4 --http {version} -c {connections} \
                 -m {streams} {timed}",
                at.portolan, at.server
            ))
        }
        Tool::GridFtp(streams) => {
            let way = gridftp::Way::Put;
            gridftp::client((at.server, GRIDFTP_PORT), way, ["/dev/null", "/dev/zero"], bytes, streams)
        }
        Tool::GridFtpDisk => gridftp::client((at.server, GRIDFTP_PORT), gridftp::Way::Put, [&sink, &source], bytes, 1),
    }
}

fn throughput(at: &Where<'_>, more: &str) -> Vec<String> {
    words(&format!("{} throughput {}:{RESPONDER_PORT} --json -q -4 {more}", at.portolan, at.server))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What a client found; `log` is that of GridFTP's server, of this run alone.
pub(super) fn moved(tool: Tool, said: &str, log: &str) -> Result<Moved, String> {
    match tool {
        Tool::Iperf3(_) => iperf3::moved(said),
        Tool::GridFtp(_) | Tool::GridFtpDisk => {
            gridftp::last_moved(log).ok_or_else(|| "GridFTP's server tells of no transfer".to_owned())
        }
        Tool::Tcp(_) | Tool::Tls(_) | Tool::Amount(_) | Tool::Disk => {
            let value = json(said)?;
            let flow = find(&value, "flows").and_then(|flows| flows.get(0));
            let flow = flow.ok_or("portolan throughput tells no flow")?;
            let received = flow.get("received").filter(|received| received.is_object());
            let received = received.ok_or("portolan throughput tells nothing received")?;
            let retransmits = flow["retransmits"].as_u64();
            counted(received, retransmits)
        }
        Tool::Http { .. } => {
            let value = json(said)?;
            let report = holder(&value, "bits_per_second").ok_or("portolan httpload tells no throughput")?;
            let failed = report["failures"].as_array().is_some_and(|failures| !failures.is_empty());
            if failed {
                return Err(format!("portolan httpload: {}", report["failures"]));
            }
            counted(report, None)
        }
    }
}

fn json(said: &str) -> Result<Value, String> {
    let shown = said.chars().take(200).collect::<String>();
    serde_json::from_str(said).map_err(|error| format!("this is no JSON ({error}): {shown}"))
}

fn counted(value: &Value, retransmits: Option<u64>) -> Result<Moved, String> {
    let known = value["bytes"].as_u64().zip(value["seconds"].as_f64()).filter(|(_, seconds)| *seconds > 0.0);
    let (bytes, seconds) = known.ok_or("bytes or seconds are missing")?;
    Ok(Moved { bytes, seconds, retransmits })
}

/// The value of the first such key, wherever it is.
fn find<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    holder(value, key).and_then(|object| object.get(key))
}

/// The first object that has such a key.
fn holder<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Object(fields) if fields.contains_key(key) => Some(value),
        Value::Object(fields) => fields.values().find_map(|inner| holder(inner, key)),
        Value::Array(items) => items.iter().find_map(|inner| holder(inner, key)),
        _ => None,
    }
}
