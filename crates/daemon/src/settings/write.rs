//! Writing the sample.

use super::reference::sample;
use std::io::Write as _;
use std::path::Path;
use terms::{Blame, Problem, Retry};

/// Writes the commented sample; what is there already is never touched.
pub fn write_sample(file: &Path) -> Result<(), Problem> {
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(file).and_then(|mut file| {
        file.write_all(sample().as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        let there = error.kind() == std::io::ErrorKind::AlreadyExists;
        Problem {
            status: 500,
            kind: "settings-not-written",
            title: "no settings file was written",
            detail: format!(
                "{}: {}.",
                file.display(),
                if there { "it is there already".to_owned() } else { error.to_string() }
            ),
            blame: if there { Blame::Caller } else { Blame::Storage },
            retry: Retry::Never,
            next: "Name another path, or move that file away first.".to_owned(),
        }
    })
}
