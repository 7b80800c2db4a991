//! `[[namespace]]`: what is served.

use super::Absent::{Is, Means, Required};
use super::Form::{Algorithms, Choice, Path, Prefix, Time, Words};
use super::{Section, Setting};
use crate::settings::{Anonymous, Namespace, Settings};
use terms::{Attributes, Span};

pub(super) static SECTION: Section = Section {
    name: "namespace",
    begin: Some(begin),
    harmless: false,
    doc: "What is served: a part of the logical paths, and the folder that holds its files. Without any, one at `/` is \
          served from `store` in the data directory.",
    settings: NAMESPACE,
};

fn begin(settings: &mut Settings) {
    settings.namespaces.push(Namespace::unset());
}

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
    Setting {
        key: "attributes",
        doc: "Said of every file that comes in, unless its sender says something else by the header \
              `Portolan-Attributes`: texts by name, which rules can ask for.",
        absent: Is("[]"),
        form: Words("attributes", "write attributes such as [\"group=/survey\"]", |s, v| {
            let attributes = attributes(v)?;
            edit(s, |namespace| namespace.attributes = attributes);
            Ok(())
        }),
    },
    Setting {
        key: "embargo",
        doc: "The attribute `embargo-until` of every file that comes in is so long after its arrival; senders who may not \
              replace the file can only put it off further. What it keeps from whom is told by `[[embargo]]` sections and \
              rules.",
        absent: Means("files come in without that attribute", "\"30 d\""),
        form: Time(super::seconds(1), HUNDRED_YEARS, |s, v| edit(s, |namespace| namespace.embargo = Some(v))),
    },
];

/// A longer embargo is a mistyped one.
const HUNDRED_YEARS: Span = super::seconds(100 * 366 * 86_400);

fn attributes(texts: &[String]) -> Result<Attributes, String> {
    let mut attributes = Attributes::default();
    for text in texts {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("'{text}' has not the form name=value"))?;
        if value.trim().is_empty() {
            return Err(format!("'{text}' has no value"));
        }
        attributes.ask(name.trim(), value.trim()).map_err(|error| error.to_string())?;
    }
    Ok(attributes)
}

/// Changes the namespace that is being read.
fn edit(settings: &mut Settings, change: impl FnOnce(&mut Namespace)) {
    if let Some(namespace) = settings.namespaces.last_mut() {
        change(namespace);
    }
}
