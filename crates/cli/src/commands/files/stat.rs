//! `portolan stat`.

use super::super::print;
use super::connection::Connection;
use super::list::document;
use super::{begin, for_each, shown, told};
use port::client::{Address, Session};
use std::ffi::OsString;
use terms::{ByteSize, DigestSet, Problem};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Files or folders
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<OsString>,
    /// One line of JSON for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> u8 {
    match begin(&arguments.connection, &arguments.addresses) {
        Ok((session, addresses)) => for_each(&addresses, |address| show(&session, address, arguments.json)).await,
        Err(problem) => told(&problem),
    }
}

async fn show(session: &Session, address: Address, json: bool) -> Result<(), Problem> {
    let entry = session.stat(&address).await?;
    // Digests are an extra: a server that does not know HEAD is not to blame for lacking them.
    let digests =
        if entry.is_folder() { DigestSet::new() } else { session.known_digests(&address).await.unwrap_or_default() };
    // Known of files on a port alone; nobody else is to blame for not knowing them.
    let attributes =
        if entry.is_folder() { Default::default() } else { session.attributes(&address).await.unwrap_or_default() };
    if json {
        let mut document = document(&entry, &entry.name, &address);
        document["digests"] = digests
            .iter()
            .map(|digest| (digest.algorithm().name().to_owned(), serde_json::Value::from(digest.to_hex())))
            .collect();
        if !attributes.is_empty() {
            document["attributes"] = serde_json::json!(attributes);
        }
        print(&format!("{document}\n"));
        return Ok(());
    }
    let mut text =
        format!("{}\n  kind      {}\n", shown(&address.to_string()), if entry.is_folder() { "folder" } else { "file" });
    if let Some(size) = entry.size_bytes {
        text.push_str(&format!("  size      {size} bytes ({})\n", ByteSize(size)));
    }
    if let Some(modified) = entry.modified {
        text.push_str(&format!("  modified  {modified}\n"));
    }
    if let Some(tag) = &entry.tag {
        text.push_str(&format!("  etag      {}\n", shown(&tag.to_string())));
    }
    digests
        .iter()
        .for_each(|digest| text.push_str(&format!("  {:<8}  {}\n", digest.algorithm().name(), digest.to_hex())));
    attributes
        .iter()
        .for_each(|(name, value)| text.push_str(&format!("  attribute {}={}\n", shown(name), shown(value))));
    print(&text);
    Ok(())
}
