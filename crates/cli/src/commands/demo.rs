//! Two ports on this machine, and a night of files through them.

use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Does it.
pub(crate) async fn run(_: Arguments) -> ExitCode {
    ExitCode::FAILURE
}
