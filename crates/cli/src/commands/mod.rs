//! The commands. Each is one file with its arguments and `run`; what they do is in the other rooms.

mod completions;
mod demo;
mod files;

use std::io::Write as _;
use std::process::ExitCode;

/// What can be asked of `portolan`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Start two ports on this machine and carry a night of files through them
    Demo(demo::Arguments),
    #[command(flatten)]
    Files(files::Command),
    /// Print completions for a shell
    Completions(completions::Arguments),
    /// Print the manual page
    Man,
}

/// Does it.
pub(crate) async fn run(command: Command) -> ExitCode {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Files(command) => files::run(command).await,
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man => completions::man(),
    }
}

/// One line of talk, to standard error. A closed pipe there is nobody's concern.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Data, to standard output; a closed pipe ends the command quietly, as of any other tool.
pub(crate) fn print(data: &str) {
    let _ = std::io::stdout().lock().write_all(data.as_bytes());
}
