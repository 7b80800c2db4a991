//! Side-by-side comparisons of Portolan with named peers, one command each. See bench/README.md.
//!
//! Never here: a number without its peer in the same run, and a program left running.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: table on stdout, talk on stderr"
)]

use clap::{Parser, Subcommand};
use std::process::ExitCode;

mod cpu;
mod door;
mod lab;
mod netns;
mod packages;
mod plot;
mod policy;
mod servers;
mod tools;
mod wan;

/// Side-by-side comparisons of Portolan with named peers.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    comparison: Comparison,
}

#[derive(Subcommand)]
enum Comparison {
    /// GET and PUT against nginx, xrootd and rclone, with the same clients for all.
    Door(door::Options),
    /// The lab itself: what its links carry, and how true their delay, loss and rate are.
    Lab(lab::Options),
    /// Decisions about rights against plain Cedar over all rules.
    Policy(policy::Options),
    /// Throughput over distance and loss against iperf3 and GridFTP, on paths of the lab.
    Wan(wan::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().comparison {
        Comparison::Door(options) => door::main(&options),
        Comparison::Lab(options) => lab::main(&options),
        Comparison::Policy(options) => policy::main(&options),
        Comparison::Wan(options) => wan::main(&options),
    };
    done.unwrap_or_else(|problem| {
        eprintln!("bench: {problem}");
        ExitCode::FAILURE
    })
}
