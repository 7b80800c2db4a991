//! The commands. Each is one file with its arguments and `run`; what they do is in the other rooms.

mod audit;
mod check;
mod completions;
mod demo;
mod doctor;
mod files;
mod httpload;
mod init;
mod iperf3;
mod lab;
mod narrow;
mod ndt7;
mod path_model;
mod policy;
mod reach;
mod reload;
mod responder;
mod serve;
mod share;
mod throughput;
mod tlsping;
mod token;

use daemon::settings::{Overrides, Settings};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use terms::{Blame, Problem, Retry};

/// The settings, the data directory or an address stand in the way: nothing was tried yet.
pub(crate) const EXIT_IN_THE_WAY: u8 = 3;

/// What can be asked of `portolan`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Start two ports on this machine and carry a night of files through them
    Demo(demo::Arguments),
    /// Run a port; no configuration is needed
    Serve(serve::Arguments),
    /// Write a commented settings file
    Init(init::Arguments),
    /// Validate a settings file: every problem at once, with its line
    Check(check::Arguments),
    /// Make, list and revoke access tokens
    Token(token::Arguments),
    /// Make, list and revoke addresses by which anybody can read or put files
    #[command(long_about = share::ABOUT)]
    Share(Box<share::Arguments>),
    /// Explain, check and show who may do what
    Policy(Box<policy::Arguments>),
    /// Show who did what: decisions, sign-ins, tokens, reloads
    Audit(Box<audit::Arguments>),
    /// Have a running port read settings, certificates, authorities and rules again
    Reload(Box<reload::Arguments>),
    #[command(flatten)]
    Files(files::Command),
    /// Time TCP connections and TLS handshakes, and tell what distance costs
    Tlsping(Box<tlsping::Arguments>),
    /// Load servers with HTTP requests, and tell throughput and latency
    Httpload(Box<httpload::Arguments>),
    /// Let others measure the way to this host: iperf3, ndt7, browsers and `portolan throughput`
    #[command(long_about = responder::ABOUT)]
    Responder(Box<responder::Arguments>),
    /// Measure what the way to another host carries, and what limits it
    #[command(long_about = throughput::ABOUT)]
    Throughput(Box<throughput::Arguments>),
    /// Measure a path as iperf3 does, with its options, as client or server
    Iperf3(Box<iperf3::Arguments>),
    /// Build networks with distance, loss and narrow links on this machine
    #[command(long_about = lab::ABOUT)]
    Lab(Box<lab::Arguments>),
    /// Find what keeps this host from filling a long path, and how to mend it
    #[command(long_about = doctor::ABOUT)]
    Doctor(Box<doctor::Arguments>),
    /// Say whether a path can carry a rate over a distance, from a short section of it
    #[command(long_about = path_model::ABOUT)]
    PathModel(Box<path_model::Arguments>),
    /// Measure download and upload by ndt7, and what limits them
    #[command(long_about = ndt7::ABOUT)]
    Ndt7(Box<ndt7::Arguments>),
    /// Print completions for a shell
    Completions(completions::Arguments),
    /// Print the manual page
    Man,
}

/// What has to be done while this process has one thread. Absent: the command wants more of them, see [`run`].
pub(crate) fn before_threads(command: &Command) -> Option<ExitCode> {
    match command {
        Command::Lab(arguments) => lab::before_threads(arguments),
        _ => None,
    }
}

/// Does it.
pub(crate) async fn run(command: Command) -> ExitCode {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Init(arguments) => init::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Token(arguments) => token::run(arguments).await,
        Command::Share(arguments) => share::run(*arguments).await,
        Command::Policy(arguments) => policy::run(*arguments).await,
        Command::Audit(arguments) => audit::run(*arguments).await,
        Command::Reload(arguments) => reload::run(*arguments).await,
        Command::Files(command) => files::run(command).await,
        Command::Tlsping(arguments) => tlsping::run(*arguments).await,
        Command::Httpload(arguments) => httpload::run(*arguments).await,
        Command::Responder(arguments) => responder::run(*arguments).await,
        Command::Throughput(arguments) => throughput::run(*arguments).await,
        Command::Iperf3(arguments) => iperf3::run(*arguments).await,
        Command::Lab(arguments) => lab::run(*arguments).await,
        Command::Doctor(arguments) => doctor::run(*arguments).await,
        Command::PathModel(arguments) => path_model::run(*arguments).await,
        Command::Ndt7(arguments) => ndt7::run(*arguments).await,
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man => completions::man(),
    }
}

/// The command line with old spellings of options replaced: tools that ours stand in for know no double dash.
pub(crate) fn respelled(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_some_and(|command| command == "tlsping") {
        for argument in arguments.iter_mut().filter(|argument| *argument == "-tcponly") {
            *argument = "--tcp-only".into();
        }
    }
    arguments
}

/// Which port is meant.
#[derive(clap::Args)]
pub(crate) struct SettingsArguments {
    /// Settings file; without one, what `portolan init` shows holds
    #[arg(long, value_name = "PATH", global = true)]
    config: Option<PathBuf>,
    /// Where everything is kept [default: /var/lib/portolan for root, else ~/.local/share/portolan]
    #[arg(long, value_name = "PATH", global = true)]
    data_dir: Option<PathBuf>,
}

impl SettingsArguments {
    /// Where these arguments say that everything is kept. With `--data-dir` the settings file need not be readable.
    pub(crate) fn place(&self) -> Result<Settings, Problem> {
        match (&self.data_dir, self.read()) {
            (Some(data_dir), Err(_)) => {
                let overrides = Overrides { data_dir: Some(data_dir.clone()), ..Overrides::default() };
                Ok(Settings::built_in().with(&overrides))
            }
            (_, read) => read,
        }
    }

    /// The settings that these arguments name.
    pub(crate) fn read(&self) -> Result<Settings, Problem> {
        let settings = self.config.as_deref().map_or_else(|| Ok(Settings::built_in()), Settings::read)?;
        Ok(settings.with(&Overrides { data_dir: self.data_dir.clone(), ..Overrides::default() }))
    }
}

/// An argument means nothing.
fn misused(detail: String) -> Problem {
    Problem {
        status: 400,
        kind: "usage",
        title: "this is not how it is used",
        detail: format!("{detail}."),
        blame: terms::Blame::Caller,
        retry: terms::Retry::Never,
        next: "See --help.".to_owned(),
    }
}

/// The answer is not one that a port gives.
fn no_port(address: &port::client::Address, error: &serde_json::Error) -> Problem {
    misused(format!("What {address} answers is not what a port of this version says: {error}"))
}

/// Leaves a line for the audit record of what was done beside the port; that it is not there is told, and undoes nothing.
fn record(settings: &Settings, event: daemon::audit::Event, subject: &str, told: String) {
    if let Err(problem) = daemon::audit::leave(settings, event, subject, told) {
        say(&format!("portolan: it is done, and the audit record will not know of it: {}", problem.to_line()));
    }
}

/// Tells a problem, and answers with the exit code for it.
pub(crate) fn tell(problem: &Problem, code: u8) -> ExitCode {
    say(&format!("portolan: {}", problem.to_line()));
    ExitCode::from(code)
}

/// One line of talk, to standard error. A closed pipe there is nobody's concern.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Data, to standard output; a closed pipe ends the command quietly, as of any other tool.
pub(crate) fn print(data: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(data.as_bytes()).and_then(|()| out.flush());
}

/// The records could not be asked or changed.
pub(crate) fn archive_failed(error: archive::ArchiveError) -> Problem {
    Problem {
        status: 500,
        kind: "archive-failed",
        title: "the archive failed",
        detail: format!("{error}."),
        blame: Blame::Storage,
        retry: if error.is_transient() { Retry::Soon } else { Retry::Never },
        next: "Look at the disk and the rights of the data directory.".to_owned(),
    }
}
