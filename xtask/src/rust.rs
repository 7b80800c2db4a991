//! The stages that are cargo's.

use crate::command::{on_ci, output, show, show_and_keep};
use crate::stages::Outcome;
use crate::tidy;
use std::path::Path;

/// How many times the longer fault suite kills the server.
const LONG_KILLS: &str = "200";
/// How many times it cuts the power of the server's disk.
const LONG_CUTS: &str = "50";

/// Whether the tests against foreign programs run too.
pub(crate) enum Foreign {
    With,
    Without,
}

pub(crate) fn format() -> Outcome {
    show("cargo", &["fmt", "--all", "--check"], &[])
}

pub(crate) fn lints() -> Outcome {
    show("cargo", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"], &[])
}

/// Private items too: most of what the house explains to its maintainers is said there.
pub(crate) fn documentation() -> Outcome {
    let flags = [("RUSTDOCFLAGS", "-D warnings")];
    show("cargo", &["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"], &flags)
}

/// Every target, in the feature set that the tests use, so that nothing is built twice; and the program `portolan`,
/// which the tests against foreign programs start.
pub(crate) fn build() -> Outcome {
    show("cargo", &["build", "--workspace", "--all-targets", "--quiet"], &[])
}

pub(crate) fn tests(foreign: Foreign) -> (Outcome, Vec<String>) {
    let mut environment = Vec::new();
    let mut choice = vec!["--workspace", "--no-fail-fast"];
    match foreign {
        Foreign::With if on_ci() => environment.push(("PORTOLAN_DEMAND_FOREIGN", "1")),
        Foreign::With => {}
        Foreign::Without => choice.extend(["--exclude", "interop"]),
    }
    if output("cargo", &["nextest", "--version"]).is_some() {
        let arguments = [&["nextest", "run"][..], &choice].concat();
        return show_and_keep("cargo", &arguments, &environment, "Summary [");
    }
    if on_ci() {
        return (Err("cargo-nextest is missing".to_owned()), Vec::new());
    }
    println!("cargo-nextest is missing ('cargo install cargo-nextest --locked' gets it): slower, one after another");
    let arguments = [&["test"][..], &choice, &["--all-targets", "--", "--test-threads=1"]].concat();
    (show("cargo", &arguments, &environment), Vec::new())
}

/// The fault suite alone, at length, with its rounds shown as they pass.
pub(crate) fn faults() -> (Outcome, Vec<String>) {
    let arguments =
        ["nextest", "run", "-p", "interop", "--profile", "long", "-E", "binary(/^faults_/)", "--no-fail-fast"];
    let environment = [("PORTOLAN_KILLS", LONG_KILLS), ("PORTOLAN_CUTS", LONG_CUTS), ("PORTOLAN_DEMAND_FOREIGN", "1")];
    show_and_keep("cargo", &arguments, &environment, "Summary [")
}

/// Only when there are any: for a workspace without, this would cost a link per library to run nothing.
pub(crate) fn doctests(root: &Path) -> Outcome {
    let crates = tidy::crates_with_doctests(root);
    if crates.is_empty() {
        println!("none in the workspace");
        return Ok(());
    }
    let mut arguments = vec!["test", "--doc", "--quiet"];
    for name in &crates {
        arguments.extend(["-p", name]);
    }
    show("cargo", &arguments, &[])
}

pub(crate) fn release() -> Outcome {
    show("cargo", &["build", "--release", "--quiet"], &[])
}
