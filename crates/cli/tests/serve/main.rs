//! The life of a port as an operator sees it: the real program, started, signalled and stopped.

mod commands;
mod harness;
mod rights;

use harness::{Running, World, exchange};
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

#[test]
fn a_first_start_makes_what_it_needs_and_shows_the_token_once() {
    let world = World::new();
    let first = world.start(&[]);
    let shown = first.stop(Signal::TERM);
    assert_eq!((shown.code, shown.stdout.lines().count()), (Some(0), 5), "{shown:?}");
    assert_eq!(shown.stdout.matches("ptl_").count(), 2, "once to keep and once to paste: {}", shown.stdout);
    assert!(shown.stdout.contains("portolan cp --cacert"), "{}", shown.stdout);
    assert!(!shown.stderr.contains("ptl_"), "secrets are never logged: {}", shown.stderr);
    for (file, mode) in [("archive.sqlite", 0o600), ("tls/ca-key.pem", 0o600), ("tls/host-key.pem", 0o600)] {
        assert_eq!(world.mode(file), mode, "{file}");
    }
    let again = world.start(&[]).stop(Signal::TERM);
    assert_eq!((again.code, again.stdout.matches("ptl_").count()), (Some(0), 0), "{again:?}");
}

#[test]
fn a_ready_file_tells_where_and_the_token_goes_to_its_own_file() {
    let world = World::new();
    let token_file = world.path("admin.token");
    let running = world.start(&["--admin-token-file", &token_file]);
    assert_eq!(running.ready["pid"], running.pid());
    assert_eq!(running.ready["admin_token_file"], token_file);
    assert!(running.ready["ca_file"].as_str().is_some_and(|file| std::path::Path::new(file).exists()));
    assert!(running.ready["addresses"][0].as_str().is_some_and(|address| address.starts_with("https://127.0.0.1:")));
    let token = std::fs::read_to_string(&token_file).expect("a token");
    let answer = exchange(running.plain(), &get("/api/v1/status", token.trim()));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let ready = running.ready_file.clone();
    let shown = running.stop(Signal::INT);
    assert_eq!((shown.code, shown.stdout.contains("ptl_")), (Some(0), false), "{shown:?}");
    assert!(!ready.exists());
    assert_eq!(world.mode("../admin.token"), 0o600);
}

#[test]
fn a_second_start_is_refused_and_told_who_holds_the_directory() {
    let world = World::new();
    let running = world.start(&[]);
    let refused = world.run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &world.data()]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    let holder = format!("process {} holds the data directory", running.pid());
    assert!(refused.stderr.contains(&holder), "{}", refused.stderr);
    assert_eq!(running.stop(Signal::TERM).code, Some(0));
    assert_eq!(world.start(&[]).stop(Signal::TERM).code, Some(0), "afterwards it is free");
}

#[test]
fn a_port_that_was_killed_starts_again() {
    let world = World::new();
    world.start(&[]).stop(Signal::KILL);
    assert_eq!(world.start(&[]).stop(Signal::TERM).code, Some(0));
}

#[test]
fn sigterm_lets_a_running_upload_finish_and_takes_nothing_new() {
    let world = World::new();
    let running = world.start_with_token();
    let mut upload = begin_upload(&running);
    let (plain, store) = (running.plain(), world.path("data/store/half.txt"));
    running.signal(Signal::TERM);
    running.wait_until_drained_of_listeners();
    assert!(TcpStream::connect(plain).is_err(), "nobody listens any more");
    upload.write_all(b"56789").expect("the rest is taken");
    let mut answer = String::new();
    upload.read_to_string(&mut answer).expect("an answer, and then the end");
    assert!(answer.contains("HTTP/1.1 201"), "{answer}");
    assert_eq!(running.end().code, Some(0));
    assert_eq!(std::fs::read(store).expect("the file"), b"0123456789");
}

#[test]
fn an_upload_that_does_not_end_is_cut_when_the_drain_time_is_over() {
    let world = World::new();
    world.write("portolan.toml", "[limits]\ndrain_time = \"1 s\"\n");
    let running = world.start_with_token();
    let _upload = begin_upload(&running);
    let ended = running.stop(Signal::TERM);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("1 connections were cut"), "{}", ended.stderr);
    assert!(!std::path::Path::new(&world.path("data/store/half.txt")).exists(), "no part of it is visible");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let world = World::new();
    let running = world.start_with_token();
    let _upload = begin_upload(&running);
    running.signal(Signal::TERM);
    running.wait_until_drained_of_listeners();
    let ended = running.stop(Signal::TERM);
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn an_idle_port_is_small() {
    let world = World::new();
    let running = world.start(&[]);
    exchange(running.plain(), &get("/healthz", ""));
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).expect("its status");
    // Pages of the program's file are the kernel's to drop, and an unoptimised program has four times as many.
    let (key, limit_kb) = if cfg!(debug_assertions) { ("RssAnon:", 20_000) } else { ("VmRSS:", 50_000) };
    let line = status.lines().find(|line| line.starts_with(key)).expect("its memory");
    let resident_kb: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    assert!(resident_kb < limit_kb, "{key} {resident_kb} kB");
    running.stop(Signal::TERM);
}

#[test]
fn clear_text_on_the_network_is_warned_of_and_used_addresses_are_told() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let _holder = std::net::TcpListener::bind(taken).expect("taken");
    let refused = world.run(&["serve", "--data-dir", &world.data(), "--listen", &taken.to_string()]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains(&format!("the address cannot be listened on: {taken}")), "{}", refused.stderr);
    let open = world.start_on("0.0.0.0:0", &[]).stop(Signal::TERM);
    assert!(open.stderr.contains("WITHOUT encryption"), "{}", open.stderr);
}

/// A PUT of ten bytes of which five are on their way, and which the port has begun to answer.
fn begin_upload(running: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(running.plain()).expect("a connection");
    let head = format!(
        "PUT /data/half.txt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
        running.token()
    );
    stream.write_all(head.as_bytes()).expect("the head is taken");
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).expect("100 Continue");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"01234").expect("half of it");
    stream
}

fn get(path: &str, token: &str) -> String {
    let sign_in = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{sign_in}\r\n")
}
