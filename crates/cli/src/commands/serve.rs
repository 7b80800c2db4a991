//! `portolan serve`.

use super::{EXIT_IN_THE_WAY, SettingsArguments, print, say, tell};
use daemon::settings::Overrides;
use daemon::{Ending, RunOptions, Started};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Exit codes: 0 stopped in order (SIGTERM or SIGINT); 1 ended at once by a second signal; 3 the settings, the data
directory or the address stand in the way.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Listen on this IP address and port; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Listen without TLS, too, on this IP address and port
    #[arg(long, value_name = "ADDRESS")]
    plain: Option<SocketAddr>,
    /// Let callers without a token list and read everything
    #[arg(long)]
    anonymous_read: bool,
    /// Write a JSON object with process id and addresses there, once listening
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Write the first administrator's token there (mode 0600) instead of showing it
    #[arg(long, value_name = "PATH")]
    admin_token_file: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let overrides = Overrides {
        data_dir: None,
        listen: arguments.listen,
        plain: arguments.plain,
        anonymous_read: arguments.anonymous_read,
    };
    let read = move || arguments.settings.read().map(|settings| settings.with(&overrides));
    let settings = match read() {
        Ok(settings) => settings,
        Err(problem) => return tell(&problem, EXIT_IN_THE_WAY),
    };
    daemon::log::start(&settings.log);
    let options = RunOptions {
        ready_file: arguments.ready_file,
        admin_token_file: arguments.admin_token_file,
        reread: Some(Box::new(read)),
        on_started: Some(Box::new(|started| print(&greeting(started)))),
    };
    match daemon::run(settings, options).await {
        Ok(Ending::Drained) => ExitCode::SUCCESS,
        Ok(Ending::AtOnce) => {
            say("portolan: ended at once; unfinished uploads can be resumed after the next start");
            ExitCode::FAILURE
        }
        Err(problem) => tell(&problem, EXIT_IN_THE_WAY),
    }
}

/// Five lines: where, trust, token, what to do, how to stop.
fn greeting(started: &Started) -> String {
    let address = started.addresses.first().map_or("", String::as_str);
    let trust = started.ca_file.as_ref().map(|file| format!(" --cacert {}", quoted(&file.to_string_lossy())));
    let mut out = String::new();
    // Writing into memory cannot fail.
    let _ = writeln!(
        out,
        "Portolan listens on {}; data are in {}",
        started.addresses.join(" and "),
        started.data_dir.display()
    );
    let _ = match &started.ca_file {
        Some(file) => writeln!(out, "Trust    {} (the authority that this port made)", file.display()),
        None => writeln!(out, "Trust    the certificate of the settings, or nothing where there is no TLS"),
    };
    let _ = match (&started.admin_token, &started.admin_token_file) {
        (Some(token), _) => writeln!(out, "Token    {} (for everything; shown this once)", token.as_str()),
        (None, Some(file)) => writeln!(out, "Token    in {} (for everything)", file.display()),
        (None, None) => writeln!(out, "Token    portolan token create --name NAME --allow list,stat,read makes one"),
    };
    let token = match (&started.admin_token, &started.admin_token_file) {
        (Some(token), _) => token.as_str().to_owned(),
        (None, Some(file)) => format!("$(cat {})", quoted(&file.to_string_lossy())),
        (None, None) => "TOKEN".to_owned(),
    };
    let _ = writeln!(
        out,
        "Try      BEARER_TOKEN={token} portolan cp{} README.md {address}/data/",
        trust.unwrap_or_default()
    );
    let _ = writeln!(out, "Stop     Ctrl-C, or kill {}: what runs may finish", std::process::id());
    out
}

/// As a shell reads it back.
fn quoted(text: &str) -> String {
    let plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-+:@".contains(letter));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
