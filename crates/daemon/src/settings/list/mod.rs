//! The one list of settings: name, form, range, default, meaning and where the value goes. Parser, sample and reference
//! are made from it.

pub(super) mod accounts;
pub(super) mod audit;
pub(super) mod certificates;
pub(super) mod issuer;
mod limits;
mod listen;
pub(super) mod macaroons;
mod namespace;
mod own;
pub(super) mod responder;
pub(super) mod rights;
pub(super) mod shares;
pub(super) mod sign_in;

use super::{Archive, Engine, Limits, Listen, Log, Metrics, MetricsAccess, Settings, Staging, default_data_dir};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use terms::{Algorithm, ByteSize, LogicalPath, Rate, Span, Timestamp};

/// One section of the file.
pub(in crate::settings) struct Section {
    /// As written between brackets; empty for the top of the file.
    pub(in crate::settings) name: &'static str,
    /// May it appear several times (`[[name]]`)? Then this begins another one, in which nothing is set.
    pub(in crate::settings) begin: Option<fn(&mut Settings)>,
    /// Does writing its header alone change nothing? Then the sample leaves the header uncommented.
    pub(in crate::settings) harmless: bool,
    /// What it is about.
    pub(in crate::settings) doc: &'static str,
    /// What can be set in it.
    pub(in crate::settings) settings: &'static [Setting],
}

/// One setting.
pub(in crate::settings) struct Setting {
    /// Its key.
    pub(in crate::settings) key: &'static str,
    /// What it means: whole sentences, with the cost of large values.
    pub(in crate::settings) doc: &'static str,
    /// What holds when it is absent.
    pub(in crate::settings) absent: Absent,
    /// What it may be, and where it goes.
    pub(in crate::settings) form: Form,
}

/// What holds when a setting is absent.
pub(in crate::settings) enum Absent {
    /// This value, as TOML spells it.
    Is(&'static str),
    /// No value of the same form; the words say what then, the TOML text is an example.
    Means(&'static str, &'static str),
    /// The section is refused without it; the TOML text is an example.
    Required(&'static str),
}

/// What a value may be, with where it goes.
pub(in crate::settings) enum Form {
    Text(fn(&mut Settings, String)),
    Texts(fn(&mut Settings, Vec<String>)),
    Path(fn(&mut Settings, PathBuf)),
    Paths(fn(&mut Settings, Vec<PathBuf>)),
    Instant(fn(&mut Settings, Timestamp)),
    Address(fn(&mut Settings, SocketAddr)),
    Boolean(fn(&mut Settings, bool)),
    Prefix(fn(&mut Settings, LogicalPath)),
    Count(u64, u64, fn(&mut Settings, u64)),
    Size(ByteSize, ByteSize, fn(&mut Settings, ByteSize)),
    Speed(Rate, Rate, fn(&mut Settings, Rate)),
    Time(Span, Span, fn(&mut Settings, Span)),
    Choice(&'static [&'static str], fn(&mut Settings, &str)),
    Algorithms(fn(&mut Settings, Vec<Algorithm>)),
    /// A text with a meaning of its own: what it is called in the reference, what to write instead of a wrong one, and
    /// what takes it or says why not.
    Word(&'static str, &'static str, fn(&mut Settings, &str) -> Result<(), String>),
    /// A list of such texts.
    Words(&'static str, &'static str, fn(&mut Settings, &[String]) -> Result<(), String>),
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const fn seconds(count: u64) -> Span {
    Span(Duration::from_secs(count))
}

/// All of them, in the order of the sample.
pub(in crate::settings) static SECTIONS: &[&Section] = &[
    &own::TOP,
    &listen::SECTION,
    &listen::PLAIN,
    &limits::SECTION,
    &own::ARCHIVE,
    &own::STAGING,
    &namespace::SECTION,
    &rights::POLICY,
    &rights::RULE,
    &rights::EMBARGO,
    &accounts::ACCOUNT,
    &accounts::GROUP,
    &sign_in::SECTION,
    &sign_in::OPENID,
    &issuer::SECTION,
    &certificates::SECTION,
    &macaroons::SECTION,
    &shares::SECTION,
    &responder::SECTION,
    &responder::BUDGET,
    &audit::SECTION,
    &own::METRICS,
    &own::LOG,
];

/// The settings without any file: what the list says holds when all is absent.
pub(in crate::settings) fn built_in() -> Settings {
    let mut settings = Settings {
        data_dir: default_data_dir(),
        listen: Listen {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: true,
            certificate: None,
            key: None,
            names: Vec::new(),
            plain: None,
        },
        limits: Limits {
            connections: 0,
            header_time: seconds(0),
            header_size: ByteSize(0),
            http2_streams: 0,
            http2_stream_window: ByteSize(0),
            http2_connection_window: ByteSize(0),
            file_size: ByteSize(0),
            stall_time: seconds(0),
            sender_rate: Rate(0),
            drain_time: seconds(0),
            failed_sign_ins: 0,
        },
        archive: Archive { engine: Engine::Sqlite, url: None },
        staging: Staging { directory: None, upload_lifetime: seconds(0) },
        namespaces: Vec::new(),
        metrics: Metrics { anonymous: MetricsAccess::Nobody },
        log: Log { json: false, level: String::new() },
        policy: rights::PolicyFiles::default(),
        rules: Vec::new(),
        embargoes: Vec::new(),
        accounts: Vec::new(),
        groups: Vec::new(),
        sign_in: sign_in::SignIn::default(),
        issuers: Vec::new(),
        certificates: certificates::Certificates::default(),
        macaroons: macaroons::Macaroons::default(),
        shares: shares::Shares::default(),
        responder: responder::Responder::default(),
        audit: audit::Audit::default(),
    };
    for setting in SECTIONS.iter().filter(|section| section.begin.is_none()).flat_map(|section| section.settings) {
        if let Absent::Is(text) = setting.absent {
            // A default that its own form refuses is caught by the test `every_default_is_of_its_own_form`.
            super::parse::apply_text(&mut settings, setting, text);
        }
    }
    settings
}
