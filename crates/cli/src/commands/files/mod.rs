//! Files here and there: cp, ls, stat, sum, rm, mkdir, mv, on any mix of local paths and addresses on servers.

mod attributes;
pub(super) mod connection;
mod copy;
mod list;
pub(super) mod macaroon;
mod manage;
mod progress;
mod report;
mod stat;
mod sum;

use super::say;
use port::client::{Address, Session, fault};
use std::ffi::OsString;
use std::process::ExitCode;
use terms::Problem;

/// What can be done to files.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Copy files and folders between local paths and servers
    #[command(long_about = copy::ABOUT, after_long_help = AFTER_HELP)]
    Cp(copy::Arguments),
    /// List what is in a folder
    #[command(after_long_help = AFTER_HELP)]
    Ls(list::Arguments),
    /// Show what is known of a file or folder
    #[command(after_long_help = AFTER_HELP)]
    Stat(stat::Arguments),
    /// Show what is said of a file, or say something else
    #[command(long_about = attributes::ABOUT, after_long_help = AFTER_HELP)]
    Attributes(attributes::Arguments),
    /// Show the digest of files
    #[command(after_long_help = AFTER_HELP)]
    Sum(sum::Arguments),
    /// Remove files, or folders with all that is in them
    #[command(after_long_help = AFTER_HELP)]
    Rm(manage::RemoveArguments),
    /// Make folders
    #[command(after_long_help = AFTER_HELP)]
    Mkdir(manage::MakeArguments),
    /// Rename files and folders, or move them elsewhere
    #[command(long_about = manage::ABOUT_MOVING, after_long_help = AFTER_HELP)]
    Mv(manage::MoveArguments),
}

const AFTER_HELP: &str = "\
Addresses:
  /a/path, a/path, file:///a/path   on this machine
  https://host/…, davs://host/…     on a server, by TLS
  http://host/…, dav://host/…       on a server, in clear
  -                                 standard input or output (cp and sum)
  A user and password in an address (https://user:password@host/…) go to that server alone.

Token: --token-file, else BEARER_TOKEN, else the file named by BEARER_TOKEN_FILE, else bt_u<uid> in XDG_RUNTIME_DIR or \
/tmp. It goes only to the servers that the command names, never along a redirect to another one, and in clear only to this \
machine itself.

Authorities: --cacert, else those of the system (SSL_CERT_FILE replaces them) and the folder named by X509_CERT_DIR.

Exit codes:
  0    done
  1    failed otherwise, or several files failed for different reasons
  2    wrong use of the command line
  3    nothing is there by that name
  4    refused: by the server, or by the system
  5    the bytes are not those that were promised (digest mismatch)
  6    the server cannot be reached, or has fallen silent
  7    no space is left, here or on the server
  130  interrupted; repeat the command, and only what is missing travels

Data goes to standard output, talk to standard error.";

const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_NOT_FOUND: u8 = 3;
const EXIT_REFUSED: u8 = 4;
const EXIT_MISMATCH: u8 = 5;
const EXIT_UNREACHABLE: u8 = 6;
const EXIT_NO_SPACE: u8 = 7;
const EXIT_INTERRUPTED: u8 = 130;

/// Does it; an interruption ends it.
pub(crate) async fn run(command: Command) -> ExitCode {
    net::install_crypto_provider();
    let work = async {
        match command {
            Command::Cp(arguments) => copy::run(arguments).await,
            Command::Ls(arguments) => list::run(arguments).await,
            Command::Stat(arguments) => stat::run(arguments).await,
            Command::Attributes(arguments) => attributes::run(arguments).await,
            Command::Sum(arguments) => sum::run(arguments).await,
            Command::Rm(arguments) => manage::remove(arguments).await,
            Command::Mkdir(arguments) => manage::make(arguments).await,
            Command::Mv(arguments) => manage::rename(arguments).await,
        }
    };
    let code = tokio::select! {
        code = work => code,
        () = interruption() => {
            say("portolan: interrupted; repeat the command, and only what is missing travels");
            EXIT_INTERRUPTED
        }
    };
    ExitCode::from(code)
}

/// Until a person or the system wants an end.
async fn interruption() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { std::future::pending().await },
        _ = terminate.recv() => {}
    }
}

/// The exit code for a problem.
fn code_of(problem: &Problem) -> u8 {
    use fault::kind;
    if fault::is_unreachable(problem) || fault::is_broken_off(problem) {
        return EXIT_UNREACHABLE;
    }
    match problem.kind {
        kind::USAGE => EXIT_USAGE,
        kind::NOT_FOUND => EXIT_NOT_FOUND,
        kind::UNAUTHENTICATED | kind::REFUSED | kind::EXISTS => EXIT_REFUSED,
        kind::DIGEST_MISMATCH => EXIT_MISMATCH,
        kind::NO_SPACE => EXIT_NO_SPACE,
        _ => EXIT_FAILED,
    }
}

/// The exit code for several: that of all, or 1 when they differ.
fn code_of_all(codes: impl IntoIterator<Item = u8>) -> u8 {
    let mut codes: Vec<u8> = codes.into_iter().filter(|code| *code != 0).collect();
    codes.sort_unstable();
    codes.dedup();
    match codes.as_slice() {
        [] => 0,
        [code] => *code,
        _ => EXIT_FAILED,
    }
}

/// Tells a problem, and answers with its exit code.
fn told(problem: &Problem) -> u8 {
    say(&format!("portolan: {}", problem.to_line()));
    code_of(problem)
}

/// Reads addresses, opens a session, and warns of a token that will be kept back.
fn begin(connection: &connection::Connection, arguments: &[OsString]) -> Result<(Session, Vec<Address>), Problem> {
    let addresses =
        arguments.iter().map(|argument| Address::parse_argument(argument)).collect::<Result<Vec<_>, _>>()?;
    let session = connection.open()?;
    if let Some(address) = addresses.iter().find(|address| session.withholds_token(address)) {
        say(&format!(
            "portolan: the token is kept back from {address}, which is reached in clear; see --token-in-clear"
        ));
    }
    Ok((session, addresses))
}

/// Does the same for each address, and goes on where one fails.
async fn for_each<F>(addresses: &[Address], act: impl Fn(Address) -> F) -> u8
where
    F: Future<Output = Result<(), Problem>>,
{
    let mut codes = Vec::new();
    for address in addresses {
        codes.push(act(address.clone()).await.map_or_else(|problem| told(&problem), |()| 0));
    }
    code_of_all(codes)
}

/// A name that cannot move the cursor or change colours of a terminal.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests;
