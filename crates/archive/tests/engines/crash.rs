//! What was acknowledged is there after kill -9, and what was not is there whole or not at all.
//!
//! A child (this test program again) records groups of files without end and prints the number of each when it was
//! acknowledged; we kill it, or the database server, in the middle.

use crate::place::Place;
use crate::samples::{file, path, token};
use archive::{Archive, FileRecord, Location};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

const LOCATION: &str = "ARCHIVE_CRASH_LOCATION";
const FIRST: &str = "ARCHIVE_CRASH_FIRST";
const GROUP: u64 = 10;

/// In the child: does its work and never returns. Anywhere else: nothing.
#[test]
fn crash_child() {
    let Ok(location) = std::env::var(LOCATION) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let location = match location.strip_prefix("file:") {
        Some(file) => Location::Sqlite(file.into()),
        None => Location::Postgres(location),
    };
    crate::runtime().block_on(async {
        let archive = Archive::open(&location).await.unwrap();
        for group in first.. {
            // An end of its own, should the parent have died.
            if let Err(error) = archive.record_files(&files(group)).await {
                eprintln!("{error:?}");
                return;
            }
            println!("acknowledged {group}");
        }
    });
}

fn folder(group: u64) -> String {
    format!("/group-{group}")
}

fn files(group: u64) -> Vec<FileRecord> {
    (0..GROUP).map(|number| file(&format!("{}/{number}", folder(group)), group)).collect()
}

fn child(place: &Place, first: u64) -> Child {
    let location = match &place.location {
        Location::Sqlite(file) => format!("file:{}", file.display()),
        Location::Postgres(url) => url.clone(),
    };
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::crash_child", "--nocapture"])
        .env(LOCATION, location)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Kills by `kill` after so many acknowledgements; answers all that were made, those that came while dying too.
fn acknowledged(mut child: Child, after: usize, kill: impl FnOnce(&mut Child)) -> Vec<u64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut numbers = Vec::new();
    let mut next = |numbers: &mut Vec<u64>| match lines.next() {
        Some(Ok(line)) => {
            numbers.extend(line.strip_prefix("acknowledged ").map(|number| number.parse::<u64>().unwrap()));
            true
        }
        _ => false,
    };
    while numbers.len() < after {
        assert!(next(&mut numbers), "the child ended by itself after {numbers:?}");
    }
    kill(&mut child);
    while next(&mut numbers) {}
    let _ = child.kill();
    child.wait().unwrap();
    numbers
}

async fn check(place: &Place, acknowledged: &[u64]) {
    let archive = place.open().await;
    for group in acknowledged {
        assert_eq!(archive.files_in(&path(&folder(*group))).await.unwrap(), files(*group), "group {group}");
    }
    let next = acknowledged.last().unwrap() + 1;
    let begun = archive.files_in(&path(&folder(next))).await.unwrap().len() as u64;
    assert!([0, GROUP].contains(&begun), "{begun} of {GROUP} files of the group that was not acknowledged");
    archive.close().await;
}

pub(crate) async fn of_the_client_loses_nothing(place: Place) {
    let mut all = Vec::new();
    for (round, after) in [1, 20, 77].into_iter().enumerate() {
        all.extend(acknowledged(child(&place, round as u64 * 10_000_000), after, |child| child.kill().unwrap()));
        check(&place, &all).await;
    }
}

/// `portolan token create` while the server runs: another process writes all the time, and we too.
pub(crate) async fn beside_another_process(place: Place) {
    let child = child(&place, 0);
    let (archive, runtime) = (place.open().await, tokio::runtime::Handle::current());
    let tokens: Vec<_> = (0..20).map(|number| token(number, "night shift")).collect();
    let numbers = tokio::task::block_in_place(|| {
        acknowledged(child, 5, |child| {
            runtime.block_on(async {
                for token in &tokens {
                    archive.record_token(token).await.unwrap();
                }
            });
            child.kill().unwrap();
        })
    });
    assert_eq!(archive.tokens().await.unwrap(), tokens);
    archive.close().await;
    check(&place, &numbers).await;
}

/// SQLite has no server: there it is the same as the other.
pub(crate) async fn of_the_server_loses_nothing(place: Place) {
    let Some(server) = place.server.clone() else { return };
    let numbers = acknowledged(child(&place, 0), 50, |child| {
        server.crash_and_restart();
        // It may have waited, and go on with the new server.
        child.kill().unwrap();
    });
    check(&place, &numbers).await;
}
