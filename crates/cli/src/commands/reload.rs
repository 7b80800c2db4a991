//! `portolan reload`: has a running port read its settings, certificates, authorities, issuers and rules again.

use super::files::connection::Connection;
use super::{EXIT_IN_THE_WAY, SettingsArguments, print, say, tell};
use api::ReloadAnswer;
use daemon::audit::{Filter, Tail, directory};
use port::client::Address;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use terms::Problem;

const AFTER_HELP: &str = "\
Without --server the port that runs on the data directory gets a SIGHUP, and what it did is read from its audit record. \
With it, a token that allows `reload` is needed (--token-file, BEARER_TOKEN or BEARER_TOKEN_FILE).

Exit codes: 0 all was read; 1 something could not be read and stays as it was, or a server refused; 3 no port runs on \
this data directory.";

/// How long a port may take. Reading a whole grid trust store from a slow disk takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Ask a running port at this address: https://host:8443
    #[arg(long, value_name = "ADDRESS")]
    server: Option<OsString>,
    /// As JSON (with --server)
    #[arg(long, requires = "server")]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let done = match &arguments.server {
        Some(server) => remote(&arguments, server).await.map_err(|problem| (problem, 1)),
        None => by_signal(&arguments.settings).await.map_err(|problem| (problem, EXIT_IN_THE_WAY)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err((problem, code)) => tell(&problem, code),
    }
}

async fn remote(arguments: &Arguments, server: &OsString) -> Result<bool, Problem> {
    net::install_crypto_provider();
    let session = arguments.connection.open()?;
    let address = Address::parse_argument(server)?;
    let answer = session.command(http::Method::POST, &address, "/api/v1/reload").await?;
    let answer: ReloadAnswer = serde_json::from_slice(&answer).map_err(|error| super::no_port(&address, &error))?;
    if arguments.json {
        print(&format!("{}\n", serde_json::json!(answer)));
    } else {
        print(&daemon::reload::to_text(&answer));
    }
    Ok(answer.complete)
}

async fn by_signal(settings: &SettingsArguments) -> Result<bool, Problem> {
    // A file with a fault in it is the port's to judge: it says what stays in force.
    let settings = settings.place()?;
    let directory = directory(&settings);
    let wanted = Filter { event: Some("reload".to_owned()), ..Filter::default() };
    let pid = daemon::running_process(&settings)?;
    let mut tail = Tail::at_end(&directory, wanted)?;
    daemon::signal_reload(pid)?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(record) = tail.page(1)?.records.first() {
            let told = record.reason.as_deref().unwrap_or_default();
            let told = told.strip_prefix("by SIGHUP: ").unwrap_or(told);
            print(&format!("{}\n", told.replace("; ", "\n")));
            return Ok(!told.contains(daemon::reload::KEPT));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    say("portolan: the port was told, and has not answered within a minute; its log says more");
    Ok(false)
}
