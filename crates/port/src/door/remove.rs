//! DELETE of a file or of a folder with all in it.

use super::dav::locks::{self, Touch};
use super::listing::FolderRecords;
use super::problem::{self, caller};
use super::{DataRequest, Door};
use crate::staging::check_conditions;
use http::{Response, StatusCode};
use net::Body;
use port_core::http::conditional::Conditions;
use terms::{LogicalPath, Principal, Problem, Verb};

/// The most files and folders below one DELETE or MOVE by a caller whose rights must be asked one by one.
const MAX_ASKED: usize = 100_000;

/// Answers DELETE. Done first, then recorded (the records are forgotten): a crash in between leaves a record without a
/// file, which nobody believes, or from which the journal brings the file back. The other way round a loss of power
/// could leave a small file without its bytes: they are in the journal until its folder is synced, and without a record
/// nobody would look for them there.
pub(crate) async fn delete(door: &Door, data: DataRequest) -> Result<Response<Body>, Problem> {
    let path = &data.path;
    door.authorise(&data.principal, Verb::Delete, path, None).await?;
    let place = door.namespaces().resolve(path)?;
    if door.namespaces().holds_mount(path) {
        return Err(holds_mount(path));
    }
    let failed = |error| problem::of_io(&error, "remove", path);
    let there = place.stat().await.map_err(failed)?;
    if data.trailing_slash && there.is_file() {
        return Err(problem::not_found(path));
    }
    if there.is_folder() {
        authorise_below(door, &data.principal, path).await?;
    }
    let touch = if there.is_folder() { Touch::Tree } else { Touch::Name };
    locks::check_write(door, path, data.headers(), &data.principal, touch).await?;
    let names = door.hold_names().await;
    let there = place.stat().await.map_err(failed)?;
    check_conditions(path, Some(&there), &Conditions::read(data.headers()))?;
    let removed = if there.is_folder() {
        place.namespace.store.remove_tree(&place.within).await
    } else {
        place.namespace.store.remove_file(&place.within).await.map_err(|error| (place.within.clone(), error))
    };
    match removed {
        Ok(()) => {
            door.archive().remove_tree(path).await.map_err(|error| problem::of_archive(&error))?;
            drop(names);
            locks::forget(door, path).await?;
            Ok(no_content())
        }
        Err((within, error)) => {
            let at = within.rebase(&LogicalPath::root(), &place.namespace.mount).unwrap_or_else(|| path.clone());
            Err(problem::of_io(&error, "remove", &at))
        }
    }
}

/// May this caller, who may remove this folder, remove everything in it? Only where rules say different things of what is
/// in it must each name be asked. The audit record is told of what is refused; all else follows from the folder.
pub(crate) async fn authorise_below(door: &Door, who: &Principal, top: &LogicalPath) -> Result<(), Problem> {
    if !door.differs_below(who, Verb::Delete, top) {
        return Ok(());
    }
    let mut waiting = vec![top.clone()];
    let mut asked = 0;
    while let Some(folder) = waiting.pop() {
        let entries = door.namespaces().list(&folder).await?;
        let mut records = FolderRecords::new(&folder, entries.len());
        for entry in entries {
            let Ok(child) = folder.join(&entry.name) else { continue };
            let (may_delete, _) = records.consider(door, who, Verb::Delete, &child, &entry).await?;
            if !may_delete.allows() {
                return may_delete.settle_below(door, top);
            }
            asked += 1;
            if asked > MAX_ASKED {
                return Err(too_many(&folder));
            }
            if entry.metadata.is_folder() {
                waiting.push(child);
            }
        }
    }
    Ok(())
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A namespace is mounted there or below.
pub(crate) fn holds_mount(path: &LogicalPath) -> Problem {
    caller(
        403,
        "holds-a-namespace",
        "A namespace is mounted there",
        format!("{path} is or holds the root of a namespace, which only the settings can remove or move."),
        "Name what is in it instead.",
    )
}

fn too_many(path: &LogicalPath) -> Problem {
    caller(
        403,
        "too-many-below",
        "Too much at once",
        format!("Below {path} are more than {MAX_ASKED} names, too many to ask for the rights to each."),
        "Remove the folders in it one by one.",
    )
}
