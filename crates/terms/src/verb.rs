//! What can be asked of a file.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! verbs {
    ($($(#[doc = $doc:literal])* $verb:ident = $name:literal),* $(,)?) => {
        /// One thing that can be done. What each lets through is told in `docs/concepts/words.md`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Verb {
            $($(#[doc = $doc])* $verb),*
        }

        impl Verb {
            /// All of them: first those for files, then one for each operation on the port itself.
            pub const ALL: &'static [Self] = &[$(Self::$verb),*];

            /// Its name in settings, commands and reasons.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$verb => $name),*
                }
            }
        }
    };
}

verbs! {
    /// See the names in a folder.
    List = "list",
    /// See size, times and digests.
    Stat = "stat",
    /// See the bytes.
    Read = "read",
    /// Make a file or folder that is not there.
    Create = "create",
    /// Replace a file, or change its properties.
    Modify = "modify",
    /// Remove a file or folder, or move it away.
    Delete = "delete",
    /// Bring a file to where it can be read, keep it there, or let it go; and ask how far that is.
    Stage = "stage",
    /// Pass on what one may do oneself: by a share link or a macaroon.
    Share = "share",
    /// See the tokens of others.
    ListTokens = "list-tokens",
    /// Make a token that grants.
    CreateToken = "create-token",
    /// Revoke a token of others.
    RevokeToken = "revoke-token",
    /// See the shares of others.
    ListShares = "list-shares",
    /// Revoke a share of others.
    RevokeShare = "revoke-share",
    /// Ask what others may do, and why.
    ExplainPolicy = "explain-policy",
    /// Have certificates, authorities, issuers and rules read again.
    Reload = "reload",
    /// Read who did what.
    ReadAudit = "read-audit",
    /// Take a lock from its holder.
    BreakLock = "break-lock",
    /// See the transfers of others.
    SeeTransfers = "see-transfers",
    /// Read the metrics.
    ReadMetrics = "read-metrics",
    /// Ask for tests of throughput beyond what anyone may.
    Measure = "measure",
}

/// How many of [`Verb::ALL`] are for files.
const FILE_VERBS: usize = 8;

impl Verb {
    /// Is it an operation on the port itself?
    pub const fn is_administration(self) -> bool {
        self as usize >= FILE_VERBS
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no verb.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{0}' is not one of list, stat, read, create, modify, delete, stage, share, or of the verbs of administration ({names})", names = administration_names())]
pub struct InvalidVerb(pub String);

/// The word that stands for all verbs of administration together.
const ADMINISTRATION: &str = "admin";

fn administration_names() -> String {
    let names = Verb::ALL[FILE_VERBS..].iter().map(|verb| verb.name());
    names.chain([ADMINISTRATION]).collect::<Vec<_>>().join(", ")
}

impl FromStr for Verb {
    type Err = InvalidVerb;
    fn from_str(text: &str) -> Result<Self, InvalidVerb> {
        Self::ALL.iter().copied().find(|verb| verb.name() == text).ok_or_else(|| InvalidVerb(text.to_owned()))
    }
}

/// A set of verbs. Prints as `list,stat,read`, and is read back from that; `admin` stands for all of administration.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct VerbSet(u32);

impl VerbSet {
    /// All verbs.
    pub fn all() -> Self {
        Verb::ALL.iter().copied().collect()
    }

    /// All verbs of administration.
    pub fn administration() -> Self {
        Verb::ALL[FILE_VERBS..].iter().copied().collect()
    }

    /// Is this one in it?
    pub const fn contains(self, verb: Verb) -> bool {
        self.0 & (1 << verb as u32) != 0
    }

    /// Are all of these in it?
    pub const fn contains_all(self, verbs: Self) -> bool {
        self.0 & verbs.0 == verbs.0
    }

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = Verb> {
        Verb::ALL.iter().copied().filter(move |verb| self.contains(*verb))
    }

    /// Those in either.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those in both.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Is there none?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, with `admin` for all of administration.
    pub fn names(self) -> Vec<&'static str> {
        let whole = self.contains_all(Self::administration());
        let single = self.iter().filter(|verb| !(whole && verb.is_administration())).map(Verb::name);
        single.chain(whole.then_some(ADMINISTRATION)).collect()
    }
}

impl FromIterator<Verb> for VerbSet {
    fn from_iter<I: IntoIterator<Item = Verb>>(verbs: I) -> Self {
        Self(verbs.into_iter().fold(0, |bits, verb| bits | 1 << verb as u32))
    }
}

impl fmt::Display for VerbSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

impl fmt::Debug for VerbSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl FromStr for VerbSet {
    type Err = InvalidVerb;
    fn from_str(text: &str) -> Result<Self, InvalidVerb> {
        let mut words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.try_fold(Self::default(), |set, word| match word {
            ADMINISTRATION => Ok(set.union(Self::administration())),
            word => Ok(set.union(Self::from_iter([word.parse()?]))),
        })
    }
}
