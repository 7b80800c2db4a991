//! What COPY and MOVE share: the errand as it was asked for, the way made free at its destination, and trees copied
//! file by file.

use super::locks::{self, Passes, Touch};
use super::refused::Refused;
use super::{own_authority, problems};
use crate::door::copy::{self, Order};
use crate::door::rights::{About, Considered};
use crate::door::{Door, Place, problem, remove};
use crate::store::Metadata;
use archive::PropertyChange;
use futures_util::stream::{self, StreamExt};
use http::request::Parts;
use net::Body;
use port_core::dav::{self, Answer, Destination, Kind};
use terms::{LogicalPath, Principal, Problem, Verb};

/// Files of one folder copied at a time: enough for the publisher to make groups of, few enough to leave it to others.
const COPIES_AT_ONCE: usize = 16;
/// Failures that one answer names, at some 300 bytes each.
const MAX_FAILURES: usize = 1_000;

/// What COPY or MOVE was asked to do, and what there was when it was asked.
pub(super) struct Errand {
    pub(super) from: Place,
    pub(super) to: Place,
    /// What is at the source.
    pub(super) source: Metadata,
    /// What is at the destination.
    pub(super) there: Option<Metadata>,
    pub(super) overwrite: bool,
    /// What the decision about the destination was about.
    pub(super) replaced: About,
    pub(super) passes: Passes,
    pub(super) who: Principal,
}

impl Errand {
    /// Reads the head of the request and looks at both ends (RFC 4918 §9.8.5, §9.9.4). Rights to the source are checked
    /// by the caller beforehand.
    pub(super) async fn read(door: &Door, path: &LogicalPath, who: Principal, parts: &Parts) -> Result<Self, Refused> {
        let headers = &parts.headers;
        let to = match dav::destination(headers, own_authority(&parts.uri, headers))? {
            Destination::Here(to) => to,
            Destination::NotData(text) => return Err(problems::not_data(&text).into()),
            Destination::Elsewhere(uri) => return Err(problems::elsewhere(&uri).into()),
        };
        let overwrite = dav::overwrite(headers)?;
        if to.is_within(path) || path.is_within(&to) {
            return Err(problems::into_itself(path, &to).into());
        }
        let (from, to) = (door.namespaces().resolve(path)?, door.namespaces().resolve(&to)?);
        let source = door.namespaces().stat(path).await?;
        let there = look(&to).await?;
        let (replaced, passes) = (About::Path, Passes::none(&who));
        let mut errand = Self { from, to, source, there, overwrite, replaced, passes, who };
        // Before anything about the destination is told.
        errand.replaced = errand.authorise_destination(door).await?;
        errand.passes = Passes::read(door, path, &parts.uri, headers, &errand.who).await?;
        let to = &errand.to.path;
        match to.parent() {
            Some(parent) if door.namespaces().stat(&parent).await.is_ok_and(|parent| parent.is_folder()) => {}
            _ => return Err(problem::no_parent(to).into()),
        }
        if errand.there.is_some() && !overwrite {
            return Err(problem::already_there(to).into());
        }
        if errand.there.is_some() && door.namespaces().holds_mount(to) {
            return Err(remove::holds_mount(to).into());
        }
        Ok(errand)
    }

    /// Must what is at the destination go first? A file over a file replaces it in one step.
    pub(super) fn must_clear(&self) -> bool {
        self.there.is_some_and(|there| there.is_folder() || self.source.is_folder())
    }

    /// Do locks at the destination allow it?
    pub(super) fn check_destination(&self, door: &Door) -> Result<(), Refused> {
        let touch = match self.there {
            None => Touch::Name,
            Some(_) if self.must_clear() => Touch::Tree,
            Some(_) => Touch::Content,
        };
        self.passes.check(door, &self.to.path, touch)
    }

    /// Answers what the decision was about. Whoever may do nothing there gets one answer, whatever is there.
    async fn authorise_destination(&self, door: &Door) -> Result<About, Problem> {
        let (who, to, size_bytes) = (&self.who, &self.to.path, Some(self.source.size_bytes));
        let may_create = match self.source.is_folder() {
            true => door.consider_folder(who, to).await?,
            false => door.consider_body(who, Verb::Create, to, size_bytes).await?,
        };
        let Some(there) = self.there else { return may_create.settle(door) };
        let may_modify = door.consider_body(who, Verb::Modify, to, size_bytes).await?;
        let may_delete = door.consider(who, Verb::Delete, to, None).await?;
        if ![&may_create, &may_modify, &may_delete].into_iter().any(Considered::allows) {
            may_create.settle(door)?;
        }
        if !self.must_clear() {
            return may_modify.settle(door);
        }
        let judged = may_delete.settle(door)?;
        if there.is_folder() {
            remove::authorise_below(door, who, to).await?;
        }
        may_create.settle(door)?;
        Ok(judged)
    }

    /// Removes what is at the destination, where that is needed. The caller holds the names. A lock on the destination
    /// itself stays, because its address stays mapped (RFC 4918 §7.6); locks below it go with what they were on.
    pub(super) async fn clear(&self, door: &Door) -> Result<(), Refused> {
        if !self.must_clear() || look(&self.to).await?.is_none() {
            return Ok(());
        }
        remove_tree(&self.to).await?;
        door.archive().remove_tree(&self.to.path).await.map_err(|error| problem::of_archive(&error))?;
        locks::forget_below(door, &self.to.path).await?;
        Ok(())
    }
}

pub(super) async fn look(place: &Place) -> Result<Option<Metadata>, Problem> {
    place.stat_if_there().await.map_err(|error| problem::of_io(&error, "look up", &place.path))
}

pub(super) async fn remove_tree(place: &Place) -> Result<(), Problem> {
    let store = &place.namespace.store;
    store.remove_tree(&place.within).await.map_err(|(within, error)| {
        let path = within.rebase(&LogicalPath::root(), &place.namespace.mount).unwrap_or_else(|| place.path.clone());
        tracing::warn!(path = %path, %error, "a folder could not be removed whole");
        problem::of_io(&error, "remove", &path)
    })
}

/// May this caller remove this with all in it? Answers what the decision was about.
pub(super) async fn authorise_removal(door: &Door, who: &Principal, path: &LogicalPath) -> Result<About, Problem> {
    let judged = door.consider(who, Verb::Delete, path, None).await?.settle(door)?;
    if door.namespaces().stat(path).await?.is_folder() {
        remove::authorise_below(door, who, path).await?;
    }
    Ok(judged)
}

/// One resource of a tree that could not be copied.
pub(super) struct Failure {
    path: LogicalPath,
    kind: Kind,
    problem: Problem,
}

/// Copies one file with its properties.
pub(super) async fn copy_file(door: &Door, order: Order<'_>) -> Result<(), Problem> {
    copy::copy_file(door, order).await?;
    door.archive().copy_properties(order.from, order.to).await.map_err(|error| problem::of_archive(&error))
}

/// Copies the properties of a folder without those of what is in it.
pub(super) async fn copy_own_properties(door: &Door, from: &LogicalPath, to: &LogicalPath) -> Result<(), Problem> {
    let failed = |error| problem::of_archive(&error);
    let properties = door.archive().properties(from).await.map_err(failed)?;
    let changes: Vec<PropertyChange> = properties.into_iter().map(PropertyChange::Set).collect();
    door.archive().change_properties(to, &changes).await.map_err(failed)
}

/// What becomes of the files of a tree when they have been copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Afterwards {
    /// They stay.
    Keep,
    /// Each goes as soon as its copy is durable, if it is still what was copied. What we do not see (a symbolic link, a
    /// name that is not UTF-8) is not copied, so it stays, and its folders with it.
    Remove,
}

/// Carries a folder with all in it; nothing is at `to`. What fails is told and the rest goes on (RFC 4918 §9.8.3,
/// §9.9.3); only when the folder itself cannot be made, nothing is done.
pub(super) async fn carry_folder(
    door: &Door,
    from: &LogicalPath,
    to: &LogicalPath,
    who: &Principal,
    afterwards: Afterwards,
) -> Result<Vec<Failure>, Refused> {
    {
        // The right to it was asked for with the errand.
        let _names = door.hold_names().await;
        super::mkcol::make_folder(door, to).await?;
    }
    copy_own_properties(door, from, to).await?;
    let mut failures: Vec<Failure> = Vec::new();
    let mut waiting = vec![(from.clone(), to.clone())];
    let mut visited = Vec::new();
    while let Some((from, to)) = waiting.pop() {
        let (files, folders) = match list(door, &from, &to, who, afterwards, &mut failures).await {
            Ok(found) => found,
            Err(problem) => {
                failures.push(Failure { path: from, kind: Kind::Folder, problem });
                continue;
            }
        };
        visited.push(from);
        for (source, target) in folders {
            match make_folder(door, &target, who).await {
                Ok(()) => {
                    copy_own_properties(door, &source, &target).await?;
                    waiting.push((source, target));
                }
                Err(problem) => failures.push(Failure { path: target, kind: Kind::Folder, problem }),
            }
        }
        let carried = stream::iter(files).map(|(source, target)| async move {
            let done = carry_file(door, &source, &target, who, afterwards).await;
            done.err().map(|problem| Failure { path: target, kind: Kind::File, problem })
        });
        let failed = carried.buffer_unordered(COPIES_AT_ONCE).filter_map(|failure| async { failure });
        failures.extend(failed.collect::<Vec<Failure>>().await);
        failures.truncate(MAX_FAILURES);
    }
    if afterwards == Afterwards::Remove && failures.is_empty() {
        // The deepest last in, first out.
        for folder in visited.iter().rev() {
            if let Err(problem) = remove_empty_folder(door, folder).await {
                failures.push(Failure { path: folder.clone(), kind: Kind::Folder, problem });
                break;
            }
        }
    }
    Ok(failures)
}

async fn carry_file(
    door: &Door,
    from: &LogicalPath,
    to: &LogicalPath,
    who: &Principal,
    afterwards: Afterwards,
) -> Result<(), Problem> {
    let may_read = door.consider(who, Verb::Read, from, None).await?;
    if afterwards == Afterwards::Keep && may_read.hides() {
        // The caller does not know of it, so that nothing of it can fail.
        may_read.witness(door);
        return Ok(());
    }
    let judged = may_read.settle(door)?;
    let before = door.namespaces().stat(from).await?;
    door.consider_body(who, Verb::Create, to, Some(before.size_bytes)).await?.settle(door)?;
    let keeps_owner = afterwards == Afterwards::Remove;
    let order = Order { from, to, overwrite: false, who, judged, replaced: About::Path, keeps_owner };
    copy_file(door, order).await?;
    if afterwards == Afterwards::Remove { remove_carried(door, from, &before).await } else { Ok(()) }
}

/// Removes a file whose copy is durable, unless it is another one by now.
pub(super) async fn remove_carried(door: &Door, path: &LogicalPath, carried: &Metadata) -> Result<(), Problem> {
    let place = door.namespaces().resolve(path)?;
    let _names = door.hold_names().await;
    if look(&place).await?.is_none_or(|found| found.identity() != carried.identity()) {
        return Err(problems::changed(path));
    }
    door.archive().remove_tree(path).await.map_err(|error| problem::of_archive(&error))?;
    let removed = place.namespace.store.remove_file(&place.within).await;
    removed.map_err(|error| problem::of_io(&error, "remove", path))?;
    locks::forget(door, path).await
}

async fn remove_empty_folder(door: &Door, path: &LogicalPath) -> Result<(), Problem> {
    let place = door.namespaces().resolve(path)?;
    let _names = door.hold_names().await;
    let removed = place.namespace.store.remove_empty_folder(&place.within).await;
    removed.map_err(|error| problem::of_io(&error, "remove", path))?;
    door.archive().remove_tree(path).await.map_err(|error| problem::of_archive(&error))?;
    locks::forget(door, path).await
}

/// Source and target of each file, and of each folder.
type Pairs = (Vec<(LogicalPath, LogicalPath)>, Vec<(LogicalPath, LogicalPath)>);

/// What is in one folder; a name that the target's path has no room for is a failure at once.
async fn list(
    door: &Door,
    from: &LogicalPath,
    to: &LogicalPath,
    who: &Principal,
    afterwards: Afterwards,
    failures: &mut Vec<Failure>,
) -> Result<Pairs, Problem> {
    door.authorise(who, Verb::List, from, None).await?;
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in door.namespaces().list(from).await? {
        let is_file = entry.metadata.is_file();
        match (from.join(&entry.name), to.join(&entry.name)) {
            (Ok(source), Ok(target)) if is_file => files.push((source, target)),
            (Ok(source), Ok(target)) => {
                let is_known =
                    afterwards == Afterwards::Remove || !door.consider(who, Verb::List, &source, None).await?.hides();
                if is_known {
                    folders.push((source, target));
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                let kind = if is_file { Kind::File } else { Kind::Folder };
                let problem = problem::invalid_path(&format!("{to}/{}", entry.name), error);
                failures.push(Failure { path: from.clone(), kind, problem });
            }
        }
    }
    Ok((files, folders))
}

/// The failures as a multistatus body.
pub(super) fn multistatus(failures: &[Failure]) -> Refused {
    let mut body = dav::multistatus_open().to_owned();
    for Failure { path, kind, problem } in failures {
        Answer::failure(path, *kind, problem.status, None, &problem.to_line(), &mut body);
    }
    body.push_str(dav::multistatus_close());
    Refused::Multistatus(body)
}

async fn make_folder(door: &Door, path: &LogicalPath, who: &Principal) -> Result<(), Problem> {
    door.authorise_folder(who, path).await?;
    let _names = door.hold_names().await;
    super::mkcol::make_folder(door, path).await.map_err(Refused::into_problem)
}

/// 201 where nothing was, 204 where something was replaced (RFC 4918 §9.8.5, §9.9.4).
pub(super) fn done(errand: &Errand) -> http::Response<Body> {
    super::empty(if errand.there.is_some() { http::StatusCode::NO_CONTENT } else { http::StatusCode::CREATED })
}
