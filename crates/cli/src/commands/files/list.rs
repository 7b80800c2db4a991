//! `portolan ls`.

use super::super::print;
use super::connection::Connection;
use super::{begin, code_of_all, shown, told};
use port::client::{Address, Entry, Session};
use serde_json::json;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use terms::{ByteSize, Problem};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folders, or files
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<OsString>,
    /// Size and time of modification, too
    #[arg(short, long)]
    long: bool,
    /// What is in the folders in them, too; each is named by its path from the address
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Sizes in bytes rather than in MB and GB
    #[arg(short, long)]
    bytes: bool,
    /// As the server tells them, in no order: folders of any size take no memory
    #[arg(short = 'U', long)]
    unsorted: bool,
    /// One line of JSON for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> u8 {
    let (session, addresses) = match begin(&arguments.connection, &arguments.addresses) {
        Ok(begun) => begun,
        Err(problem) => return told(&problem),
    };
    let mut codes = Vec::new();
    let title = addresses.len() > 1 && !arguments.json;
    for address in &addresses {
        if title {
            print(&format!("{address}:\n"));
        }
        codes.push(show(&session, address, &arguments).await.unwrap_or_else(|problem| told(&problem)));
    }
    code_of_all(codes)
}

/// A folder's entries, or the file itself.
async fn show(session: &Session, address: &Address, arguments: &Arguments) -> Result<u8, Problem> {
    let entry = session.stat(address).await?;
    if !entry.is_folder() {
        print(&line(&entry, &entry.name, address, arguments));
        return Ok(0);
    }
    let (mut open, mut code) = (vec![(address.clone(), String::new())], 0);
    while let Some((folder, path)) = open.pop() {
        let first = path.is_empty();
        match show_folder(session, &folder, &path, arguments).await {
            Ok(mut below) => open.append(&mut below),
            Err(problem) if first => return Err(problem),
            Err(problem) => code = told(&problem),
        }
    }
    Ok(code)
}

/// Prints one folder; the folders in it, the last first, when they are to be shown, too.
async fn show_folder(
    session: &Session,
    folder: &Address,
    path: &str,
    arguments: &Arguments,
) -> Result<Vec<(Address, String)>, Problem> {
    let mut listing = session.list(folder).await?;
    let mut below = Vec::new();
    let mut each = |entry: Entry| {
        let name = format!("{path}{}", entry.name);
        let address = folder.join(&entry.name);
        print(&line(&entry, &name, &address, arguments));
        if entry.is_folder() && arguments.recursive {
            below.push((address, format!("{name}/")));
        }
    };
    if arguments.unsorted {
        while let Some(entry) = listing.next().await {
            each(entry?);
        }
    } else {
        listing.sorted().await?.into_iter().for_each(each);
    }
    below.reverse();
    Ok(below)
}

fn line(entry: &Entry, name: &str, address: &Address, arguments: &Arguments) -> String {
    if arguments.json {
        return format!("{}\n", document(entry, name, address));
    }
    // A terminal must not be at the mercy of a name; a pipe gets it as it is.
    let name = if std::io::stdout().is_terminal() { shown(name) } else { name.to_owned() };
    let slash = if entry.is_folder() { "/" } else { "" };
    if !arguments.long {
        return format!("{name}{slash}\n");
    }
    let size = match entry.size_bytes {
        Some(size) if arguments.bytes => size.to_string(),
        Some(size) => ByteSize(size).to_string(),
        None => "-".to_owned(),
    };
    let modified = entry.modified.map_or_else(|| "-".to_owned(), |modified| modified.to_string());
    format!("{size:>12}  {modified:<20}  {name}{slash}\n")
}

/// One entry for programs.
pub(super) fn document(entry: &Entry, name: &str, address: &Address) -> serde_json::Value {
    json!({
        "name": name,
        "address": address.to_string(),
        "kind": if entry.is_folder() { "folder" } else { "file" },
        "size_bytes": entry.size_bytes,
        "modified": entry.modified.map(|modified| modified.to_string()),
        "etag": entry.tag.as_ref().map(ToString::to_string),
    })
}
