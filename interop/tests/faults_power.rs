//! The power of the server's disk is cut under load: what was acknowledged is there after the next start, because it was
//! synced before it was acknowledged. A killed process shows nothing of that: the kernel keeps what it wrote.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::disk::FrailDisk;
use interop::load::{Dice, Target, Worker};
use interop::needs::needs_root;
use interop::port::Setup;
use interop::{Port, needs};
use std::thread;
use std::time::{Duration, SystemTime};

/// How often CI cuts; `cargo xtask long` does it more often.
const CUTS: u64 = 5;
const WORKERS: u64 = 4;
const LONGEST_LIFE_MS: u64 = 1_000;

/// A number from the environment.
fn number(name: &str, default: impl FnOnce() -> u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_else(default)
}

#[test]
fn what_was_acknowledged_survives_power_cuts_at_random_moments() {
    let programs = [("mkfs.ext4", "e2fsprogs"), ("mount", "mount"), ("umount", "mount"), ("python3", "python3")];
    if !needs(&programs) || !needs_root() {
        return;
    }
    let Some(disk) = FrailDisk::mount() else { return };
    let cuts = number("PORTOLAN_CUTS", || CUTS);
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = number("PORTOLAN_SEED", now);
    println!("{cuts} cuts; PORTOLAN_SEED={seed} repeats the requests, though not the moments");
    let mut dice = Dice::new(seed);
    let mut port = Port::start_with(Setup { data_dir: Some(disk.path().join("data")), ..Setup::default() });
    let first = target(&port);
    let mut workers: Vec<Worker> = (0..WORKERS).map(|number| Worker::new(&first, number, seed).forgiving()).collect();
    for round in 1..=cuts {
        let target_now = target(&port);
        let life = Duration::from_millis(dice.below(LONGEST_LIFE_MS));
        thread::scope(|scope| {
            for worker in &mut workers {
                scope.spawn(|| worker.run(&target_now));
            }
            thread::sleep(life);
            disk.cut();
            port.kill();
        });
        disk.restore();
        port.restart();
        let target_now = target(&port);
        for worker in &mut workers {
            worker.settle(&target_now, &port.store());
        }
        assert_eq!(port.staged(), 0, "the staging area is swept");
        assert!(!port.log().contains("panicked"), "{}", port.log());
        let done: u64 = workers.iter().map(|worker| worker.acknowledged).sum();
        println!("cut {round} after {life:?}: {done} requests so far");
    }
    let done: u64 = workers.iter().map(|worker| worker.acknowledged).sum();
    assert!(done > cuts, "there was no load: {done} requests");
    drop(port);
}

fn target(port: &Port) -> Target {
    Target { port: port.plain_port(), token: port.token.clone() }
}
