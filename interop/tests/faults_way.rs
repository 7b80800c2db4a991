//! What happens on the way: flipped bits, silence, broken connections, senders that are too slow or stop too early.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::port::Setup;
use interop::relay::{Fault, Relay};
use interop::tree::{adler32, bytes, sha256};
use interop::{Port, http};
use std::fs;
use std::io::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Well within the content of a file that is larger than this.
const MIDDLE: u64 = 700_000;
const FILE_BYTES: usize = 2_000_000;

/// Exit codes of our client, as its help tells them.
const DIGEST_MISMATCH: i32 = 5;
const SILENT: i32 = 6;

/// The port's address as seen through a relay.
fn through(port: &Port, relay: &Relay, path: &str) -> String {
    port.plain_url(path).replace(&port.plain_port().to_string(), &relay.port().to_string())
}

/// Nothing can be seen of a file, and nothing is left of it.
fn nothing_is_left(port: &Port) {
    assert_eq!(fs::read_dir(port.store()).unwrap().count(), 0, "in the store");
    let started = Instant::now();
    // A broken connection is noticed a moment later.
    while port.staged() > 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "{} files in the staging area", port.staged());
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_bit_flipped_on_the_way_in_is_found_by_the_claimed_digest() {
    let port = Port::start();
    let relay = Relay::start(port.plain_port(), |_| (Fault::Flip(MIDDLE), Fault::None));
    let content = bytes(1, FILE_BYTES);
    let bearer = format!("Bearer {}", port.token);
    let digest = format!("adler32={}", adler32(&content));
    let headers = [("Authorization", bearer.as_str()), ("Digest", &digest)];
    let answer = http::request(relay.port(), "PUT", "/data/f", &headers, &content).unwrap();
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("digest"), "{}", answer.text());
    nothing_is_left(&port);
}

#[test]
fn our_client_repeats_what_was_damaged_once() {
    let port = Port::start();
    let content = bytes(2, FILE_BYTES);
    let file = port.folder().join("f");
    fs::write(&file, &content).unwrap();
    let once = |number| if number == 0 { Fault::Flip(MIDDLE) } else { Fault::None };
    let relay = Relay::start(port.plain_port(), move |number| (once(number), Fault::None));
    port.client().arg("cp").arg(&file).arg(through(&port, &relay, "/data/f")).succeed();
    assert_eq!(sha256(&fs::read(port.store().join("f")).unwrap()), sha256(&content));

    let relay = Relay::start(port.plain_port(), move |number| (Fault::None, once(number)));
    let back = port.folder().join("back");
    port.client().arg("cp").arg(through(&port, &relay, "/data/f")).arg(&back).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
}

#[test]
fn our_client_gives_up_on_a_way_that_damages_everything() {
    let port = Port::start();
    let content = bytes(2, FILE_BYTES);
    let file = port.folder().join("f");
    fs::write(&file, &content).unwrap();
    let relay = Relay::start(port.plain_port(), |_| (Fault::FlipEach(MIDDLE), Fault::None));
    let put = port.client().arg("cp").arg(&file).arg(through(&port, &relay, "/data/f")).finish();
    assert_eq!(put.code, Some(DIGEST_MISMATCH), "{put}");
    nothing_is_left(&port);

    fs::write(port.store().join("g"), &content).unwrap();
    let relay = Relay::start(port.plain_port(), |_| (Fault::None, Fault::FlipEach(MIDDLE)));
    let back = port.folder().join("back");
    let get = port.client().arg("cp").arg(through(&port, &relay, "/data/g")).arg(&back).finish();
    assert_eq!(get.code, Some(DIGEST_MISMATCH), "{get}");
    assert!(!back.exists(), "no file by that name: {get}");
}

#[test]
fn our_client_goes_on_when_connections_break() {
    let port = Port::start();
    let content = bytes(3, 20_000_000);
    let file = port.folder().join("f");
    fs::write(&file, &content).unwrap();
    // The first connections break in the middle; those after them hold.
    let breaks = |number| if number < 2 { Fault::Cut(MIDDLE) } else { Fault::None };
    let relay = Relay::start(port.plain_port(), move |number| (breaks(number), Fault::None));
    port.client().arg("cp").arg(&file).arg(through(&port, &relay, "/data/f")).succeed();
    assert_eq!(sha256(&fs::read(port.store().join("f")).unwrap()), sha256(&content));

    let relay = Relay::start(port.plain_port(), move |number| (Fault::None, breaks(number)));
    let back = port.folder().join("back");
    port.client().arg("cp").arg(through(&port, &relay, "/data/f")).arg(&back).succeed();
    assert_eq!(sha256(&fs::read(&back).unwrap()), sha256(&content));
}

#[test]
fn a_server_that_falls_silent_ends_our_client_with_a_clear_error() {
    let port = Port::start();
    fs::write(port.store().join("f"), bytes(4, FILE_BYTES)).unwrap();
    let relay = Relay::start(port.plain_port(), |_| (Fault::None, Fault::Stall(MIDDLE)));
    let back = port.folder().join("back");
    let get = port
        .client()
        .args(["cp", "--timeout", "2s"])
        .arg(through(&port, &relay, "/data/f"))
        .arg(&back)
        .limit(Duration::from_secs(100))
        .finish();
    assert_eq!(get.code, Some(SILENT), "{get}");
    assert!(!back.exists(), "no file by that name: {get}");
    assert!(get.stderr.contains("silent"), "{get}");
}

#[test]
fn a_body_that_ends_early_leaves_nothing() {
    let port = Port::start();
    let bearer = format!("Bearer {}", port.token);
    let mut stream = http::connect(port.plain_port()).unwrap();
    let head = http::head("PUT", "/data/f", &[("Authorization", &bearer)], Some(1_000_000));
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&bytes(5, 600_000)).unwrap();
    drop(stream);
    nothing_is_left(&port);
}

#[test]
fn a_head_that_never_ends_is_cut() {
    let port = Port::start_with(Setup { limits: "header_time = \"1 s\"".to_owned(), ..Setup::default() });
    let mut stream = http::connect(port.plain_port()).unwrap();
    stream.write_all(b"GET /data/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    // It may say 408 or just close (RFC 9112 §9.5 allows both); it must not wait for ever.
    match http::answer(&mut stream, "GET") {
        Ok(answer) => assert_eq!(answer.status, 408, "{}", answer.text()),
        Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it still waits"),
    }
}

#[test]
fn a_sender_slower_than_allowed_is_cut_and_leaves_nothing() {
    let port = Port::start_with(Setup { limits: "sender_rate = \"80 Mbit/s\"".to_owned(), ..Setup::default() });
    let bearer = format!("Bearer {}", port.token);
    let mut stream = http::connect(port.plain_port()).unwrap();
    let head = http::head("PUT", "/data/f", &[("Authorization", &bearer)], Some(1_000_000));
    stream.write_all(head.as_bytes()).unwrap();
    let started = Instant::now();
    // A drop every now and then; the rate is judged over half a minute.
    while stream.write_all(b"drop").is_ok() {
        assert!(started.elapsed() < Duration::from_secs(90), "it still listens");
        if let Some(answer) = early_answer(&mut stream) {
            assert_eq!(answer.status, 408, "{}", answer.text());
            break;
        }
    }
    nothing_is_left(&port);
}

/// An answer, if one comes within half a second.
fn early_answer(stream: &mut std::net::TcpStream) -> Option<http::Answer> {
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut first = [0];
    match stream.peek(&mut first) {
        Ok(count) if count > 0 => http::answer(stream, "PUT").ok(),
        _ => None,
    }
}
