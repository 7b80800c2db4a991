//! Files here and there: cp, ls, stat, sum, rm, mkdir, mv.

use std::process::ExitCode;

/// What can be done to files.
#[derive(clap::Subcommand)]
pub(crate) enum Command {}

/// Does it.
pub(crate) async fn run(command: Command) -> ExitCode {
    match command {}
}
