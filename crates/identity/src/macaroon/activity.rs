//! What dCache and XRootD call activities, and the scopes of WLCG tokens, in our verbs.

use crate::shown::shown;
use std::collections::BTreeSet;
use terms::{Grant, LogicalPath, Verb, VerbSet};

/// The verbs for files that a macaroon can carry: all but `share`. Who may pass on rights is decided each time anew.
pub(super) fn file_verbs() -> VerbSet {
    Verb::ALL.iter().copied().filter(|verb| !verb.is_administration() && *verb != Verb::Share).collect()
}

macro_rules! activities {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// What may be done.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub(super) enum Activity {
            $($variant),*
        }

        impl Activity {
            fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),*
                }
            }
        }
    };
}

activities! {
    Download = "DOWNLOAD",
    Upload = "UPLOAD",
    Delete = "DELETE",
    Manage = "MANAGE",
    List = "LIST",
    ReadMetadata = "READ_METADATA",
    UpdateMetadata = "UPDATE_METADATA",
    Stage = "STAGE",
    StorageRead = "storage.read",
    StorageCreate = "storage.create",
    StorageModify = "storage.modify",
    StorageStage = "storage.stage",
}

impl Activity {
    /// Is it a word of dCache and XRootD, not of WLCG tokens?
    fn is_dcache(self) -> bool {
        !self.name().starts_with("storage.")
    }

    fn verbs(self) -> VerbSet {
        use Verb::{Create, Delete, List, Read, Stage, Stat};
        let verbs: &[Verb] = match self {
            Self::Download => &[Stat, Read],
            Self::Upload => &[Stat, Create],
            Self::Delete => &[Stat, Delete],
            Self::List => &[Stat, List],
            Self::Stage => &[Stat, Stage],
            Self::Manage | Self::ReadMetadata | Self::UpdateMetadata => &[Stat],
            Self::StorageRead | Self::StorageCreate | Self::StorageModify | Self::StorageStage => {
                return crate::jwt::wlcg_scope_verbs(self.name()).unwrap_or_default();
            }
        };
        verbs.iter().copied().collect()
    }
}

/// These activities together, at this path.
fn grant(activities: &BTreeSet<Activity>, path: LogicalPath) -> Grant {
    let mut verbs = activities.iter().fold(VerbSet::default(), |all, activity| all.union(activity.verbs()));
    if activities.contains(&Activity::Upload) && activities.contains(&Activity::Delete) {
        verbs = verbs.union(VerbSet::from_iter([Verb::Modify]));
    }
    let may_rename = [Activity::Manage, Activity::StorageCreate, Activity::StorageModify];
    let may_rename = may_rename.iter().any(|one| activities.contains(one));
    Grant { may_rename, ..with_way(Grant::new(verbs, path)) }
}

/// The value of an `activity:` caveat: words with commas between.
pub(super) fn activities(value: &str) -> Result<Grant, String> {
    let words = value.split(',').map(str::trim);
    let known = words.map(|word| {
        let known = Activity::named(word).filter(|activity| activity.is_dcache());
        known.ok_or_else(|| format!("'{}' is no activity", shown(word)))
    });
    Ok(grant(&known.collect::<Result<_, _>>()?, LogicalPath::root()))
}

/// One activity at one path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Scope {
    activity: Activity,
    path: LogicalPath,
}

impl Scope {
    /// From a word and a path. `None` when the word is neither an activity nor a scope of storage.
    pub fn new(word: &str, path: LogicalPath) -> Option<Self> {
        Activity::named(word).map(|activity| Self { activity, path })
    }

    /// Is it written in the words of dCache and XRootD?
    pub fn is_activity(&self) -> bool {
        self.activity.is_dcache()
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Spaces part scopes from one another: the path is escaped as in a URL.
        write!(f, "{}:{}", self.activity.name(), self.path.to_url_path())
    }
}

/// Some of them, each at its own path: what the caveat `scope:` holds. Prints and reads as the `scope` of OAuth does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scopes(pub BTreeSet<Scope>);

impl Scopes {
    /// Reads words with spaces between, with paths as the namespace has them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scope = |word: &str| {
            let (name, path) = word.split_once(':').ok_or_else(|| format!("'{}' has no path", shown(word)))?;
            let path = LogicalPath::from_url_path(path).map_err(|error| format!("of '{}', {error}", shown(word)))?;
            Scope::new(name, path).ok_or_else(|| format!("'{}' is no activity and no scope", shown(name)))
        };
        let scopes: BTreeSet<_> = text.split_ascii_whitespace().map(scope).collect::<Result<_, String>>()?;
        if scopes.is_empty() { Err("it is empty".to_owned()) } else { Ok(Self(scopes)) }
    }

    /// One grant for each path. An activity reaches below its path, so that together with another further down it may
    /// mean more there (`UPLOAD` with `DELETE`).
    pub(super) fn grants(&self) -> Vec<Grant> {
        let paths: BTreeSet<_> = self.0.iter().map(|scope| &scope.path).collect();
        let here = |path: &LogicalPath| {
            let covering = self.0.iter().filter(|scope| path.is_within(&scope.path));
            grant(&covering.map(|scope| scope.activity).collect(), path.clone())
        };
        paths.into_iter().map(here).collect()
    }

    /// The nearest folder, or the one file, that all of them are within.
    pub fn place(&self) -> LogicalPath {
        let mut paths = self.0.iter().map(|scope| &scope.path);
        let mut place = paths.next().cloned().unwrap_or_else(LogicalPath::root);
        for path in paths {
            while !path.is_within(&place) {
                place = place.parent().unwrap_or_else(LogicalPath::root);
            }
        }
        place
    }

    /// The caveat that, beside one for the [`place`](Self::place), says the same; in the words that other programs know
    /// wherever those suffice.
    pub fn caveat(&self) -> String {
        let place = self.place();
        if self.0.iter().all(|scope| scope.is_activity() && scope.path == place) {
            let names: Vec<_> = self.0.iter().map(|scope| scope.activity.name()).collect();
            return format!("activity:{}", names.join(","));
        }
        format!("scope:{self}")
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<_> = self.0.iter().map(Scope::to_string).collect();
        f.write_str(&words.join(" "))
    }
}

/// What `verbs:` holds.
pub(super) fn verbs(value: &str) -> Result<Grant, String> {
    let verbs: VerbSet = value.parse().map_err(|error: terms::InvalidVerb| error.to_string())?;
    if verbs.is_empty() {
        return Err("it names no verb".to_owned());
    }
    Ok(Grant::new(verbs.intersection(file_verbs()), LogicalPath::root()))
}

/// What a path alone lets through: everything there that a macaroon can carry.
pub(super) fn everything(path: LogicalPath) -> Grant {
    Grant { may_rename: true, ..with_way(Grant::new(file_verbs(), path)) }
}

/// Who may make a file may make the folders that lead to it: gfal2 makes them with the macaroon for the file.
fn with_way(grant: Grant) -> Grant {
    let makes = grant.verbs.contains(Verb::Create);
    Grant { way_from: makes.then(LogicalPath::root), ..grant }
}
