//! Distinguished names, and the one line that the grid writes them in: `/DC=org/DC=example/CN=Alice`.

use super::der::{Malformed, Reader, dotted, tag};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A distinguished name. Two are equal when their attributes have the same types and the same text, however that text
/// is encoded; letters of another case are other letters, which is stricter than RFC 5280, section 7.1.
#[derive(Clone, Eq)]
pub struct Name {
    /// The relative names in order; most hold one attribute, some several at once.
    parts: Vec<Vec<Attribute>>,
    line: String,
    der: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Attribute {
    kind: Vec<u8>,
    text: String,
}

/// The types with a short name in OpenSSL's one-line form; others are written in digits.
const SHORT_NAMES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 13], "description"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 41], "name"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x55, 4, 97], "organizationIdentifier"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2], "unstructuredName"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
];

/// Spellings of older software in policies and lists.
const OLD_SPELLINGS: &[(&str, &str)] =
    &[("/Email=", "/emailAddress="), ("/E=", "/emailAddress="), ("/USERID=", "/UID=")];

/// Attributes in a name. Proxies add one each.
const ATTRIBUTES_MAX: usize = 64;

impl Name {
    /// Reads a `Name` (RFC 5280, section 4.1.2.4). Refuses one whose line could be read as another name's: rules, signing
    /// policies and lists of organisations compare lines.
    pub(super) fn parse(der: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(Reader::only(der, tag::SEQUENCE)?.content);
        let mut parts = Vec::new();
        let mut count = 0;
        while !reader.is_empty() {
            let mut set = reader.inside(tag::SET)?;
            let mut attributes = Vec::new();
            while !set.is_empty() {
                attributes.push(Attribute::parse(set.sequence()?)?);
                count += 1;
                if count > ATTRIBUTES_MAX {
                    return Err(Malformed("a name has too many parts"));
                }
            }
            if attributes.is_empty() {
                return Err(Malformed("a part of a name is empty"));
            }
            parts.push(attributes);
        }
        let line = write(&parts);
        Ok(Self { parts, line, der: der.to_owned() })
    }

    /// As OpenSSL writes it on one line. Bytes outside printable ASCII are written `\xHH`.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// As certificates hold it.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The text of the last part, where that is a single common name and all before it is `base`.
    pub(super) fn one_more_than<'a>(&'a self, base: &Self) -> Option<&'a str> {
        let (last, rest) = self.parts.split_last()?;
        let [Attribute { kind, text }] = last.as_slice() else { return None };
        (rest == base.parts && kind.as_slice() == SHORT_NAMES[0].0).then_some(text)
    }

    /// Does it begin with all parts of `base`?
    pub(super) fn is_within(&self, base: &Self) -> bool {
        self.parts.starts_with(&base.parts)
    }

    /// Is there an attribute of this type, as `emailAddress`?
    pub(super) fn has(&self, short_name: &str) -> bool {
        self.parts.iter().flatten().any(|attribute| attribute.short_name() == Some(short_name))
    }
}

/// Brings a line of a policy or a list to our spelling.
pub(super) fn modern(line: &str) -> String {
    OLD_SPELLINGS.iter().fold(line.to_owned(), |line, (old, new)| line.replace(old, new))
}

impl Attribute {
    fn parse(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let kind = reader.oid()?.to_owned();
        let value = reader.element()?;
        reader.end()?;
        let text = text(value.tag, value.content).ok_or(Malformed("a part of a name is not text"))?;
        if reads_as_more(&text) {
            return Err(Malformed("a part of a name holds text that reads like a part of its own"));
        }
        Ok(Self { kind, text })
    }

    fn short_name(&self) -> Option<&'static str> {
        SHORT_NAMES.iter().find(|(kind, _)| *kind == self.kind.as_slice()).map(|(_, name)| *name)
    }
}

/// `/key=` or `+key=` inside a value would read as a further part, `\x` as an escape. `host/name` is common and harmless.
fn reads_as_more(text: &str) -> bool {
    let key = |rest: &str| {
        rest.split_once('=').is_some_and(|(key, _)| {
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        })
    };
    text.contains("\\x") || text.match_indices(['/', '+']).any(|(at, _)| key(&text[at + 1..]))
}

/// The string types of X.520.
fn text(tag: u8, bytes: &[u8]) -> Option<String> {
    match tag {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => String::from_utf8(bytes.to_owned()).ok(),
        // TeletexString, as everybody wrote it: Latin-1.
        0x14 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        // BMPString.
        0x1e if bytes.len().is_multiple_of(2) => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        // UniversalString.
        0x1c if bytes.len().is_multiple_of(4) => {
            bytes.chunks_exact(4).map(|four| char::from_u32(u32::from_be_bytes(four.try_into().ok()?))).collect()
        }
        _ => None,
    }
}

fn write(parts: &[Vec<Attribute>]) -> String {
    let mut line = String::new();
    for attributes in parts {
        for (index, attribute) in attributes.iter().enumerate() {
            line.push(if index == 0 { '/' } else { '+' });
            match attribute.short_name() {
                Some(name) => line.push_str(name),
                None => line.push_str(&dotted(&attribute.kind)),
            }
            line.push('=');
            for byte in attribute.text.bytes() {
                match byte {
                    b' '..=b'~' => line.push(char::from(byte)),
                    _ => line.push_str(&format!("\\x{byte:02X}")),
                }
            }
        }
    }
    line
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.line)
    }
}
