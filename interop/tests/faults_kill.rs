//! The server is killed at random moments under a mixed load, and started again: what it acknowledged is there and whole,
//! what it did not is not half there.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::load::{Dice, Target, Worker};
use interop::upload::Uploader;
use interop::{Port, Run, needs};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

/// How often CI kills; `cargo xtask long` does it 200 times.
const KILLS: u64 = 6;
const WORKERS: u64 = 4;
/// Long enough for some groups to be published, short enough that many kills fall into the first start's work.
const LONGEST_LIFE_MS: u64 = 700;

/// A number from the environment.
fn number(name: &str, default: impl FnOnce() -> u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_else(default)
}

#[test]
fn what_was_acknowledged_survives_kills_at_random_moments() {
    if !needs(&[("sqlite3", "sqlite3")]) {
        return;
    }
    let kills = number("PORTOLAN_KILLS", || KILLS);
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = number("PORTOLAN_SEED", now);
    println!("{kills} kills; PORTOLAN_SEED={seed} repeats the requests, though not the moments");
    let mut dice = Dice::new(seed);
    let mut port = Port::start();
    let first = target(&port);
    let mut workers: Vec<Worker> = (0..WORKERS).map(|number| Worker::new(&first, number, seed)).collect();
    let mut uploader = Uploader::new(seed);
    for round in 1..=kills {
        let target_now = target(&port);
        let life = Duration::from_millis(dice.below(LONGEST_LIFE_MS));
        thread::scope(|scope| {
            for worker in &mut workers {
                scope.spawn(|| worker.run(&target_now));
            }
            scope.spawn(|| uploader.run(&target_now));
            thread::sleep(life);
            assert!(port.is_alive(), "it died by itself:\n{}", port.log());
            port.kill();
        });
        port.restart();
        let target_now = target(&port);
        for worker in &mut workers {
            worker.settle(&target_now, &port.store());
        }
        uploader.settle(&target_now);
        let staged = port.staged();
        assert!(staged <= uploader.live(), "{staged} staged files for {} unfinished uploads", uploader.live());
        assert_eq!(integrity(&port.data()), "ok");
        assert!(!port.log().contains("panicked"), "{}", port.log());
        let done: u64 = workers.iter().map(|worker| worker.acknowledged).sum();
        println!("kill {round} after {life:?}: {done} requests and {} uploads so far", uploader.acknowledged);
    }
    let done: u64 = workers.iter().map(|worker| worker.acknowledged).sum();
    assert!(done > kills, "there was no load: {done} requests");
}

fn target(port: &Port) -> Target {
    Target { port: port.plain_port(), token: port.token.clone() }
}

/// SQLite's own word on its file, from its own program.
fn integrity(data: &Path) -> String {
    let check = Run::new("sqlite3").arg(data.join("archive.sqlite")).arg("PRAGMA integrity_check").succeed();
    check.text().trim().to_owned()
}
