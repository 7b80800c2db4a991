//! `portolan rm`, `mkdir` and `mv`.

use super::connection::Connection;
use super::copy::{Work, copy, usage};
use super::{begin, code_of_all, for_each, told};
use port::client::{Address, CopySettings, Session};
use std::ffi::OsString;
use terms::Problem;

#[derive(clap::Args)]
pub(crate) struct RemoveArguments {
    /// Files or folders
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<OsString>,
    /// Folders with all that is in them, too
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn remove(arguments: RemoveArguments) -> u8 {
    let recursive = arguments.recursive;
    match begin(&arguments.connection, &arguments.addresses) {
        Ok((session, addresses)) => {
            let session = &session;
            for_each(&addresses, |address| async move { session.remove(&address, recursive).await }).await
        }
        Err(problem) => told(&problem),
    }
}

#[derive(clap::Args)]
pub(crate) struct MakeArguments {
    /// Folders
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<OsString>,
    /// The folders above, too, and no error if one is there already
    #[arg(short, long)]
    parents: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn make(arguments: MakeArguments) -> u8 {
    let parents = arguments.parents;
    match begin(&arguments.connection, &arguments.addresses) {
        Ok((session, addresses)) => {
            let session = &session;
            for_each(&addresses, |address| async move { session.make_folder(&address, parents).await }).await
        }
        Err(problem) => told(&problem),
    }
}

/// What `mv --help` tells before its options.
pub(super) const ABOUT_MOVING: &str = "\
Rename files and folders, or move them elsewhere.

On one server, and on one file system, that is one step. Otherwise all is copied and verified as by cp, and a source is \
removed once all that was in it has arrived.";

#[derive(clap::Args)]
pub(crate) struct MoveArguments {
    /// What to move
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<OsString>,
    /// Where to
    target: OsString,
    /// Leave what is there already
    #[arg(short, long)]
    no_clobber: bool,
    #[command(flatten)]
    work: Work,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn rename(arguments: MoveArguments) -> u8 {
    let named: Vec<OsString> = arguments.sources.iter().chain([&arguments.target]).cloned().collect();
    let (session, mut sources) = match begin(&arguments.connection, &named) {
        Ok(begun) => begun,
        Err(problem) => return told(&problem),
    };
    // It was put there three lines above.
    let Some(target) = sources.pop() else { return super::EXIT_USAGE };
    let into = match session.find(&target).await {
        Ok(there) => there.is_some_and(|entry| entry.is_folder()),
        Err(problem) => return told(&problem),
    };
    if !into && sources.len() > 1 {
        return told(&usage(&format!("{target} is not a folder, so that it cannot take several")));
    }
    let mut codes = Vec::new();
    for source in &sources {
        let moved = move_one(&session, source, &target, into, &arguments).await;
        codes.push(moved.unwrap_or_else(|problem| told(&problem)));
    }
    code_of_all(codes)
}

async fn move_one(
    session: &Session,
    source: &Address,
    target: &Address,
    into: bool,
    arguments: &MoveArguments,
) -> Result<u8, Problem> {
    let place = match source.name() {
        Some(name) if into => target.join(&name),
        None => return Err(usage(&format!("{source} has no name, so that it cannot be moved"))),
        Some(_) => target.clone(),
    };
    if session.rename(source, &place, !arguments.no_clobber).await? {
        return Ok(0);
    }
    if arguments.no_clobber && session.find(&place).await?.is_some() {
        return Err(usage(&format!("{place} is there already")));
    }
    let whole = CopySettings { recursive: true, ..CopySettings::default() };
    let code = copy(session, std::slice::from_ref(source), &place, &arguments.work, whole).await;
    if code == 0 {
        session.remove(source, true).await?;
    }
    Ok(code)
}
