//! What can be asked of a file.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One thing that can be done to a path. What each lets through is told in `docs/concepts/words.md`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// See the names in a folder.
    List,
    /// See size, times and digests.
    Stat,
    /// See the bytes.
    Read,
    /// Make a file or folder that is not there.
    Create,
    /// Replace a file, or change its properties.
    Modify,
    /// Remove a file or folder, or move it away.
    Delete,
    /// Command the port itself.
    Admin,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::List, Self::Stat, Self::Read, Self::Create, Self::Modify, Self::Delete, Self::Admin];

    /// Its name in settings, commands and reasons.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Stat => "stat",
            Self::Read => "read",
            Self::Create => "create",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no verb.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{0}' is not one of list, stat, read, create, modify, delete, admin")]
pub struct InvalidVerb(pub String);

impl FromStr for Verb {
    type Err = InvalidVerb;
    fn from_str(text: &str) -> Result<Self, InvalidVerb> {
        Self::ALL.into_iter().find(|verb| verb.name() == text).ok_or_else(|| InvalidVerb(text.to_owned()))
    }
}

/// A set of verbs. Prints as `list,stat,read`, and is read back from that.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct VerbSet(u8);

impl VerbSet {
    /// All verbs.
    pub fn all() -> Self {
        Verb::ALL.into_iter().collect()
    }

    /// Is this one in it?
    pub const fn contains(self, verb: Verb) -> bool {
        self.0 & (1 << verb as u8) != 0
    }

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = Verb> {
        Verb::ALL.into_iter().filter(move |verb| self.contains(*verb))
    }

    /// Is there none?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Verb> for VerbSet {
    fn from_iter<I: IntoIterator<Item = Verb>>(verbs: I) -> Self {
        Self(verbs.into_iter().fold(0, |bits, verb| bits | 1 << verb as u8))
    }
}

impl fmt::Display for VerbSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, verb) in self.iter().enumerate() {
            write!(f, "{}{verb}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
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
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::parse).collect()
    }
}
