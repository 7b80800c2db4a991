use crate::relay::{Fault, Relay};
use crate::tree::{adler32, bytes, sha256};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

#[test]
fn sums_are_those_of_the_standards() {
    // Answers that everybody knows: the encyclopedia's example for Adler-32, and FIPS 180-4's first for SHA-256.
    assert_eq!(adler32(b"Wikipedia"), "11e60398");
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn bytes_are_the_same_for_the_same_seed_and_others_for_another() {
    assert_eq!(bytes(1, 1000), bytes(1, 1000));
    assert_eq!(bytes(1, 1000)[..10], bytes(1, 10)[..]);
    assert_ne!(bytes(1, 1000), bytes(2, 1000));
}

/// What a server behind a relay with this fault gets of 200,000 zeros.
fn arrives(fault: Fault) -> Vec<u8> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let relay = Relay::start(server.local_addr().unwrap().port(), move |_| (fault, Fault::None));
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).unwrap();
    let sender = thread::spawn(move || drop(client.write_all(&vec![0; 200_000])));
    let mut arrived = Vec::new();
    // A cut connection is an error at its end; what came before counts.
    let _ = server.accept().unwrap().0.read_to_end(&mut arrived);
    sender.join().unwrap();
    assert_eq!(relay.there_bytes() == 200_000, arrived.len() == 200_000);
    arrived
}

#[test]
fn the_relay_does_what_it_is_told() {
    let ones = |arrived: &[u8]| arrived.iter().filter(|byte| **byte == 1).count();
    let arrived = arrives(Fault::None);
    assert_eq!((arrived.len(), ones(&arrived)), (200_000, 0));
    let arrived = arrives(Fault::Flip(100_000));
    assert_eq!((arrived.len(), ones(&arrived), arrived[100_000]), (200_000, 1, 1));
    let arrived = arrives(Fault::FlipEach(90_000));
    assert_eq!((arrived.len(), ones(&arrived)), (200_000, 2));
    assert_eq!(arrives(Fault::Cut(50_000)).len(), 50_000);
    assert_eq!(arrives(Fault::Stall(50_000)).len(), 50_000);
}
