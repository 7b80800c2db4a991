//! A TCP relay that misbehaves: flips a bit, or falls silent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What happens to the bytes of a connection in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// The lowest bit of the byte at this offset is flipped.
    Flip(u64),
    /// The lowest bit of the byte at every multiple of this is flipped.
    FlipEach(u64),
    /// Nothing passes any more from this offset on; the connection stays open.
    Stall(u64),
    /// The connection is cut at this offset.
    Cut(u64),
}

/// A relay to a port on this machine. Its threads end with its connections; the listener ends with the test.
pub struct Relay {
    port: u16,
    there_bytes: Arc<AtomicU64>,
    back_bytes: Arc<AtomicU64>,
}

impl Relay {
    /// Passes connections on to `to`, with these faults on the way there and back; the first connection is number 0,
    /// and `faults` is asked for each.
    pub fn start(to: u16, faults: impl Fn(u64) -> (Fault, Fault) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (there_bytes, back_bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let relay = Self { port, there_bytes: there_bytes.clone(), back_bytes: back_bytes.clone() };
        thread::spawn(move || {
            for (number, client) in (0_u64..).zip(listener.incoming()) {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { continue };
                let (there, back) = faults(number);
                pass(client.try_clone().unwrap(), server.try_clone().unwrap(), there, there_bytes.clone());
                pass(server, client, back, back_bytes.clone());
            }
        });
        relay
    }

    /// Bytes that were passed on to the server so far, by all connections.
    pub fn there_bytes(&self) -> u64 {
        self.there_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that were passed back to clients so far.
    pub fn back_bytes(&self) -> u64 {
        self.back_bytes.load(Ordering::Relaxed)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, fault: Fault, passed: Arc<AtomicU64>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        let mut offset = 0_u64;
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            let mut bytes = &mut buffer[..count];
            let end = offset + count as u64;
            match fault {
                Fault::Flip(at) if (offset..end).contains(&at) => bytes[(at - offset) as usize] ^= 1,
                Fault::FlipEach(distance) if end / distance > offset / distance => {
                    bytes[(end / distance * distance - offset) as usize % count] ^= 1;
                }
                Fault::Stall(at) if at < end => {
                    let before = &bytes[..at.saturating_sub(offset) as usize];
                    passed.fetch_add(before.len() as u64, Ordering::Relaxed);
                    let _ = to.write_all(before);
                    // Silent until the other side gives up: what comes in is taken and goes nowhere.
                    while matches!(from.read(&mut buffer), Ok(count) if count > 0) {}
                    break;
                }
                Fault::Cut(at) if at < end => {
                    bytes = &mut bytes[..at.saturating_sub(offset) as usize];
                    let _ = to.write_all(bytes);
                    let _ = from.shutdown(Shutdown::Both);
                    break;
                }
                _ => {}
            }
            if to.write_all(bytes).is_err() {
                break;
            }
            passed.fetch_add(count as u64, Ordering::Relaxed);
            offset = end;
        }
        // Half-closed connections stay whole: only this direction has ended.
        let _ = to.shutdown(Shutdown::Write);
    });
}
