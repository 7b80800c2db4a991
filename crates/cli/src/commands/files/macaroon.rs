//! `portolan token request`: a macaroon from a server.

use super::super::{print, say};
use super::connection::Connection;
use super::{begin, told};
use std::ffi::OsString;
use std::process::ExitCode;
use terms::{Problem, Span, Verb, VerbSet};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file or folder that it is for: https://host/…
    #[arg(value_name = "ADDRESS")]
    address: OsString,
    /// What it allows: list, stat, read, create, modify, delete, stage
    #[arg(long, value_name = "VERBS", default_value = "list,stat,read")]
    allow: VerbSet,
    /// How long it is valid; the server may give less
    #[arg(long, value_name = "TIME", default_value = "1 h")]
    expires: Span,
    /// One more caveat, as ip:192.0.2.0/24; can be given several times
    #[arg(long, value_name = "TEXT")]
    caveat: Vec<String>,
    /// As JSON, with the seconds that it is valid for
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Asks for it, and prints it.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    net::install_crypto_provider();
    match request(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => ExitCode::from(told(&problem)),
    }
}

async fn request(arguments: Arguments) -> Result<(), Problem> {
    let (session, addresses) = begin(&arguments.connection, &[arguments.address])?;
    let mut caveats = vec![caveat_for(arguments.allow)];
    caveats.extend(arguments.caveat);
    let given = session.request_macaroon(&addresses[0], &caveats, arguments.expires.0).await?;
    if arguments.json {
        let answer = serde_json::json!({ "macaroon": given.text.as_str(), "expires_in": given.expires_in });
        print(&format!("{answer}\n"));
        return Ok(());
    }
    print(&format!("{}\n", given.text.as_str()));
    let seconds = given.expires_in.map_or_else(String::new, |seconds| format!(" for {seconds} s"));
    say(&format!("It allows {} below {}{seconds}.", arguments.allow, addresses[0]));
    Ok(())
}

/// In the words that dCache and XRootD know as well, where those say exactly the same.
fn caveat_for(allow: VerbSet) -> String {
    let words = [
        (Verb::List, "LIST"),
        (Verb::Stat, "READ_METADATA"),
        (Verb::Read, "DOWNLOAD"),
        (Verb::Create, "UPLOAD"),
        (Verb::Delete, "DELETE"),
        (Verb::Stage, "STAGE"),
    ];
    let said: VerbSet = words.iter().map(|(verb, _)| *verb).chain([Verb::Modify]).collect();
    // Every activity lets stat through, and uploading with deleting lets replacing through.
    let replaces = allow.contains(Verb::Create) && allow.contains(Verb::Delete);
    if allow.contains(Verb::Stat) && allow.contains(Verb::Modify) == replaces && said.contains_all(allow) {
        let words: Vec<_> = words.iter().filter(|(verb, _)| allow.contains(*verb)).map(|(_, word)| *word).collect();
        return format!("activity:{}", words.join(","));
    }
    format!("verbs:{allow}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_told_in_the_words_of_others_where_those_say_the_same() {
        for (allow, caveat) in [
            ("list,stat,read", "activity:LIST,READ_METADATA,DOWNLOAD"),
            ("stat,create", "activity:READ_METADATA,UPLOAD"),
            ("stat,create,modify,delete", "activity:READ_METADATA,UPLOAD,DELETE"),
            ("stat,create,delete", "verbs:stat,create,delete"),
            ("stat,modify", "verbs:stat,modify"),
            ("read", "verbs:read"),
            ("stat,read,share", "verbs:stat,read,share"),
        ] {
            assert_eq!(caveat_for(allow.parse().unwrap()), caveat);
        }
    }
}
