//! `portolan policy explain`.

use crate::commands::files::connection::Connection;
use crate::commands::{misused, no_port, print, tell};
use api::{EffectAnswer, ExplanationAnswer};
use daemon::explain::{Caller, Question, offline};
use daemon::settings::Settings;
use http::Method;
use port::client::Address;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::SystemTime;
use terms::{LogicalPath, Problem, Timestamp, Verb};

pub(super) const AFTER_HELP: &str = "\
WHO is `anonymous`, `token ID`, the name of an account or of an identity (/DC=…/CN=Alice, 1234@https://issuer.example), or
`anybody`: somebody who has signed in. Without --server the settings and the archive are read (--config, --data-dir).
With --server a running port is asked; without --as about the caller itself, which everyone may.

Exit codes: 0 allowed; 1 refused; 3 it could not be found out.";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Who would ask
    #[arg(long = "as", value_name = "WHO", required_unless_present = "server")]
    who: Option<String>,
    /// Does what
    verb: Verb,
    /// Where; not needed for verbs of administration
    path: Option<LogicalPath>,
    /// A group that comes with the credentials; can be given several times
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Who vouches: the URL of an issuer, the subject of an authority
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// From which address
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Over TLS
    #[arg(long)]
    tls: bool,
    /// When, as 2027-01-01 or 2027-01-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// How many bytes it would add or carry
    #[arg(long, value_name = "N")]
    bytes: Option<u64>,
    /// Ask a running port at this address: https://host:8443
    #[arg(long, value_name = "ADDRESS")]
    server: Option<OsString>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) fn is_remote(&self) -> bool {
        self.server.is_some()
    }

    fn path(&self) -> Result<LogicalPath, Problem> {
        match &self.path {
            Some(path) => Ok(path.clone()),
            None if self.verb.is_administration() => Ok(LogicalPath::root()),
            None => Err(misused(format!("{} is done somewhere: give a path", self.verb))),
        }
    }
}

/// From settings and archive.
pub(super) async fn local(settings: &Settings, wanted: &Arguments) -> Result<ExitCode, Problem> {
    let question = Question {
        caller: Caller {
            who: wanted.who.clone().unwrap_or_default(),
            groups: wanted.group.clone(),
            issuer: wanted.issuer.clone(),
            from: wanted.from,
            tls: wanted.tls,
        },
        verb: wanted.verb,
        path: wanted.path()?,
        bytes: wanted.bytes,
        at: wanted.at.unwrap_or_else(|| SystemTime::now().into()),
    };
    let archive = daemon::open_archive(settings).await?;
    let answer = offline(settings, &archive, &question).await;
    archive.close().await;
    Ok(told(&answer?, wanted.json))
}

/// From a running port.
pub(super) async fn remote(wanted: &Arguments) -> ExitCode {
    net::install_crypto_provider();
    match asked(wanted).await {
        Ok(answer) => told(&answer, wanted.json),
        Err(problem) => tell(&problem, crate::commands::EXIT_IN_THE_WAY),
    }
}

async fn asked(wanted: &Arguments) -> Result<ExplanationAnswer, Problem> {
    let address = Address::parse_argument(wanted.server.as_deref().unwrap_or_default())?;
    let path = wanted.path()?.to_string();
    let groups = (!wanted.group.is_empty()).then(|| wanted.group.join(","));
    let members = [
        ("verb", Some(wanted.verb.to_string())),
        ("path", Some(path)),
        ("as", wanted.who.clone()),
        ("groups", groups),
        ("issuer", wanted.issuer.clone()),
        ("from", wanted.from.map(|from| from.to_string())),
        ("tls", wanted.tls.then(|| "true".to_owned())),
        ("at", wanted.at.map(|at| at.to_string())),
        ("bytes", wanted.bytes.map(|bytes| bytes.to_string())),
    ];
    let mut target = "/api/v1/policy/explain?".to_owned();
    for (name, value) in members {
        if let Some(value) = value {
            let _ = write!(target, "{name}={}&", encoded(&value));
        }
    }
    let session = wanted.connection.open()?;
    let answer = session.command(Method::GET, &address, target.trim_end_matches('&')).await?;
    serde_json::from_slice(&answer).map_err(|error| no_port(&address, &error))
}

/// As the value of a query: all but what is safe everywhere (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn told(answer: &ExplanationAnswer, json: bool) -> ExitCode {
    if json {
        print(&format!("{}\n", serde_json::json!(answer)));
    } else {
        print(&text(answer));
    }
    if answer.effect == EffectAnswer::Allow { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn text(answer: &ExplanationAnswer) -> String {
    let effect = match answer.effect {
        EffectAnswer::Allow => "allowed",
        EffectAnswer::Authenticate => "refused; credentials could change that",
        EffectAnswer::Refuse => "refused",
    };
    let ExplanationAnswer { who, verb, path, reason, .. } = answer;
    let mut out = format!("{verb} {path} as {who}: {effect}\n");
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:8}{value}");
    };
    line("rule", answer.rule.as_deref().unwrap_or("not told"));
    line("reason", reason);
    if !answer.groups.is_empty() {
        line("groups", &answer.groups.join(", "));
    }
    if answer.hidden {
        line("hidden", "the caller is not told whether there is anything here");
    }
    match &answer.change {
        Some(change) if answer.changes.is_empty() => line("change", &format!("it would take {change}")),
        _ => {}
    }
    let effect = |forbids: bool| if forbids { "forbids" } else { "allows" };
    let matching = answer.matching.iter().map(|rule| format!("{:8}{}", effect(rule.forbids), rule.rule));
    let nearly = answer.nearly.iter();
    let nearly =
        nearly.map(|rule| format!("{:8}{}: {}; it takes {}", effect(rule.forbids), rule.rule, rule.part, rule.takes));
    list(&mut out, "Rules that match", matching);
    list(&mut out, "Rules that match but for one part", nearly);
    list(&mut out, "What would change it", answer.changes.iter().cloned());
    out
}

fn list(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        let _ = writeln!(out, "{title}");
        lines.iter().for_each(|line| _ = writeln!(out, "  {line}"));
    }
}
