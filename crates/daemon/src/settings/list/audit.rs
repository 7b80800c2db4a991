//! `[audit]`: the record of who did what.

use super::Absent::Is;
use super::Form::Boolean;
use super::{Section, Setting};

/// The section `[audit]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audit {
    /// Is every permitted read written too?
    pub reads: bool,
}

pub(super) static SECTION: Section = Section {
    name: "audit",
    begin: None,
    harmless: true,
    doc: "The record of who did what, in `audit` in the data directory.",
    settings: &[Setting {
        key: "reads",
        doc: "Write every permitted read, list and stat too, at some 300 bytes each. Refusals, changes and administration \
              are always written.",
        absent: Is("false"),
        form: Boolean(|s, v| s.audit.reads = v),
    }],
};
