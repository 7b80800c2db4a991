//! What commands do to the data directory beside a running port (`portolan token create`). The record has one writer, so
//! that its chain cannot fork: a command leaves its line in `inbox`, and the port takes it over within seconds, or at its
//! next start.

use super::event::Event;
use crate::first_start::write_secret;
use crate::lifecycle::make_private;
use crate::settings::Settings;
use api::AuditRecord;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use terms::Problem;

fn folder(directory: &Path) -> PathBuf {
    directory.join("inbox")
}

/// Leaves a line for the record. `subject`: the id of the token or share that it is about. `told`: what exactly; never a
/// secret.
pub fn leave(settings: &Settings, event: Event, subject: &str, told: String) -> Result<(), Problem> {
    let folder = folder(&super::directory(settings));
    make_private(&folder)?;
    let user = rustix::process::getuid().as_raw();
    let record = AuditRecord {
        who: Some(format!("user {user} of this host, by a command")),
        subject: Some(subject.to_owned()).filter(|subject| !subject.is_empty()),
        ..event.record(told)
    };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let name = format!("{:020}-{}.json", since.as_nanos(), std::process::id());
    // A record is texts and numbers: it can always be written as JSON.
    write_secret(&folder.join(name), &serde_json::to_string(&record).unwrap_or_default())
}

/// Does it say when, as files and days are named by it?
fn is_of_ours(record: &AuditRecord) -> bool {
    record.at.parse::<terms::Timestamp>().is_ok() && record.at.is_ascii() && record.at.len() >= 20
}

/// Takes what lies there, the oldest first.
pub(super) fn collect(directory: &Path) -> Vec<AuditRecord> {
    let Ok(entries) = std::fs::read_dir(folder(directory)) else { return Vec::new() };
    // What is being written has a name of another kind.
    let whole = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(whole).collect();
    paths.sort();
    let take = |path: PathBuf| {
        let record = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).filter(is_of_ours);
        // A crash between this and the write loses the line; the archive has what was done as well.
        std::fs::remove_file(&path).ok()?;
        record
    };
    paths.into_iter().filter_map(take).collect()
}
