//! Lengths as ratchets: a file or a function past the line is split, or stands in the list of exceptions at the length
//! that it has, and may then shrink but not grow.

use super::Finding;
use super::source::Source;

/// A file that one reading can hold.
const FILE_LIMIT_LINES: usize = 800;
/// A function that one screen can show; blank lines and comments do not count.
const FUNCTION_LIMIT_LINES: usize = 70;

/// A file or function that may be longer.
pub(super) struct Exception {
    /// The file.
    pub(super) path: &'static str,
    /// The function; empty for the file itself.
    pub(super) function: &'static str,
    /// Its length when it was let through: it may not grow beyond.
    pub(super) lines: usize,
    /// Why it is better whole.
    pub(super) reason: &'static str,
}

pub(super) fn check(sources: &[Source], exceptions: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; exceptions.len()];
    let mut judge = |path: &str, line: usize, function: &str, lines: usize, limit: usize| {
        if lines <= limit {
            return;
        }
        let at = exceptions.iter().position(|exception| exception.path == path && exception.function == function);
        let allowed = at.map_or(limit, |at| exceptions[at].lines);
        if let Some(at) = at {
            used[at] = true;
        }
        if lines > allowed {
            let what = if function.is_empty() { "the file".to_owned() } else { format!("fn {function}") };
            findings.push(Finding::at(path, line, format!("{what} has {lines} lines of {allowed}: split it")));
        }
    };
    for source in sources {
        judge(&source.path, 1, "", source.line_count, FILE_LIMIT_LINES);
        for function in functions(&source.code) {
            judge(&source.path, function.line, &function.name, function.lines, FUNCTION_LIMIT_LINES);
        }
    }
    for (exception, _) in exceptions.iter().zip(used).filter(|(_, used)| !used) {
        let what = format!("is listed as too long ({}) and is not: take it off the list", exception.reason);
        findings.push(Finding::of(&format!("{} {}", exception.path, exception.function), what));
    }
    findings
}

/// A function's name, first line and length.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) lines: usize,
}

/// The functions with a body, nested ones as part of the outer and on their own.
pub(super) fn functions(code: &[String]) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, line) in code.iter().enumerate() {
        for (column, _) in line.match_indices("fn ") {
            let begins = line[..column].chars().next_back().is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
            let rest = &line[column + 3..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !begins || name.is_empty() {
                continue;
            }
            if let Some(end) = body_end(code, at, column) {
                let lines = code[at..=end].iter().filter(|line| !line.trim().is_empty()).count();
                found.push(Function { name, line: at + 1, lines });
            }
        }
    }
    found
}

/// The line where the body closes; `None` for a declaration without one.
fn body_end(code: &[String], line: usize, column: usize) -> Option<usize> {
    // Brackets of the signature (`[u8; 4]`, `(a, b)`) hide semicolons that would else end a declaration.
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    for (at, text) in code.iter().enumerate().skip(line) {
        let text = if at == line { &text[column..] } else { text };
        for character in text.chars() {
            match character {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets -= 1,
                '{' => braces += 1,
                '}' => {
                    braces -= 1;
                    if braces == 0 {
                        return Some(at);
                    }
                }
                ';' if brackets == 0 && braces == 0 => return None,
                _ => {}
            }
        }
    }
    None
}
