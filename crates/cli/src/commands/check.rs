//! `portolan check`.

use super::{EXIT_IN_THE_WAY, print, say, tell};
use daemon::rules;
use daemon::settings::Settings;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The settings file
    #[arg(default_value = "portolan.toml")]
    path: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let path = &arguments.path;
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(_) => {
            return Settings::read(path).map_or_else(|problem| tell(&problem, EXIT_IN_THE_WAY), |_| ExitCode::SUCCESS);
        }
    };
    let (settings, findings) = Settings::parse_lenient(&text, path);
    // Rules in files of their own are told of as well, whatever is wrong in this one.
    let faults = if findings.is_some() { rules::faults_of_files(&settings) } else { rules::faults(&settings) };
    if findings.is_none() && faults.is_empty() {
        net::install_crypto_provider();
        let doubts = [settings.warnings(), settings.examine(), rules::doubts(&settings)];
        doubts.iter().flatten().for_each(|doubt| say(&format!("warning: {doubt}")));
        say(&format!("{}: no problems", path.display()));
        return ExitCode::SUCCESS;
    }
    // The findings are what was asked for: data.
    findings.iter().for_each(|findings| print(&format!("{findings}\n")));
    faults.iter().for_each(|fault| print(&format!("{fault}\n")));
    ExitCode::from(EXIT_IN_THE_WAY)
}
