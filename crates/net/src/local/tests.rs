use super::*;
use std::io::{Read, Write};

#[test]
fn what_is_written_on_one_side_is_read_on_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = listen_local(&path).unwrap();
    let mut near = connect_local(&path).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    near.write_all(b"word").unwrap();
    drop(near);
    let mut text = String::new();
    far.read_to_string(&mut text).unwrap();
    assert_eq!(text, "word");
}

#[test]
fn a_path_that_exists_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _listener = listen_local(&path).unwrap();
    assert_eq!(listen_local(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_namespace_has_one_number_for_all_its_threads() {
    let here = network_namespace_cookie().unwrap();
    let there = std::thread::spawn(|| network_namespace_cookie().unwrap()).join().unwrap();
    assert_eq!(here, there);
    assert_ne!(here, 0);
}
