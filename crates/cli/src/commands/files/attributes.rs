//! `portolan attributes`.

use super::super::print;
use super::connection::Connection;
use super::copy::usage;
use super::{begin, shown, told};
use std::collections::BTreeMap;
use std::ffi::OsString;
use terms::{Attributes, Problem};

/// What `attributes --help` tells before its options.
pub(super) const ABOUT: &str = "\
Show what is said of a file on a Portolan server, or say something else.

Attributes are small texts by name, for which rules can ask: `group`, `embargo-until` (when an embargo ends), and whatever \
a site wants. To change them takes the right to modify the file.";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file
    address: OsString,
    /// What to say: NAME=VALUE sets one, NAME= removes it
    #[arg(value_name = "NAME=VALUE")]
    changes: Vec<String>,
    /// One line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> u8 {
    match show(arguments).await {
        Ok(()) => 0,
        Err(problem) => told(&problem),
    }
}

async fn show(arguments: Arguments) -> Result<(), Problem> {
    let mut changes: BTreeMap<String, Option<String>> = BTreeMap::new();
    for change in &arguments.changes {
        let (name, value) = split(change)?;
        changes.insert(name.to_owned(), Some(value.to_owned()).filter(|value| !value.is_empty()));
    }
    let (session, addresses) = begin(&arguments.connection, std::slice::from_ref(&arguments.address))?;
    let [address] = addresses.as_slice() else { return Err(usage("one address is needed")) };
    let attributes = match changes.is_empty() {
        true => session.attributes(address).await?,
        false => session.change_attributes(address, &changes).await?,
    };
    if arguments.json {
        print(&format!("{}\n", serde_json::json!(attributes)));
        return Ok(());
    }
    let lines = attributes.iter().map(|(name, value)| format!("{}={}\n", shown(name), shown(value)));
    print(&lines.collect::<String>());
    Ok(())
}

/// What the options of `cp` say of every file.
pub(super) fn of(texts: &[String]) -> Result<Attributes, Problem> {
    let mut attributes = Attributes::default();
    for text in texts {
        let (name, value) = split(text)?;
        attributes.ask(name, value).map_err(|error| usage(&error.to_string()))?;
    }
    Ok(attributes)
}

fn split(text: &str) -> Result<(&str, &str), Problem> {
    text.split_once('=').ok_or_else(|| usage(&format!("'{text}' has not the form NAME=VALUE")))
}
