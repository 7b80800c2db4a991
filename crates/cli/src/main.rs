//! `portolan`: one program for the port and for those who talk to it. It only reads the command line and prints; the
//! work is done in the other rooms.

mod commands;
#[cfg(test)]
mod tests;

use clap::Parser;
use std::process::ExitCode;

/// A data port: import, keep, prove and export files.
#[derive(Parser)]
#[command(name = "portolan", version, propagate_version = true, max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: commands::Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 failed; 2 wrong use of the command line; 3 the settings or the data directory stand in the way.
Commands for files (cp, ls, stat, sum, rm, mkdir, mv) have more of them: see their help.
Data goes to standard output, talk to standard error.";

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(commands::respelled(std::env::args_os()));
    if let Some(code) = commands::before_threads(&arguments.command) {
        return code;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            commands::say(&format!("portolan: cannot start the threads that it works with: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(commands::run(arguments.command));
    // A blocking read of a terminal that nobody answers must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    code
}
