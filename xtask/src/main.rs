//! The one door to checks: `cargo xtask test` runs all of them, in the order in which they are cheapest to fail.
//!
//! This program builds before anything else can be checked, so it keeps to one small dependency. It never changes a
//! tracked file.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod command;
mod debian;
mod demo;
mod ndt7;
mod pypi;
mod rust;
mod size;
mod stages;
mod tidy;

use stages::{Outcome, Stages};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <COMMAND>

  test           everything: tools from Debian and PyPI, formatting, lints, documentation, tidy, all tests with the
                 foreign programs, then the release build, its demonstration and its size
  test --quick   the same without foreign programs, without installing and without the release build
  tidy           the rules that no compiler checks: imports, lengths, bans, links, words
  install        what the tests need from Debian (as root), from PyPI (into target/python), and a
                 client of ndt7 (into target/ndt7-client)
  long           the longer fault suite: the server is killed 200 times under load
  size           size of the release binary and memory of an idle server

CI=true makes a missing foreign program a failure; elsewhere the tests that need it say so and pass.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let mut stages = Stages::new(&root);
    match words.as_slice() {
        ["test"] => test(&mut stages, &root),
        ["test", "--quick"] => quick(&mut stages),
        ["tidy"] => one(&mut stages, "tidy", || tidy::check(&root)),
        ["install"] => {
            one(&mut stages, "tools from Debian", debian::install);
            one(&mut stages, "packages from PyPI", || pypi::install(&root));
            one(&mut stages, "client of ndt7", || ndt7::install(&root));
        }
        ["long"] => long(&mut stages),
        ["size"] => one(&mut stages, "size of the release", || size::check(&root)),
        [] | ["help" | "-h" | "--help"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("'{}' is no command of this program.\n\n{HELP}", other.join(" "));
            return ExitCode::from(2);
        }
    };
    stages.close()
}

/// What CI runs. Later stages run although an earlier one failed, so that one run shows everything there is to mend;
/// only what needs a built program waits for the build.
fn test(stages: &mut Stages, root: &Path) {
    stages.run("tools from Debian", debian::install);
    stages.run("packages from PyPI", || pypi::install(root));
    stages.run("client of ndt7", || ndt7::install(root));
    source(stages);
    if stages.run("build", rust::build) {
        stages.run_with_closing("tests", || rust::tests(rust::Foreign::With));
        stages.run("documentation tests", || rust::doctests(root));
    }
    if stages.run("release build", rust::release) {
        stages.run("demonstration", || demo::run(root));
        stages.run("size of the release", || size::check(root));
    }
}

fn quick(stages: &mut Stages) {
    source(stages);
    if stages.run("build", rust::build) {
        stages.run_with_closing("tests", || rust::tests(rust::Foreign::Without));
    }
}

/// Two hundred kills take the better part of an hour on two cores, so CI does a few and this does the rest.
fn long(stages: &mut Stages) {
    stages.run("tools from Debian", debian::install);
    if stages.run("build", rust::build) {
        stages.run_with_closing("faults", rust::faults);
    }
}

fn one(stages: &mut Stages, name: &'static str, stage: impl FnOnce() -> Outcome) {
    stages.run(name, stage);
}

/// The checks that read the source only.
fn source(stages: &mut Stages) {
    let root = stages.root().to_owned();
    stages.run("formatting", rust::format);
    stages.run("tidy", || tidy::check(&root));
    stages.run("lints", rust::lints);
    stages.run("documentation", rust::documentation);
}

/// The workspace's folder: the one above this package's.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), Path::to_owned)
}
