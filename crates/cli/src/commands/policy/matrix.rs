//! `portolan policy matrix`: who may do what where.

use crate::commands::print;
use daemon::explain::{Caller, matrix};
use daemon::settings::Settings;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::SystemTime;
use terms::{LogicalPath, Problem, Timestamp};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Who; can be given several times [default: anonymous, anybody who has signed in, and all accounts]
    #[arg(long = "as", value_name = "WHO")]
    who: Vec<String>,
    /// Where; can be given several times [default: all paths that namespaces and rules name]
    #[arg(long, value_name = "PATH")]
    path: Vec<LogicalPath>,
    /// When, as 2027-01-01 or 2027-01-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// From which address
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Over connections without TLS
    #[arg(long)]
    plain: bool,
}

pub(super) async fn run(settings: &Settings, wanted: &Arguments) -> Result<ExitCode, Problem> {
    let accounts = settings.accounts.iter().map(|account| account.name.clone());
    let everybody = || ["anonymous", "anybody"].map(str::to_owned).into_iter().chain(accounts).collect();
    let who: Vec<String> = if wanted.who.is_empty() { everybody() } else { wanted.who.clone() };
    let caller = |who: String| Caller { who, groups: Vec::new(), issuer: None, from: wanted.from, tls: !wanted.plain };
    let callers: Vec<Caller> = who.into_iter().map(caller).collect();
    let at = wanted.at.unwrap_or_else(|| SystemTime::now().into());
    let archive = daemon::open_archive(settings).await?;
    let table = matrix(settings, &archive, &callers, &wanted.path, at).await;
    archive.close().await;
    print(&table?);
    Ok(ExitCode::SUCCESS)
}
