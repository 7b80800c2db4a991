//! The audit record and reloading, against a real port: what is written, what survives a kill, what can be followed, what
//! changes without a connection being dropped, and that no secret is anywhere.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::authority::Authority;
use interop::disk::SmallDisk;
use interop::http::{self, Answer};
use interop::needs::needs_root;
use interop::port::{Setup, program};
use interop::tree::{bytes, sha256};
use interop::{Port, Run, needs};
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const CURL: &[(&str, &str)] = &[("curl", "curl")];

/// `portolan audit` with these arguments, on the data directory.
fn audit(port: &Port, arguments: &[&str]) -> Run {
    let run = Run::new(program()).within(port.folder()).arg("audit").args(arguments);
    run.arg("--data-dir").arg(port.data())
}

/// Its lines as JSON.
fn records(port: &Port, arguments: &[&str]) -> Vec<serde_json::Value> {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let text = audit(port, &all).succeed().text();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn ask(port: &Port, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Answer {
    let value = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = value.iter().map(|value| ("Authorization", value.as_str())).collect();
    http::request(port.plain_port(), method, path, &headers, body).unwrap()
}

fn admin(port: &Port) -> Option<&str> {
    Some(port.token.as_str())
}

/// Until the record has what is looked for: data lines are written within moments, not at once.
fn wait_for(port: &Port, arguments: &[&str]) -> Vec<serde_json::Value> {
    let began = Instant::now();
    loop {
        let found = records(port, arguments);
        if !found.is_empty() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "nothing of {arguments:?} is in the record");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn who_did_what_can_be_read_filtered_and_exported() {
    let port = Port::start();
    fs::create_dir(port.store().join("night")).unwrap();
    assert_eq!(ask(&port, "PUT", "/data/night/a.fits", admin(&port), b"bytes").status, 201);
    assert_eq!(ask(&port, "GET", "/data/night/a.fits", admin(&port), b"").text(), "bytes");
    assert_eq!(ask(&port, "GET", "/data/night/a.fits", None, b"").status, 401);
    assert_eq!(ask(&port, "GET", "/data/night/a.fits", Some("ptl_wrong"), b"").status, 401);
    wait_for(&port, &["--event", "sign-in-failed"]);
    let made = records(&port, &["--verb", "create", "--path", "/night"]);
    assert_eq!(made.len(), 1);
    assert_eq!(
        (&made[0]["decision"], &made[0]["path"], &made[0]["bytes"]),
        (&"allowed".into(), &"/night/a.fits".into(), &5.into())
    );
    assert_eq!(
        (&made[0]["from"], &made[0]["tls"], &made[0]["credential"]),
        (&"127.0.0.1".into(), &false.into(), &"local token".into())
    );
    assert!(made[0]["request"].is_string() && made[0]["credential_id"].as_str().unwrap().len() == 32, "{}", made[0]);
    let refused = records(&port, &["--decision", "refused", "--since", "1h"]);
    assert!(refused.iter().all(|record| record["verb"] == "read" && record["who"] == "anonymous"), "{refused:?}");
    assert!(
        records(&port, &["--verb", "read", "--decision", "allowed"]).is_empty(),
        "permitted reads are not written unless asked"
    );
    assert!(records(&port, &["--path", "/nigh"]).is_empty() && records(&port, &["--from", "192.0.2.0/24"]).is_empty());

    check_forms(&port, &made);
}

/// For people, for tables, and from the port itself.
fn check_forms(port: &Port, made: &[serde_json::Value]) {
    let text = audit(port, &["--event", "start"]).succeed().text();
    assert!(text.lines().count() == 1 && text.contains("listening on https://"), "{text}");
    let table = audit(port, &["--csv", "--verb", "create"]).succeed().text();
    assert!(table.starts_with("seq,at,event,decision,who,") && table.lines().count() == 2, "{table}");
    // The same from the port itself.
    let remote = port
        .client()
        .args(["audit", "--json", "--verb", "create", "--path", "/night", "--server"])
        .arg(port.url("/"))
        .succeed()
        .text();
    assert_eq!(
        remote.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>(),
        made
    );
    let stranger = Run::new(program())
        .within(port.folder())
        .env("SSL_CERT_FILE", port.authority())
        .args(["audit", "--server"])
        .arg(port.url("/"))
        .finish();
    assert_eq!(stranger.code, Some(1), "{stranger}");
    assert!(ask(port, "GET", "/api/v1/audit?decision=perhaps", admin(port), b"").status == 400);
}

#[test]
fn the_chain_shows_what_was_changed_and_what_is_missing() {
    let mut port = Port::start();
    assert_eq!(ask(&port, "PUT", "/data/a.fits", admin(&port), b"bytes").status, 201);
    wait_for(&port, &["--verb", "create"]);
    // Commands beside the port.
    let token = Run::new(program())
        .within(port.folder())
        .args(["token", "create", "--name", "beside", "--data-dir"])
        .arg(port.data())
        .succeed()
        .text();
    let beside = wait_for(&port, &["--event", "token-made"]);
    assert!(beside[0]["who"].as_str().unwrap().starts_with("user ") && !beside[0].to_string().contains(token.trim()));

    let head = audit(&port, &["verify"]).succeed().text();
    port.kill();
    let expect = |port: &Port| audit(port, &["verify", "--expect", head.trim()]).finish();
    assert_eq!(expect(&port).code, Some(0));
    let segment = fs::read_dir(port.data().join("audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_file())
        .unwrap();
    let whole = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, whole.replacen("/a.fits", "/b.fits", 1)).unwrap();
    let told = audit(&port, &["verify"]).finish();
    assert!(told.code == Some(1) && told.stderr.contains("is not what it was"), "{told}");
    let lines: Vec<&str> = whole.lines().collect();
    fs::write(&segment, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    assert_eq!(
        audit(&port, &["verify"]).finish().code,
        Some(0),
        "of an end that is missing no chain can tell by itself"
    );
    assert_eq!(expect(&port).code, Some(1), "who has noted the end can");
}

#[test]
fn it_can_be_followed() {
    if !needs(CURL) {
        return;
    }
    let port = Port::start();
    let path = port.folder().join("followed");
    let file = fs::File::create(&path).unwrap();
    let mut here = Command::new(program())
        .args(["audit", "--follow", "--json", "--verb", "create", "--data-dir"])
        .arg(port.data())
        .stdout(file)
        .spawn()
        .unwrap();
    let stream = port.folder().join("stream");
    let mut there = Command::new("curl")
        .args(["-sSN", "--max-time", "60", "--cacert"])
        .arg(port.authority())
        .args(["-H", &port.bearer()])
        .arg(port.url("/api/v1/audit?follow=true&verb=create"))
        .stdout(fs::File::create(&stream).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut number = 0;
    let both = |what: &str| [&path, &stream].iter().all(|path| fs::read_to_string(path).unwrap().contains(what));
    // Neither tells when it has begun to follow: files are put until both have seen one.
    while !both("\"path\":\"/f") {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is followed");
        assert_eq!(ask(&port, "PUT", &format!("/data/f{number}"), admin(&port), b"x").status, 201);
        number += 1;
        thread::sleep(Duration::from_millis(100));
    }
    let text = fs::read_to_string(&stream).unwrap();
    here.kill().unwrap();
    there.kill().unwrap();
    here.wait().unwrap();
    there.wait().unwrap();
    assert!(text.contains("id: ") && text.contains("data: {\"seq\":"), "{text}");
}

/// Killed in the middle of writing, again and again: the chain holds, and nothing that was acknowledged as done by an
/// administrator is missing.
#[test]
fn a_kill_leaves_a_record_that_goes_on() {
    let mut port = Port::start();
    let mut made = Vec::new();
    for round in 0..4 {
        let number = port.plain_port();
        let token = port.token.clone();
        let load = thread::spawn(move || {
            let value = format!("Bearer {token}");
            for at in 0.. {
                let path = format!("/data/r{round}-{at}");
                if http::request(number, "PUT", &path, &[("Authorization", &value)], b"x").is_err() {
                    return;
                }
            }
        });
        for at in 0..3 {
            let body = format!(r#"{{"name":"round {round} {at}","allow":["list"]}}"#);
            let value = format!("Bearer {}", port.token);
            let headers = [("Authorization", value.as_str()), ("Content-Type", "application/json")];
            let answer = http::request(number, "POST", "/api/v1/tokens", &headers, body.as_bytes()).unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            made.push(answer["made"]["id"].as_str().unwrap().to_owned());
        }
        port.kill();
        load.join().unwrap();
        port.restart();
        audit(&port, &["verify"]).succeed();
    }
    let told = records(&port, &["--event", "token-made"]);
    for id in made {
        assert!(
            told.iter().any(|record| record["subject"] == id.as_str()),
            "{id} was acknowledged and is not in the record"
        );
    }
    assert_eq!(records(&port, &["--event", "start"]).len(), 5);
}

/// A keep-alive connection and a download under way do not notice a reload; a new connection sees the new certificate.
#[test]
fn a_reload_drops_no_connection() {
    let port = Port::start();
    let content = bytes(7, 64 << 20);
    fs::write(port.store().join("large"), &content).unwrap();
    fs::write(port.store().join("small"), "small").unwrap();
    let mut kept = http::connect(port.plain_port()).unwrap();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{}\r\n\r\n", port.bearer());
    let small = |stream: &mut std::net::TcpStream| {
        stream.write_all(get("/data/small").as_bytes()).unwrap();
        http::answer(stream, "GET").unwrap().text()
    };
    assert_eq!(small(&mut kept), "small");
    let mut download = http::connect(port.plain_port()).unwrap();
    download.write_all(get("/data/large").as_bytes()).unwrap();
    let mut begin = vec![0; 1 << 20];
    download.read_exact(&mut begin).unwrap();

    let settings = port.folder().join("portolan.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let reload = || {
        Run::new(program())
            .within(port.folder())
            .args(["reload", "--config"])
            .arg(&settings)
            .arg("--data-dir")
            .arg(port.data())
            .finish()
    };
    assert_eq!(ask(&port, "GET", "/data/small", None, b"").status, 401);
    fs::write(&settings, text.replace("prefix = \"/\"", "prefix = \"/\"\nanonymous = \"read\"")).unwrap();
    let told = reload();
    assert!(told.code == Some(0) && told.text().contains("rules changed"), "{told}");
    assert_eq!(ask(&port, "GET", "/data/small", None, b"").text(), "small", "the new rules are in force");
    assert_eq!(small(&mut kept), "small");

    // A line that is wrong: nothing changes, and the answer says which.
    fs::write(&settings, text.replace("prefix = \"/\"", "prefx = \"/\"")).unwrap();
    let told = reload();
    assert!(told.code == Some(1) && told.text().contains("portolan.toml:") && told.text().contains("prefx"), "{told}");
    assert_eq!(ask(&port, "GET", "/data/small", None, b"").text(), "small", "the former rules stay");

    // By the interface; what needs a restart is named.
    fs::write(&settings, text.replace("[limits]", "[limits]\nfile_size = \"1 GiB\"")).unwrap();
    let told = port.client().args(["reload", "--server"]).arg(port.url("/")).finish();
    assert!(
        told.code == Some(0) && told.text().contains("limits (all but failed_sign_ins): needs a restart"),
        "{told}"
    );
    assert_eq!(ask(&port, "GET", "/data/small", None, b"").status, 401, "closed again");
    assert_eq!(small(&mut kept), "small");

    let mut rest = begin;
    // One answer on a connection that is kept: what is missing is known.
    let body = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut missing = vec![0; body + content.len() - rest.len()];
    download.read_exact(&mut missing).unwrap();
    rest.extend(missing);
    assert_eq!(sha256(&rest[body..]), sha256(&content), "the download went on");
    assert_eq!(records(&port, &["--event", "reload"]).len(), 3);
}

/// What a request merely looks ahead at is not written: a listing of many files is one decision or two.
#[test]
fn a_listing_is_not_a_line_for_each_file() {
    let sections = "[audit]\nreads = true\n".to_owned();
    let port = Port::start_with(Setup { sections, ..Setup::default() });
    fs::create_dir(port.store().join("many")).unwrap();
    for at in 0..300 {
        fs::write(port.store().join(format!("many/{at}")), "x").unwrap();
    }
    let auth = format!("Bearer {}", port.token);
    let list = |method: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("Authorization", auth.as_str())];
        all.extend(headers);
        let answer = http::request(port.plain_port(), method, "/data/many/", &all, b"").unwrap();
        assert!(answer.text().contains("299"), "{method}: {}", answer.status);
    };
    list("PROPFIND", &[("Depth", "1")]);
    list("GET", &[("Accept", "text/html")]);
    assert_eq!(ask(&port, "PUT", "/data/last", admin(&port), b"x").status, 201);
    wait_for(&port, &["--verb", "create"]);
    let lines = records(&port, &["--path", "/many"]);
    assert!((2..=6).contains(&lines.len()), "{lines:?}");
}

/// A new certificate is shown to new connections; a download that began with the old one goes on.
#[test]
fn a_new_certificate_needs_no_restart() {
    if !needs(&[("curl", "curl"), ("openssl", "openssl")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| {
        fs::create_dir(folder.path().join(name)).unwrap();
        Authority::make(&folder.path().join(name))
    });
    let (certificate, key) = (folder.path().join("host.pem"), folder.path().join("host-key.pem"));
    let show = |authority: &Authority| {
        let (from, from_key) = authority.host();
        fs::copy(from_key, &key).unwrap();
        fs::copy(from, &certificate).unwrap();
    };
    show(&old);
    let listen = format!("certificate = \"{}\"\nkey = \"{}\"", certificate.display(), key.display());
    let port = Port::start_with(Setup { listen, ..Setup::default() });
    let content = bytes(8, 32 << 20);
    fs::write(port.open_store().join("large"), &content).unwrap();
    let trusts = |authority: &Authority| {
        let run = Run::new("curl").args(["-sS", "--max-time", "20", "--cacert"]).arg(authority.certificate());
        run.args(["-o", "/dev/null"]).arg(port.url("/healthz")).finish().code == Some(0)
    };
    assert!(trusts(&old) && !trusts(&new));
    let copy = port.folder().join("copy");
    let mut download = Command::new("curl")
        .args(["-sS", "--max-time", "60", "--limit-rate", "16M", "--cacert"])
        .arg(old.certificate())
        .arg("-o")
        .arg(&copy)
        .arg(port.url("/data/open/large"))
        .spawn()
        .unwrap();
    while fs::metadata(&copy).map_or(0, |found| found.len()) == 0 {
        assert!(download.try_wait().unwrap().is_none(), "it is still under way");
        thread::sleep(Duration::from_millis(5));
    }
    // A key that does not belong to the certificate: the former is shown on.
    fs::copy(new.host().0, &certificate).unwrap();
    let told = Run::new(program()).within(port.folder()).args(["reload", "--data-dir"]).arg(port.data()).finish();
    assert!(told.code == Some(1) && told.text().contains("certificate kept: "), "{told}");
    assert!(trusts(&old) && !trusts(&new));
    show(&new);
    let told = Run::new(program()).within(port.folder()).args(["reload", "--data-dir"]).arg(port.data()).finish();
    assert!(told.code == Some(0) && told.text().contains("certificate changed: "), "{told}");
    assert!(!trusts(&old) && trusts(&new));
    assert!(download.wait().unwrap().success());
    assert_eq!(sha256(&fs::read(&copy).unwrap()), sha256(&content));
}

/// The disk is full: data are served on, commands are refused, the first page tells, and when there is room again nothing
/// is missing.
#[test]
fn a_full_disk_loses_no_line() {
    if !needs(&[("mount", "mount"), ("umount", "mount")]) || !needs_root() {
        return;
    }
    let disk = SmallDisk::mount("48m");
    let data_dir = Some(disk.path().join("data"));
    let port = Port::start_with(Setup { data_dir, ..Setup::default() });
    assert_eq!(ask(&port, "PUT", "/data/f", admin(&port), b"bytes").status, 201);
    assert_eq!(ask(&port, "POST", "/api/v1/reload", admin(&port), b"").status, 200);
    let filler = disk.path().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 1024]).is_ok() {}
    let warnings = || {
        let status = ask(&port, "GET", "/api/v1/status", admin(&port), b"");
        let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
        status["warnings"].to_string()
    };
    let began = Instant::now();
    let mut refused = 0;
    while !warnings().contains("The audit record cannot be written") {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing is told");
        assert_eq!(ask(&port, "GET", "/data/f", None, b"").status, 401);
        refused += 1;
        // Fewer than are written of one source in a minute.
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(ask(&port, "GET", "/data/f", admin(&port), b"").text(), "bytes", "data are served on");
    let command = ask(&port, "POST", "/api/v1/reload", admin(&port), b"");
    assert!(command.status == 503 && command.text().contains("audit-unwritable"), "{}", command.text());
    drop(file);
    fs::remove_file(&filler).unwrap();
    while warnings() != "[]" {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not recover: {}", warnings());
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(ask(&port, "POST", "/api/v1/reload", admin(&port), b"").status, 200);
    assert_eq!(records(&port, &["--decision", "unauthenticated", "--path", "/f"]).len(), refused);
    audit(&port, &["verify"]).succeed();
}
