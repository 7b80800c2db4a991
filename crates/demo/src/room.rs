//! Room on the disk: a folder of the demo's own, and a night that fits into it.

use crate::journey::local;
use crate::{Options, Show};
use std::fs;
use std::path::Path;
use terms::{Blame, ByteSize, Problem, Retry};

/// Marks a folder as the demo's own, which it may empty.
const MARK: &str = ".portolan-demo";

/// The demo takes no more than this share of what is free.
const SHARE: u64 = 2;

/// Makes the folder, or empties the one that an earlier demo left.
pub(crate) fn prepare(directory: &Path) -> Result<(), Problem> {
    let mark = directory.join(MARK);
    let is_empty = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    if directory.exists() && !is_empty {
        if !mark.exists() {
            return Err(not_ours(directory));
        }
        fs::remove_dir_all(directory).map_err(|error| local("empty", directory, &error))?;
    }
    fs::create_dir_all(directory).map_err(|error| local("make", directory, &error))?;
    fs::write(&mark, "A folder of `portolan demo`, which empties it when it starts.\n")
        .map_err(|error| local("make", &mark, &error))
}

/// What the user named must be there, and under names of their own: both ports keep it by its last name.
pub(crate) fn check_extra(options: &mut Options) -> Result<(), Problem> {
    let mut names = std::collections::BTreeSet::new();
    for path in &mut options.extra {
        let found = fs::canonicalize(&*path).map_err(|error| refused(path, format!("cannot be found: {error}")))?;
        let name = found.file_name().map(std::ffi::OsStr::to_os_string);
        let name = name.ok_or_else(|| refused(path, "has no name to be kept under".to_owned()))?;
        if !names.insert(name) {
            return Err(refused(path, "has the same name as another that is to be carried".to_owned()));
        }
        *path = found;
    }
    Ok(())
}

fn refused(path: &Path, why: String) -> Problem {
    Problem {
        status: 400,
        kind: "not-to-be-carried",
        title: "A path cannot be carried",
        detail: format!("{} {why}", path.display()),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Name files or folders that are there, each with a name of its own.".to_owned(),
    }
}

/// Makes the night shorter, and then its images smaller, until it fits into half of what is free. At the most there are
/// the exposures at both ports, and one at the camera and one come back.
pub(crate) fn fit(options: &mut Options, show: &dyn Show) -> Result<(), Problem> {
    let room = rustix::fs::statvfs(&options.directory)
        .map_err(|error| local("ask for the space of", &options.directory, &error.into()))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize) / SHARE;
    let wished = options.night;
    let night = &mut options.night;
    let takes = |night: &crate::night::Night| night.exposure_bytes() * 2 * (u64::from(night.exposures) + 1);
    while takes(night) > free && night.exposures > 1 {
        night.exposures -= 1;
    }
    while takes(night) > free && night.file_size_bytes > 100_000 {
        night.file_size_bytes /= 2;
    }
    if *night != wished {
        show.notice(&format!(
            "{} are free here, and the demo takes half at the most: {} exposures of {} images of {} instead of {} of {} of {}",
            ByteSize(free * SHARE),
            night.exposures,
            night.files,
            ByteSize(night.file_size_bytes),
            wished.exposures,
            wished.files,
            ByteSize(wished.file_size_bytes),
        ));
    }
    Ok(())
}

fn not_ours(directory: &Path) -> Problem {
    Problem {
        status: 409,
        kind: "folder-not-empty",
        title: "The folder is not the demo's own",
        detail: format!("{} holds files that no demo made", directory.display()),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Name an empty or a new folder with --dir.".to_owned(),
    }
}
