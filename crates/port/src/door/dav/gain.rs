//! MOVE is no way to read: whoever may not read a file cannot move it to where they may.

use super::tree::Errand;
use crate::door::listing::FolderRecords;
use crate::door::{Door, problem};
use crate::store::Entry;
use terms::{LogicalPath, Problem, Verb};

/// The most names below one MOVE of which it must be asked one by one.
const MAX_ASKED: usize = 100_000;

/// Refuses what would be readable for the caller at the destination alone.
pub(super) async fn check(door: &Door, errand: &Errand) -> Result<(), Problem> {
    let (from, to, who) = (&errand.from.path, &errand.to.path, &errand.who);
    let mut records = FolderRecords::new(&from.parent().unwrap_or_else(LogicalPath::root), usize::MAX);
    let entry = Entry { name: from.name().to_owned(), metadata: errand.source };
    check_one(door, errand, from, to, &entry, &mut records).await?;
    let differs = |path| door.differs_below(who, Verb::Read, path);
    if !errand.source.is_folder() || !(differs(from) || differs(to)) {
        return Ok(());
    }
    let mut waiting = vec![from.clone()];
    let mut asked = 0;
    while let Some(folder) = waiting.pop() {
        let entries = door.namespaces().list(&folder).await?;
        let mut records = FolderRecords::new(&folder, entries.len());
        for entry in entries {
            let Ok(source) = folder.join(&entry.name) else { continue };
            let Some(target) = source.rebase(from, to) else { continue };
            check_one(door, errand, &source, &target, &entry, &mut records).await?;
            asked += 1;
            if asked > MAX_ASKED {
                return Err(too_many(from));
            }
            if entry.metadata.is_folder() {
                waiting.push(source);
            }
        }
    }
    Ok(())
}

async fn check_one(
    door: &Door,
    errand: &Errand,
    source: &LogicalPath,
    target: &LogicalPath,
    entry: &Entry,
    records: &mut FolderRecords,
) -> Result<(), Problem> {
    let who = &errand.who;
    let (may_read, known) = records.consider(door, who, Verb::Read, source, entry).await?;
    if may_read.allows() {
        return Ok(());
    }
    let record = match known {
        Some(record) => record,
        None if door.wants_object(who, Verb::Read, target) => records.take(door, source, entry).await?,
        None => None,
    };
    let there = door.consider_recorded(who, Verb::Read, target, entry.metadata, record).await?;
    if there.allows() { may_read.settle_below(door, &errand.from.path) } else { Ok(()) }
}

fn too_many(path: &LogicalPath) -> Problem {
    problem::caller(
        403,
        "too-many-below",
        "Too much at once",
        format!("Below {path} are more than {MAX_ASKED} names, too many to ask for the rights to each."),
        "Move the folders in it one by one.",
    )
}
