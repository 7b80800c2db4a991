//! A Rust file with its comments and the contents of its strings taken out, line by line.
//!
//! A parser of the whole language would take longer to build than all that it could find; telling code from words
//! needs only the lexical rules for comments, strings and character literals.

use super::File;

/// A Rust source file.
pub(super) struct Source {
    pub(super) path: String,
    /// As written.
    pub(super) line_count: usize,
    /// Code alone: comments are blank, each character within a string literal is `~`.
    pub(super) code: Vec<String>,
    /// For each line, whether it is compiled for tests only.
    pub(super) test: Vec<bool>,
}

impl Source {
    pub(super) fn new(file: &File) -> Self {
        let code: Vec<String> = blank(&file.text).split('\n').map(str::to_owned).collect();
        let test = test_lines(&file.path, &code);
        Self { path: file.path.clone(), line_count: file.text.lines().count(), code, test }
    }

    /// The crate's folder: `crates/net`, `xtask`.
    pub(super) fn folder(&self) -> &str {
        self.path.split_once("/src/").or_else(|| self.path.split_once("/tests/")).map_or("", |(folder, _)| folder)
    }

    /// Lines of code that ship, with their numbers from 1.
    pub(super) fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .iter()
            .zip(&self.test)
            .enumerate()
            .filter(|(_, (_, test))| !**test)
            .map(|(at, (line, _))| (at + 1, &**line))
    }
}

/// Test files, and modules after `#[cfg(test)]` in others.
fn test_lines(path: &str, code: &[String]) -> Vec<bool> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if path.contains("/tests/") || name == "tests.rs" {
        return vec![true; code.len()];
    }
    let mut test = vec![false; code.len()];
    let mut at = 0;
    while at < code.len() {
        if !code[at].trim_start().starts_with("#[cfg(test)]") {
            at += 1;
            continue;
        }
        let end = item_end(code, at);
        test[at..=end].fill(true);
        at = end + 1;
    }
    test
}

/// The last line of the item that begins on this one: where its braces close, or where it ends without any.
fn item_end(code: &[String], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, line) in code.iter().enumerate().skip(from) {
        for character in line.chars() {
            match character {
                '{' => depth += 1,
                '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at;
                    }
                }
                ';' if depth == 0 => return at,
                _ => {}
            }
        }
    }
    code.len().saturating_sub(1)
}

/// The text with everything that is not code made blank; lines stay where they are.
fn blank(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = match characters[at..] {
            ['/', '/', ..] => line_end(&characters, at),
            ['/', '*', ..] => comment_end(&characters, at),
            ['"', ..] => string_end(&characters, at + 1),
            ['\'', ..] => character_end(&characters, at),
            ['r', ..] if starts_word(&characters, at) => raw_end(&characters, at + 1).unwrap_or(at + 1),
            ['b' | 'c', 'r', ..] if starts_word(&characters, at) => raw_end(&characters, at + 2).unwrap_or(at + 1),
            _ => at + 1,
        };
        let comment = characters[at] == '/' && end > at + 1;
        let filler = if comment { ' ' } else { '~' };
        if end == at + 1 {
            out.push(characters[at]);
        } else {
            out.extend(characters[at..end].iter().map(|character| if *character == '\n' { '\n' } else { filler }));
        }
        at = end;
    }
    out
}

fn starts_word(characters: &[char], at: usize) -> bool {
    at == 0 || !(characters[at - 1].is_alphanumeric() || characters[at - 1] == '_')
}

fn line_end(characters: &[char], at: usize) -> usize {
    characters[at..].iter().position(|character| *character == '\n').map_or(characters.len(), |length| at + length)
}

/// Block comments nest.
fn comment_end(characters: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while at < characters.len() {
        match characters[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    characters.len()
}

/// From behind the opening quote to behind the closing one.
fn string_end(characters: &[char], at: usize) -> usize {
    let mut at = at;
    while at < characters.len() {
        match characters[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    characters.len()
}

/// A character literal has its closing quote behind one character or an escape; a lifetime has none.
fn character_end(characters: &[char], at: usize) -> usize {
    match characters[at + 1..] {
        ['\\', ..] => {
            let close = characters[at + 3..].iter().position(|character| *character == '\'');
            close.map_or(at + 1, |length| at + 3 + length + 1)
        }
        [_, '\'', ..] => at + 3,
        _ => at + 1,
    }
}

/// The end of a raw string whose number signs begin here; `None` when it is a raw identifier or just a letter.
fn raw_end(characters: &[char], at: usize) -> Option<usize> {
    let signs = characters[at..].iter().take_while(|character| **character == '#').count();
    if characters.get(at + signs) != Some(&'"') {
        return None;
    }
    let mut at = at + signs + 1;
    while at < characters.len() {
        let closes = characters[at] == '"'
            && characters[at + 1..].iter().take_while(|character| **character == '#').count() >= signs;
        if closes {
            return Some(at + 1 + signs);
        }
        at += 1;
    }
    Some(characters.len())
}
