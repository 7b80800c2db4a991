//! Write locks (RFC 4918 §6 and §7): the table in memory, its record in the archive, and the question that every verb
//! that changes something asks.

use super::refused::Refused;
use super::{now, own_authority, problems};
use crate::door::{Door, problem};
use archive::{Archive, LockRecord};
use http::{HeaderMap, Uri};
use port_core::dav::{IfHeader, Lock, Locks, Refusal, ResourceState, Submitted};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use terms::{LogicalPath, Principal, Problem, Timestamp, Verb};

/// What a request is about to do, as far as locks care.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    /// Change the bytes or properties of what is there.
    Content,
    /// Make or remove this name: its folder's lock counts too.
    Name,
    /// Remove or move away this name and all below: locks below count too.
    Tree,
}

/// Refuses (423, 412) when a lock stands in the way and the `If` header does not submit its token.
pub async fn check_write(
    door: &Door,
    path: &LogicalPath,
    headers: &HeaderMap,
    who: &Principal,
    touch: Touch,
) -> Result<(), Problem> {
    // The common case costs two look-ups: no lock anywhere, no condition.
    if !headers.contains_key("if") && door.locks().read().is_empty() {
        return Ok(());
    }
    let uri = Uri::default();
    let passes = Passes::read(door, path, &uri, headers, who).await.map_err(Refused::into_problem)?;
    passes.check(door, path, touch).map_err(Refused::into_problem)
}

/// Takes the locks on this path and all below out of force, because what they were on is gone (RFC 4918 §7.5, §9.6).
pub async fn forget(door: &Door, path: &LogicalPath) -> Result<(), Problem> {
    if door.locks().read().is_empty() {
        return Ok(());
    }
    let tokens = door.locks().read().on_or_below(path);
    door.locks().remove(door.archive(), &tokens).await
}

/// The same for what is below, but not for the path itself.
pub(super) async fn forget_below(door: &Door, path: &LogicalPath) -> Result<(), Problem> {
    let always = Timestamp::from_nanos(i64::MIN);
    let tokens: Vec<String> = door.locks().read().below(always, path).map(|lock| lock.token.clone()).collect();
    door.locks().remove(door.archive(), &tokens).await
}

/// The locks in force. The archive has them first; then they count.
pub struct LockTable {
    held: RwLock<Locks>,
    /// Held by whoever changes the table, from the question to the change.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl LockTable {
    /// Reads them from the archive.
    pub async fn load(archive: &Archive) -> Result<Self, Problem> {
        let mut held = Locks::default();
        for record in archive.locks().await.map_err(|error| problem::of_archive(&error))? {
            let LockRecord { token, path, deep, shared, owner, principal, expires } = record;
            held.insert(Lock { token, path, deep, shared, owner, principal, expires });
        }
        Ok(Self { held: RwLock::new(held), changing: tokio::sync::Mutex::new(()) })
    }

    /// Looks at them. Never held across an await.
    pub fn read(&self) -> RwLockReadGuard<'_, Locks> {
        // The table is changed by single calls that do not panic half-way.
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The locks in whose scope a path is.
    pub fn covering(&self, path: &LogicalPath) -> Vec<Lock> {
        self.read().covering(now(), path).cloned().collect()
    }

    /// Records a lock and puts it in force.
    pub(super) async fn insert(&self, archive: &Archive, lock: Lock) -> Result<(), Problem> {
        let record = LockRecord {
            token: lock.token.clone(),
            path: lock.path.clone(),
            deep: lock.deep,
            shared: lock.shared,
            owner: lock.owner.clone(),
            principal: lock.principal.clone(),
            expires: lock.expires,
        };
        archive.record_lock(&record).await.map_err(|error| problem::of_archive(&error))?;
        self.held.write().unwrap_or_else(PoisonError::into_inner).insert(lock);
        Ok(())
    }

    /// Takes locks out of the record and out of force.
    pub(super) async fn remove(&self, archive: &Archive, tokens: &[String]) -> Result<(), Problem> {
        for token in tokens {
            archive.remove_lock(token).await.map_err(|error| problem::of_archive(&error))?;
            self.held.write().unwrap_or_else(PoisonError::into_inner).remove(token);
        }
        Ok(())
    }
}

/// The `If` header of a request that held, and the tokens in it.
pub(super) struct Passes {
    pub(super) tokens: Vec<String>,
    pub(super) principal: String,
}

impl Passes {
    /// No condition, no tokens.
    pub(super) fn none(who: &Principal) -> Self {
        Self { tokens: Vec::new(), principal: who.to_string() }
    }

    /// Reads the `If` header and compares it with what is there: 412 when it does not hold (RFC 4918 §10.4.1).
    pub(super) async fn read(
        door: &Door,
        path: &LogicalPath,
        uri: &Uri,
        headers: &HeaderMap,
        who: &Principal,
    ) -> Result<Self, Refused> {
        let mut values = headers.get_all("if").iter();
        let Some(value) = values.next() else { return Ok(Self::none(who)) };
        let (Ok(text), None) = (value.to_str(), values.next()) else {
            let (value, expected) = ("bytes, or twice".into(), "it is given once, in visible ASCII");
            return Err(Refusal::Header { name: "If", value, expected }.into());
        };
        let condition = IfHeader::parse(text)?;
        let own = own_authority(uri, headers);
        let mut states: Vec<(Option<LogicalPath>, ResourceState)> = Vec::new();
        for resource in condition.resources(own) {
            if !states.iter().any(|(known, _)| *known == resource) {
                let state = state_of(door, who, resource.as_ref(), path).await?;
                states.push((resource, state));
            }
        }
        let holds = condition.holds(own, |resource| {
            let found = states.iter().find(|(known, _)| known.as_ref() == resource);
            found.map(|(_, state)| state.clone()).unwrap_or_default()
        });
        if !holds {
            return Err(problems::condition_failed(path).into());
        }
        Ok(Self { tokens: condition.tokens().map(str::to_owned).collect(), ..Self::none(who) })
    }

    pub(super) fn submitted(&self) -> Submitted<'_> {
        Submitted { tokens: &self.tokens, principal: &self.principal }
    }

    /// Does no lock forbid this?
    pub(super) fn check(&self, door: &Door, path: &LogicalPath, touch: Touch) -> Result<(), Refused> {
        let held = door.locks().read();
        if held.is_empty() {
            return Ok(());
        }
        let (now, submitted) = (now(), self.submitted());
        let answer = match touch {
            Touch::Content => held.check_resource(now, path, submitted),
            Touch::Name => {
                held.check_resource(now, path, submitted).and_then(|()| held.check_membership(now, path, submitted))
            }
            Touch::Tree => {
                held.check_tree(now, path, submitted).and_then(|()| held.check_membership(now, path, submitted))
            }
        };
        answer.map_err(|places| Refused::Locked { path: path.clone(), places })
    }
}

/// What a condition compares with: of what was asked for, or of another resource that the condition names. What cannot be
/// looked at has no state: the verb itself will tell why. Nor has another one of which the caller may know nothing, but
/// for locks of their own.
async fn state_of(
    door: &Door,
    who: &Principal,
    other: Option<&LogicalPath>,
    asked: &LogicalPath,
) -> Result<ResourceState, Problem> {
    let path = other.unwrap_or(asked);
    let is_shown = path == asked || door.probe(who, Verb::Stat, path).await?;
    let found = if is_shown { door.namespaces().stat(path).await.ok() } else { None };
    let locks = door.locks().covering(path).into_iter().filter(|lock| is_shown || lock.principal == who.name());
    Ok(ResourceState {
        etag: found.filter(|found| found.is_file()).map(|found| found.etag()),
        tokens: locks.map(|lock| lock.token).collect(),
    })
}
