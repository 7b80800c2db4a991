//! davix and gfal2: what the grid's transfer services are made of.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::tree::{adler32, bytes, sha256};
use interop::{Port, Run, needs};
use std::fs;
use std::path::{Path, PathBuf};

const DAVIX: &[(&str, &str)] = &[("davix-put", "davix"), ("openssl", "openssl")];
const GFAL: &[(&str, &str)] = &[("gfal-copy", "gfal2-util-scripts"), ("openssl", "openssl")];

fn davix(port: &Port, tool: &str) -> Run {
    Run::new(format!("davix-{tool}"))
        .within(port.folder())
        .arg("--capath")
        .arg(port.authorities())
        .args(["-H", &port.bearer()])
}

/// gfal2 finds its plug-ins and modules by Debian's Python only.
fn gfal(port: &Port, tool: &str) -> Run {
    Run::new(format!("gfal-{tool}"))
        .within(port.folder())
        .env("GFAL_PYTHONBIN", "/usr/bin/python3")
        .env("X509_CERT_DIR", port.authorities())
        .env("BEARER_TOKEN", &port.token)
}

fn local_file(port: &Port, seed: u64, length: usize) -> (PathBuf, Vec<u8>) {
    let path = port.folder().join(format!("local-{seed}"));
    let content = bytes(seed, length);
    fs::write(&path, &content).unwrap();
    (path, content)
}

fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

#[test]
fn davix_puts_gets_lists_moves_and_removes() {
    if !needs(DAVIX) {
        return;
    }
    let port = Port::start();
    let (file, content) = local_file(&port, 1, 1_234_567);
    let url = |path: &str| port.url(path);
    davix(&port, "mkdir").arg(url("/data/night")).succeed();
    davix(&port, "put").arg(&file).arg(url("/data/night/f")).succeed();
    assert_eq!(sha256(&fs::read(port.store().join("night/f")).unwrap()), sha256(&content));
    let back = port.folder().join("back");
    davix(&port, "get").arg(url("/data/night/f")).arg(&back).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
    let listing = davix(&port, "ls").arg("-l").arg(url("/data/night")).succeed().text();
    assert!(listing.contains("1234567") && listing.contains('f'), "{listing}");
    // davix-mv 0.8.4 exits 255 after a move that was done, with every server: what counts is what lies there.
    let moved = davix(&port, "mv").arg(url("/data/night/f")).arg(url("/data/night/g")).finish();
    assert!(port.store().join("night/g").exists() && !port.store().join("night/f").exists(), "{moved}");
    davix(&port, "rm").arg(url("/data/night/g")).succeed();
    assert!(!port.store().join("night/g").exists() && !port.store().join("night/f").exists());
    let missing = davix(&port, "get").arg(url("/data/night/g")).arg(&back).finish();
    assert_ne!(missing.code, Some(0), "{missing}");
}

#[test]
fn gfal_copies_both_ways_with_adler32() {
    if !needs(GFAL) {
        return;
    }
    let port = Port::start();
    for (seed, length) in [(1, 0), (2, 1), (3, 2_000_003)] {
        let (file, content) = local_file(&port, seed, length);
        let remote = port.davs_url(&format!("/data/file-{seed}"));
        gfal(&port, "copy").args(["-f", "-K", "ADLER32", &file_url(&file), &remote]).succeed();
        assert_eq!(sha256(&fs::read(port.store().join(format!("file-{seed}"))).unwrap()), sha256(&content));
        let back = port.folder().join(format!("back-{seed}"));
        gfal(&port, "copy").args(["-f", "-K", "ADLER32", &remote, &file_url(&back)]).succeed();
        assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
    }
}

#[test]
fn gfal_lists_stats_sums_makes_renames_and_removes() {
    if !needs(GFAL) {
        return;
    }
    let port = Port::start();
    let (file, content) = local_file(&port, 4, 70_001);
    gfal(&port, "mkdir").arg(port.davs_url("/data/night")).succeed();
    gfal(&port, "copy").args([file_url(&file), port.davs_url("/data/night/f")]).succeed();
    let listing = gfal(&port, "ls").args(["-l", &port.davs_url("/data/night")]).succeed().text();
    assert!(listing.contains("70001"), "{listing}");
    let stat = gfal(&port, "stat").arg(port.davs_url("/data/night/f")).succeed().text();
    assert!(stat.contains("Size: 70001") && stat.contains("regular file"), "{stat}");
    let sum = gfal(&port, "sum").args([&port.davs_url("/data/night/f"), "ADLER32"]).succeed().text();
    assert!(sum.contains(&adler32(&content)), "{sum}");
    gfal(&port, "rename").args([port.davs_url("/data/night/f"), port.davs_url("/data/night/g")]).succeed();
    assert!(port.store().join("night/g").exists());
    gfal(&port, "rm").args(["-r", &port.davs_url("/data/night")]).succeed();
    assert!(!port.store().join("night").exists());
    let missing = gfal(&port, "stat").arg(port.davs_url("/data/night/f")).finish();
    assert_eq!(missing.code, Some(2), "ENOENT, as for a local file: {missing}");
}

#[test]
fn gfal_without_a_token_is_refused_as_a_permission() {
    if !needs(GFAL) {
        return;
    }
    let port = Port::start();
    let refused = gfal(&port, "ls").env("BEARER_TOKEN", "").arg(port.davs_url("/data/")).finish();
    assert_ne!(refused.code, Some(0), "{refused}");
}
