//! `portolan audit`: the record of who did what, of a running port by its interface, or out of the data directory itself.

use super::files::connection::Connection;
use super::{EXIT_IN_THE_WAY, SettingsArguments, print, say, tell};
use api::{AuditAnswer, AuditDecision, AuditRecord};
use daemon::audit::{CSV_HEADER, Filter, Tail, Verified, directory, to_csv, to_text, verify};
use port::client::{Address, Session};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use terms::{LogicalPath, Problem, Span, Timestamp, Verb};

const AFTER_HELP: &str = "\
Without --server the files in the data directory are read, beside a running port too. With it, the token is taken from \
--token-file, BEARER_TOKEN or BEARER_TOKEN_FILE, and must allow `read-audit`.

Exit codes: 0 done; 1 `verify` found the record changed, or a server refused; 3 the settings or the data directory stand \
in the way.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    form: Form,
    /// Go on with what is written from now on (with --since: from then on)
    #[arg(long, short)]
    follow: bool,
    /// Ask a running port at this address: https://host:8443
    #[arg(long, value_name = "ADDRESS")]
    server: Option<OsString>,
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    connection: Connection,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Walk the chain: is every line there, and as it was written?
    Verify {
        /// The SHA-256 of an earlier `verify` or of the log, with its number: fails unless that line is still there
        #[arg(long, value_name = "NUMBER:SHA-256")]
        expect: Option<String>,
    },
}

/// Which lines.
#[derive(clap::Args)]
#[command(next_help_heading = "Which")]
struct Wanted {
    /// Not older than this: 1h, 30d, or an instant as 2026-11-21T22:48:39Z or 2026-11-21
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Older than this
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// The name of the caller has this in it
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// This verb was asked
    #[arg(long)]
    verb: Option<Verb>,
    /// This path or one below it
    #[arg(long)]
    path: Option<LogicalPath>,
    /// allowed, refused (those with it that credentials could change), or unauthenticated
    #[arg(long)]
    decision: Option<AuditDecision>,
    /// From this address or network: 192.0.2.0/24
    #[arg(long, value_name = "NETWORK")]
    from: Option<String>,
    /// This happened: decision, sign-in-failed, token-made, reload …
    #[arg(long, value_name = "WORD")]
    event: Option<String>,
}

/// How lines are shown.
#[derive(clap::Args)]
#[group(multiple = false)]
struct Form {
    /// One JSON object a line, as in the files
    #[arg(long)]
    json: bool,
    /// A table for spreadsheets
    #[arg(long)]
    csv: bool,
}

impl Form {
    fn begin(&self) {
        if self.csv {
            print(&format!("{CSV_HEADER}\r\n"));
        }
    }

    fn show(&self, record: &AuditRecord) {
        print(&match (self.json, self.csv) {
            (true, _) => format!("{}\n", serde_json::json!(record)),
            (_, true) => format!("{}\r\n", to_csv(record)),
            _ => format!("{}\n", to_text(record)),
        });
    }
}

/// An instant, or how long ago.
#[derive(Clone)]
struct Moment(Timestamp);

impl std::str::FromStr for Moment {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(span) = text.parse::<Span>() {
            let ago = SystemTime::now().checked_sub(span.0).ok_or("that is before all time")?;
            return Ok(Self(ago.into()));
        }
        text.parse().map(Self).map_err(|error| format!("{error}; or how long ago, as 1h or 30d"))
    }
}

/// How often files are looked at for news.
const LOOK: Duration = Duration::from_millis(250);

/// Lines taken at once.
const PAGE: usize = 1_000;

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    match act(arguments).await {
        Ok(code) => code,
        Err((problem, code)) => tell(&problem, code),
    }
}

async fn act(arguments: Arguments) -> Result<ExitCode, (Problem, u8)> {
    let Arguments { settings, action, wanted, form, follow, server, connection } = arguments;
    if let Some(server) = server {
        net::install_crypto_provider();
        let done = async {
            let session = connection.open()?;
            let address = Address::parse_argument(&server)?;
            form.begin();
            if follow {
                remote_follow(&session, &address, &wanted, &form).await
            } else {
                remote(&session, &address, &wanted, &form).await
            }
        };
        return done.await.map(|()| ExitCode::SUCCESS).map_err(|problem| (problem, 1));
    }
    let here = |problem| (problem, EXIT_IN_THE_WAY);
    let directory = directory(&settings.place().map_err(here)?);
    if let Some(Action::Verify { expect }) = action {
        return Ok(told(&verify(&directory, expect.as_deref()).map_err(here)?, expect.as_deref()));
    }
    let filter = wanted.filter().map_err(here)?;
    form.begin();
    let mut tail = if follow && wanted.since.is_none() {
        Tail::at_end(&directory, filter)
    } else {
        Ok(Tail::new(&directory, filter, 0))
    }
    .map_err(here)?;
    loop {
        let page = tail.page(PAGE).map_err(here)?;
        page.records.iter().for_each(|record| form.show(record));
        match (page.ended, follow) {
            (false, _) => {}
            (true, true) => tokio::time::sleep(LOOK).await,
            (true, false) => return Ok(ExitCode::SUCCESS),
        }
    }
}

impl Wanted {
    fn filter(&self) -> Result<Filter, Problem> {
        let network = self.from.as_deref().map(str::parse::<terms::Network>).transpose();
        let from = network.map_err(|error| super::misused(error.to_string()))?;
        Ok(Filter {
            since: self.since.as_ref().map(|moment| moment.0),
            until: self.until.as_ref().map(|moment| moment.0),
            who: self.who.clone(),
            verb: self.verb.map(|verb| verb.name().to_owned()),
            path: self.path.clone(),
            decision: self.decision,
            from,
            event: self.event.clone(),
        })
    }

    /// The same as a query.
    fn query(&self) -> String {
        let moment = |moment: &Option<Moment>| moment.as_ref().map(|moment| moment.0.to_string());
        let pairs = [
            ("since", moment(&self.since)),
            ("until", moment(&self.until)),
            ("who", self.who.clone()),
            ("verb", self.verb.map(|verb| verb.to_string())),
            ("path", self.path.as_ref().map(ToString::to_string)),
            ("decision", self.decision.map(|decision| decision.name().to_owned())),
            ("from", self.from.clone()),
            ("event", self.event.clone()),
        ];
        let pairs = pairs.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", escaped(&value?))));
        pairs.collect()
    }
}

/// All but letters, digits and the few marks that mean nothing in a query (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

async fn remote(session: &Session, address: &Address, wanted: &Wanted, form: &Form) -> Result<(), Problem> {
    let (mut after, query) = (0, wanted.query());
    loop {
        let path = format!("/api/v1/audit?limit={PAGE}&after={after}{query}");
        let page = session.command(http::Method::GET, address, &path).await?;
        let page: AuditAnswer = serde_json::from_slice(&page).map_err(|error| super::no_port(address, &error))?;
        page.records.iter().for_each(|record| form.show(record));
        match page.next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

async fn remote_follow(session: &Session, address: &Address, wanted: &Wanted, form: &Form) -> Result<(), Problem> {
    let begin = if wanted.since.is_some() { "&after=0" } else { "" };
    let path = format!("/api/v1/audit?follow=true{begin}{}", wanted.query());
    let mut lines = session.lines(address, &path).await?;
    while let Some(line) = lines.next().await? {
        if let Some(data) = line.strip_prefix("data:") {
            let record = serde_json::from_str(data).map_err(|error| super::no_port(address, &error))?;
            form.show(&record);
        }
    }
    say("portolan: the port has ended the stream");
    Ok(())
}

fn told(found: &Verified, expect: Option<&str>) -> ExitCode {
    for fault in &found.faults {
        say(&format!("portolan: {}:{}: {}", fault.file, fault.line, fault.what));
    }
    let head = format!("{}:{}", found.last, found.head);
    let missing = expect.is_some() && !found.expected_there;
    if missing {
        say(&format!("portolan: the line {} is not there any more, or is not what it was", expect.unwrap_or_default()));
    }
    if found.torn_bytes > 0 {
        say(&format!(
            "{} bytes behind the last whole line: a line just being written, or what a crash left",
            found.torn_bytes
        ));
    }
    let good = found.faults.is_empty() && !missing;
    if good {
        say(&format!(
            "{} lines in {} files, {} to {}, are as they were written.",
            found.lines, found.segments, found.first, found.last
        ));
        print(&format!("{head}\n"));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
