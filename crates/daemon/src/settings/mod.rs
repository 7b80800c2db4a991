//! The settings of a port: one list (`list.rs`), from which the parser, the commented sample and the reference page are
//! made, so that they cannot differ.
//!
//! Never here: a setting that grants something by being absent.

mod examine;
mod findings;
mod judge;
mod list;
mod parse;
mod reference;
mod write;

pub use findings::{Finding, Findings};
pub use list::accounts::{Account, Group};
pub use list::audit::{Audit, WhenUnwritable};
pub use list::certificates::Certificates;
pub use list::issuer::Issuer;
pub use list::macaroons::Macaroons;
pub use list::responder::{Responder, SharedBudget};
pub use list::rights::PolicyFiles;
pub use list::shares::Shares;
pub use list::sign_in::{OpenId, SignIn};
pub use reference::{reference_markdown, sample};
pub use write::write_sample;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use terms::{Algorithm, Attributes, ByteSize, LogicalPath, Problem, Rate, Span};

#[cfg(test)]
mod tests;

/// All settings, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Where everything is kept that is not put elsewhere.
    pub data_dir: PathBuf,
    /// Where to listen, and how.
    pub listen: Listen,
    /// What one client may cost.
    pub limits: Limits,
    /// Where the records are.
    pub archive: Archive,
    /// Where bytes land first.
    pub staging: Staging,
    /// What is served. Empty: one at `/`, stored in the data directory (see [`Settings::namespaces_or_default`]).
    pub namespaces: Vec<Namespace>,
    /// Who may read the metrics.
    pub metrics: Metrics,
    /// What is told to the log.
    pub log: Log,
    /// Rules in Cedar's language.
    pub policy: PolicyFiles,
    /// Rules in the short form.
    pub rules: Vec<policy::Rule>,
    /// Embargoes in the short form.
    pub embargoes: Vec<policy::Embargo>,
    /// Local accounts.
    pub accounts: Vec<Account>,
    /// Local groups.
    pub groups: Vec<Group>,
    /// How callers may say who they are.
    pub sign_in: SignIn,
    /// Whose signed tokens are taken.
    pub issuers: Vec<Issuer>,
    /// Whose certificates are taken.
    pub certificates: Certificates,
    /// Tokens that their holders can narrow.
    pub macaroons: Macaroons,
    /// Addresses that are passed on.
    pub shares: Shares,
    /// Measurement by others.
    pub responder: Responder,
    /// The record of who did what.
    pub audit: Audit,
}

/// The section `[listen]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listen {
    /// Main address.
    pub address: SocketAddr,
    /// Does the main address speak TLS?
    pub tls: bool,
    /// The certificate chain in PEM; `None`: a private authority is made in the data directory.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub key: Option<PathBuf>,
    /// Further names for the certificate that we make ourselves.
    pub names: Vec<String>,
    /// A second address, without TLS.
    pub plain: Option<SocketAddr>,
}

/// The section `[limits]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Limits {
    /// Connections open at once.
    pub connections: u64,
    /// The TLS handshake and the first request's head must be there by then.
    pub header_time: Span,
    /// Head of one request.
    pub header_size: ByteSize,
    /// Streams at once on one HTTP/2 connection.
    pub http2_streams: u64,
    /// Receive window of one HTTP/2 stream.
    pub http2_stream_window: ByteSize,
    /// Receive window of one HTTP/2 connection.
    pub http2_connection_window: ByteSize,
    /// Largest file that may be put.
    pub file_size: ByteSize,
    /// A client that moves nothing for so long is given up.
    pub stall_time: Span,
    /// Slowest sender that is waited for.
    pub sender_rate: Rate,
    /// How long running requests may take to finish when stopping.
    pub drain_time: Span,
    /// Failed sign-ins from one address in one minute.
    pub failed_sign_ins: u64,
}

/// The section `[archive]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archive {
    /// Which database.
    pub engine: Engine,
    /// Where it is, for those that are elsewhere.
    pub url: Option<String>,
}

/// Which database keeps the records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// Embedded; a file in the data directory.
    Sqlite,
    /// A server.
    Postgresql,
}

/// The section `[staging]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Staging {
    /// `None`: in the data directory.
    pub directory: Option<PathBuf>,
    /// A resumable upload that nobody goes on with is swept away after this long.
    pub upload_lifetime: Span,
}

/// One `[[namespace]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// Where it is mounted among the logical paths.
    pub prefix: LogicalPath,
    /// The folder that holds its files.
    pub store: PathBuf,
    /// Digests computed of every file that comes in.
    pub digests: Vec<Algorithm>,
    /// What callers without a token may do.
    pub anonymous: Anonymous,
    /// What is said of every file that comes in.
    pub attributes: Attributes,
    /// How long every file that comes in is under embargo.
    pub embargo: Option<Span>,
}

/// What callers without a token may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anonymous {
    /// Nothing.
    Nothing,
    /// List folders and read files.
    Read,
}

/// The section `[metrics]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metrics {
    /// Who may read them without a token.
    pub anonymous: MetricsAccess,
}

/// Who may read the metrics without a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricsAccess {
    /// Nobody.
    Nobody,
    /// Programs on this host.
    Loopback,
    /// Whoever can connect.
    All,
}

/// The section `[log]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// For machines (`true`) or people.
    pub json: bool,
    /// The least important level that is told: error, warn, info, debug, trace, or a filter of `tracing`.
    pub level: String,
}

/// What the command line says; it wins over the file.
#[derive(Clone, Default, Debug)]
pub struct Overrides {
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--plain`
    pub plain: Option<SocketAddr>,
    /// `--anonymous-read`
    pub anonymous_read: bool,
}

impl Settings {
    /// Without any file.
    pub fn built_in() -> Self {
        list::built_in()
    }

    /// From the text of a settings file. `file` is what messages call it; relative paths start from its folder. All
    /// findings are told at once.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Findings> {
        parse::parse(text, file)
    }

    /// What can be read of the text, and all that is wrong with it: for who looks at everything at once.
    pub fn parse_lenient(text: &str, file: &Path) -> (Self, Option<Findings>) {
        parse::parse_lenient(text, file)
    }

    /// From a settings file.
    pub fn read(file: &Path) -> Result<Self, Problem> {
        let text = std::fs::read_to_string(file).map_err(|error| findings::unreadable(file, &error))?;
        Self::parse(&text, file).map_err(|findings| findings.into_problem())
    }

    /// With what the command line says.
    pub fn with(mut self, overrides: &Overrides) -> Self {
        if let Some(data_dir) = &overrides.data_dir {
            self.data_dir.clone_from(data_dir);
        }
        if let Some(address) = overrides.listen {
            self.listen.address = address;
        }
        if overrides.plain.is_some() {
            self.listen.plain = overrides.plain;
        }
        if overrides.anonymous_read {
            self.namespaces = self.namespaces_or_default();
            self.namespaces.iter_mut().for_each(|namespace| namespace.anonymous = Anonymous::Read);
        }
        self
    }

    /// The namespaces, or the one at `/` that is served when the file names none.
    pub fn namespaces_or_default(&self) -> Vec<Namespace> {
        if !self.namespaces.is_empty() {
            return self.namespaces.clone();
        }
        vec![Namespace { store: self.data_dir.join("store"), ..Namespace::unset() }]
    }

    /// The staging directory.
    pub fn staging_dir(&self) -> PathBuf {
        self.staging.directory.clone().unwrap_or_else(|| self.data_dir.join("staging"))
    }

    /// Where the records are.
    pub fn archive_location(&self) -> archive::Location {
        match (self.archive.engine, &self.archive.url) {
            (Engine::Postgresql, Some(url)) => archive::Location::Postgres(url.clone()),
            _ => archive::Location::Sqlite(self.data_dir.join("archive.sqlite")),
        }
    }

    /// What is allowed but deserves a second look, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut plain = |address: SocketAddr| {
            if !address.ip().is_loopback() {
                warnings.push(format!(
                    "{address} is reachable from other hosts WITHOUT encryption: tokens and files can be read on the way"
                ));
            }
        };
        if !self.listen.tls {
            plain(self.listen.address);
        }
        if let Some(address) = self.listen.plain {
            plain(address);
        }
        warnings
    }
}

impl Settings {
    /// What a look at this host tells beside: stores that are not there, a certificate that cannot be used.
    pub fn examine(&self) -> Vec<String> {
        examine::examine(self)
    }
}

impl Namespace {
    /// Before anything is set: the defaults of the list, and no store.
    fn unset() -> Self {
        Self {
            prefix: LogicalPath::root(),
            store: PathBuf::new(),
            digests: vec![Algorithm::Adler32, Algorithm::Crc32c, Algorithm::Sha256],
            anonymous: Anonymous::Nothing,
            attributes: Attributes::default(),
            embargo: None,
        }
    }
}

/// Where data are kept when nothing else is said: `/var/lib/portolan` for root, else the user's own data folder
/// (XDG Base Directory Specification: `$XDG_DATA_HOME`, or `~/.local/share`).
pub fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/portolan");
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from("portolan-data"), |base| base.join("portolan"))
}
