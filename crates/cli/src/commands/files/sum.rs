//! `portolan sum`.

use super::super::{print, say};
use super::connection::Connection;
use super::{begin, for_each, shown, told};
use port::client::{Address, Session, SumSource};
use serde_json::json;
use std::ffi::OsString;
use terms::{Algorithm, Problem};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Files
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<OsString>,
    /// Which digest: adler32, crc32c, md5, sha-256
    #[arg(short, long, value_name = "ALGORITHM", default_value_t = Algorithm::Adler32)]
    digest: Algorithm,
    /// One line of JSON for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> u8 {
    let Arguments { digest, json, .. } = arguments;
    match begin(&arguments.connection, &arguments.addresses) {
        Ok((session, addresses)) => for_each(&addresses, |address| show(&session, address, digest, json)).await,
        Err(problem) => told(&problem),
    }
}

async fn show(session: &Session, address: Address, algorithm: Algorithm, json: bool) -> Result<(), Problem> {
    let sum = session.sum(&address, algorithm).await?;
    let by_server = sum.source == SumSource::Server;
    if json {
        let document = json!({
            "address": address.to_string(),
            "algorithm": algorithm.name(),
            "digest": sum.digest.to_hex(),
            "computed_by": if by_server { "server" } else { "client" },
        });
        print(&format!("{document}\n"));
        return Ok(());
    }
    if !by_server && matches!(address, Address::Remote(_)) {
        say(&format!("portolan: {address}: the server does not tell {algorithm}; it was computed here from all bytes"));
    }
    print(&format!("{}  {}\n", sum.digest, shown(&address.to_string())));
    Ok(())
}
