//! aria2c, wget and cadaver: what people download with.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::tree::{bytes, sha256};
use interop::{Port, Run, needs};
use std::fs;

#[test]
fn aria2c_fetches_by_sixteen_connections() {
    if !needs(&[("aria2c", "aria2")]) {
        return;
    }
    let port = Port::start();
    // 16 pieces of 1 MiB is the least that it splits a file into.
    let content = bytes(1, 33 << 20);
    fs::write(port.store().join("f"), &content).unwrap();
    Run::new("aria2c")
        .within(port.folder())
        .args(["-q", "--no-conf", "-x16", "-s16", "-k1M", "--async-dns=false", "--file-allocation=none", "-o", "back"])
        .arg(format!("--ca-certificate={}", port.authority().display()))
        .args(["--header", &port.bearer(), &port.url("/data/f")])
        .succeed();
    assert_eq!(sha256(&fs::read(port.folder().join("back")).unwrap()), sha256(&content));
}

#[test]
fn wget_fetches_and_goes_on_where_it_stopped() {
    if !needs(&[("wget", "wget")]) {
        return;
    }
    let port = Port::start();
    let content = bytes(2, 3_000_000);
    fs::write(port.store().join("f"), &content).unwrap();
    fs::write(port.folder().join("f"), &content[..1_000_000]).unwrap();
    let wget = Run::new("wget")
        .within(port.folder())
        .args(["--no-config", "-c", "-S", "--tries=1", "--header", &port.bearer()])
        .arg(format!("--ca-certificate={}", port.authority().display()))
        .arg(port.url("/data/f"))
        .succeed();
    assert!(wget.stderr.contains("206 Partial Content"), "{wget}");
    assert_eq!(sha256(&fs::read(port.folder().join("f")).unwrap()), sha256(&content));
}

#[test]
fn cadaver_puts_lists_copies_moves_locks_and_removes() {
    if !needs(&[("cadaver", "cadaver"), ("script", "bsdutils")]) {
        return;
    }
    let port = Port::start();
    let content = bytes(3, 100_000);
    fs::write(port.folder().join("local"), &content).unwrap();
    // It takes user and password from ~/.netrc, and on a terminal (which script(1) makes) it asks whether to trust an
    // authority that it does not know.
    let netrc = format!("machine localhost login anyone password {}\n", port.token);
    fs::write(port.folder().join(".netrc"), netrc).unwrap();
    let session = "y\nput local f\nls\nmkcol night\ncopy f night/g\nmove night/g night/h\nlock f\nunlock f\npropget f\n\
                   get night/h back\ndelete f\nrmcol night\nquit\n";
    let line = format!("cadaver {}", port.url("/data/"));
    let cadaver = Run::new("script").within(port.folder()).args(["-qec", &line, "/dev/null"]).input(session).succeed();
    let text = cadaver.text();
    assert!(!text.contains("failed"), "{cadaver}");
    assert_eq!(sha256(&fs::read(port.folder().join("back")).unwrap()), sha256(&content), "{cadaver}");
    assert!(!port.store().join("f").exists() && !port.store().join("night").exists(), "{cadaver}");
}
