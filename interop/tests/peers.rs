//! Our client against servers of others: xrootd, Apache's mod_dav and rclone.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::apache::{Apache, free_port, wait_for};
use interop::authority::give_to;
use interop::needs::needs_root;
use interop::relay::{Fault, Relay};
use interop::run::path;
use interop::tree::{self, adler32, bytes, digests, noted_blocks, sha256};
use interop::xrootd::Xrootd;
use interop::{Run, needs, port};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server as our client sees it.
trait Peer {
    /// Our client, where it can reach and trust this server.
    fn client(&self) -> Run;
    /// An address below which files may be put.
    fn url(&self, path: &str) -> String;
    /// Where the files of that address lie.
    fn files(&self) -> PathBuf;
    /// A folder for local files.
    fn scratch(&self) -> PathBuf;
    /// Hands over to the server what a test put into its folder.
    fn adopt(&self) {}
}

/// What can be asked of every server: there and back, names and sizes that trip programs, listing, sums.
fn carries_a_tree(peer: &impl Peer) {
    let source = peer.scratch().join("source");
    let sent = tree::awkward(&source);
    peer.client().args(["cp", "-r"]).arg(&source).arg(peer.url("/tree")).succeed();
    assert_eq!(digests(&peer.files().join("tree")), sent, "what lies there is what was sent");

    let back = peer.scratch().join("back");
    peer.client().args(["cp", "-r", &peer.url("/tree")]).arg(&back).succeed();
    assert_eq!(digests(&back), sent, "what came back is what was sent");

    let listing = peer.client().args(["ls", &peer.url("/tree")]).succeed().text();
    for name in ["empty", "with space.fits", "hundred%25 percent", "Größe-測.txt", "deep"] {
        assert!(listing.contains(name), "'{name}' is not in:\n{listing}");
    }
    let sum = peer.client().args(["sum", &peer.url("/tree/above")]).succeed().text();
    let content = fs::read(source.join("above")).unwrap();
    assert!(sum.contains(&sha256(&content)) || sum.contains(&adler32(&content)), "{sum}");
}

/// Folders made, files moved and removed, and what is not there told as such.
fn changes_names(peer: &impl Peer) {
    let file = peer.scratch().join("one");
    fs::write(&file, bytes(9, 300_000)).unwrap();
    peer.client().args(["mkdir", &peer.url("/folder")]).succeed();
    peer.client().arg("cp").arg(&file).arg(peer.url("/folder/a")).succeed();
    peer.client().args(["stat", &peer.url("/folder/a")]).succeed();
    peer.client().args(["mv", &peer.url("/folder/a"), &peer.url("/folder/b")]).succeed();
    assert!(peer.files().join("folder/b").is_file() && !peer.files().join("folder/a").exists());
    peer.client().args(["rm", "-r", &peer.url("/folder")]).succeed();
    assert!(!peer.files().join("folder").exists());
    let missing = peer.client().args(["stat", &peer.url("/folder/a")]).finish();
    assert_eq!(missing.code, Some(3), "nothing is there by that name: {missing}");
}

/// A big file by ranges, and the same again: nothing is left to move.
fn repeats_without_moving(peer: &impl Peer) {
    let content = bytes(10, 40 << 20);
    let served = peer.files().join("big");
    fs::write(&served, &content).unwrap();
    peer.adopt();
    let back = peer.scratch().join("big");
    peer.client().args(["cp", &peer.url("/big")]).arg(&back).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
    let again = peer.client().args(["cp", "--json", &peer.url("/big")]).arg(&back).succeed();
    assert!(again.text().contains("skipped") || again.text().contains("\"bytes_moved\":0"), "{again}");
}

const RESUMED_BYTES: u64 = 64 << 20;
/// What may travel twice when a client is killed: blocks on their way, and the second's work since the last note.
const TWICE_BYTES: u64 = 40 << 20;

/// Kills our client in the middle of a file and calls it again; `moved_bytes` tells what passed the network so far.
fn resumes(peer: &impl Peer, url: &str, moved_bytes: impl Fn() -> u64, go_on: impl Fn()) {
    let content = bytes(11, RESUMED_BYTES as usize);
    fs::write(peer.files().join("resumed"), &content).unwrap();
    peer.adopt();
    let back = peer.scratch().join("resumed");
    peer.client().args(["cp", url]).arg(&back).kill_when(|| noted_blocks(&peer.scratch()) >= 8);
    assert!(!back.exists(), "half a file has no name");
    let first = moved_bytes();
    go_on();
    peer.client().args(["cp", url]).arg(&back).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
    let second = moved_bytes() - first;
    assert!(second < RESUMED_BYTES, "{second} bytes moved again after {first}");
    assert!(first + second < RESUMED_BYTES + TWICE_BYTES, "{first} and {second} bytes for {RESUMED_BYTES}");
}

/// [`resumes`] by way of a relay that falls silent in the middle of each connection until the client was killed.
fn resumes_through_a_relay(peer: &impl Peer, port: u16) {
    let silent = Arc::new(AtomicBool::new(true));
    let switch = silent.clone();
    let relay = Relay::start(port, move |_| {
        let fault = if switch.load(Ordering::Relaxed) { Fault::Stall(RESUMED_BYTES / 5) } else { Fault::None };
        (Fault::None, fault)
    });
    let url = peer.url("/resumed").replace(&port.to_string(), &relay.port().to_string());
    resumes(peer, &url, || relay.back_bytes(), || silent.store(false, Ordering::Relaxed));
}

impl Peer for Xrootd {
    fn client(&self) -> Run {
        Self::client(self)
    }
    fn url(&self, path: &str) -> String {
        Self::url(self, &format!("/data{path}"))
    }
    fn files(&self) -> PathBuf {
        self.root().join("data")
    }
    fn scratch(&self) -> PathBuf {
        made(self.root().parent().unwrap().join("scratch"))
    }
    fn adopt(&self) {
        give_to("xrootd", &self.root());
    }
}

fn xrootd() -> Option<Xrootd> {
    let programs = [("xrootd", "xrootd-server"), ("ip", "iproute2"), ("openssl", "openssl"), ("curl", "curl")];
    (needs(&programs) && needs_root()).then(Xrootd::start)
}

#[test]
fn xrootd_carries_a_tree() {
    xrootd().iter().for_each(carries_a_tree);
}

#[test]
fn xrootd_changes_names() {
    xrootd().iter().for_each(changes_names);
}

#[test]
fn xrootd_repeats_without_moving() {
    xrootd().iter().for_each(repeats_without_moving);
}

#[test]
fn xrootd_resumes() {
    if !needs(&[("tc", "iproute2")]) {
        return;
    }
    for peer in xrootd().iter() {
        peer.slow_down("200mbit");
        resumes(peer, &Peer::url(peer, "/resumed"), || peer.passed_bytes(), || ());
    }
}

impl Peer for Apache {
    fn client(&self) -> Run {
        Run::new(port::program()).within(&self.scratch()).env("SSL_CERT_FILE", self.authority.certificate())
    }
    fn url(&self, path: &str) -> String {
        Self::url(self, &format!("/data{path}"))
    }
    fn files(&self) -> PathBuf {
        self.root().join("data")
    }
    fn scratch(&self) -> PathBuf {
        made(self.root().parent().unwrap().join("scratch"))
    }
}

fn apache() -> Option<Apache> {
    (needs(&[("apache2", "apache2-bin"), ("openssl", "openssl")]) && needs_root()).then(Apache::start)
}

#[test]
fn apache_carries_a_tree() {
    apache().iter().for_each(carries_a_tree);
}

#[test]
fn apache_changes_names() {
    apache().iter().for_each(changes_names);
}

#[test]
fn apache_repeats_without_moving() {
    apache().iter().for_each(repeats_without_moving);
}

#[test]
fn apache_resumes() {
    apache().iter().for_each(|peer| resumes_through_a_relay(peer, peer.port()));
}

/// `rclone serve webdav`, without TLS.
struct Rclone {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Rclone {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        made(folder.path().join("files"));
        let port = free_port();
        let log = folder.path().join("log");
        let child = Command::new("rclone")
            .env_clear()
            .env("PATH", path())
            .env("HOME", folder.path())
            .env("RCLONE_CONFIG", "/dev/null")
            .args(["serve", "webdav", "--addr", &format!("127.0.0.1:{port}"), "--etag-hash", "MD5", "--log-file"])
            .arg(&log)
            .arg(folder.path().join("files"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut rclone = Self { child, folder, port };
        wait_for(port, &mut rclone.child, &log);
        rclone
    }
}

impl Drop for Rclone {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer for Rclone {
    fn client(&self) -> Run {
        Run::new(port::program()).within(self.folder.path())
    }
    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }
    fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }
    fn scratch(&self) -> PathBuf {
        made(self.folder.path().join("scratch"))
    }
}

fn rclone() -> Option<Rclone> {
    needs(&[("rclone", "rclone")]).then(Rclone::start)
}

#[test]
fn rclone_carries_a_tree() {
    rclone().iter().for_each(carries_a_tree);
}

#[test]
fn rclone_changes_names() {
    rclone().iter().for_each(changes_names);
}

#[test]
fn rclone_repeats_without_moving() {
    rclone().iter().for_each(repeats_without_moving);
}

#[test]
fn rclone_resumes() {
    rclone().iter().for_each(|peer| resumes_through_a_relay(peer, peer.port));
}

fn made(folder: PathBuf) -> PathBuf {
    let path: &Path = &folder;
    fs::create_dir_all(path).unwrap();
    folder
}
