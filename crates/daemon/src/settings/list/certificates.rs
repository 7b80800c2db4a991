//! `[certificates]`: whose certificates are taken.

use super::Absent::Means;
use super::Form::Path;
use super::{Section, Setting};
use std::path::PathBuf;

/// The section `[certificates]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Certificates {
    /// The folder of authorities in the hashed form.
    pub authorities: Option<PathBuf>,
}

pub(super) static SECTION: Section = Section {
    name: "certificates",
    begin: None,
    harmless: true,
    doc: "Certificates of callers (X.509).",
    settings: &[Setting {
        key: "authorities",
        doc: "The folder of the authorities that are trusted, in the hashed form (`*.0`, `*.signing_policy`, `*.r0`).",
        absent: Means("callers are not asked for a certificate", "\"/etc/grid-security/certificates\""),
        form: Path(|s, v| s.certificates.authorities = Some(v)),
    }],
};
