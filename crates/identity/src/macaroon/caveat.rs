//! One caveat, understood.

use super::activity::{self, Scopes};
use super::refusal::Refusal;
use crate::shown::shown;
use terms::{Bound, LogicalPath, Network, Timestamp};

/// One caveat, understood: what it asks of a request or of the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caveat {
    pub(super) text: String,
    pub(super) meaning: Meaning,
}

/// What a caveat asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// What is done must be inside.
    Inside(Bound),
    /// It must be earlier than this.
    Before(Timestamp),
    /// It must come from one of these.
    From(Vec<Network>),
    /// A file put may not be larger.
    UploadMax(u64),
    /// Nothing.
    Note,
}

impl Caveat {
    /// Understands it, or says why not.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::UnknownCaveat(shown(text));
        let (key, value) = text.split_once(':').ok_or_else(unknown)?;
        let inside = |grants| Meaning::Inside(Bound { by: format!("the macaroon's caveat '{}'", shown(text)), grants });
        let meaning = match key {
            "activity" => activity::activities(value).map(|grant| inside(vec![grant])),
            "path" | "root" => path(value).map(|path| inside(vec![activity::everything(path)])),
            "verbs" => activity::verbs(value).map(|grant| inside(vec![grant])),
            "scope" => Scopes::parse(value).map(|scopes| inside(scopes.grants())),
            "before" => before(value).map(Meaning::Before),
            "ip" => networks(value).map(Meaning::From),
            "max-upload" => upload_max(value).map(Meaning::UploadMax),
            "home" => path(value).map(|_| Meaning::Note),
            "id" | "iid" | "name" => Ok(Meaning::Note),
            _ => return Err(unknown()),
        };
        let meaning = meaning.map_err(|why| Refusal::unreadable(text, why))?;
        Ok(Self { text: text.to_owned(), meaning })
    }

    /// The instant that it ends at, when that is what it says.
    pub fn ends(&self) -> Option<Timestamp> {
        match self.meaning {
            Meaning::Before(at) => Some(at),
            _ => None,
        }
    }

    /// The path that it confines to, when it confines to a single one.
    pub fn confines_to(&self) -> Option<&LogicalPath> {
        match &self.meaning {
            Meaning::Inside(bound) => match &bound.grants[..] {
                [grant] if !grant.path.is_root() => Some(&grant.path),
                _ => None,
            },
            _ => None,
        }
    }
}

fn path(value: &str) -> Result<LogicalPath, String> {
    value.parse().map_err(|error: terms::InvalidPath| error.to_string())
}

fn before(value: &str) -> Result<Timestamp, String> {
    let instant: jiff::Timestamp = value
        .parse()
        .map_err(|_| "it is no instant with a time zone as RFC 3339 has it, such as 2026-11-21T22:48:39Z".to_owned())?;
    let nanos = i64::try_from(instant.as_nanosecond());
    nanos.map(Timestamp::from_nanos).map_err(|_| "it is beyond the years that a time here can have".to_owned())
}

fn networks(value: &str) -> Result<Vec<Network>, String> {
    let networks = value.split(',').map(str::trim).filter(|text| !text.is_empty()).map(|text| {
        let network = text.parse::<Network>();
        network.map_err(|_| format!("'{}' is neither an address nor a network", shown(text)))
    });
    let networks: Vec<_> = networks.collect::<Result<_, String>>()?;
    if networks.is_empty() { Err("it names no network".to_owned()) } else { Ok(networks) }
}

fn upload_max(value: &str) -> Result<u64, String> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let bytes = if digits { value.parse().ok() } else { None };
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "it is no number of bytes above 0".to_owned())
}
