//! The table of write locks (RFC 4918 §6, §7): a state machine without clock, randomness or disk.
//!
//! Changing it takes two steps, because a lock is recorded before it takes effect: [`Locks::grant`],
//! [`Locks::renewed`] and [`Locks::releasable`] say what would be, and change nothing; once that is recorded,
//! [`Locks::insert`] and [`Locks::remove`] make it so. Whoever calls them lets nobody else in between.
//!
//! Cost: a question about one path looks at its ancestors, about ten map look-ups; with no locks at all, at nothing.

use super::spec::{MAX_LOCKS, MAX_LOCKS_PER_RESOURCE};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;
use terms::{LogicalPath, Timestamp};

/// One lock in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lock {
    /// `urn:uuid:…`.
    pub token: String,
    /// What is locked.
    pub path: LogicalPath,
    /// All below it too?
    pub deep: bool,
    /// Shared with other holders?
    pub shared: bool,
    /// What the holder said of itself, as XML that stands by itself.
    pub owner: String,
    /// Who made it, in words; only they may use it (RFC 4918 §6.4).
    pub principal: String,
    /// When it ends by itself.
    pub expires: Timestamp,
}

impl Lock {
    fn covers(&self, path: &LogicalPath) -> bool {
        self.path == *path || (self.deep && path.is_within(&self.path))
    }
}

/// What LOCK asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockAsk {
    /// A fresh token, should it be granted.
    pub token: String,
    /// What to lock.
    pub path: LogicalPath,
    /// All below it too?
    pub deep: bool,
    /// Shared with other holders?
    pub shared: bool,
    /// The inside of `owner`.
    pub owner: String,
    /// Who asks.
    pub principal: String,
    /// For how long.
    pub span: Duration,
}

/// The locks in the way of a new one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conflict {
    /// Held by the resource itself or from above: 423 (RFC 4918 §9.10.5).
    Here(Vec<LogicalPath>),
    /// Held by what is below, which a deep lock would cover: 207 naming them (RFC 4918 §9.10.3).
    Below(Vec<LogicalPath>),
}

/// Why a lock is not granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LockRefusal {
    /// Others are in the way.
    Conflict(Conflict),
    /// There are [`MAX_LOCKS`] locks, or [`MAX_LOCKS_PER_RESOURCE`] on this resource.
    Full,
    /// No submitted token is of a lock that covers the resource, so there is nothing to refresh.
    NotHeld,
}

/// Why UNLOCK is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnlockRefusal {
    /// No lock of this token covers the resource: 409 with lock-token-matches-request-uri (RFC 4918 §9.11.1).
    NotHere,
    /// Somebody else made it: 403.
    NotYours,
}

/// What a request brings along to pass locks.
#[derive(Clone, Copy, Debug)]
pub struct Submitted<'a> {
    /// The tokens in its `If` header.
    pub tokens: &'a [String],
    /// Who asks, in the words that locks are made with.
    pub principal: &'a str,
}

/// All locks.
#[derive(Clone, Debug, Default)]
pub struct Locks {
    /// By the text of their path: what is below `/a` are the keys that begin with `/a/`, one range of the map.
    by_path: BTreeMap<String, Vec<Lock>>,
    /// Where each token's lock is.
    by_token: HashMap<String, LogicalPath>,
}

impl Locks {
    /// Are there none, expired ones included? What every write asks first.
    pub fn is_empty(&self) -> bool {
        self.by_token.is_empty()
    }

    /// How many there are, expired ones included.
    pub fn len(&self) -> usize {
        self.by_token.len()
    }

    /// The locks in whose scope this path is.
    pub fn covering<'a>(&'a self, now: Timestamp, path: &'a LogicalPath) -> impl Iterator<Item = &'a Lock> {
        std::iter::successors(Some(path.clone()), LogicalPath::parent)
            .take(if self.is_empty() { 0 } else { usize::MAX })
            .filter_map(|place| self.by_path.get(place.as_str()))
            .flatten()
            .filter(move |lock| lock.expires > now && lock.covers(path))
    }

    /// The locks on what is below this path, but not on itself.
    pub fn below<'a>(&'a self, now: Timestamp, path: &LogicalPath) -> impl Iterator<Item = &'a Lock> + use<'a> {
        let prefix = if path.is_root() { "/".to_owned() } else { format!("{path}/") };
        self.by_path
            .range::<str, _>((Bound::Excluded(&prefix[..]), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .flat_map(|(_, locks)| locks)
            .filter(move |lock| lock.expires > now)
    }

    /// The lock that this request would be given (RFC 4918 §6.2, §7.4).
    pub fn grant(&self, now: Timestamp, ask: LockAsk) -> Result<Lock, LockRefusal> {
        let in_the_way = |lock: &&Lock| !(ask.shared && lock.shared);
        let paths = |locks: Vec<&Lock>| {
            let mut paths: Vec<LogicalPath> = locks.into_iter().map(|lock| lock.path.clone()).collect();
            paths.dedup();
            paths
        };
        let here = paths(self.covering(now, &ask.path).filter(in_the_way).collect());
        if !here.is_empty() {
            return Err(LockRefusal::Conflict(Conflict::Here(here)));
        }
        if ask.deep {
            // One is enough to tell (§9.10.3); a few help whoever must find their holders.
            let below = paths(self.below(now, &ask.path).filter(in_the_way).take(10).collect());
            if !below.is_empty() {
                return Err(LockRefusal::Conflict(Conflict::Below(below)));
            }
        }
        let on_resource = self.by_path.get(ask.path.as_str()).map_or(0, Vec::len);
        if self.len() >= MAX_LOCKS || on_resource >= MAX_LOCKS_PER_RESOURCE {
            return Err(LockRefusal::Full);
        }
        let LockAsk { token, path, deep, shared, owner, principal, span } = ask;
        Ok(Lock { token, path, deep, shared, owner, principal, expires: now.after(span) })
    }

    /// The lock that a refresh would leave (RFC 4918 §9.10.2): of those that cover the path, the first whose token is
    /// submitted by its maker.
    pub fn renewed(
        &self,
        now: Timestamp,
        path: &LogicalPath,
        submitted: Submitted<'_>,
        span: Duration,
    ) -> Result<Lock, LockRefusal> {
        let mut lock =
            self.covering(now, path).find(|lock| submitted.opens(lock)).cloned().ok_or(LockRefusal::NotHeld)?;
        lock.expires = now.after(span);
        Ok(lock)
    }

    /// The lock that UNLOCK names: any resource in its scope will do (RFC 4918 §9.11).
    pub fn releasable(
        &self,
        now: Timestamp,
        path: &LogicalPath,
        token: &str,
        principal: &str,
    ) -> Result<&Lock, UnlockRefusal> {
        let lock = self
            .by_token
            .get(token)
            .and_then(|place| self.by_path.get(place.as_str())?.iter().find(|lock| lock.token == token))
            .filter(|lock| lock.expires > now && lock.covers(path))
            .ok_or(UnlockRefusal::NotHere)?;
        if lock.principal == principal { Ok(lock) } else { Err(UnlockRefusal::NotYours) }
    }

    /// Puts a lock in force; one of the same token is replaced.
    pub fn insert(&mut self, lock: Lock) {
        self.remove(&lock.token);
        self.by_token.insert(lock.token.clone(), lock.path.clone());
        self.by_path.entry(lock.path.as_str().to_owned()).or_default().push(lock);
    }

    /// Takes a lock out of force.
    pub fn remove(&mut self, token: &str) -> Option<Lock> {
        let path = self.by_token.remove(token)?;
        let locks = self.by_path.get_mut(path.as_str())?;
        let lock = locks.iter().position(|lock| lock.token == token).map(|at| locks.remove(at));
        if locks.is_empty() {
            self.by_path.remove(path.as_str());
        }
        lock
    }

    /// Tokens of the locks that are over, to be removed.
    pub fn expired(&self, now: Timestamp) -> Vec<String> {
        self.all().filter(|lock| lock.expires <= now).map(|lock| lock.token.clone()).collect()
    }

    /// Tokens of the locks that go when what is at this path goes (RFC 4918 §7.5, §9.6): with DELETE its own too, with
    /// MOVE the same at the source, because locks stay behind.
    pub fn on_or_below(&self, path: &LogicalPath) -> Vec<String> {
        let here = self.by_path.get(path.as_str()).into_iter().flatten();
        here.chain(self.below(Timestamp::from_nanos(i64::MIN), path)).map(|lock| lock.token.clone()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Lock> {
        self.by_path.values().flatten()
    }

    /// May the bytes or properties at this path be changed (RFC 4918 §7)? If not: the locks in the way.
    pub fn check_resource(
        &self,
        now: Timestamp,
        path: &LogicalPath,
        submitted: Submitted<'_>,
    ) -> Result<(), Vec<LogicalPath>> {
        let mut covering = self.covering(now, path).peekable();
        if covering.peek().is_none() {
            return Ok(());
        }
        let mut in_the_way = Vec::new();
        for lock in covering {
            // Of several shared locks, one's holder is enough; an exclusive one stands alone.
            if submitted.opens(lock) {
                return Ok(());
            }
            in_the_way.push(lock.path.clone());
        }
        in_the_way.dedup();
        Err(in_the_way)
    }

    /// May a name be added to or taken from the folder that holds this path (RFC 4918 §7.4, §7.5)?
    pub fn check_membership(
        &self,
        now: Timestamp,
        path: &LogicalPath,
        submitted: Submitted<'_>,
    ) -> Result<(), Vec<LogicalPath>> {
        path.parent().map_or(Ok(()), |folder| self.check_resource(now, &folder, submitted))
    }

    /// May everything at and below this path be removed or replaced?
    pub fn check_tree(
        &self,
        now: Timestamp,
        path: &LogicalPath,
        submitted: Submitted<'_>,
    ) -> Result<(), Vec<LogicalPath>> {
        self.check_resource(now, path, submitted)?;
        let mut places: Vec<LogicalPath> = self.below(now, path).map(|lock| lock.path.clone()).collect();
        places.dedup();
        places.retain(|place| self.check_resource(now, place, submitted).is_err());
        if places.is_empty() { Ok(()) } else { Err(places) }
    }
}

impl Submitted<'_> {
    fn opens(&self, lock: &Lock) -> bool {
        lock.principal == self.principal && self.tokens.contains(&lock.token)
    }
}
