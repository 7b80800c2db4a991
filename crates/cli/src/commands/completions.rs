//! What shells and `man` want to know, made from the same definition as the command line itself.

use clap::CommandFactory as _;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which shell: bash, zsh, fish, elvish or powershell
    shell: clap_complete::Shell,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::Arguments::command(), "portolan", &mut script);
    super::print(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

/// The manual page, with one section per command.
pub(crate) fn man() -> ExitCode {
    let mut page = Vec::new();
    // Writing into memory cannot fail.
    let _ = clap_mangen::Man::new(crate::Arguments::command()).render(&mut page);
    super::print(&String::from_utf8_lossy(&page));
    ExitCode::SUCCESS
}
