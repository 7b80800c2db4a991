//! The one list of settings: name, form, range, default, meaning and where the value goes. Parser, sample and reference
//! are made from it.

use super::{
    Anonymous, Archive, Engine, Limits, Listen, Log, Metrics, MetricsAccess, Namespace, Settings, Staging,
    default_data_dir,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use terms::{Algorithm, ByteSize, LogicalPath, Rate, Span};

/// One section of the file.
pub(super) struct Section {
    /// As written between brackets; empty for the top of the file.
    pub(super) name: &'static str,
    /// May it appear several times (`[[name]]`)?
    pub(super) repeated: bool,
    /// Does writing its header alone change nothing? Then the sample leaves the header uncommented.
    pub(super) harmless: bool,
    /// What it is about.
    pub(super) doc: &'static str,
    /// What can be set in it.
    pub(super) settings: &'static [Setting],
}

/// One setting.
pub(super) struct Setting {
    /// Its key.
    pub(super) key: &'static str,
    /// What it means: whole sentences, with the cost of large values.
    pub(super) doc: &'static str,
    /// What holds when it is absent.
    pub(super) absent: Absent,
    /// What it may be, and where it goes.
    pub(super) form: Form,
}

/// What holds when a setting is absent.
pub(super) enum Absent {
    /// This value, as TOML spells it.
    Is(&'static str),
    /// No value of the same form; the words say what then, the TOML text is an example.
    Means(&'static str, &'static str),
    /// The section is refused without it; the TOML text is an example.
    Required(&'static str),
}

/// What a value may be, with where it goes.
pub(super) enum Form {
    Text(fn(&mut Settings, String)),
    Texts(fn(&mut Settings, Vec<String>)),
    Path(fn(&mut Settings, PathBuf)),
    Address(fn(&mut Settings, SocketAddr)),
    Boolean(fn(&mut Settings, bool)),
    Prefix(fn(&mut Settings, LogicalPath)),
    Count(u64, u64, fn(&mut Settings, u64)),
    Size(ByteSize, ByteSize, fn(&mut Settings, ByteSize)),
    Speed(Rate, Rate, fn(&mut Settings, Rate)),
    Time(Span, Span, fn(&mut Settings, Span)),
    Choice(&'static [&'static str], fn(&mut Settings, &str)),
    Algorithms(fn(&mut Settings, Vec<Algorithm>)),
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const fn seconds(count: u64) -> Span {
    Span(Duration::from_secs(count))
}

use Absent::{Is, Means, Required};
use Form::{Address, Algorithms, Boolean, Choice, Count, Path, Prefix, Size, Speed, Text, Texts, Time};

/// All of them, in the order of the sample.
pub(super) static SECTIONS: &[Section] = &[
    Section {
        name: "",
        repeated: false,
        harmless: true,
        doc: "Relative paths start from the folder of this file.",
        settings: &[Setting {
            key: "data_dir",
            doc: "Where everything is kept that is not put elsewhere: database, staging area, certificates, and the files \
                  themselves unless a namespace says otherwise. Only one port at a time may use it.",
            absent: Means(
                "`/var/lib/portolan` for root, else `$XDG_DATA_HOME/portolan` (`~/.local/share/portolan`)",
                "\"/var/lib/portolan\"",
            ),
            form: Path(|s, v| s.data_dir = v),
        }],
    },
    Section {
        name: "listen",
        repeated: false,
        harmless: true,
        doc: "Where to listen. Only this host can connect until an address of another interface is given.",
        settings: LISTEN,
    },
    Section {
        name: "listen.plain",
        repeated: false,
        harmless: false,
        doc: "A second address without TLS. On anything but loopback, tokens and files can be read on the way: a warning \
              is shown at each start.",
        settings: &[Setting {
            key: "address",
            doc: "IP address and port.",
            absent: Required("\"127.0.0.1:8080\""),
            form: Address(|s, v| s.listen.plain = Some(v)),
        }],
    },
    Section {
        name: "limits",
        repeated: false,
        harmless: true,
        doc: "What one client, and all of them together, may cost.",
        settings: LIMITS,
    },
    Section {
        name: "archive",
        repeated: false,
        harmless: true,
        doc: "Where the records are kept: digests, properties, locks, unfinished uploads, tokens.",
        settings: &[
            Setting {
                key: "engine",
                doc: "`sqlite` is embedded and needs nothing. `postgresql` is for sites that have one and care for it.",
                absent: Is("\"sqlite\""),
                form: Choice(&["sqlite", "postgresql"], |s, v| {
                    s.archive.engine = if v == "sqlite" { Engine::Sqlite } else { Engine::Postgresql };
                }),
            },
            Setting {
                key: "url",
                doc: "Where the PostgreSQL database is. Its tables are made at the first start.",
                absent: Means(
                    "with `sqlite`: `archive.sqlite` in the data directory",
                    "\"postgres://portolan@db/portolan\"",
                ),
                form: Text(|s, v| s.archive.url = Some(v)),
            },
        ],
    },
    Section {
        name: "staging",
        repeated: false,
        harmless: true,
        doc: "Where bytes land before they are proven and published.",
        settings: &[
            Setting {
                key: "directory",
                doc: "A folder for unfinished files. On the file system of the store, publishing is one rename; elsewhere it \
                      costs a copy.",
                absent: Means("`staging` in the data directory", "\"/fast/staging\""),
                form: Path(|s, v| s.staging.directory = Some(v)),
            },
            Setting {
                key: "upload_lifetime",
                doc: "A resumable upload that nobody goes on with is swept away after this long.",
                absent: Is("\"7 d\""),
                form: Time(seconds(60), seconds(365 * 86_400), |s, v| s.staging.upload_lifetime = v),
            },
        ],
    },
    Section {
        name: "namespace",
        repeated: true,
        harmless: false,
        doc: "What is served: a part of the logical paths, and the folder that holds its files. Without any, one at `/` is \
              served from `store` in the data directory.",
        settings: NAMESPACE,
    },
    Section {
        name: "metrics",
        repeated: false,
        harmless: true,
        doc: "What is counted, for Prometheus, at `/metrics`. It names no files and no callers.",
        settings: &[Setting {
            key: "anonymous",
            doc: "Who may read it without a token: `none`, `loopback` (programs on this host), or `all`. A token needs \
                  `stat` on `/`.",
            absent: Is("\"loopback\""),
            form: Choice(&["none", "loopback", "all"], |s, v| {
                s.metrics.anonymous = match v {
                    "all" => MetricsAccess::All,
                    "loopback" => MetricsAccess::Loopback,
                    _ => MetricsAccess::Nobody,
                };
            }),
        }],
    },
    Section {
        name: "log",
        repeated: false,
        harmless: true,
        doc: "What is told on standard error. Secrets never are.",
        settings: &[
            Setting {
                key: "format",
                doc: "`text` for people, `json` for collectors: one object a line.",
                absent: Is("\"text\""),
                form: Choice(&["text", "json"], |s, v| s.log.json = v == "json"),
            },
            Setting {
                key: "level",
                doc: "The least important level that is told. One line per finished transfer is `info`.",
                absent: Is("\"info\""),
                form: Choice(&["error", "warn", "info", "debug", "trace"], |s, v| s.log.level = v.to_owned()),
            },
        ],
    },
];

static LISTEN: &[Setting] = &[
    Setting {
        key: "address",
        doc: "IP address and port. Port 0 lets the system choose.",
        absent: Is("\"127.0.0.1:8443\""),
        form: Address(|s, v| s.listen.address = v),
    },
    Setting {
        key: "tls",
        doc: "Speak TLS 1.2 and 1.3 there. When false, the warning of `[listen.plain]` applies.",
        absent: Is("true"),
        form: Boolean(|s, v| s.listen.tls = v),
    },
    Setting {
        key: "certificate",
        doc: "The certificate of this host with its chain, in PEM.",
        absent: Means(
            "a private authority and a host certificate are made in `tls` in the data directory",
            "\"/etc/grid-security/hostcert.pem\"",
        ),
        form: Path(|s, v| s.listen.certificate = Some(v)),
    },
    Setting {
        key: "key",
        doc: "The private key of that certificate, in PEM.",
        absent: Means("see `certificate`", "\"/etc/grid-security/hostkey.pem\""),
        form: Path(|s, v| s.listen.key = Some(v)),
    },
    Setting {
        key: "names",
        doc: "Further host names and addresses for the certificate that we make; those of this host, `localhost` and the \
              listening address are in it anyway.",
        absent: Is("[]"),
        form: Texts(|s, v| s.listen.names = v),
    },
];

static LIMITS: &[Setting] = &[
    Setting {
        key: "connections",
        doc: "Connections open at once; further ones wait to be accepted. An idle one costs about 20 KiB.",
        absent: Is("4096"),
        form: Count(1, 1_000_000, |s, v| s.limits.connections = v),
    },
    Setting {
        key: "header_time",
        doc: "How long a client may take over the TLS handshake and the head of a request.",
        absent: Is("\"30 s\""),
        form: Time(seconds(1), seconds(3_600), |s, v| s.limits.header_time = v),
    },
    Setting {
        key: "header_size",
        doc: "The head of one request, at most; held in memory for each connection.",
        absent: Is("\"64 KiB\""),
        form: Size(ByteSize(8 * KIB), ByteSize(MIB), |s, v| s.limits.header_size = v),
    },
    Setting {
        key: "http2_streams",
        doc: "Requests at once on one HTTP/2 connection.",
        absent: Is("256"),
        form: Count(1, 65_536, |s, v| s.limits.http2_streams = v),
    },
    Setting {
        key: "http2_stream_window",
        doc: "What one HTTP/2 request may have on its way to us. A path of 110 ms carries at most this much every 110 ms: \
              32 MiB allow 2.4 Gbit/s. A sender whose disk is faster than ours can make us hold as much in memory.",
        absent: Is("\"32 MiB\""),
        form: Size(ByteSize(64 * KIB), ByteSize(1024 * MIB), |s, v| s.limits.http2_stream_window = v),
    },
    Setting {
        key: "http2_connection_window",
        doc: "The same for all requests of one HTTP/2 connection together.",
        absent: Is("\"64 MiB\""),
        form: Size(ByteSize(64 * KIB), ByteSize(1024 * MIB), |s, v| s.limits.http2_connection_window = v),
    },
    Setting {
        key: "file_size",
        doc: "The largest file that may be put.",
        absent: Is("\"16 TiB\""),
        form: Size(ByteSize(1), ByteSize(1 << 60), |s, v| s.limits.file_size = v),
    },
    Setting {
        key: "stall_time",
        doc: "A client that neither sends nor takes anything for this long in the middle of a file is given up.",
        absent: Is("\"1 min\""),
        form: Time(seconds(1), seconds(3_600), |s, v| s.limits.stall_time = v),
    },
    Setting {
        key: "sender_rate",
        doc: "A sender slower than this, averaged over `stall_time`, is given up too; what it sent of a resumable upload is kept.",
        absent: Is("\"8 kbit/s\""),
        form: Speed(Rate(0), Rate(1_000_000_000_000), |s, v| s.limits.sender_rate = v),
    },
    Setting {
        key: "drain_time",
        doc: "How long running requests may take to finish when the port is told to stop.",
        absent: Is("\"30 s\""),
        form: Time(seconds(0), seconds(86_400), |s, v| s.limits.drain_time = v),
    },
    Setting {
        key: "failed_sign_ins",
        doc: "Refused tokens from one address in one minute; beyond that, it is told to wait (429).",
        absent: Is("30"),
        form: Count(1, 1_000_000, |s, v| s.limits.failed_sign_ins = v),
    },
];

static NAMESPACE: &[Setting] = &[
    Setting {
        key: "prefix",
        doc: "Where it is mounted: `/` or a path such as `/survey`. The longest prefix of a path decides.",
        absent: Required("\"/\""),
        form: Prefix(|s, v| edit(s, |namespace| namespace.prefix = v)),
    },
    Setting {
        key: "store",
        doc: "The folder that holds its files, on a POSIX file system. Files put there by others are served too.",
        absent: Required("\"/data/survey\""),
        form: Path(|s, v| edit(s, |namespace| namespace.store = v)),
    },
    Setting {
        key: "digests",
        doc: "Computed of every file while it comes in: `adler32`, `crc32c`, `md5`, `sha-256`. The first two cost next to \
              nothing, `sha-256` about 0.7 s and `md5` about 1.8 s of one core per GiB.",
        absent: Is("[\"adler32\", \"crc32c\", \"sha-256\"]"),
        form: Algorithms(|s, v| edit(s, |namespace| namespace.digests = v)),
    },
    Setting {
        key: "anonymous",
        doc: "What callers without a token may do: `none`, or `read` (list folders and read files).",
        absent: Is("\"none\""),
        form: Choice(&["none", "read"], |s, v| {
            let anonymous = if v == "read" { Anonymous::Read } else { Anonymous::Nothing };
            edit(s, |namespace| namespace.anonymous = anonymous);
        }),
    },
];

/// Changes the namespace that is being read.
fn edit(settings: &mut Settings, change: impl FnOnce(&mut Namespace)) {
    if let Some(namespace) = settings.namespaces.last_mut() {
        change(namespace);
    }
}

/// The settings without any file: what the list says holds when all is absent.
pub(super) fn built_in() -> Settings {
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
    };
    for setting in SECTIONS.iter().filter(|section| !section.repeated).flat_map(|section| section.settings) {
        if let Is(text) = setting.absent {
            // A default that its own form refuses is caught by the test `every_default_is_of_its_own_form`.
            super::parse::apply_text(&mut settings, setting, text);
        }
    }
    settings
}
