//! What the port keeps and tells: `data_dir`, `[archive]`, `[staging]`, `[metrics]`, `[log]`.

use super::Absent::{Is, Means};
use super::Form::{Choice, Path, Text, Time};
use super::{Section, Setting, seconds};
use crate::settings::{Engine, MetricsAccess};

pub(super) static TOP: Section = Section {
    name: "",
    begin: None,
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
};

pub(super) static ARCHIVE: Section = Section {
    name: "archive",
    begin: None,
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
};

pub(super) static STAGING: Section = Section {
    name: "staging",
    begin: None,
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
};

pub(super) static METRICS: Section = Section {
    name: "metrics",
    begin: None,
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
};

pub(super) static LOG: Section = Section {
    name: "log",
    begin: None,
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
};
