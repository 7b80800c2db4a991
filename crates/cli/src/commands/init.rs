//! `portolan init`.

use super::{EXIT_IN_THE_WAY, say, tell};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file to write; one that is there already is never touched
    #[arg(default_value = "portolan.toml")]
    path: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match daemon::settings::write_sample(&arguments.path) {
        Ok(()) => {
            let path = arguments.path.display();
            say(&format!("Wrote {path}. Edit it, then: portolan check {path} && portolan serve --config {path}"));
            ExitCode::SUCCESS
        }
        Err(problem) => tell(&problem, EXIT_IN_THE_WAY),
    }
}
