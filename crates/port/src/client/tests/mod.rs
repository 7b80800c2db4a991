//! The engine against our own door on a loopback socket, with a layer between that misbehaves as it is told.

mod addresses;
mod blocks;
mod copies;
mod downloads;
mod multistatus;
mod operations;
mod server;
mod tokens;
mod uploads;

use super::*;
use server::{Fault, Seen, Server};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use terms::{Algorithm, Problem};

/// Small numbers, so that small files take the ways of large ones.
fn settings(folder: &Path) -> CopySettings {
    CopySettings {
        recursive: true,
        transfers: 4,
        streams: 4,
        blocks_from_bytes: 256 * 1024,
        block_bytes: 64 * 1024,
        streams_from_bytes: 1024 * 1024,
        resumable_from_bytes: 512 * 1024,
        state_folder: Some(folder.join("state")),
        sync: false,
        ..CopySettings::default()
    }
}

fn session() -> Session {
    session_with(|_| {})
}

fn session_with(change: impl FnOnce(&mut SessionSettings)) -> Session {
    net::install_crypto_provider();
    let mut settings = SessionSettings {
        token: Token::new(server::TOKEN),
        stall_timeout: Duration::from_secs(20),
        ..SessionSettings::default()
    };
    change(&mut settings);
    Session::new(settings).unwrap()
}

fn local(path: impl AsRef<Path>) -> Address {
    Address::Local(path.as_ref().to_owned())
}

/// Copies and gives back how it went.
async fn copy(session: &Session, source: &Address, target: &Address, settings: &CopySettings) -> Summary {
    let sources = std::slice::from_ref(source);
    session.copy(sources, target, settings.clone(), Arc::default(), Arc::new(Silent)).await
}

fn only_failure(summary: &Summary) -> &Problem {
    assert_eq!(summary.failures.len(), 1, "{summary:?}");
    &summary.failures[0].1
}

/// The names in a folder, hidden ones included.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Bytes of which no two blocks are alike, the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}
