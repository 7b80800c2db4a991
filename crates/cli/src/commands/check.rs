//! `portolan check`.

use super::{EXIT_IN_THE_WAY, print, say, tell};
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
    match Settings::parse(&text, path) {
        Ok(settings) => {
            net::install_crypto_provider();
            settings.warnings().iter().chain(&settings.examine()).for_each(|doubt| say(&format!("warning: {doubt}")));
            say(&format!("{}: no problems", path.display()));
            ExitCode::SUCCESS
        }
        Err(findings) => {
            // The findings are what was asked for: data.
            print(&format!("{findings}\n"));
            ExitCode::from(EXIT_IN_THE_WAY)
        }
    }
}
