//! `[macaroons]`: tokens that their holders can narrow.

use super::Absent::Is;
use super::Form::{Boolean, Time};
use super::{Section, Setting, seconds};
use terms::Span;

/// The section `[macaroons]`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Macaroons {
    /// How long one is valid when its request does not say.
    pub lifetime: Span,
    /// How long one may be valid that is asked for without the verb `share`.
    pub lifetime_own: Span,
    /// How long one may be valid.
    pub lifetime_max: Span,
    /// How long one key makes them.
    pub key_lifetime: Span,
    /// Are they given over connections without TLS too?
    pub plain: bool,
}

impl Macaroons {
    /// The longest that one can be valid with any settings. A key is kept so long after the last one that it made.
    pub const LIFETIME_LIMIT: Span = seconds(90 * DAY);
}

const DAY: u64 = 86_400;

pub(super) static SECTION: Section = Section {
    name: "macaroons",
    begin: None,
    harmless: true,
    doc: "Macaroons: tokens that a signed-in caller asks for at the address of a file or folder, and can narrow and pass \
          on. One lets through what its caller may do at the time of its use, inside all its caveats, and never more.",
    settings: &[
        Setting {
            key: "lifetime",
            doc: "How long one is valid when its request does not say.",
            absent: Is("\"1 h\""),
            form: Time(seconds(60), Macaroons::LIFETIME_LIMIT, |s, v| s.macaroons.lifetime = v),
        },
        Setting {
            key: "lifetime_own",
            doc: "How long one may be valid that is asked for by a caller who has not the verb `share` there: what a \
                  transfer service needs to act for somebody, as a proxy certificate would. Who asks for more gets this. \
                  0: only callers with `share` are given any.",
            absent: Is("\"12 h\""),
            form: Time(seconds(0), Macaroons::LIFETIME_LIMIT, |s, v| s.macaroons.lifetime_own = v),
        },
        Setting {
            key: "lifetime_max",
            doc: "How long one may be valid that is asked for by a caller with the verb `share`, to be passed on. Who asks \
                  for more gets this.",
            absent: Is("\"7 d\""),
            form: Time(seconds(60), Macaroons::LIFETIME_LIMIT, |s, v| s.macaroons.lifetime_max = v),
        },
        Setting {
            key: "key_lifetime",
            doc: "For how long the same key makes them; after that another does, and the former one only verifies.",
            absent: Is("\"30 d\""),
            form: Time(seconds(3_600), seconds(365 * DAY), |s, v| s.macaroons.key_lifetime = v),
        },
        Setting {
            key: "plain",
            doc: "Give them over connections without TLS too, where anybody on the way could take them: for a port behind \
                  a proxy of its own that speaks TLS.",
            absent: Is("false"),
            form: Boolean(|s, v| s.macaroons.plain = v),
        },
    ],
};
