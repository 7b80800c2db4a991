//! What a site says of a file: small texts by name.

use crate::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// Most attributes of one file: each costs its text in the record of the file.
pub const MAX_ATTRIBUTES: usize = 32;

/// Longest value of an attribute.
pub const MAX_ATTRIBUTE_BYTES: usize = 512;

/// Longest name of an attribute.
const MAX_NAME_BYTES: usize = 64;

/// When the embargo of a file ends: rules ask for it. An instant, kept as `2027-01-01T00:00:00Z`.
pub const EMBARGO_UNTIL: &str = "embargo-until";

/// When the bytes of a copy came in first: only the port itself says so. Rules that count from the import count from here.
pub const IMPORTED: &str = "imported";

/// Attributes by name. Prints as a dictionary of strings (RFC 9651 §3.2): `embargo-until="2027-01-01T00:00:00Z",
/// group="/lsst/dr1"`, and is read back from that.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Attributes(BTreeMap<String, String>);

/// Why a text is no attributes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidAttributes {
    /// A name of the wrong form.
    #[error("'{0}' is no name of an attribute: a small letter, then up to 63 of a-z, 0-9, '_', '-', '.'")]
    Name(String),
    /// A value of the wrong form.
    #[error("the value of '{0}' is not up to 512 printable ASCII letters between double quotes")]
    Value(String),
    /// An instant was expected.
    #[error("'{1}' is no instant for '{0}', which is written as 2027-01-01T00:00:00Z")]
    Instant(String, String),
    /// One that nobody can set.
    #[error("'{0}' is told by the port itself, and nobody can set it")]
    Reserved(String),
    /// Too many.
    #[error("there are more than {MAX_ATTRIBUTES} attributes")]
    TooMany,
    /// Something else stands where a name, a comma or the end should.
    #[error("'{0}' is not of the form name=\"value\", name=\"value\"")]
    Form(String),
}

impl Attributes {
    /// Sets one; an empty value removes it. Instants are kept in UTC and whole seconds, rounded up.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidAttributes> {
        let first = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b));
        if !first || !rest || name.len() > MAX_NAME_BYTES {
            return Err(InvalidAttributes::Name(name.chars().take(MAX_NAME_BYTES).collect()));
        }
        if value.len() > MAX_ATTRIBUTE_BYTES || !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(InvalidAttributes::Value(name.to_owned()));
        }
        let instant = match name {
            EMBARGO_UNTIL | IMPORTED if !value.is_empty() => instant(name, value)?,
            _ => String::new(),
        };
        let value = if instant.is_empty() { value } else { &instant };
        if value.is_empty() {
            self.0.remove(name);
        } else if self.0.len() >= MAX_ATTRIBUTES && !self.0.contains_key(name) && name != IMPORTED {
            return Err(InvalidAttributes::TooMany);
        } else {
            self.0.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }

    /// The same as somebody asks for it who is not the port itself.
    pub fn ask(&mut self, name: &str, value: &str) -> Result<(), InvalidAttributes> {
        if name == IMPORTED { Err(InvalidAttributes::Reserved(name.to_owned())) } else { self.set(name, value) }
    }

    /// Sets all of these.
    pub fn set_all(&mut self, others: &Self) -> Result<(), InvalidAttributes> {
        others.iter().try_for_each(|(name, value)| self.set(name, value))
    }

    /// When its own embargo ends.
    pub fn embargo_until(&self) -> Option<Timestamp> {
        self.get(EMBARGO_UNTIL)?.parse().ok()
    }

    /// When the bytes came in first, where that is not when the file was made.
    pub fn imported(&self) -> Option<Timestamp> {
        self.get(IMPORTED)?.parse().ok()
    }
}

/// In whole seconds, which both print and are read back; rounded up, so that no embargo ends early.
fn instant(name: &str, text: &str) -> Result<String, InvalidAttributes> {
    let instant: Timestamp =
        text.trim().parse().map_err(|_| InvalidAttributes::Instant(name.to_owned(), text.to_owned()))?;
    Ok(whole_seconds(instant).to_string())
}

/// The end of the second in which it lies.
fn whole_seconds(instant: Timestamp) -> Timestamp {
    let seconds = instant.nanos().div_euclid(NANOS) + i64::from(instant.nanos().rem_euclid(NANOS) != 0);
    Timestamp::from_nanos(seconds.saturating_mul(NANOS))
}

const NANOS: i64 = 1_000_000_000;

impl Deref for Attributes {
    type Target = BTreeMap<String, String>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))?;
        }
        Ok(())
    }
}

impl FromStr for Attributes {
    type Err = InvalidAttributes;
    fn from_str(text: &str) -> Result<Self, InvalidAttributes> {
        let form = |rest: &str| InvalidAttributes::Form(rest.chars().take(40).collect());
        let mut attributes = Self::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (name, quoted) = rest.split_once("=\"").ok_or_else(|| form(rest))?;
            let (value, after) = unquote(quoted).ok_or_else(|| form(rest))?;
            attributes.set(name, &value)?;
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(next) if !next.trim().is_empty() => next.trim_start(),
                None if after.is_empty() => "",
                _ => return Err(form(after)),
            };
        }
        Ok(attributes)
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(letters.next().map(|(_, letter)| letter).filter(|letter| "\\\"".contains(*letter))?),
            letter => value.push(letter),
        }
    }
    None
}
