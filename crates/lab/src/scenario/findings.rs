//! What is wrong with a scenario, all of it at once.

use std::fmt;
use terms::{Blame, Problem, Retry};

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
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
    pub file: String,
    /// What is wrong with it; never empty.
    pub findings: Vec<Finding>,
}

/// One line each: `path.toml:3:7: what; write …`.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Finding { line, column, what, instead }) in self.findings.iter().enumerate() {
            let newline = if place == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{line}:{column}: {what}; {instead}", self.file)?;
        }
        Ok(())
    }
}

impl Findings {
    /// As a problem for those who only pass it on.
    pub fn into_problem(self) -> Problem {
        Problem {
            status: 400,
            kind: "scenario-invalid",
            title: "this scenario cannot be built",
            detail: format!("\n{self}\n"),
            blame: Blame::Caller,
            retry: Retry::Never,
            next: "Mend these lines; `portolan lab check` tells when all is well.".to_owned(),
        }
    }
}

/// Line and column, both from 1, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// `write "near"` when a slip of the finger explains the word, else what could have been written.
pub(super) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let most = (word.chars().count() / 3).max(1) + 1;
    let near = known.clone().map(|candidate| (distance(word, candidate), candidate)).min_by_key(|(far, _)| *far);
    match near {
        Some((far, near)) if far <= most => format!("write \"{near}\""),
        Some(_) => format!("write one of {}", known.collect::<Vec<_>>().join(", ")),
        None => "there is none to name yet".to_owned(),
    }
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
