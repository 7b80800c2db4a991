//! `portolan token`: works on the archive itself, beside a running port too.

use super::{EXIT_IN_THE_WAY, SettingsArguments, archive_failed, print, say, tell};
use archive::{Archive, TokenRecord};
use daemon::audit::Event;
use daemon::settings::Settings;
use daemon::token::{TokenRequest, mint, token_answer};
use std::collections::HashSet;
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
    #[command(flatten)]
    Here(Here),
    /// Ask a running port for a token that allows less than the one that is shown to it, and ends with it
    Narrow(Box<super::narrow::Arguments>),
    /// Ask a server for a macaroon: a token that its holder can narrow
    Request(super::files::macaroon::Arguments),
}

/// What is done in the archive itself.
#[derive(clap::Subcommand)]
enum Here {
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
    /// Take back all macaroons: their keys are forgotten, and a running port refuses them within 5 seconds
    ForgetMacaroons,
}

#[derive(clap::Args)]
struct Create {
    /// A name for people
    #[arg(long)]
    name: String,
    /// The account of the settings that it stands for: it then only narrows what the rules give to that account; without,
    /// it stands for itself, and grants
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// What it allows: list, stat, read, create, modify, delete, stage, share; admin, or single verbs of administration
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
    match arguments.action {
        Action::Here(action) => {
            act(&arguments.settings, action).await.unwrap_or_else(|problem| tell(&problem, EXIT_IN_THE_WAY))
        }
        Action::Narrow(wanted) => super::narrow::run(*wanted).await,
        Action::Request(wanted) => super::files::macaroon::run(wanted).await,
    }
}

async fn act(settings: &SettingsArguments, action: Here) -> Result<ExitCode, Problem> {
    let settings = settings.read()?;
    let archive = daemon::open_archive(&settings).await?;
    let code = match action {
        Here::Create(wanted) => create(&settings, &archive, wanted).await?,
        Here::List { json } => list(&archive, json).await?,
        Here::Revoke { id } => revoke(&settings, &archive, id).await?,
        Here::ForgetMacaroons => forget_macaroons(&settings, &archive).await?,
    };
    archive.close().await;
    Ok(code)
}

async fn create(settings: &Settings, archive: &Archive, wanted: Create) -> Result<ExitCode, Problem> {
    if let Some(account) = &wanted.account
        && !settings.accounts.iter().any(|known| known.name == *account)
    {
        return Err(no_account(account));
    }
    let Create { name, account, allow: verbs, path, expires, .. } = wanted;
    let request = TokenRequest { name, verbs, path, lifetime: expires.map(|span| span.0), account }.checked()?;
    let (record, text) = mint(request, SystemTime::now().into())?;
    archive.record_token(&record).await.map_err(archive_failed)?;
    let told = format!("'{}' for {} below {}", record.name, record.verbs, record.path);
    super::record(settings, Event::TokenMade, &record.id.to_string(), told);
    if wanted.json {
        let answer = api::NewTokenAnswer { token: text.as_str().to_owned(), made: token_answer(&record) };
        print(&format!("{}\n", serde_json::json!(answer)));
    } else {
        print(&format!("{}\n", text.as_str()));
        let until = record.expires.map_or_else(|| "until it is revoked".to_owned(), |at| format!("until {at}"));
        let allows = match &record.account {
            Some(account) => format!("is the account '{account}', narrowed to"),
            None => "allows".to_owned(),
        };
        say(&format!("Token {} '{}' {allows} {} below {} {until}.", record.id, record.name, record.verbs, record.path));
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(archive: &Archive, json: bool) -> Result<ExitCode, Problem> {
    let tokens = archive.tokens().await.map_err(archive_failed)?;
    if json {
        let answer = api::TokensAnswer { tokens: tokens.iter().map(token_answer).collect() };
        print(&format!("{}\n", serde_json::json!(answer)));
        return Ok(ExitCode::SUCCESS);
    }
    let now = SystemTime::now().into();
    let mut ended = HashSet::new();
    for token in tokens {
        let TokenRecord { id, name, verbs, path, .. } = &token;
        let state = match (token.revoked, token.expires) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) if at <= now => format!("expired {at}"),
            // Parents are older, and so they were told before.
            _ if token.parent.is_some_and(|parent| ended.contains(&parent)) => "ended with its parent".to_owned(),
            (None, Some(at)) => format!("until {at}"),
            (None, None) => "for ever".to_owned(),
        };
        if !state.starts_with("until") && !state.starts_with("for") {
            ended.insert(*id);
        }
        let account = token.account.as_ref().map(|account| format!("  account {account}")).unwrap_or_default();
        let parent = token.parent.map(|parent| format!("  narrowed from {parent}")).unwrap_or_default();
        print(&format!("{id}  {verbs}  {path}  {state}  {name}{account}{parent}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn revoke(settings: &Settings, archive: &Archive, id: TokenId) -> Result<ExitCode, Problem> {
    if archive.revoke_token(id, SystemTime::now().into()).await.map_err(archive_failed)? {
        super::record(settings, Event::TokenRevoked, &id.to_string(), String::new());
        say(&format!(
            "Token {id} is revoked; a running port refuses it within {} s.",
            daemon::REVOCATION_DELAY.as_secs()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("portolan: there is no token {id} that could be revoked; `portolan token list` tells all"));
    Ok(ExitCode::FAILURE)
}

async fn forget_macaroons(settings: &Settings, archive: &Archive) -> Result<ExitCode, Problem> {
    let keys = archive.secrets(daemon::MACAROON_KEYS).await.map_err(archive_failed)?;
    for key in &keys {
        archive.forget_secret(key.id).await.map_err(archive_failed)?;
    }
    super::record(settings, Event::MacaroonsForgotten, "", format!("{} keys", keys.len()));
    say(&format!(
        "{} keys are forgotten; a running port refuses macaroons made with them within {} s.",
        keys.len(),
        daemon::REVOCATION_DELAY.as_secs()
    ));
    Ok(ExitCode::SUCCESS)
}

fn no_account(account: &str) -> Problem {
    Problem {
        status: 400,
        kind: "account-unknown",
        title: "there is no such account",
        detail: format!("The settings have no account '{account}'."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Name the settings file that the port uses with --config, and add an [[account]] of that name to it."
            .to_owned(),
    }
}
