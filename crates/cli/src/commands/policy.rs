//! `portolan policy`: who may do what, and why. Works on settings and archive beside a running port, or asks one.

mod explain;
mod matrix;

use super::files::connection::Connection;
use super::{EXIT_IN_THE_WAY, SettingsArguments, print, say};
use daemon::rules;
use port::client::Address;
use std::ffi::OsString;
use std::process::ExitCode;
use terms::Problem;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Tell what would be answered to whom, by which rule, and what would change it
    #[command(after_help = explain::AFTER_HELP)]
    Explain(Box<explain::Arguments>),
    /// Tell all that is wrong with the rules of the settings
    Check,
    /// Print all rules in Cedar's language: those of the settings, or those that a running port has in force
    Show(Box<Show>),
    /// Print who may do what where, as a table
    Matrix(matrix::Arguments),
}

#[derive(clap::Args)]
struct Show {
    /// Print what rules in Cedar's language can speak of, instead
    #[arg(long)]
    schema: bool,
    /// Ask a running port at this address: https://host:8443
    #[arg(long, value_name = "ADDRESS", conflicts_with = "schema")]
    server: Option<OsString>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let settings = match &arguments.action {
        Action::Show(show) if show.schema => {
            print(rules::schema());
            return ExitCode::SUCCESS;
        }
        Action::Show(show) if show.server.is_some() => {
            return in_force(show).await.unwrap_or_else(|problem| super::tell(&problem, EXIT_IN_THE_WAY));
        }
        Action::Explain(wanted) if wanted.is_remote() => return explain::remote(wanted).await,
        _ => arguments.settings.read(),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(problem) => return super::tell(&problem, EXIT_IN_THE_WAY),
    };
    let faults = rules::faults(&settings);
    if !faults.is_empty() {
        // What is wrong is what was asked for: data.
        faults.iter().for_each(|fault| print(&format!("{fault}\n")));
        return ExitCode::from(EXIT_IN_THE_WAY);
    }
    let done = match arguments.action {
        Action::Explain(wanted) => explain::local(&settings, &wanted).await,
        Action::Matrix(wanted) => matrix::run(&settings, &wanted).await,
        Action::Check => rules::load(&settings).map(|policy| {
            rules::doubts(&settings).iter().for_each(|doubt| say(&format!("warning: {doubt}")));
            say(&format!("{} rules: no problems", policy.rule_count()));
            ExitCode::SUCCESS
        }),
        Action::Show(_) => rules::load(&settings).map(|policy| {
            print(&policy.cedar());
            ExitCode::SUCCESS
        }),
    };
    done.unwrap_or_else(|problem| super::tell(&problem, EXIT_IN_THE_WAY))
}

/// The rules of a running port: after a reload with a fault, other ones than the settings have.
async fn in_force(show: &Show) -> Result<ExitCode, Problem> {
    net::install_crypto_provider();
    let address = Address::parse_argument(show.server.as_deref().unwrap_or_default())?;
    let answer = show.connection.open()?.command(http::Method::GET, &address, "/api/v1/policy").await?;
    let answer: api::PolicyAnswer =
        serde_json::from_slice(&answer).map_err(|error| super::no_port(&address, &error))?;
    print(&answer.cedar);
    Ok(ExitCode::SUCCESS)
}
