//! `portolan token narrow`: a token that allows less than the one that is shown to the port.

use super::files::connection::Connection;
use super::{misused, no_port, print, say, tell};
use api::{NarrowToken, NewTokenAnswer};
use http::Method;
use port::client::Address;
use std::ffi::OsString;
use std::process::ExitCode;
use terms::{LogicalPath, Problem, Span, VerbSet};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The port that made the token: https://host:8443
    #[arg(long, value_name = "ADDRESS")]
    server: OsString,
    /// A name for people [default: that of the token]
    #[arg(long)]
    name: Option<String>,
    /// What it allows, of what the token allows [default: all of it]
    #[arg(long, value_name = "VERBS")]
    allow: Option<VerbSet>,
    /// Where, inside of where the token is good [default: there]
    #[arg(long)]
    path: Option<LogicalPath>,
    /// How long it is valid, as 30min or 12h; it ends with the token at the latest [default: 12 h]
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
    /// As JSON, with id and dates
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    net::install_crypto_provider();
    narrow(arguments).await.map_or_else(|problem| tell(&problem, 1), |()| ExitCode::SUCCESS)
}

async fn narrow(arguments: Arguments) -> Result<(), Problem> {
    let address = Address::parse_argument(&arguments.server)?;
    let Address::Remote(url) = &address else {
        return Err(misused(format!("{address} is no port: give its address, https://host:8443")));
    };
    let wanted = NarrowToken {
        name: arguments.name,
        allow: arguments.allow.map(|verbs| verbs.names().into_iter().map(str::to_owned).collect()),
        path: arguments.path.map(|path| path.to_string()),
        expires_in: arguments.expires.map(|span| span.to_string()),
    };
    let body = serde_json::json!(wanted).to_string();
    let session = arguments.connection.open()?;
    let answer = session.exchange("Narrowing", Method::POST, url, "/api/v1/tokens/narrow", Some(body)).await?;
    let made: NewTokenAnswer = serde_json::from_slice(&answer).map_err(|error| no_port(&address, &error))?;
    if arguments.json {
        print(&format!("{}\n", serde_json::json!(made)));
        return Ok(());
    }
    print(&format!("{}\n", made.token));
    let made = made.made;
    let until = made.expires.map_or_else(String::new, |at| format!(" until {at}"));
    say(&format!("Token {} '{}' allows {} below {}{until}.", made.id, made.name, made.allow.join(","), made.path));
    Ok(())
}
