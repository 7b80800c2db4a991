//! `portolan token`: works on the archive itself, beside a running port too.

use super::{EXIT_IN_THE_WAY, SettingsArguments, print, say, tell};
use archive::{Archive, TokenRecord};
use daemon::token::{TokenRequest, mint, token_answer};
use std::process::ExitCode;
use std::time::SystemTime;
use terms::{Blame, LogicalPath, Problem, Retry, Span, TokenId, VerbSet};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make a token and print it; it is kept nowhere
    Create(Create),
    /// List the tokens, without their secrets
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token; a running port refuses it within 5 seconds
    Revoke {
        /// Its id, as `portolan token list` tells it
        id: TokenId,
    },
}

#[derive(clap::Args)]
struct Create {
    /// A name for people
    #[arg(long)]
    name: String,
    /// What it allows: list, stat, read, create, modify, delete, admin
    #[arg(long, value_name = "VERBS", default_value = "list,stat,read")]
    allow: VerbSet,
    /// Where: this path and all below
    #[arg(long, default_value = "/")]
    path: LogicalPath,
    /// How long it is valid, as 30d or 12h; without, until it is revoked
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
    /// As JSON, with id and dates
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    match act(arguments).await {
        Ok(code) => code,
        Err(problem) => tell(&problem, EXIT_IN_THE_WAY),
    }
}

async fn act(arguments: Arguments) -> Result<ExitCode, Problem> {
    let settings = arguments.settings.read()?;
    let archive = daemon::open_archive(&settings).await?;
    let code = match arguments.action {
        Action::Create(wanted) => create(&archive, wanted).await?,
        Action::List { json } => list(&archive, json).await?,
        Action::Revoke { id } => revoke(&archive, id).await?,
    };
    archive.close().await;
    Ok(code)
}

async fn create(archive: &Archive, wanted: Create) -> Result<ExitCode, Problem> {
    let lifetime = wanted.expires.map(|span| span.0);
    let request = TokenRequest { name: wanted.name, verbs: wanted.allow, path: wanted.path, lifetime }.checked()?;
    let (record, text) = mint(request, SystemTime::now().into())?;
    archive.record_token(&record).await.map_err(failed)?;
    if wanted.json {
        let answer = api::NewTokenAnswer { token: text.as_str().to_owned(), made: token_answer(&record) };
        print(&format!("{}\n", serde_json::json!(answer)));
    } else {
        print(&format!("{}\n", text.as_str()));
        let until = record.expires.map_or_else(|| "until it is revoked".to_owned(), |at| format!("until {at}"));
        say(&format!("Token {} '{}' allows {} below {} {until}.", record.id, record.name, record.verbs, record.path));
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(archive: &Archive, json: bool) -> Result<ExitCode, Problem> {
    let tokens = archive.tokens().await.map_err(failed)?;
    if json {
        let answer = api::TokensAnswer { tokens: tokens.iter().map(token_answer).collect() };
        print(&format!("{}\n", serde_json::json!(answer)));
        return Ok(ExitCode::SUCCESS);
    }
    let now = SystemTime::now().into();
    for token in tokens {
        let TokenRecord { id, name, verbs, path, .. } = &token;
        let state = match (token.revoked, token.expires) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) if at <= now => format!("expired {at}"),
            (None, Some(at)) => format!("until {at}"),
            (None, None) => "for ever".to_owned(),
        };
        print(&format!("{id}  {verbs}  {path}  {state}  {name}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn revoke(archive: &Archive, id: TokenId) -> Result<ExitCode, Problem> {
    if archive.revoke_token(id, SystemTime::now().into()).await.map_err(failed)? {
        say(&format!(
            "Token {id} is revoked; a running port refuses it within {} s.",
            daemon::REVOCATION_DELAY.as_secs()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("portolan: there is no token {id} that could be revoked; `portolan token list` tells all"));
    Ok(ExitCode::FAILURE)
}

fn failed(error: archive::ArchiveError) -> Problem {
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
