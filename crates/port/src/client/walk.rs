//! Which files are to be copied: walks the sources, makes the folders of the target, and hands on one file after another,
//! so that a tree of any size takes the memory of its deepest row of folders alone.

use std::collections::HashMap;
use std::sync::Arc;
use terms::Problem;
use tokio::sync::mpsc;

use super::address::{Address, is_plain_name};
use super::copy::Course;
use super::entry::Entry;
use super::fault;
use super::progress::add;
use super::remote;

/// One file to copy.
pub(crate) struct Job {
    pub(crate) source: Address,
    pub(crate) target: Address,
    pub(crate) entry: Entry,
    pub(crate) existing: Existing,
}

/// What is known of the place where a file is to go.
#[derive(Debug)]
pub(crate) enum Existing {
    /// It must be looked up.
    Unknown,
    /// Nothing is there.
    Absent,
    /// This is there.
    Is(Entry),
}

/// Entries of a target folder that are remembered while its source is walked: about 200 bytes each. Files beyond that are
/// looked up one by one.
const MAX_REMEMBERED: usize = 100_000;

/// A folder still to be walked.
struct Folder {
    source: Address,
    target: Address,
}

/// Walks until the end, or until nobody takes more. A problem with one source or folder is counted, and the others go on.
pub(crate) async fn walk(course: &Arc<Course>, sources: &[Address], target: &Address, jobs: mpsc::Sender<Job>) {
    let into = match goes_into(course, sources, target).await {
        Ok(into) => into,
        Err(problem) => return course.fail(target.to_string(), problem),
    };
    for source in sources {
        if let Err(problem) = walk_one(course, source, target, into, &jobs).await {
            course.fail(source.to_string(), problem);
        }
        if course.is_halted() {
            return;
        }
    }
}

/// Do the sources go into the target under their own names, or does the one source become the target? Into it when it is
/// written as a folder (`…/`, `.`) or has to take several; a file also when a folder is there. A folder named as the target
/// of a folder becomes its copy, whether it is there or not: so the same command can be repeated, and goes on.
async fn goes_into(course: &Arc<Course>, sources: &[Address], target: &Address) -> Result<Into, Problem> {
    if *target == Address::Standard {
        return Ok(Into { file: false, folder: false });
    }
    let folder = sources.len() > 1 || target.looks_like_folder();
    let file = folder || matches!(course.session.look(target).await?, Some(entry) if entry.is_folder());
    Ok(Into { file, folder })
}

/// Whether a source of each kind goes into the target.
#[derive(Clone, Copy)]
struct Into {
    file: bool,
    folder: bool,
}

async fn walk_one(
    course: &Arc<Course>,
    source: &Address,
    target: &Address,
    into: Into,
    jobs: &mpsc::Sender<Job>,
) -> Result<(), Problem> {
    let entry = course.session.stat(source).await?;
    let into_folder = if entry.is_folder() { into.folder } else { into.file };
    let target = if into_folder {
        let name = source.name().filter(|name| is_plain_name(name));
        match (name, entry.is_folder()) {
            (Some(name), _) => target.join(&name),
            // What is in a root goes straight into the target.
            (None, true) => target.clone(),
            (None, false) => {
                return Err(fault::usage(format!(
                    "{source} has no name to be stored under in {target}; name the target in full"
                )));
            }
        }
    } else {
        target.clone()
    };
    if entry.is_folder() {
        if !course.settings.recursive {
            return Err(fault::usage(format!("{source} is a folder; -r copies it with all that is in it")));
        }
        if target == Address::Standard {
            return Err(fault::usage(format!("{source} is a folder; standard output takes files alone")));
        }
        if is_within(source, &target) {
            return Err(fault::usage(format!("{target} lies in {source}: the copy would never end")));
        }
        return walk_folder(course, source.clone(), target, jobs).await;
    }
    if into_folder && let Some(parent) = parent(&target) {
        course.session.make_folder(&parent, true).await?;
    }
    let target = match target {
        Address::Remote(url) => Address::Remote(remote::file_url(&url)),
        other => other,
    };
    hand_on(course, Job { source: source.clone(), target, entry, existing: Existing::Unknown }, jobs).await;
    Ok(())
}

async fn walk_folder(
    course: &Arc<Course>,
    source: Address,
    target: Address,
    jobs: &mpsc::Sender<Job>,
) -> Result<(), Problem> {
    // The first folder's problem is the caller's; those below are counted, and their sisters go on.
    let mut open = vec![];
    walk_level(course, &Folder { source, target }, jobs, &mut open).await?;
    while let Some(folder) = open.pop() {
        if course.is_halted() {
            return Ok(());
        }
        if let Err(problem) = walk_level(course, &folder, jobs, &mut open).await {
            course.fail(folder.source.to_string(), problem);
        }
    }
    Ok(())
}

/// The files of one folder are handed on, its folders put aside.
async fn walk_level(
    course: &Arc<Course>,
    folder: &Folder,
    jobs: &mpsc::Sender<Job>,
    open: &mut Vec<Folder>,
) -> Result<(), Problem> {
    let meter = || Arc::clone(&course.walking);
    let mut listing = course.session.list_counting(&folder.source, meter()).await?;
    let there = Remembered::read(course, &folder.target).await?;
    while let Some(entry) = listing.next().await {
        let entry = match entry {
            Ok(entry) if is_plain_name(&entry.name) => entry,
            Ok(_) => continue,
            Err(problem) => {
                course.fail(folder.source.to_string(), problem);
                continue;
            }
        };
        let (source, target) = (folder.source.join(&entry.name), folder.target.join(&entry.name));
        if entry.is_folder() {
            open.push(Folder { source, target });
            continue;
        }
        let existing = there.existing(&entry.name);
        if !hand_on(course, Job { source, target, entry, existing }, jobs).await {
            return Ok(());
        }
    }
    Ok(())
}

async fn hand_on(course: &Course, job: Job, jobs: &mpsc::Sender<Job>) -> bool {
    add(&course.tally.files_found, 1);
    add(&course.tally.bytes_found, job.entry.size_bytes.unwrap_or(0));
    jobs.send(job).await.is_ok()
}

/// What a target folder holds.
struct Remembered {
    entries: HashMap<String, Entry>,
    is_whole: bool,
}

impl Remembered {
    /// Makes the folder, or reads what is in it when it is there.
    async fn read(course: &Arc<Course>, target: &Address) -> Result<Self, Problem> {
        let mut there = Self { entries: HashMap::new(), is_whole: true };
        match course.session.make_folder(target, false).await {
            Ok(()) => return Ok(there),
            Err(problem) if problem.kind == fault::kind::EXISTS => {}
            // The folder above is missing, which only the first folder of a walk can meet; or the server says one of the
            // many other things that servers say of a folder that is there.
            Err(_) => course.session.make_folder(target, true).await?,
        }
        let mut listing = course.session.list_counting(target, Arc::clone(&course.walking)).await?;
        while let Some(entry) = listing.next().await {
            match entry {
                Ok(entry) if there.entries.len() < MAX_REMEMBERED => {
                    there.entries.insert(entry.name.clone(), entry);
                }
                // Whatever cannot be known from here is looked up when its turn comes.
                _ => there.is_whole = false,
            }
        }
        Ok(there)
    }

    fn existing(&self, name: &str) -> Existing {
        match self.entries.get(name) {
            Some(entry) => Existing::Is(entry.clone()),
            None if self.is_whole => Existing::Absent,
            None => Existing::Unknown,
        }
    }
}

/// Is the target the source, or below it?
fn is_within(source: &Address, target: &Address) -> bool {
    match (source, target) {
        (Address::Remote(source), Address::Remote(target)) => target.is_within(source),
        (Address::Local(source), Address::Local(target)) => {
            // What is not there yet lies where the nearest folder above it does.
            let there = target.ancestors().find_map(|path| {
                let path = if path.as_os_str().is_empty() { std::path::Path::new(".") } else { path };
                path.canonicalize().ok()
            });
            matches!((source.canonicalize(), there), (Ok(source), Some(there)) if there.starts_with(&source))
        }
        _ => false,
    }
}

fn parent(address: &Address) -> Option<Address> {
    match address {
        Address::Local(path) => {
            path.parent().filter(|path| !path.as_os_str().is_empty()).map(|path| Address::Local(path.to_owned()))
        }
        Address::Remote(url) => url.parent().filter(|url| url.path() != "/").map(Address::Remote),
        Address::Standard => None,
    }
}
