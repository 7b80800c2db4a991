//! Shares with the programs of those who are given an address: curl, wget, aria2c, rclone, a browser's questions, and our
//! own client; and their budgets when the port is killed.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::tree::{self, bytes, digests, sha256};
use interop::{Port, Run, http, needs};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// A share as `portolan share --json` tells it.
struct Share {
    address: String,
    id: String,
}

impl Share {
    /// Its path, for requests by hand.
    fn path(&self) -> &str {
        &self.address[self.address.find("/s/").unwrap()..]
    }
}

/// Makes one over the interface of the port.
fn share(port: &Port, path: &str, options: &[&str]) -> Share {
    let url = port.url(&format!("/data{path}"));
    read(&port.client().args(["share", &url, "--json"]).args(options).succeed().text())
}

fn read(json: &str) -> Share {
    let made: serde_json::Value = serde_json::from_str(json).unwrap();
    Share { address: made["address"].as_str().unwrap().to_owned(), id: made["made"]["id"].as_str().unwrap().to_owned() }
}

/// Downloads and bytes that the port has counted for it.
fn counted(port: &Port, share: &Share) -> (u64, u64) {
    let list = port.client().args(["share", "list", "--json", &port.url("/")]).succeed().text();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let one = list["shares"].as_array().unwrap().iter().find(|one| one["id"] == share.id).unwrap().clone();
    (one["downloads"].as_u64().unwrap(), one["bytes"].as_u64().unwrap())
}

/// Curl without any credentials.
fn curl(port: &Port) -> Run {
    Run::new("curl").args(["-sS", "--max-time", "50", "--cacert"]).arg(port.authority())
}

/// A port with a tree in a folder.
fn port_with_tree() -> (Port, std::collections::BTreeMap<String, String>) {
    let port = Port::start();
    fs::create_dir_all(port.store().join("survey")).unwrap();
    let sent = tree::awkward(&port.store().join("survey/dr 1"));
    (port, sent)
}

#[test]
fn curl_and_wget_fetch_without_credentials() {
    if !needs(&[("curl", "curl"), ("wget", "wget")]) {
        return;
    }
    let port = Port::start();
    let content = bytes(1, 3_000_000);
    fs::create_dir_all(port.store().join("survey/dr1")).unwrap();
    fs::write(port.store().join("survey/dr1/f.fits"), &content).unwrap();
    let share = share(&port, "/survey/dr1/f.fits", &["--max-downloads", "2"]);
    fs::write(port.folder().join("part"), &content[..1_000_000]).unwrap();
    curl(&port).within(port.folder()).args(["-C", "-", "-o", "part", &share.address]).succeed();
    assert_eq!(sha256(&fs::read(port.folder().join("part")).unwrap()), sha256(&content));
    assert_eq!(counted(&port, &share), (1, 2_000_000));
    let wget = Run::new("wget").within(port.folder()).args(["--no-config", "-q", "--tries=1"]);
    wget.arg(format!("--ca-certificate={}", port.authority().display())).arg(&share.address).succeed();
    assert_eq!(sha256(&fs::read(port.folder().join("f.fits")).unwrap()), sha256(&content), "by its own name");
    assert_eq!(counted(&port, &share), (2, 5_000_000));
    let third = curl(&port).args(["-w", "%{http_code}", "-o", "/dev/null", &share.address]).succeed();
    assert_eq!(third.text(), "403");
    port.client().args(["share", "revoke", &share.id, &port.url("/")]).succeed();
    let over = curl(&port).args(["-w", "%{http_code}", "-o", "/dev/null", &share.address]).succeed();
    assert_eq!(over.text(), "410");
}

#[test]
fn wget_brings_a_tree() {
    if !needs(&[("wget", "wget")]) {
        return;
    }
    let port = Port::start();
    let source = port.store().join("survey/dr1");
    let sent = tree::write(&source, &[("a", 1000), ("b/c", 2000), ("b/d/e f", 10)]);
    let share = share(&port, "/survey/dr1", &[]);
    let wget = Run::new("wget").within(port.folder());
    wget.args(["--no-config", "-q", "-r", "-np", "-nH", "--cut-dirs=2", "-R", "index.html*", "-e", "robots=off"])
        .arg(format!("--ca-certificate={}", port.authority().display()))
        .arg(&share.address)
        .succeed();
    assert_eq!(digests(&port.folder().join("dr1")), sent);
}

#[test]
fn aria2c_counts_once_with_all_its_connections() {
    if !needs(&[("aria2c", "aria2")]) {
        return;
    }
    let port = Port::start();
    let content = bytes(2, 33 << 20);
    fs::write(port.store().join("f"), &content).unwrap();
    for most in ["5", "1"] {
        let share = share(&port, "/f", &["--max-downloads", most]);
        let aria = Run::new("aria2c").within(port.folder());
        aria.args(["-q", "--no-conf", "-x16", "-s16", "-k1M", "--async-dns=false", "--file-allocation=none"])
            .args(["--max-tries=0", "--retry-wait=1", "-o", most])
            .arg(format!("--ca-certificate={}", port.authority().display()))
            .arg(&share.address)
            .succeed();
        assert_eq!(sha256(&fs::read(port.folder().join(most)).unwrap()), sha256(&content));
        assert_eq!(counted(&port, &share).0, 1, "{}", port.log());
    }
}

#[test]
fn rclone_reads_by_both_of_its_languages() {
    if !needs(&[("rclone", "rclone")]) {
        return;
    }
    let (port, sent) = port_with_tree();
    let share = share(&port, "/survey/dr%201", &["--expires", "1h"]);
    let rclone = || {
        Run::new("rclone")
            .within(port.folder())
            .env("RCLONE_CONFIG", "/dev/null")
            .args(["--retries", "1", "--low-level-retries", "1", "--ca-cert"])
            .arg(port.authority())
    };
    for (language, remote) in [
        ("http", format!(":http,url='{}':", share.address)),
        ("webdav", format!(":webdav,url='{}',vendor=other:", share.address)),
    ] {
        let back = port.folder().join(language);
        rclone().arg("copy").arg(&remote).arg(&back).succeed();
        assert_eq!(digests(&back), sent, "{language}");
    }
}

#[test]
fn rclone_and_our_client_fill_a_drop_box() {
    if !needs(&[("rclone", "rclone"), ("curl", "curl")]) {
        return;
    }
    let port = Port::start();
    fs::create_dir_all(port.store().join("inbox")).unwrap();
    let source = port.folder().join("source");
    let sent = tree::write(&source, &[("a", 1000), ("b/c", 2_000_000), ("b/d e", 0)]);
    let box_only = share(&port, "/inbox", &["--allow", "create", "--max-bytes", "10MB"]);
    let one = source.join("a");
    curl(&port).arg("-T").arg(&one).arg(format!("{}by-curl", box_only.address)).args(["-f"]).succeed();
    assert_eq!(fs::read(port.store().join("inbox/by-curl")).unwrap(), fs::read(&one).unwrap());
    let peek = curl(&port).args(["-w", "%{http_code}", "-o", "/dev/null"]).arg(format!("{}by-curl", box_only.address));
    assert_eq!(peek.succeed().text(), "403");
    assert_eq!(counted(&port, &box_only), (0, 1000));
    let seen = share(&port, "/inbox", &["--allow", "create,stat,list"]);
    Run::new("rclone")
        .within(port.folder())
        .env("RCLONE_CONFIG", "/dev/null")
        .args(["--retries", "1", "--ca-cert"])
        .arg(port.authority())
        .arg("copy")
        .arg(&source)
        .arg(format!(":webdav,url='{}',vendor=other:by-rclone", seen.address))
        .succeed();
    assert_eq!(digests(&port.store().join("inbox/by-rclone")), sent);
    let big = port.folder().join("big");
    fs::write(&big, bytes(4, 20_000_000)).unwrap();
    stranger(&port).arg("cp").arg(&big).arg(format!("{}big", seen.address)).succeed();
    assert_eq!(sha256(&fs::read(port.store().join("inbox/big")).unwrap()), sha256(&bytes(4, 20_000_000)));
    let refused = stranger(&port).arg("cp").arg(&one).arg(format!("{}big", seen.address)).finish();
    assert_ne!(refused.code, Some(0), "create does not replace: {refused}");
}

/// Our client without a token.
fn stranger(port: &Port) -> Run {
    Run::new(interop::port::program()).within(port.folder()).env("SSL_CERT_FILE", port.authority())
}

#[test]
fn our_client_fetches_and_lists() {
    let (port, sent) = port_with_tree();
    let share = share(&port, "/survey/dr%201", &[]);
    let list = stranger(&port).args(["ls", &share.address]).succeed();
    assert!(!list.text().is_empty() && !list.text().contains("survey"), "{list}");
    stranger(&port).args(["cp", "-r", &share.address, "back"]).succeed();
    assert_eq!(digests(&port.folder().join("back")), sent);
}

#[test]
fn a_browser_finds_its_way_and_tells_nobody() {
    let (port, _) = port_with_tree();
    fs::write(port.store().join("survey/dr 1/page.html"), "<script>alert(1)</script>").unwrap();
    let share = share(&port, "/survey/dr%201", &[]);
    let get = |path: &str| http::request(port.plain_port(), "GET", path, &[("Accept", "text/html")], b"").unwrap();
    let bare = get(share.path().trim_end_matches('/'));
    assert_eq!((bare.status, bare.header("location")), (301, Some(share.path())));
    let page = get(share.path());
    assert!(page.text().contains("href=\"page.html\"") && !page.text().contains("survey"), "{}", page.text());
    for answer in [bare, page, get(&format!("{}page.html", share.path()))] {
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("x-robots-tag"), Some("noindex, nofollow"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    let script = get(&format!("{}page.html", share.path()));
    assert_eq!(script.header("content-security-policy"), Some("sandbox"));
}

#[test]
fn an_operator_shares_beside_the_running_port() {
    let port = Port::start();
    fs::write(port.store().join("f"), "of the operator").unwrap();
    let portolan = |arguments: &[&str]| {
        let settings = port.folder().join("portolan.toml");
        let run = Run::new(interop::port::program()).within(port.folder()).arg("share").args(arguments);
        run.arg("--config").arg(settings).arg("--data-dir").arg(port.data()).finish()
    };
    let base = port.url("");
    let nowhere = portolan(&["/f"]);
    assert_eq!(nowhere.code, Some(3), "the port is chosen by the system: {nowhere}");
    assert_eq!(portolan(&["/nothing", "--public-url", &base]).code, Some(3));
    let made = portolan(&["/f", "--public-url", &base, "--expires", "30d", "--note", "for Ännchen", "--json"]);
    let share = read(&made.text());
    let fetched = stranger(&port).args(["cp", &share.address, "-"]).succeed();
    assert_eq!(fetched.text(), "of the operator");
    let deadline = Instant::now() + Duration::from_secs(60);
    let list = loop {
        let list = portolan(&["list"]).text();
        if list.contains("1 downloads") {
            break list;
        }
        assert!(Instant::now() < deadline, "it was never counted: {list}");
        thread::sleep(Duration::from_millis(100));
    };
    assert!(list.contains(&share.id) && list.contains("for Ännchen"), "{list}");
    let secret = &share.path()[3 + 33..3 + 33 + 43];
    assert!(!list.contains(secret) && !port.log().contains(secret));
    assert_eq!(portolan(&["revoke", &share.id]).code, Some(0));
    assert_eq!(portolan(&["revoke", &share.id]).code, Some(1), "it is revoked already");
    let deadline = Instant::now() + Duration::from_secs(60);
    while http::request(port.plain_port(), "GET", share.path(), &[], b"").unwrap().status != 410 {
        assert!(Instant::now() < deadline, "the revocation never came into force");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn many_at_once_get_what_there_is_and_no_more() {
    let port = Port::start();
    let content = bytes(5, 1 << 20);
    fs::write(port.store().join("f"), &content).unwrap();
    let share = share(&port, "/f", &["--max-downloads", "10"]);
    let served = thread::scope(|scope| {
        let callers: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| http::request(port.plain_port(), "GET", share.path(), &[], b"").unwrap()))
            .collect();
        let answers = callers.into_iter().map(|caller| caller.join().unwrap());
        answers.filter(|answer| answer.status == 200 && answer.body == content).count()
    });
    assert_eq!((served, counted(&port, &share)), (10, (10, 10 << 20)));
}

/// What was promised to downloads on their way stays taken; nobody gets more than there is, before and after.
#[test]
fn a_kill_leaves_the_budget_spent() {
    let mut port = Port::start();
    let size: u64 = 64 << 20;
    let file = fs::File::create(port.store().join("f")).unwrap();
    file.set_len(size).unwrap();
    let options = ["--max-downloads", "3", "--max-bytes", &format!("{}B", 3 * size)];
    let share = share(&port, "/f", &options);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = http::connect(port.plain_port()).unwrap();
        stream.write_all(http::head("GET", share.path(), &[], None).as_bytes()).unwrap();
        let mut first = [0; 1024];
        stream.read_exact(&mut first).unwrap();
        open.push(stream);
    }
    assert_eq!(counted(&port, &share), (2, 2 * size), "taken before the first byte");
    port.kill();
    drop(open);
    port.restart();
    assert_eq!(counted(&port, &share), (2, 2 * size));
    let last = http::request(port.plain_port(), "GET", share.path(), &[], b"").unwrap();
    assert_eq!((last.status, last.body.len() as u64), (200, size));
    let over = http::request(port.plain_port(), "GET", share.path(), &[("Range", "bytes=0-0")], b"").unwrap();
    assert_eq!(over.status, 403, "{}", over.text());
    assert_eq!(counted(&port, &share), (3, 3 * size));
    assert_eq!(integrity(&port.data()), "ok");
}

/// What a client did not take is given back, and written down soon.
#[test]
fn a_download_that_is_given_up_is_given_back() {
    let port = Port::start();
    let size: u64 = 256 << 20;
    let file = fs::File::create(port.store().join("f")).unwrap();
    file.set_len(size).unwrap();
    let share = share(&port, "/f", &["--max-downloads", "1"]);
    let mut stream = http::connect(port.plain_port()).unwrap();
    stream.write_all(http::head("GET", share.path(), &[], None).as_bytes()).unwrap();
    let mut first = vec![0; 1 << 20];
    stream.read_exact(&mut first).unwrap();
    drop(stream);
    let deadline = Instant::now() + Duration::from_secs(60);
    let range = ("Range", "bytes=1048576-");
    let rest = loop {
        let rest = http::request(port.plain_port(), "GET", share.path(), &[range], b"").unwrap();
        if rest.status != 429 {
            break rest;
        }
        assert!(Instant::now() < deadline, "the broken connection was never noticed");
        thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((rest.status, rest.body.len() as u64), (206, size - (1 << 20)), "it goes on where it broke");
    assert_eq!(counted(&port, &share).0, 1);
}

/// SQLite's own word on its file, where its program is there.
fn integrity(data: &Path) -> String {
    if !needs(&[("sqlite3", "sqlite3")]) {
        return "ok".to_owned();
    }
    let check = Run::new("sqlite3").arg(data.join("archive.sqlite")).arg("PRAGMA integrity_check").succeed();
    check.text().trim().to_owned()
}
