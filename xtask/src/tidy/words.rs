//! Words that do not belong into the repository: reminders, leftovers of debugging, and where it was written.

use super::{File, Finding};

/// Whole words. Written apart so that this file does not find itself.
const REMINDERS: [&str; 6] = [
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("HA", "CK"),
    concat!("TO", "DO"),
    concat!("to", "do!"),
    concat!("db", "g!"),
];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Where packages are fetched from is each machine's own affair.
const REGISTRY_HOSTS: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("deb.debian", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("proxy.golang", ".org"),
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    // cargo writes the lock file, and names its registry in it.
    for file in files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (number, line) in file.text.lines().enumerate() {
            let mut find = |what: String| findings.push(Finding::at(&file.path, number + 1, what));
            for word in REMINDERS.iter().filter(|word| has(line, word, is_word)) {
                find(format!("'{word}': do it now, or say in prose what is not done and why"));
            }
            for path in MACHINE_PATHS.iter().filter(|path| has(line, path, is_path)) {
                find(format!("'{path}…' is a path of one machine"));
            }
            for host in REGISTRY_HOSTS.iter().filter(|host| line.contains(**host)) {
                find(format!("'{host}' is a registry's host: name the package instead"));
            }
        }
    }
    findings
}

/// Whether the text stands there and does not continue something longer on its left, nor on its right if it ends in
/// a letter.
fn has(line: &str, text: &str, continues: fn(char) -> bool) -> bool {
    line.match_indices(text).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + text.len()..].chars().next();
        let open_end = text.ends_with(char::is_alphabetic) && after.is_some_and(is_word);
        !before.is_some_and(continues) && !open_end
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What may stand before a slash in the middle of a longer path.
fn is_path(character: char) -> bool {
    is_word(character) || matches!(character, '/' | '.' | '-' | '~' | '}' | '>')
}
