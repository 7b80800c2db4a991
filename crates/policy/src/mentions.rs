//! What the rules mention, and how a question looks when all else is left out.
//!
//! Of a caller's groups only those matter that some rule mentions; of a path, the mentioned one that is nearest above it,
//! since that one's own ancestors follow from it. Questions that look alike this way have one *profile*.

use crate::Ask;
use crate::schema::{self, Caller, GROUP, ISSUER};
use cedar_policy::EntityUid;
use std::collections::HashMap;
use terms::{CredentialForm, Identity, LogicalPath, Verb};

/// Names by number, numbers by name.
#[derive(Clone, Debug, Default)]
struct Names {
    by_name: HashMap<Box<str>, u32>,
    by_number: Vec<Box<str>>,
}

impl Names {
    fn add(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = u32::try_from(self.by_number.len()).unwrap_or(u32::MAX);
        self.by_name.insert(name.into(), number);
        self.by_number.push(name.into());
        number
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    fn name(&self, number: u32) -> &str {
        self.by_number.get(number as usize).map_or("", |name| name)
    }
}

/// All entities that any rule mentions.
#[derive(Clone, Debug)]
pub(crate) struct Mentions {
    groups: Names,
    issuers: Names,
    paths: Names,
    /// By [`Caller`].
    callers: [Names; 4],
    /// A name that no rule mentions.
    nobody: String,
    /// The longest path among them, in bytes.
    path_max_bytes: usize,
}

/// A question, all left out of it that no rule mentions.
pub(crate) struct Profile<'a> {
    pub(crate) verb: Verb,
    pub(crate) tls: bool,
    pub(crate) form: CredentialForm,
    pub(crate) capability: bool,
    pub(crate) caller_uid: EntityUid,
    /// Groups and issuer.
    pub(crate) parents: Vec<EntityUid>,
    pub(crate) place: Place<'a>,
}

/// Where it is asked.
pub(crate) enum Place<'a> {
    /// Of the port itself.
    Port,
    /// At a path.
    Path {
        /// The mentioned path that is nearest above it, or is it.
        deepest: Option<&'a str>,
        /// Is it?
        is_itself: bool,
        /// That one and all mentioned ones above it.
        chain: Vec<&'a str>,
    },
}

/// What a row says of a name that no rule mentions.
const ABSENT: u32 = u32::MAX;

impl Default for Mentions {
    fn default() -> Self {
        let (groups, issuers, paths, callers) = Default::default();
        Self { groups, issuers, paths, callers, nobody: "?".to_owned(), path_max_bytes: 0 }
    }
}

impl Mentions {
    /// Takes note of an entity.
    pub(crate) fn add(&mut self, kind: &str, id: &str) {
        match kind {
            "Group" => _ = self.groups.add(id),
            "Issuer" => _ = self.issuers.add(id),
            "Path" => {
                self.paths.add(id);
                self.path_max_bytes = self.path_max_bytes.max(id.len());
            }
            _ => {
                if let Some(caller) = Caller::of_type(kind) {
                    self.callers[caller as usize].add(id);
                }
            }
        }
        while self.callers.iter().any(|names| names.number(&self.nobody).is_some()) {
            self.nobody.push('?');
        }
    }

    /// The number of a mentioned path.
    pub(crate) fn path(&self, path: &str) -> Option<u32> {
        self.paths.number(path)
    }

    /// Is any path mentioned that is below this one?
    pub(crate) fn any_below(&self, path: &LogicalPath) -> bool {
        let start = path.as_str().trim_end_matches('/');
        let is_below = |one: &str| one.strip_prefix(start).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'));
        self.paths.by_number.iter().any(|one| is_below(one))
    }

    /// How many paths are mentioned.
    pub(crate) fn path_count(&self) -> usize {
        self.paths.by_number.len()
    }

    /// The mentioned ones among a path and its ancestors, the longest first.
    fn chain<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (u32, &'a str)> {
        let mut rest = Some(path);
        std::iter::from_fn(move || {
            let this = rest?;
            rest = if this.len() == 1 { None } else { this.rfind('/').map(|cut| &this[..cut.max(1)]) };
            Some(this)
        })
        .filter(|path| path.len() <= self.path_max_bytes)
        .filter_map(|path| Some((self.paths.number(path)?, path)))
    }

    /// The numbers of the mentioned ones among a path and its ancestors, the longest first.
    pub(crate) fn path_numbers<'a>(&'a self, path: &'a LogicalPath) -> impl Iterator<Item = u32> {
        self.chain(path.as_str()).map(|(number, _)| number)
    }

    /// The number of a mentioned group.
    pub(crate) fn group(&self, name: &str) -> Option<u32> {
        self.groups.number(name)
    }

    /// A caller as a row of numbers: equal for callers whom no rule tells apart, and only for these.
    pub(crate) fn row(&self, identity: &Identity, row: &mut Vec<u32>) {
        let caller = Caller::of(identity.kind);
        row.clear();
        let capability = u32::from(identity.authorises);
        row.push(caller as u32 | (identity.credential.form as u32) << 8 | capability << 16);
        row.push(self.callers[caller as usize].number(schema::caller_id(identity)).unwrap_or(ABSENT));
        let issuer = identity.issuer.as_deref().and_then(|issuer| self.issuers.number(issuer));
        row.push(issuer.unwrap_or(ABSENT));
        if !self.groups.by_number.is_empty() {
            // A set in its order: the same groups give the same numbers in the same order.
            row.extend(identity.groups.iter().filter_map(|group| self.groups.number(group)));
        }
    }

    /// A place as a number: equal for places that no rule tells apart, and only for these.
    pub(crate) fn place_number(&self, verb: Verb, path: &LogicalPath) -> u64 {
        if verb.is_administration() {
            return u64::MAX;
        }
        match self.chain(path.as_str()).next() {
            Some((number, above)) => u64::from(number) << 1 | u64::from(above.len() == path.as_str().len()),
            None => u64::MAX,
        }
    }

    /// The profile with its entities; of groups only these, given by their numbers.
    pub(crate) fn profile<'a>(&'a self, ask: &Ask<'a>, groups: &[u32]) -> Profile<'a> {
        let identity = &ask.who.identity;
        let caller = Caller::of(identity.kind);
        let mut parents = Vec::new();
        if caller != Caller::Anonymous {
            let held =
                groups.iter().map(|number| self.groups.name(*number)).filter(|name| identity.groups.contains(*name));
            parents.extend(held.map(|name| schema::uid(&GROUP, name)));
            let issuer = identity.issuer.as_deref().filter(|issuer| self.issuers.number(issuer).is_some());
            parents.extend(issuer.map(|issuer| schema::uid(&ISSUER, issuer)));
        }
        let id = schema::caller_id(identity);
        let is_mentioned = caller == Caller::Anonymous || self.callers[caller as usize].number(id).is_some();
        Profile {
            verb: ask.verb,
            tls: ask.who.tls,
            form: identity.credential.form,
            capability: identity.authorises,
            caller_uid: schema::uid(caller.type_name(), if is_mentioned { id } else { &self.nobody }),
            parents,
            place: self.place(ask),
        }
    }

    fn place<'a>(&'a self, ask: &Ask<'a>) -> Place<'a> {
        if ask.verb.is_administration() {
            return Place::Port;
        }
        let chain: Vec<_> = self.chain(ask.path.as_str()).map(|(_, path)| path).collect();
        let deepest = chain.first().copied();
        Place::Path { deepest, is_itself: deepest == Some(ask.path.as_str()), chain }
    }
}
