//! Running other programs.

use crate::stages::Outcome;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// What `cargo run` tells xtask about itself. Some build scripts (ring's) ask for it and run anew when it changes, so that
/// builds from here and builds by hand would undo one another, at minutes each.
fn without_own_package(mut command: Command) -> Command {
    const OURS: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"];
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_str().is_some_and(|name| {
            OURS.iter().any(|start| name.starts_with(start))
                || matches!(name, "CARGO" | "CARGO_BIN_NAME" | "CARGO_PRIMARY_PACKAGE")
        });
        if is_ours {
            command.env_remove(name);
        }
    }
    command
}

fn program_of(name: &str) -> Command {
    without_own_package(Command::new(name))
}

/// Runs a program to its end with its output shown as it comes; an exit code other than 0 is a failure.
pub(crate) fn show(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    println!("$ {program} {}", arguments.join(" "));
    let status = program_of(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start {program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} {}: {status}", arguments.first().unwrap_or(&""))) }
}

/// As [`show`], and gives back the last lines of standard error, from the last one that contains `mark` on.
pub(crate) fn show_and_keep(
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
    mark: &str,
) -> (Outcome, Vec<String>) {
    println!("$ {program} {}", arguments.join(" "));
    let mut child = match program_of(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
    {
        Ok(child) => child,
        Err(error) => return (Err(format!("cannot start {program}: {error}")), Vec::new()),
    };
    let mut kept = Vec::new();
    if let Some(errors) = child.stderr.take() {
        for line in BufReader::new(errors).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            eprintln!("{line}");
            if line.contains(mark) {
                kept.clear();
                kept.push(line);
            } else if !kept.is_empty() {
                kept.push(line);
            }
        }
    }
    match child.wait() {
        Ok(status) if status.success() => (Ok(()), kept),
        Ok(status) => (Err(format!("{program} {}: {status}", arguments.first().unwrap_or(&""))), kept),
        Err(error) => (Err(format!("{program}: {error}")), kept),
    }
}

/// What a program prints on standard output; `None` when it is missing or fails.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = program_of(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name can be found on the path.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A user's path often lacks the folders of the administrator's programs, where Debian puts servers.
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(program).is_file())
}

/// Whether this is a run of CI, where nothing may be skipped.
pub(crate) fn on_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}
