//! Signing policies of IGTF: which names an authority may vouch for (Globus's EACL files, `HASH.signing_policy`).
//!
//! ```text
//! access_id_CA   X509    '/DC=org/DC=example/CN=Test CA'
//! pos_rights     globus  CA:sign
//! cond_subjects  globus  '"/DC=org/DC=example/*" "/DC=org/DC=old/*"'
//! ```
//!
//! A file may hold several such groups; `#` begins a comment. Rights other than `CA:sign`, and `neg_rights`, are refused
//! rather than guessed at.

use super::name::{Name, modern};
use super::refusal::Refusal;
use std::collections::HashMap;

/// Which authority may vouch for which names.
#[derive(Clone, Default, Debug)]
pub(super) struct SigningPolicies {
    by_authority: HashMap<String, Rule>,
    /// Must there be a policy for every authority?
    pub(super) required: bool,
}

#[derive(Clone, Debug)]
enum Rule {
    /// The patterns of its names.
    Names(Vec<String>),
    /// A file is there and cannot be used; closed until it is mended.
    Unusable(String),
}

/// Patterns in a file; the longest of IGTF has about thirty.
const PATTERNS_MAX: usize = 1_000;

impl SigningPolicies {
    /// Takes the policies of a file.
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        for (authority, patterns) in parse(text)? {
            let rule = self.by_authority.entry(authority).or_insert_with(|| Rule::Names(Vec::new()));
            if let Rule::Names(known) = rule {
                known.extend(patterns.into_iter().filter(|pattern| !known.contains(pattern)).collect::<Vec<_>>());
            }
        }
        Ok(())
    }

    /// The policy of this authority cannot be used.
    pub(super) fn close(&mut self, authority: &Name, why: String) {
        self.by_authority.insert(authority.line().to_owned(), Rule::Unusable(why));
    }

    /// May this authority vouch for that name?
    pub(super) fn check(&self, subject: &Name, issuer: &Name) -> Result<(), Refusal> {
        let authority = || issuer.line().to_owned();
        match self.by_authority.get(issuer.line()) {
            None if self.required => Err(Refusal::SigningPolicyMissing { issuer: authority() }),
            None => Ok(()),
            Some(Rule::Unusable(why)) => Err(Refusal::SigningPolicyUnusable { issuer: authority(), why: why.clone() }),
            Some(Rule::Names(patterns)) if patterns.iter().any(|pattern| matches(pattern, subject.line())) => Ok(()),
            Some(Rule::Names(_)) => {
                Err(Refusal::SigningPolicy { subject: subject.line().to_owned(), issuer: authority() })
            }
        }
    }
}

/// The groups of a file: an authority, and the patterns of the names that it may sign.
fn parse(text: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    let mut may_sign = false;
    let mut count = 0;
    for (index, line) in text.lines().enumerate() {
        let at = |what: &str| format!("line {} of its file {what}", index + 1);
        let words = words(line).map_err(|()| at("has a quotation mark without its other"))?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => {}
            ["access_id_CA", "X509", authority] => {
                may_sign = false;
                groups.push((modern(authority), Vec::new()));
            }
            ["pos_rights", "globus", "CA:sign"] => may_sign = true,
            ["cond_subjects", "globus", patterns] if may_sign => {
                let Some((_, known)) = groups.last_mut() else { return Err(at("stands before any access_id_CA")) };
                for pattern in self::words(patterns).map_err(|()| at("has a quotation mark without its other"))? {
                    count += 1;
                    known.push(modern(&pattern));
                }
            }
            ["cond_subjects", "globus", _] => return Err(at("has conditions without the right CA:sign before them")),
            _ => return Err(at("is not understood")),
        }
        if count > PATTERNS_MAX {
            return Err(at("has one name too many"));
        }
    }
    if groups.is_empty() { Err("its file holds no access_id_CA".to_owned()) } else { Ok(groups) }
}

/// Words between blanks; those in quotation marks of either kind stay whole. `#` ends the line.
fn words(line: &str) -> Result<Vec<String>, ()> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '#' => break,
            '\'' | '"' => rest[1..].split_once(first).ok_or(())?,
            _ => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

/// `*` stands for any text, `?` for one character; everything else for itself, in its case.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when what follows the last star did not fit: one byte of the name later.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(byte) if *byte == name[n] || *byte == b'?' => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((after, from)) => {
                    (p, n) = (after, from + 1);
                    star = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests;
