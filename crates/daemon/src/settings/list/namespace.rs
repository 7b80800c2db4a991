//! `[[namespace]]`: what is served.

use super::Absent::{Is, Required};
use super::Form::{Algorithms, Choice, Path, Prefix};
use super::{Section, Setting};
use crate::settings::{Anonymous, Namespace, Settings};

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
];

/// Changes the namespace that is being read.
fn edit(settings: &mut Settings, change: impl FnOnce(&mut Namespace)) {
    if let Some(namespace) = settings.namespaces.last_mut() {
        change(namespace);
    }
}
