//! `cargo run -p fuzz -- TARGET --seconds N [--seed S]`: mutations of a target's seeds, as long as wanted.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use fuzz::{Mutator, TARGETS, Target, target};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, seconds, seed) = match words.as_slice() {
        [name, "--seconds", seconds] => (*name, seconds.parse(), Ok(now())),
        [name, "--seconds", seconds, "--seed", seed] => (*name, seconds.parse(), seed.parse()),
        _ => return usage(),
    };
    let (Ok(seconds), Ok(seed)) = (seconds, seed) else { return usage() };
    let chosen: Vec<&Target> =
        if name == "all" { TARGETS.iter().collect() } else { target(name).into_iter().collect() };
    if chosen.is_empty() {
        return usage();
    }
    for target in &chosen {
        println!("{}: seed {seed}", target.name);
        let until = Instant::now() + Duration::from_secs(seconds) / u32::try_from(chosen.len()).unwrap_or(1);
        let mut mutator = Mutator::new(seed);
        let mut count = 0_u64;
        while Instant::now() < until {
            for _ in 0..1000 {
                let input = mutator.input(target.seeds);
                let outcome = std::panic::catch_unwind(|| (target.run)(&input));
                if outcome.is_err() {
                    eprintln!("{} fails on {}", target.name, input.escape_ascii());
                    return ExitCode::FAILURE;
                }
                count += 1;
            }
        }
        println!("{}: {count} inputs", target.name);
    }
    ExitCode::SUCCESS
}

/// Another one each time; it is printed, so that a failure can be had again.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn usage() -> ExitCode {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    eprintln!("Usage: cargo run -p fuzz -- TARGET --seconds N [--seed S]\nTargets: all, {}", names.join(", "));
    ExitCode::from(2)
}
