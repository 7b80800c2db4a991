//! Which uploads are under way, kept in the user's state folder so that another run can go on with them.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use terms::Timestamp;

use super::address::Url;

/// One upload, named by what is sent where: when the file changes, it is another upload.
#[derive(Clone, Debug)]
pub(crate) struct UploadState {
    path: PathBuf,
    target: String,
    source: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    /// For people who look into the folder.
    target: String,
    source: String,
    /// The address of the upload.
    location: String,
}

impl UploadState {
    /// In this folder; `None` for the user's own (`XDG_STATE_HOME`, else `~/.local/state`). `None` when there is none: then
    /// an upload can be resumed within this run alone.
    pub(crate) fn of(
        folder: Option<&Path>,
        source: &Path,
        size_bytes: u64,
        modified: Option<Timestamp>,
        target: &Url,
    ) -> Option<Self> {
        let folder = folder.map(Path::to_owned).or_else(user_folder)?;
        let source = source.canonicalize().ok()?.to_string_lossy().into_owned();
        let modified = modified.map_or(0, Timestamp::nanos);
        let key = format!("{target}\n{source}\n{size_bytes}\n{modified}");
        let name: String = digest(&SHA256, key.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { path: folder.join(format!("{name}.json")), target: target.to_string(), source })
    }

    /// Where an earlier run had its upload.
    pub(crate) fn load(&self, target: &Url) -> Option<Url> {
        let record: Record = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        // The token is sent there, so it must be the server that the user named.
        target.resolve(&record.location).filter(|url| url.origin() == target.origin())
    }

    /// Keeps the address of the upload. Readable by the user alone: some servers take it for a permission.
    pub(crate) fn save(&self, location: &Url) {
        let record = Record {
            target: self.target.clone(),
            source: self.source.clone(),
            location: location.to_uri().map(|uri| uri.to_string()).unwrap_or_default(),
        };
        let written = serde_json::to_vec(&record).map_err(std::io::Error::other).and_then(|text| {
            use std::io::Write as _;
            use std::os::unix::fs::OpenOptionsExt as _;
            fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
            let mut file =
                fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
            file.write_all(&text)
        });
        if let Err(error) = written {
            tracing::warn!(%error, path = %self.path.display(), "the state of an upload could not be kept");
        }
    }

    pub(crate) fn forget(&self) {
        // What is left over is found out to be over by the next run.
        let _ = fs::remove_file(&self.path);
    }
}

fn user_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| variable("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("portolan").join("uploads"))
}
