//! Single operations on this machine. All of them block, so all run on blocking threads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use terms::Problem;

use super::entry::Entry;
use super::fault;
use super::folder::Listing;
use super::part;

/// Runs what blocks.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The runtime drops blocking tasks only when it ends itself, and then nobody waits here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

pub(crate) async fn stat(path: &Path) -> Result<Entry, Problem> {
    let path = path.to_owned();
    blocking(move || {
        let metadata = fs::metadata(&path).map_err(|error| fault::local(&error, "look up", path.display()))?;
        Ok(Entry::of_metadata(name_of(&path), &metadata))
    })
    .await
}

/// Links are followed to files; links to folders, and what is neither file nor folder, are problems of their own, so that
/// no walk runs in circles. Our own unfinished parts are not listed.
pub(crate) async fn list(path: &Path) -> Result<Listing, Problem> {
    let path = path.to_owned();
    let opened = {
        let path = path.clone();
        blocking(move || fs::read_dir(&path).map_err(|error| fault::local(&error, "list", path.display()))).await?
    };
    let (sender, listing) = Listing::new();
    tokio::task::spawn_blocking(move || {
        for item in opened {
            let entry = match item {
                Ok(item) if part::is_part_name(&item.file_name()) => continue,
                Ok(item) => entry_of(&item),
                Err(error) => Err(fault::local(&error, "list", path.display())),
            };
            if sender.blocking_send(entry).is_err() {
                return;
            }
        }
    });
    Ok(listing)
}

fn entry_of(item: &fs::DirEntry) -> Result<Entry, Problem> {
    let path = item.path();
    let name = item.file_name().into_string().map_err(|name| {
        fault::usage(format!(
            "The name {} below {} is not UTF-8, which addresses on servers are",
            name.display(),
            path.display()
        ))
    })?;
    let metadata = fs::metadata(&path).map_err(|error| fault::local(&error, "look up", path.display()))?;
    let is_link = item.file_type().is_ok_and(|kind| kind.is_symlink());
    if metadata.is_dir() && is_link {
        return Err(fault::usage(format!(
            "{} is a link to a folder; links are not followed into folders",
            path.display()
        )));
    }
    if !metadata.is_dir() && !metadata.is_file() {
        return Err(fault::usage(format!("{} is neither a file nor a folder", path.display())));
    }
    Ok(Entry::of_metadata(name, &metadata))
}

pub(crate) async fn make_folder(path: &Path, parents: bool) -> Result<(), Problem> {
    let path = path.to_owned();
    blocking(move || {
        let made = if parents { fs::create_dir_all(&path) } else { fs::create_dir(&path) };
        made.map_err(|error| fault::local(&error, "make the folder", path.display()))
    })
    .await
}

pub(crate) async fn remove(path: &Path, is_folder: bool) -> Result<(), Problem> {
    let path = path.to_owned();
    blocking(move || {
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        let removed = if is_folder && !is_link { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| fault::local(&error, "remove", path.display()))
    })
    .await
}

/// `false` when the two are on different file systems.
pub(crate) async fn rename(from: &Path, to: &Path, overwrite: bool) -> Result<bool, Problem> {
    let (from, to) = (from.to_owned(), to.to_owned());
    blocking(move || {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let renamed = if overwrite {
            fs::rename(&from, &to)
        } else {
            renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE).map_err(io::Error::from)
        };
        match renamed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(fault::exists(to.display())),
            Err(error) => Err(fault::local(&error, "rename", from.display())),
        }
    })
    .await
}

/// Makes the names in a folder durable.
pub(crate) async fn sync_folder(path: PathBuf) -> Result<(), Problem> {
    blocking(move || {
        let synced = fs::File::open(&path).and_then(|folder| folder.sync_all());
        synced.map_err(|error| fault::local(&error, "sync the folder", path.display()))
    })
    .await
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
