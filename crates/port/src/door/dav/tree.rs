//! What COPY and MOVE share: the errand as it was asked for, the way made free at its destination, and trees copied
//! file by file.

use super::locks::{self, Passes, Touch};
use super::refused::Refused;
use super::{own_authority, problems};
use crate::door::{Door, Place, problem, remove};
use crate::store::Metadata;
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
        match to.path.parent() {
            Some(parent) if door.namespaces().stat(&parent).await.is_ok_and(|parent| parent.is_folder()) => {}
            _ => return Err(problem::no_parent(&to.path).into()),
        }
        if there.is_some() && door.namespaces().holds_mount(&to.path) {
            return Err(remove::holds_mount(&to.path).into());
        }
        let errand = Self {
            passes: Passes::read(door, path, &parts.uri, headers, &who).await?,
            from,
            to,
            source,
            there,
            overwrite,
            who,
        };
        if errand.there.is_some() && !overwrite {
            return Err(problem::already_there(&errand.to.path).into());
        }
        errand.authorise_destination(door).await?;
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

    async fn authorise_destination(&self, door: &Door) -> Result<(), Problem> {
        if self.must_clear() {
            authorise_removal(door, &self.who, &self.to.path).await?;
        }
        let verb = if self.there.is_some() && !self.must_clear() { Verb::Modify } else { Verb::Create };
        door.authorise(&self.who, verb, &self.to.path, Some(self.source.size_bytes))
    }

    /// Removes what is at the destination, where that is needed. The caller holds the names. A lock on the destination
    /// itself stays, because its address stays mapped (RFC 4918 §7.6); locks below it go with what they were on.
    pub(super) async fn clear(&self, door: &Door) -> Result<(), Refused> {
        if !self.must_clear() {
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

/// May this caller remove this with all in it?
pub(super) async fn authorise_removal(door: &Door, who: &Principal, path: &LogicalPath) -> Result<(), Problem> {
    door.authorise(who, Verb::Delete, path, None)?;
    let is_folder = door.namespaces().stat(path).await?.is_folder();
    if is_folder { remove::authorise_below(door, who, path).await } else { Ok(()) }
}

/// One resource of a tree that could not be copied.
pub(super) struct Failure {
    path: LogicalPath,
    kind: Kind,
    problem: Problem,
}

/// Copies one file with its properties.
pub(super) async fn copy_file(
    door: &Door,
    from: &LogicalPath,
    to: &LogicalPath,
    overwrite: bool,
    who: &Principal,
) -> Result<(), Problem> {
    door.copy_file(from, to, overwrite, who).await?;
    door.archive().copy_properties(from, to).await.map_err(|error| problem::of_archive(&error))
}

/// Copies a folder with all in it; nothing is at `to`. What fails is told and the rest goes on (RFC 4918 §9.8.3); only
/// when the folder itself cannot be made, nothing is done.
pub(super) async fn copy_folder(
    door: &Door,
    from: &LogicalPath,
    to: &LogicalPath,
    who: &Principal,
) -> Result<Vec<Failure>, Refused> {
    let mut failures: Vec<Failure> = Vec::new();
    make_folder(door, to, who).await?;
    let mut folders = vec![(from.clone(), to.clone())];
    while let Some((from, to)) = folders.pop() {
        let entries = match list(door, &from, who).await {
            Ok(entries) => entries,
            Err(problem) => {
                failures.push(Failure { path: from, kind: Kind::Folder, problem });
                continue;
            }
        };
        let mut files = Vec::new();
        for entry in entries {
            let (Ok(source), Ok(target)) = (from.join(&entry.name), to.join(&entry.name)) else { continue };
            if entry.metadata.is_file() {
                files.push((source, target));
                continue;
            }
            match make_folder(door, &target, who).await {
                Ok(()) => folders.push((source, target)),
                Err(problem) => failures.push(Failure { path: target, kind: Kind::Folder, problem }),
            }
        }
        let copies = stream::iter(files).map(|(source, target)| async move {
            let done = copy_member(door, &source, &target, who).await;
            done.err().map(|problem| Failure { path: target, kind: Kind::File, problem })
        });
        let failed: Vec<Failure> =
            copies.buffer_unordered(COPIES_AT_ONCE).filter_map(|failure| async { failure }).collect().await;
        failures.extend(failed);
        failures.truncate(MAX_FAILURES);
    }
    // One statement for the whole tree, and what did not arrive gets none.
    let failed = |error| problem::of_archive(&error);
    door.archive().copy_properties(from, to).await.map_err(failed)?;
    for failure in failures.iter().filter(|failure| failure.path.is_within(to)) {
        door.archive().remove_tree(&failure.path).await.map_err(failed)?;
    }
    Ok(failures)
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

async fn copy_member(door: &Door, from: &LogicalPath, to: &LogicalPath, who: &Principal) -> Result<(), Problem> {
    door.authorise(who, Verb::Read, from, None)?;
    door.authorise(who, Verb::Create, to, None)?;
    door.copy_file(from, to, false, who).await.map(drop)
}

async fn list(door: &Door, from: &LogicalPath, who: &Principal) -> Result<Vec<crate::store::Entry>, Problem> {
    door.authorise(who, Verb::List, from, None)?;
    door.namespaces().list(from).await
}

async fn make_folder(door: &Door, path: &LogicalPath, who: &Principal) -> Result<(), Problem> {
    door.authorise(who, Verb::Create, path, None)?;
    let _names = door.hold_names().await;
    super::mkcol::make_folder(door, path).await.map_err(Refused::into_problem)
}

/// 201 where nothing was, 204 where something was replaced (RFC 4918 §9.8.5, §9.9.4).
pub(super) fn done(errand: &Errand) -> http::Response<Body> {
    super::empty(if errand.there.is_some() { http::StatusCode::NO_CONTENT } else { http::StatusCode::CREATED })
}
