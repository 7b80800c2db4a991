//! `[audit]`: the record of who did what.

use super::Absent::Is;
use super::Form::{Boolean, Choice, Size, Time};
use super::{MIB, Section, Setting, seconds};
use terms::{ByteSize, Span};

/// The section `[audit]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Audit {
    /// Is every permitted read written too?
    pub reads: bool,
    /// How long lines are kept.
    pub keep: Span,
    /// How many bytes of them are kept.
    pub size: ByteSize,
    /// What becomes of data when nothing can be written.
    pub when_unwritable: WhenUnwritable,
}

/// What becomes of data when the record cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenUnwritable {
    /// They are served.
    GoOn,
    /// They are refused.
    Refuse,
}

/// Before anything is set.
impl Default for Audit {
    fn default() -> Self {
        Self { reads: false, keep: seconds(0), size: ByteSize(0), when_unwritable: WhenUnwritable::GoOn }
    }
}

pub(super) static SECTION: Section = Section {
    name: "audit",
    begin: None,
    harmless: true,
    doc: "The record of who did what, in `audit` in the data directory; `portolan audit` reads it.",
    settings: &[
        Setting {
            key: "reads",
            doc: "Write every permitted read, list and stat too, at some 400 bytes each. Refusals, changes and \
                  administration are always written.",
            absent: Is("false"),
            form: Boolean(|s, v| s.audit.reads = v),
        },
        Setting {
            key: "keep",
            doc: "Whole days older than this are removed; a line says so.",
            absent: Is("\"365 d\""),
            form: Time(seconds(86_400), seconds(36_500 * 86_400), |s, v| s.audit.keep = v),
        },
        Setting {
            key: "size",
            doc: "The record may have this many bytes, and one file of 16 MiB more; beyond, the oldest files are removed, \
                  and a line says so.",
            absent: Is("\"4 GiB\""),
            form: Size(ByteSize(64 * MIB), ByteSize(1 << 50), |s, v| s.audit.size = v),
        },
        Setting {
            key: "when_unwritable",
            doc: "What becomes of data when the disk does not take the record: `go-on` serves them, keeps 65,536 lines in \
                  memory, and counts those that are lost beyond; `refuse` answers 503. Commands to the port itself are \
                  refused in either case.",
            absent: Is("\"go-on\""),
            form: Choice(&["go-on", "refuse"], |s, v| {
                s.audit.when_unwritable = if v == "refuse" { WhenUnwritable::Refuse } else { WhenUnwritable::GoOn };
            }),
        },
    ],
};
