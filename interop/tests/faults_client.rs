//! Our client is killed in the middle of a file, and called again: only what is missing travels.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::relay::{Fault, Relay};
use interop::tree::{bytes, digests, noted_blocks, sha256, write};
use interop::{Port, Run};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const FILE_BYTES: u64 = 64 << 20;
/// After so much every connection falls silent, so that the client is caught in the middle, however fast it is.
const SILENT_AFTER: u64 = 12 << 20;
/// What a client may have to move again: blocks that were under way on each of its connections when it died.
const AGAIN_BYTES: u64 = 40 << 20;

/// A port, a relay before it that falls silent while the switch is on, and the address of a path through it.
struct Way {
    port: Port,
    relay: Relay,
    silent: Arc<AtomicBool>,
}

impl Way {
    fn new() -> Self {
        let port = Port::start();
        let silent = Arc::new(AtomicBool::new(true));
        let switch = silent.clone();
        let relay = Relay::start(port.plain_port(), move |_| {
            let fault = if switch.load(Ordering::Relaxed) { Fault::Stall(SILENT_AFTER) } else { Fault::None };
            (fault, fault)
        });
        Self { port, relay, silent }
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.relay.port())
    }

    fn client(&self) -> Run {
        self.port.client()
    }

    fn speak_again(&self) {
        self.silent.store(false, Ordering::Relaxed);
    }
}

#[test]
fn a_download_goes_on_where_a_killed_client_was() {
    let way = Way::new();
    let content = bytes(1, FILE_BYTES as usize);
    fs::write(way.port.store().join("f"), &content).unwrap();
    let back = way.port.folder().join("back");
    // What is here is noted about once a second: all that came before the silence, soon.
    let noted = || noted_blocks(way.port.folder()) >= 8;
    way.client().args(["cp", &way.url("/data/f")]).arg(&back).kill_when(noted);
    assert!(!back.exists(), "half a file has no name");
    let first = way.relay.back_bytes();
    way.speak_again();
    way.client().args(["cp", &way.url("/data/f")]).arg(&back).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
    let second = way.relay.back_bytes() - first;
    assert!(second < FILE_BYTES, "{second} bytes moved again after {first}");
    assert!(first + second < FILE_BYTES + AGAIN_BYTES, "{first} and {second} bytes for {FILE_BYTES}");
}

#[test]
fn an_upload_goes_on_where_a_killed_client_was() {
    let way = Way::new();
    let content = bytes(2, FILE_BYTES as usize);
    let file = way.port.folder().join("f");
    fs::write(&file, &content).unwrap();
    way.client().arg("cp").arg(&file).arg(way.url("/data/f")).kill_when(|| way.relay.there_bytes() >= SILENT_AFTER);
    assert!(!way.port.store().join("f").exists(), "half a file has no name");
    let first = way.relay.there_bytes();
    way.speak_again();
    way.client().arg("cp").arg(&file).arg(way.url("/data/f")).succeed();
    assert_eq!(sha256(&fs::read(way.port.store().join("f")).unwrap()), sha256(&content));
    let second = way.relay.there_bytes() - first;
    assert!(second < FILE_BYTES, "{second} bytes moved again after {first}");
}

#[test]
fn a_tree_goes_on_with_the_files_that_are_missing() {
    let way = Way::new();
    let source = way.port.folder().join("source");
    let names: Vec<String> = (0..40).map(|number| format!("file-{number}")).collect();
    let files: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 1 << 20)).collect();
    let sent = write(&source, &files);
    way.client()
        .args(["cp", "-r"])
        .arg(&source)
        .arg(way.url("/data/tree"))
        .kill_when(|| fs::read_dir(way.port.store().join("tree")).is_ok_and(|entries| entries.count() > 8));
    let first = way.relay.there_bytes();
    way.speak_again();
    way.client().args(["cp", "-r"]).arg(&source).arg(way.url("/data/tree")).succeed();
    assert_eq!(digests(&way.port.store().join("tree")), sent);
    let second = way.relay.there_bytes() - first;
    assert!(second < 34 << 20, "{second} bytes moved for the rest of 40 MiB");
}
