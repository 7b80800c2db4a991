//! MOVE is no way to read: whoever may not read a file cannot move it to where they may, be it with other credentials of
//! theirs than the one that they show, or with none.

use super::tree::Errand;
use crate::door::listing::FolderRecords;
use crate::door::{Door, problem};
use crate::store::Entry;
use terms::{LogicalPath, Principal, Problem, Verb};

/// The most names below one MOVE of which it must be asked one by one.
const MAX_ASKED: usize = 100_000;

/// Refuses what would be readable for the caller at the destination alone.
pub(super) async fn check(door: &Door, errand: &Errand) -> Result<(), Problem> {
    for reader in readers(&errand.who) {
        check_for(door, errand, &reader).await?;
    }
    Ok(())
}

/// As whom the caller could read afterwards: with what was shown, with the same credential not narrowed, with none. A token
/// for moving alone reads nothing anywhere, so that asking for it alone would let everything out.
fn readers(who: &Principal) -> Vec<Principal> {
    let nobody = (!who.is_anonymous()).then(|| Principal { identity: Principal::anonymous().identity, ..who.clone() });
    [Some(who.clone()), who.unnarrowed(), nobody].into_iter().flatten().collect()
}

async fn check_for(door: &Door, errand: &Errand, who: &Principal) -> Result<(), Problem> {
    let (from, to) = (&errand.from.path, &errand.to.path);
    let differs = |path| [who, &errand.who].into_iter().any(|who| door.differs_below(who, Verb::Read, path));
    let mut records = FolderRecords::new(&from.parent().unwrap_or_else(LogicalPath::root), usize::MAX);
    let entry = Entry { name: from.name().to_owned(), metadata: errand.source };
    check_one(door, errand, who, from, to, &entry, &mut records).await?;
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
            check_one(door, errand, who, &source, &target, &entry, &mut records).await?;
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
    who: &Principal,
    source: &LogicalPath,
    target: &LogicalPath,
    entry: &Entry,
    records: &mut FolderRecords,
) -> Result<(), Problem> {
    let (may_read, known) = records.consider(door, &errand.who, Verb::Read, source, entry).await?;
    if may_read.allows() {
        return Ok(());
    }
    let record = match known {
        Some(record) => record,
        None if [source, target].into_iter().any(|path| door.wants_object(who, Verb::Read, path)) => {
            records.take(door, source, entry).await?
        }
        None => None,
    };
    let here = door.consider_recorded(who, Verb::Read, source, entry.metadata, record.clone()).await?;
    if here.allows() {
        return Ok(());
    }
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
