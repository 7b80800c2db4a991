//! `[shares]`: addresses that are passed on.

use super::Absent::{Is, Means};
use super::Form::{Count, Time, Word};
use super::{Section, Setting, seconds};
use terms::Span;

/// The section `[shares]`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Shares {
    /// How those who get an address reach this port: scheme, host and port.
    pub public_url: Option<String>,
    /// Shares of one creator that are good at the same time.
    pub per_creator: u64,
    /// How long one may last.
    pub longest: Option<Span>,
}

pub(super) static SECTION: Section = Section {
    name: "shares",
    begin: None,
    harmless: true,
    doc: "Shares: addresses that let whoever holds one do something below a path. Who may make them is said by rules \
          about the verb `share`.",
    settings: &[
        Setting {
            key: "public_url",
            doc: "How those who are given an address reach this port: scheme, host and port, without a path.",
            absent: Means("the way in which the maker of the share reaches it", "\"https://port.example\""),
            form: Word("URL", "write an http:// or https:// URL without a path", |s, v| {
                s.shares.public_url = Some(bare_url(v)?);
                Ok(())
            }),
        },
        Setting {
            key: "per_creator",
            doc: "Shares of one creator that are good at the same time; each is a row of the database. Those that are over \
                  are forgotten after 90 days.",
            absent: Is("1000"),
            form: Count(1, 1_000_000, |s, v| s.shares.per_creator = v),
        },
        Setting {
            key: "longest",
            doc: "How long a share may last; one whose maker does not say lasts so long.",
            absent: Means("until it is revoked", "\"365 d\""),
            form: Time(seconds(60), seconds(36_500 * 86_400), |s, v| s.shares.longest = Some(v)),
        },
    ],
};

fn bare_url(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|_| "this is no URL".to_owned())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err("it must begin with http:// or https:// and name a host".to_owned());
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('@') {
        return Err("there is more than scheme, host and port".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
