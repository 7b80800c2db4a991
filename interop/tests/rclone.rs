//! rclone: client of our server, and its WebDAV server for our client.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::tree::{self, digests};
use interop::{Port, Run, needs};
use std::fs;

const RCLONE: &[(&str, &str)] = &[("rclone", "rclone")];

fn rclone(port: &Port) -> Run {
    Run::new("rclone")
        .within(port.folder())
        .env("RCLONE_CONFIG", "/dev/null")
        .args(["--retries", "1", "--low-level-retries", "1", "--ca-cert"])
        .arg(port.authority())
}

/// A remote of rclone's for a path of the port.
fn remote(port: &Port, path: &str) -> String {
    format!(":webdav,url='{}',vendor=other,bearer_token='{}':{path}", port.url("/data/"), port.token)
}

#[test]
fn a_tree_is_copied_checked_and_brought_back() {
    if !needs(RCLONE) {
        return;
    }
    let port = Port::start();
    let source = port.folder().join("source");
    let sent = tree::awkward(&source);
    let remote = remote(&port, "tree");
    rclone(&port).args(["copy", "--transfers", "4"]).arg(&source).arg(&remote).succeed();
    assert_eq!(digests(&port.store().join("tree")), sent, "what lies in the store is what was sent");
    rclone(&port).args(["check", "--download"]).arg(&source).arg(&remote).succeed();
    let back = port.folder().join("back");
    rclone(&port).arg("copy").arg(&remote).arg(&back).succeed();
    assert_eq!(digests(&back), sent);
}

#[test]
fn sync_sends_what_differs_and_removes_what_is_gone() {
    if !needs(RCLONE) {
        return;
    }
    let port = Port::start();
    let source = port.folder().join("source");
    tree::write(&source, &[("a", 1000), ("b/c", 2000), ("b/gone", 10)]);
    let remote = remote(&port, "tree");
    rclone(&port).arg("sync").arg(&source).arg(&remote).succeed();
    fs::remove_file(source.join("b/gone")).unwrap();
    fs::write(source.join("a"), "another size").unwrap();
    rclone(&port).arg("sync").arg(&source).arg(&remote).succeed();
    assert_eq!(digests(&port.store().join("tree")), digests(&source));
}

#[test]
fn moveto_moves_on_the_server() {
    if !needs(RCLONE) {
        return;
    }
    let port = Port::start();
    let source = port.folder().join("source");
    tree::write(&source, &[("a", 5000)]);
    rclone(&port).arg("copy").arg(&source).arg(remote(&port, "tree")).succeed();
    rclone(&port).arg("moveto").arg(remote(&port, "tree/a")).arg(remote(&port, "tree/b")).succeed();
    let listing = rclone(&port).arg("lsf").arg(remote(&port, "tree")).succeed();
    assert_eq!(listing.text(), "b\n");
    rclone(&port).arg("purge").arg(remote(&port, "tree")).succeed();
    assert!(!port.store().join("tree").exists());
}

#[test]
fn the_owncloud_dialect_carries_checksums() {
    if !needs(RCLONE) {
        return;
    }
    let port = Port::start();
    let source = port.folder().join("source");
    let sent = tree::write(&source, &[("a", 5000), ("b", 0)]);
    let remote = remote(&port, "tree").replace("vendor=other", "vendor=owncloud");
    rclone(&port).arg("copy").arg(&source).arg(&remote).succeed();
    assert_eq!(digests(&port.store().join("tree")), sent);
}
