//! `portolan share`: over the interface of a port where an address is given, else on the archive itself, beside a running
//! port too.

use super::files::connection::Connection;
use super::{EXIT_IN_THE_WAY, SettingsArguments, archive_failed, print, say, tell};
use api::{NewShare, NewShareAnswer, ShareAnswer, ShareState, SharesAnswer};
use daemon::audit::Event;
use daemon::settings::Settings;
use daemon::shares::{ShareRequest, base_here, make_here, share_answer};
use http::Method;
use port::client::{Session, Url};
use port::door::DATA_PREFIX;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::SystemTime;
use terms::{Blame, ByteSize, LogicalPath, Problem, Retry, ShareId, Span, Timestamp, VerbSet};

/// Longer help.
pub(crate) const ABOUT: &str = "\
Make an address by which anybody can read a file or folder, or put files there

PATH is the address of a file or folder on a running port (https://host:8443/data/survey/dr1), where a token with the \
right to share is shown, or a path of the port whose data directory is on this machine (/survey/dr1), which needs none. \
The same holds for `list` and `revoke`.

The address is printed once and kept nowhere. What counts as one download is as many bytes of a file as it has, in \
however many requests they come.";

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    make: Make,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List shares, without their addresses
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The port, if not that of the data directory: https://host:8443
        #[arg(value_name = "ADDRESS")]
        port: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Revoke a share; its address is good for nothing within 5 seconds
    Revoke {
        /// Its id, as `portolan share list` tells it
        id: ShareId,
        /// The port, if not that of the data directory: https://host:8443
        #[arg(value_name = "ADDRESS")]
        port: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
}

#[derive(clap::Args)]
struct Make {
    /// What to share: https://host:8443/data/PATH, or a PATH of the port of the data directory
    #[arg(required = true)]
    path: Option<String>,
    /// How long it is good, as 30d or 12h; without, until it is revoked
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
    /// Downloads in all
    #[arg(long, value_name = "N")]
    max_downloads: Option<u64>,
    /// Bytes of files in all, there and back, as 10GB
    #[arg(long, value_name = "SIZE")]
    max_bytes: Option<ByteSize>,
    /// What it allows: list, stat, read, create, modify, delete; `create` alone makes a drop box
    #[arg(long, value_name = "VERBS", default_value = "list,stat,read")]
    allow: VerbSet,
    /// Only from this network or address; may be repeated
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// A note for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// How others reach the port of the data directory, if the settings do not say: https://host:8443
    #[arg(long, value_name = "ADDRESS")]
    public_url: Option<String>,
    /// As JSON, with id and dates
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    net::install_crypto_provider();
    let Arguments { action, make, settings } = arguments;
    let at_a_server = match &action {
        Some(Action::List { port, .. } | Action::Revoke { port, .. }) => port.is_some(),
        None => make.path.as_ref().is_some_and(|path| path.contains("://")),
    };
    let done = match action {
        Some(Action::List { json, port, connection }) => {
            list(&Means { settings, connection }, port.as_deref(), json).await
        }
        Some(Action::Revoke { id, port, connection }) => {
            revoke(&Means { settings, connection }, port.as_deref(), id).await
        }
        None => share(settings, make).await,
    };
    match done {
        Ok(code) => code,
        Err(problem) => tell(&problem, if at_a_server { 1 } else { EXIT_IN_THE_WAY }),
    }
}

/// How a port is reached.
struct Means {
    settings: SettingsArguments,
    connection: Connection,
}

/// A port by its interface.
fn open(connection: &Connection, address: &str) -> Result<(Session, Url), Problem> {
    let url = Url::parse(address)?;
    let session = connection.open()?;
    if session.withholds_token(&port::client::Address::Remote(url.clone())) {
        say("portolan: the token is kept back from a connection in clear; see --token-in-clear");
    }
    Ok((session, url))
}

async fn share(settings: SettingsArguments, wanted: Make) -> Result<ExitCode, Problem> {
    let path = wanted.path.clone().unwrap_or_default();
    let json = wanted.json;
    let answer = if path.contains("://") {
        let (session, url) = open(&wanted.connection, &path)?;
        over_interface(&session, &url, wanted).await?
    } else {
        on_directory(&settings.read()?, path, wanted).await?
    };
    if json {
        print(&format!("{}\n", serde_json::json!(answer)));
    } else {
        print(&format!("{}\n", answer.address));
        say(&told(&answer.made));
    }
    Ok(ExitCode::SUCCESS)
}

async fn over_interface(session: &Session, url: &Url, wanted: Make) -> Result<NewShareAnswer, Problem> {
    let path = url.path().strip_prefix(DATA_PREFIX).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path =
        path.ok_or_else(|| usage(format!("{url} is not below {DATA_PREFIX}/, where the files of a port are")))?;
    let path = if path.is_empty() { "/" } else { path };
    let path = LogicalPath::from_url_path(path).map_err(|error| usage(format!("{url} names no file: {error}")))?;
    let question = NewShare {
        path: path.to_string(),
        allow: wanted.allow.names().into_iter().map(str::to_owned).collect(),
        // Nanoseconds are what a span is made of: nothing is lost on the way.
        expires_in: wanted.expires.map(|span| format!("{} ns", span.0.as_nanos())),
        networks: wanted.networks,
        max_downloads: wanted.max_downloads,
        max_bytes: wanted.max_bytes.map(|size| size.0),
        note: wanted.note,
    };
    let body = serde_json::json!(question).to_string();
    let answer = session.exchange("Sharing", Method::POST, url, "/api/v1/shares", Some(body)).await?;
    serde_json::from_slice(&answer).map_err(|error| no_port(url, &error))
}

async fn on_directory(settings: &Settings, path: String, wanted: Make) -> Result<NewShareAnswer, Problem> {
    let base = wanted.public_url.or_else(|| base_here(settings)).ok_or_else(|| {
        usage("the settings do not say how others reach this port: give --public-url https://host:port".to_owned())
    })?;
    let path = path.parse().map_err(|error| usage(format!("'{path}' is no path of a port: {error}")))?;
    let request = ShareRequest {
        path,
        verbs: wanted.allow,
        lifetime: wanted.expires.map(|span| span.0),
        networks: wanted.networks,
        downloads_max: wanted.max_downloads,
        bytes_max: wanted.max_bytes.map(|size| size.0),
        note: wanted.note,
    };
    let archive = daemon::open_archive(settings).await?;
    let made = make_here(settings, &archive, request).await;
    archive.close().await;
    let (record, path) = made?;
    let told = format!("{} on {}", record.verbs, record.path);
    super::record(settings, Event::ShareMade, &record.id.to_string(), told);
    let address = format!("{}{}", base.trim_end_matches('/'), *path);
    Ok(NewShareAnswer { address, made: share_answer(&record, now()) })
}

async fn list(means: &Means, port: Option<&str>, json: bool) -> Result<ExitCode, Problem> {
    let answer: SharesAnswer = match port {
        Some(address) => {
            let (session, url) = open(&means.connection, address)?;
            let answer = session.exchange("Listing shares", Method::GET, &url, "/api/v1/shares", None).await?;
            serde_json::from_slice(&answer).map_err(|error| no_port(&url, &error))?
        }
        None => {
            let archive = daemon::open_archive(&means.settings.read()?).await?;
            let records = archive.shares().await;
            archive.close().await;
            SharesAnswer {
                shares: records.map_err(archive_failed)?.iter().map(|one| share_answer(one, now())).collect(),
            }
        }
    };
    if json {
        print(&format!("{}\n", serde_json::json!(answer)));
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for share in &answer.shares {
        let _ = writeln!(text, "{}", line(share));
    }
    print(&text);
    Ok(ExitCode::SUCCESS)
}

async fn revoke(means: &Means, port: Option<&str>, id: ShareId) -> Result<ExitCode, Problem> {
    let revoked = match port {
        Some(address) => {
            let (session, url) = open(&means.connection, address)?;
            session
                .exchange("Revoking", Method::DELETE, &url, &format!("/api/v1/shares/{id}"), None)
                .await
                .map(drop)?;
            true
        }
        None => {
            let settings = means.settings.read()?;
            let archive = daemon::open_archive(&settings).await?;
            let revoked = archive.revoke_share(id, now()).await;
            archive.close().await;
            let revoked = revoked.map_err(archive_failed)?;
            if revoked {
                super::record(&settings, Event::ShareRevoked, &id.to_string(), String::new());
            }
            revoked
        }
    };
    if revoked {
        let seconds = daemon::REVOCATION_DELAY.as_secs();
        say(&format!("Share {id} is revoked; a running port refuses its address within {seconds} s."));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("portolan: there is no share {id} that could be revoked; `portolan share list` tells all"));
    Ok(ExitCode::FAILURE)
}

/// What was made, in a sentence.
fn told(share: &ShareAnswer) -> String {
    let mut text = format!("Share {} allows {} of {}", share.id, share.allow.join(","), share.path);
    match &share.expires {
        Some(at) => _ = write!(text, " until {at}"),
        None => text.push_str(" until it is revoked"),
    }
    if let Some(most) = share.max_downloads {
        _ = write!(text, ", {most} downloads");
    }
    if let Some(most) = share.max_bytes {
        _ = write!(text, ", {}", ByteSize(most));
    }
    if !share.networks.is_empty() {
        _ = write!(text, ", from {}", share.networks.join(", "));
    }
    text.push_str(". Its address is shown this once.");
    text
}

/// One line of the list.
fn line(share: &ShareAnswer) -> String {
    let state = match (share.state, &share.revoked, &share.expires) {
        (ShareState::Revoked, Some(at), _) => format!("revoked {at}"),
        (ShareState::Expired, _, Some(at)) => format!("expired {at}"),
        (ShareState::UsedUp, ..) => "used up".to_owned(),
        (_, _, Some(at)) => format!("until {at}"),
        _ => "for ever".to_owned(),
    };
    let of = |most: Option<String>| most.map(|most| format!("/{most}")).unwrap_or_default();
    let downloads = format!("{}{}", share.downloads, of(share.max_downloads.map(|most| most.to_string())));
    let bytes = format!("{}{}", ByteSize(share.bytes), of(share.max_bytes.map(|most| ByteSize(most).to_string())));
    let (id, allow, path) = (&share.id, share.allow.join(","), &share.path);
    let line =
        format!("{id}  {allow}  {path}  {downloads} downloads  {bytes}  {state}  {}  {}", share.creator, share.note);
    line.trim_end().to_owned()
}

fn no_port(url: &Url, error: &serde_json::Error) -> Problem {
    usage(format!("what {url} answers is not what a port of this version says: {error}"))
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn usage(what: String) -> Problem {
    Problem {
        status: 400,
        kind: "usage",
        title: "this is not how it is used",
        detail: format!("{what}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "See `portolan share --help`.".to_owned(),
    }
}
