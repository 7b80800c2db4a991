//! What is wrong with a settings file, all of it at once.

use std::fmt;
use std::path::{Path, PathBuf};
use terms::{Blame, Problem, Retry};

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub instead: String,
}

/// All that is wrong, by position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Findings {
    /// What the file is called.
    pub file: PathBuf,
    /// What is wrong with it; never empty.
    pub findings: Vec<Finding>,
}

/// One line each: `portolan.toml:3:7: what; write …`.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Finding { line, column, what, instead }) in self.findings.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{line}:{column}: {what}; {instead}", self.file.display())?;
        }
        Ok(())
    }
}

impl Findings {
    /// As a problem for those who only pass it on.
    pub fn into_problem(self) -> Problem {
        Problem {
            status: 500,
            kind: "settings-invalid",
            title: "the settings cannot be used",
            detail: format!("\n{self}\n"),
            blame: Blame::Caller,
            retry: Retry::Never,
            next: "Mend these lines; `portolan check` tells when all is well.".to_owned(),
        }
    }
}

/// The file is not there or not ours to read.
pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Problem {
    Problem {
        status: 500,
        kind: "settings-unreadable",
        title: "the settings cannot be read",
        detail: format!("{}: {error}.", file.display()),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "`portolan init PATH` writes a commented file to begin with; without --config none is needed.".to_owned(),
    }
}

/// Line and column, both from 1, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The candidate that differs from `word` in the fewest letters, if so few differ that a slip of the finger explains it.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1) + 1;
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: insertions, deletions and replacements of one letter.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
