//! Tidy: the rules that no compiler checks.
//!
//! Every rule is a function from files to findings, so that each can be fed bad input in a test and be seen to fail.
//! Files are those that git tracks or would track: what is not yet committed is checked too.

mod bans;
mod exceptions;
mod imports;
mod lengths;
mod links;
mod lock;
mod manifests;
mod rights;
mod source;
mod words;

use crate::command::output;
use crate::stages::Outcome;
use source::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A file of the repository: its path from the root, and its text.
pub(crate) struct File {
    path: String,
    text: String,
}

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// `path` or `path:line`.
    place: String,
    /// What is wrong, and what to do about it.
    what: String,
}

impl Finding {
    fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), what: what.into() }
    }

    fn of(path: &str, what: impl Into<String>) -> Self {
        Self { place: path.to_owned(), what: what.into() }
    }
}

/// Checks the whole repository and prints what it finds.
pub(crate) fn check(root: &Path) -> Outcome {
    let files = files(root)?;
    let metadata = imports::metadata()?;
    let sources: Vec<Source> = files.iter().filter(|file| file.path.ends_with(".rs")).map(Source::new).collect();
    let mut findings = Vec::new();
    findings.extend(imports::check(&files, &metadata));
    findings.extend(bans::check(&sources));
    findings.extend(lengths::check(&sources, exceptions::LENGTHS));
    findings.extend(links::check(&files, &|path| root.join(path).exists()));
    findings.extend(lock::check(&files));
    findings.extend(manifests::check(&files));
    findings.extend(rights::check(&sources));
    findings.extend(words::check(&files));
    findings.sort();
    for finding in &findings {
        println!("{}: {}", finding.place, finding.what);
    }
    println!("{} files read", files.len());
    if findings.is_empty() { Ok(()) } else { Err(format!("{} findings", findings.len())) }
}

/// The library crates that have an example in their documentation which is compiled and run.
pub(crate) fn crates_with_doctests(root: &Path) -> Vec<String> {
    let files = files(root).unwrap_or_default();
    let libraries: BTreeSet<String> = files
        .iter()
        .filter_map(|file| file.path.strip_suffix("/src/lib.rs"))
        .map(|folder| folder.rsplit('/').next().unwrap_or(folder).to_owned())
        .collect();
    let with_examples: BTreeSet<String> = files
        .iter()
        .filter(|file| file.path.ends_with(".rs") && has_doctest(&file.text))
        .filter_map(|file| file.path.split_once("/src/"))
        .map(|(folder, _)| folder.rsplit('/').next().unwrap_or(folder).to_owned())
        .collect();
    libraries.intersection(&with_examples).cloned().collect()
}

/// A fence in a documentation comment opens Rust unless it names another language.
fn has_doctest(text: &str) -> bool {
    let mut open = false;
    for line in text.lines().map(str::trim_start) {
        let Some(doc) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            open = false;
            continue;
        };
        let Some(language) = doc.trim().strip_prefix("```") else { continue };
        if !open && language.split(',').all(|word| matches!(word, "" | "rust" | "no_run" | "should_panic")) {
            return true;
        }
        open = !open;
    }
    false
}

fn files(root: &Path) -> Result<Vec<File>, String> {
    let list = output("git", &["ls-files", "--cached", "--others", "--exclude-standard"])
        .ok_or("git does not list the files: this check needs a clone")?;
    let read = |path: &str| {
        // What is not UTF-8 is not text and has no rules here; what is gone from disk was deleted and not committed.
        let text = fs::read(root.join(path)).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
        Some(File { path: path.to_owned(), text })
    };
    Ok(list.lines().filter_map(read).collect())
}

#[cfg(test)]
mod tests;
