//! Certificates made by hand, signed with Ed25519: also those that no tool would make.

use crate::x509::TrustSource;
use ring::signature::{Ed25519KeyPair, KeyPair};

pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let mut bytes = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    bytes.extend(content);
    bytes
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, parts)
}

pub(super) fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u32> = text.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut bytes = vec![(arcs[0] * 40 + arcs[1]) as u8];
    for arc in &arcs[2..] {
        let mut digits = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            digits.insert(0, (rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.extend(digits);
    }
    element(6, &[&bytes])
}

/// `/DC=org/CN=Alice`, each part on its own; only CN, DC and emailAddress.
pub(super) fn name(line: &str) -> Vec<u8> {
    let part = |part: &str| {
        let (kind, value) = part.split_once('=').unwrap();
        let kind = match kind {
            "CN" => "2.5.4.3",
            "DC" => "0.9.2342.19200300.100.1.25",
            "emailAddress" => "1.2.840.113549.1.9.1",
            other => panic!("{other}"),
        };
        element(0x31, &[&sequence(&[&oid(kind), &element(0x0c, &[value.as_bytes()])])])
    };
    sequence(&[&line.split('/').skip(1).map(part).collect::<Vec<_>>().concat()])
}

pub(super) fn time(seconds: i64) -> Vec<u8> {
    let text: String =
        terms::Timestamp::from_seconds(seconds).to_string().chars().filter(char::is_ascii_digit).collect();
    element(0x18, &[text.as_bytes(), b"Z"])
}

pub(super) fn extension(kind: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { element(1, &[&[0xff]]) } else { Vec::new() };
    sequence(&[&oid(kind), &flag, &element(4, &[value])])
}

pub(super) fn basic_constraints(authority: bool, below: Option<u8>) -> Vec<u8> {
    let flag = if authority { element(1, &[&[0xff]]) } else { Vec::new() };
    let below = below.map(|below| element(2, &[&[below]])).unwrap_or_default();
    extension("2.5.29.19", true, &sequence(&[&flag, &below]))
}

/// 0x80 digitalSignature, 0x04 keyCertSign, 0x02 cRLSign.
pub(super) fn key_usage(bits: u8) -> Vec<u8> {
    extension("2.5.29.15", true, &element(3, &[&[0, bits]]))
}

pub(super) fn proxy_info(below: Option<u8>, language: &str) -> Vec<u8> {
    proxy_info_with(below, language, true, b"")
}

pub(super) fn proxy_info_with(below: Option<u8>, language: &str, critical: bool, policy: &[u8]) -> Vec<u8> {
    let below = below.map(|below| element(2, &[&[below]])).unwrap_or_default();
    let policy = if policy.is_empty() { Vec::new() } else { element(4, &[policy]) };
    extension("1.3.6.1.5.5.7.1.14", critical, &sequence(&[&below, &sequence(&[&oid(language), &policy])]))
}

pub(super) const INHERIT_ALL: &str = "1.3.6.1.5.5.7.21.1";

/// One who signs.
pub(super) struct Signer {
    pub(super) name: String,
    key: Ed25519KeyPair,
}

/// What is signed.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) serial: u8,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) extensions: Vec<Vec<u8>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { serial: 7, from: super::NOW - 86_400, to: super::NOW + 86_400, extensions: Vec::new() }
    }
}

impl Plan {
    pub(super) fn with(extensions: &[Vec<u8>]) -> Self {
        Self { extensions: extensions.to_vec(), ..Self::default() }
    }

    pub(super) fn authority() -> Self {
        Self::with(&[basic_constraints(true, None), key_usage(0x06)])
    }

    pub(super) fn user() -> Self {
        Self::with(&[basic_constraints(false, None), key_usage(0xa0)])
    }

    pub(super) fn proxy() -> Self {
        Self::with(&[proxy_info(None, INHERIT_ALL), key_usage(0xa0)])
    }
}

const ED25519: &str = "1.3.101.112";

impl Signer {
    /// The seed makes the key, so that every run makes the same bytes.
    pub(super) fn new(name: &str, seed: u8) -> Self {
        Self { name: name.to_owned(), key: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap() }
    }

    pub(super) fn sign(&self, body: &[u8]) -> Vec<u8> {
        sequence(&[body, &sequence(&[&oid(ED25519)]), &element(3, &[&[0], self.key.sign(body).as_ref()])])
    }

    pub(super) fn certify(&self, subject: &Self, plan: &Plan) -> Vec<u8> {
        let extensions = plan.extensions.concat();
        let extensions = match extensions.is_empty() {
            true => Vec::new(),
            false => element(0xa3, &[&sequence(&[&extensions])]),
        };
        self.sign(&sequence(&[
            &element(0xa0, &[&element(2, &[&[2]])]),
            &element(2, &[&[plan.serial]]),
            &sequence(&[&oid(ED25519)]),
            &name(&self.name),
            &sequence(&[&time(plan.from), &time(plan.to)]),
            &name(&subject.name),
            &sequence(&[&sequence(&[&oid(ED25519)]), &element(3, &[&[0], subject.key.public_key().as_ref()])]),
            &extensions,
        ]))
    }

    /// A revocation list of these serial numbers.
    pub(super) fn revoke(&self, serials: &[u8], from: i64, to: i64, extensions: &[Vec<u8>]) -> Vec<u8> {
        let entry = |serial: &u8| sequence(&[&element(2, &[&[*serial]]), &time(from)]);
        let entries: Vec<u8> = serials.iter().flat_map(entry).collect();
        let entries = if entries.is_empty() { entries } else { sequence(&[&entries]) };
        let extensions = extensions.concat();
        let extensions = match extensions.is_empty() {
            true => Vec::new(),
            false => element(0xa0, &[&sequence(&[&extensions])]),
        };
        self.sign(&sequence(&[
            &element(2, &[&[1]]),
            &sequence(&[&oid(ED25519)]),
            &name(&self.name),
            &time(from),
            &time(to),
            &entries,
            &extensions,
        ]))
    }
}

/// An authority, a user and a proxy of theirs.
pub(super) struct Cast {
    pub(super) root: Signer,
    pub(super) user: Signer,
    pub(super) proxy: Signer,
}

impl Cast {
    pub(super) fn new() -> Self {
        Self {
            root: Signer::new("/DC=org/CN=Root", 1),
            user: Signer::new("/DC=org/CN=Alice", 2),
            proxy: Signer::new("/DC=org/CN=Alice/CN=1", 3),
        }
    }

    pub(super) fn source(&self) -> TrustSource {
        source_of(&[self.root.certify(&self.root, &Plan::authority())])
    }

    pub(super) fn user_certificate(&self) -> Vec<u8> {
        self.root.certify(&self.user, &Plan::user())
    }
}

pub(super) fn source_of(authorities: &[Vec<u8>]) -> TrustSource {
    let authorities = authorities.iter().map(|der| super::named("authority.0", der.clone())).collect();
    TrustSource { authorities, ..TrustSource::default() }
}
