//! `[macaroons]`: tokens that their holders can narrow.

use super::Absent::Is;
use super::Form::Time;
use super::{Section, Setting, seconds};
use terms::Span;

/// The section `[macaroons]`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Macaroons {
    /// How long one may be valid.
    pub lifetime_max: Span,
}

pub(super) static SECTION: Section = Section {
    name: "macaroons",
    begin: None,
    harmless: true,
    doc: "Macaroons: tokens that a signed-in caller asks for at the address of a file or folder, and can narrow and pass on.",
    settings: &[Setting {
        key: "lifetime_max",
        doc: "How long one may be valid; who asks for more gets this.",
        absent: Is("\"1 d\""),
        form: Time(seconds(60), seconds(90 * 86_400), |s, v| s.macaroons.lifetime_max = v),
    }],
};
