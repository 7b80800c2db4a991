//! `portolan cp`.

use super::connection::Connection;
use super::progress::Progress;
use super::report::Report;
use super::{attributes, begin, code_of_all, told};
use port::client::{Address, CopySettings, Overwrite, Session, Tally, fault};
use std::ffi::OsString;
use std::sync::Arc;
use terms::{Algorithm, Blame, Problem, Retry};

/// What `cp --help` tells before its options.
pub(super) const ABOUT: &str = "\
Copy files and folders between local paths and servers, in any mix.

A file goes into the target if that is a folder. A folder becomes the target, so that the same command can be repeated; with \
a slash at the end of the target, or with several sources, it goes into it under its own name.

What is there already is left: the same size, and the same time of modification or digest. An interrupted copy goes on where \
it was: downloads of 8 MiB and more from the blocks that are here, uploads to a Portolan server from what it has. Nothing \
appears under its name before it is whole, verified and durable.

Bytes are compared with a digest of the server: the first that it offers of crc32c, adler32, sha-256 and md5. A server that \
offers none is told of at the end; --digest makes that an error.";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to copy
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<OsString>,
    /// Where to
    target: OsString,
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    connection: Connection,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Copy folders with all that is in them
    #[arg(short, long, visible_short_alias = 'R')]
    recursive: bool,
    /// Say this of every file that a Portolan server gets, as group=/survey or embargo-until=2027-01-01; files that are
    /// there already and are left alone are not touched. Several times for several
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    #[command(flatten)]
    pub(crate) work: Work,
}

/// Options of copying that `mv` shares.
#[derive(clap::Args)]
pub(crate) struct Work {
    /// Files at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    transfers: u16,
    /// Ranges of one file at once, for files of 64 MiB and more
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    streams: u16,
    /// Compare by this digest alone (adler32, crc32c, md5, sha-256); a server that does not tell it is an error
    #[arg(long, value_name = "ALGORITHM", conflicts_with = "no_verify")]
    digest: Option<Algorithm>,
    /// Do not compare digests
    #[arg(long)]
    no_verify: bool,
    /// What to do where something is already
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Different)]
    overwrite: When,
    /// Do not wait until local files are on disk: quicker, and not safe against a loss of power
    #[arg(long)]
    no_sync: bool,
    /// One line of JSON for each file and one for the whole, on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum When {
    /// Replace what differs
    Different,
    /// Leave everything
    Never,
    /// Replace everything
    Always,
}

pub(super) async fn run(arguments: Arguments) -> u8 {
    let named: Vec<OsString> = arguments.sources.iter().chain([&arguments.target]).cloned().collect();
    let (session, mut sources) = match begin(&arguments.connection, &named) {
        Ok(begun) => begun,
        Err(problem) => return told(&problem),
    };
    // It was put there three lines above.
    let Some(target) = sources.pop() else { return super::EXIT_USAGE };
    let Options { recursive, attributes, work } = &arguments.options;
    let said = match attributes::of(attributes) {
        Ok(said) => said,
        Err(problem) => return told(&problem),
    };
    if work.json && target == Address::Standard {
        return told(&usage("standard output cannot take both the file and the lines of --json"));
    }
    let settings = CopySettings { recursive: *recursive, attributes: said, ..CopySettings::default() };
    copy(&session, &sources, &target, work, settings).await
}

/// Copies, shows how it goes, and tells how it went.
pub(super) async fn copy(
    session: &Session,
    sources: &[Address],
    target: &Address,
    work: &Work,
    settings: CopySettings,
) -> u8 {
    let settings = CopySettings {
        transfers: usize::from(work.transfers),
        streams: usize::from(work.streams),
        digest: work.digest,
        verify: !work.no_verify,
        overwrite: match work.overwrite {
            When::Different => Overwrite::IfDifferent,
            When::Never => Overwrite::Never,
            When::Always => Overwrite::Always,
        },
        sync: !work.no_sync,
        ..settings
    };
    let tally = Arc::<Tally>::default();
    let progress = Progress::start(Arc::clone(&tally), work.quiet);
    let report = Arc::new(Report::new(work.json, &progress));
    let summary = session.copy(sources, target, settings, tally, Arc::clone(&report) as _).await;
    progress.end();
    report.tell(&summary, work.quiet);
    let codes = summary.failures.iter().map(|(_, problem)| super::code_of(problem));
    let code = code_of_all(codes);
    if code == 0 && summary.failed > 0 { super::EXIT_FAILED } else { code }
}

pub(super) fn usage(detail: &str) -> Problem {
    Problem {
        status: 400,
        kind: fault::kind::USAGE,
        title: "The request makes no sense",
        detail: detail.to_owned(),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "See --help.".to_owned(),
    }
}
