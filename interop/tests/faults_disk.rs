//! The disk runs full in the middle of a file.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::disk::SmallDisk;
use interop::needs::needs_root;
use interop::port::Setup;
use interop::tree::bytes;
use interop::{Port, http, needs};
use std::io::Write as _;
use std::path::Path;

/// Far more than the database and the keys take, and quickly filled.
const DISK: &str = "48m";
const TOO_MUCH_BYTES: usize = 80_000_000;

#[test]
fn a_full_disk_is_507_leaves_nothing_and_the_server_goes_on() {
    if !needs(&[("mount", "mount"), ("umount", "mount")]) || !needs_root() {
        return;
    }
    let disk = SmallDisk::mount(DISK);
    let data_dir = Some(disk.path().join("data"));
    let mut port = Port::start_with(Setup { data_dir, ..Setup::default() });
    let content = bytes(1, TOO_MUCH_BYTES);
    let bearer = format!("Bearer {}", port.token);
    let headers = [("Authorization", bearer.as_str())];
    let small = |name: &str| http::request(port.plain_port(), "PUT", name, &headers, b"small").unwrap();
    assert_eq!(small("/data/before").status, 201);

    let known = http::request(port.plain_port(), "PUT", "/data/known", &headers, &content).unwrap();
    assert_eq!(known.status, 507, "{}", known.text());
    nothing_but(&port.store(), &["before"]);

    let unknown = chunked(port.plain_port(), "/data/unknown", &headers, &content);
    assert_eq!(unknown.status, 507, "{}", unknown.text());
    nothing_but(&port.store(), &["before"]);
    assert!(unknown.text().contains("space") || unknown.text().contains("full"), "says why: {}", unknown.text());

    assert_eq!(small("/data/after").status, 201, "the server goes on");
    nothing_but(&port.store(), &["before", "after"]);
    assert!(port.is_alive());
    assert_eq!(port.staged(), 0, "nothing is left in the staging area");
    drop(port);
}

/// Without telling how much is to come, so that only writing can find out.
fn chunked(port: u16, path: &str, headers: &[(&str, &str)], content: &[u8]) -> http::Answer {
    let mut stream = http::connect(port).unwrap();
    let mut all = headers.to_vec();
    all.push(("Transfer-Encoding", "chunked"));
    stream.write_all(http::head("PUT", path, &all, None).as_bytes()).unwrap();
    for chunk in content.chunks(1 << 20) {
        // The server may answer and close before it has read all.
        let written = stream
            .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
            .and_then(|()| stream.write_all(chunk))
            .and_then(|()| stream.write_all(b"\r\n"));
        if written.is_err() {
            break;
        }
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    http::answer(&mut stream, "PUT").unwrap()
}

fn nothing_but(store: &Path, names: &[&str]) {
    let mut found: Vec<String> = interop::tree::digests(store).into_keys().collect();
    let mut expected: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
