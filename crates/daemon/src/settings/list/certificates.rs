//! `[certificates]`: whose certificates are taken.

use super::Absent::{Is, Means};
use super::Form::{Boolean, Choice, Path, Time};
use super::{Section, Setting, seconds};
use identity::x509::RevocationRule;
use std::path::PathBuf;
use std::time::Duration;
use terms::Span;

/// The section `[certificates]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificates {
    /// The folder of authorities in the hashed form.
    pub authorities: Option<PathBuf>,
    /// The folder of organisations whose attributes are taken.
    pub vomsdir: Option<PathBuf>,
    /// What to do without revocation lists.
    pub revocation: RevocationRule,
    /// Must each authority have a signing policy?
    pub signing_policy_required: bool,
    /// Are callers asked for a certificate?
    pub ask: bool,
    /// How often the files are looked at.
    pub check_interval: Span,
}

impl Default for Certificates {
    fn default() -> Self {
        Self {
            authorities: None,
            vomsdir: None,
            revocation: RevocationRule::IfPresent,
            signing_policy_required: false,
            ask: true,
            check_interval: Span(Duration::from_secs(60)),
        }
    }
}

pub(super) static SECTION: Section = Section {
    name: "certificates",
    begin: None,
    harmless: true,
    doc: "Certificates of callers (X.509): users, their RFC 3820 proxies, and the attributes that VOMS puts into those. The \
          files are read again when they change, and with every reload; what can then not be read as a whole leaves the \
          former in force.",
    settings: &[
        Setting {
            key: "authorities",
            doc: "The folder of the authorities that are trusted, in the hashed form: `*.0` and `*.pem`, with their \
                  `*.signing_policy` and revocation lists `*.r0`. A broken policy or list closes its authority until it is \
                  mended.",
            absent: Means("callers are not asked for a certificate", "\"/etc/grid-security/certificates\""),
            form: Path(|s, v| s.certificates.authorities = Some(v)),
        },
        Setting {
            key: "vomsdir",
            doc: "The folder of the organisations whose attributes are taken: one folder for each, with the `.lsc` files of \
                  its servers.",
            absent: Means("attributes in proxies are left aside", "\"/etc/grid-security/vomsdir\""),
            form: Path(|s, v| s.certificates.vomsdir = Some(v)),
        },
        Setting {
            key: "revocation",
            doc: "What holds where an authority's revocation list is missing or out of date. `require` refuses in both cases, \
                  `if-present` refuses by a list that is out of date and does without one that is missing, `warn` does \
                  without and says so in the log.",
            absent: Is("\"if-present\""),
            form: Choice(&["require", "if-present", "warn"], |s, v| {
                s.certificates.revocation = match v {
                    "require" => RevocationRule::Require,
                    "warn" => RevocationRule::Warn,
                    _ => RevocationRule::IfPresent,
                };
            }),
        },
        Setting {
            key: "signing_policies",
            doc: "Must each authority have a signing policy (`require`), or is one applied where it is there (`if-present`)?",
            absent: Is("\"if-present\""),
            form: Choice(&["require", "if-present"], |s, v| s.certificates.signing_policy_required = v == "require"),
        },
        Setting {
            key: "ask",
            doc: "Ask callers for a certificate when they connect. They may have none; browsers bother only people who hold \
                  one of these authorities. Without it certificates are of no use.",
            absent: Is("true"),
            form: Boolean(|s, v| s.certificates.ask = v),
        },
        Setting {
            key: "check_interval",
            doc: "How often to look whether these files, or the certificate of this host, have changed. A look costs one \
                  system call for each file.",
            absent: Is("\"60 s\""),
            form: Time(seconds(1), seconds(86_400), |s, v| s.certificates.check_interval = v),
        },
    ],
};
