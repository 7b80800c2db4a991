//! Records to keep, with values at the ends of their ranges.

use archive::{
    FileRecord, Identity, LockRecord, Property, PropertyChange, SecretRecord, ShareRecord, TokenRecord, UploadRecord,
    UsageRecord,
};
use std::time::Duration;
use terms::{
    Algorithm, Attributes, Digest, DigestSet, LogicalPath, ShareId, StagedId, Timestamp, TokenId, UploadId, Verb,
    VerbSet,
};

pub(crate) fn path(text: &str) -> LogicalPath {
    text.parse().unwrap()
}

pub(crate) fn paths<T>(records: &[T], path: impl Fn(&T) -> &LogicalPath) -> Vec<&str> {
    records.iter().map(|record| path(record).as_str()).collect()
}

pub(crate) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).after(Duration::from_nanos(123_456_789))
}

pub(crate) fn id(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(0x0193_4000_0000_7000_8000_0000_0000_0000 + number)
}

pub(crate) fn all_digests(first: u8) -> DigestSet {
    Algorithm::ALL
        .into_iter()
        .map(|algorithm| {
            let bytes: Vec<u8> = (0..algorithm.len_bytes() as u8).map(|at| first.wrapping_add(at)).collect();
            Digest::new(algorithm, &bytes).unwrap()
        })
        .collect()
}

pub(crate) fn file(name: &str, size_bytes: u64) -> FileRecord {
    FileRecord {
        path: path(name),
        identity: Identity { inode: 42, size_bytes, modified: instant(1_700_000_000) },
        digests: all_digests(1),
        media_type: Some("image/fits".to_owned()),
        published: instant(1_700_000_100),
        staged: None,
        publisher: "token night-shift (0193)".to_owned(),
        attributes: Attributes::default(),
    }
}

/// Nothing that can be missing, numbers at their ends.
pub(crate) fn bare_file(name: &str) -> FileRecord {
    FileRecord {
        identity: Identity { inode: u64::MAX, size_bytes: 0, modified: Timestamp::from_nanos(i64::MIN) },
        digests: DigestSet::new(),
        media_type: None,
        published: Timestamp::from_nanos(-1),
        publisher: String::new(),
        ..file(name, 0)
    }
}

pub(crate) fn property(name: &str, value: &str) -> Property {
    let namespace = "urn:x-test".to_owned();
    Property { xml: format!("<t:{name} xmlns:t='{namespace}'>{value}</t:{name}>"), namespace, name: name.to_owned() }
}

pub(crate) fn set(name: &str, value: &str) -> PropertyChange {
    PropertyChange::Set(property(name, value))
}

pub(crate) fn lock(number: u128, name: &str) -> LockRecord {
    LockRecord {
        token: format!("urn:uuid:{}", id(number)),
        path: path(name),
        deep: true,
        shared: false,
        owner: "<D:href xmlns:D='DAV:'>mailto:ännchen@example.org</D:href>".to_owned(),
        principal: "token night-shift (0193)".to_owned(),
        expires: instant(1_800_000_000),
    }
}

pub(crate) fn upload(number: u128, name: &str) -> UploadRecord {
    UploadRecord {
        id: UploadId(id(number)),
        path: path(name),
        staged: StagedId(id(number + 1)),
        length_bytes: Some(i64::MAX as u64),
        claimed: all_digests(7),
        media_type: Some("image/fits".to_owned()),
        modified: Some(instant(1_600_000_000)),
        principal: "token night-shift (0193)".to_owned(),
        overwrite: true,
        created: instant(1_700_000_000 + number as i64),
        expires: instant(1_700_086_400),
        attributes: Attributes::default(),
    }
}

pub(crate) fn bare_upload(number: u128, name: &str) -> UploadRecord {
    UploadRecord {
        length_bytes: None,
        claimed: DigestSet::new(),
        media_type: None,
        modified: None,
        overwrite: false,
        ..upload(number, name)
    }
}

pub(crate) fn token(number: u128, name: &str) -> TokenRecord {
    TokenRecord {
        id: TokenId(id(number)),
        name: name.to_owned(),
        secret_sha256: [0xa5; 32],
        verbs: [Verb::List, Verb::Stat, Verb::Read].into_iter().collect(),
        path: path("/night"),
        created: instant(1_700_000_000 + number as i64),
        expires: Some(instant(1_800_000_000)),
        revoked: None,
        account: None,
        parent: None,
    }
}

pub(crate) fn bare_token(number: u128, name: &str) -> TokenRecord {
    TokenRecord { verbs: VerbSet::default(), path: LogicalPath::root(), expires: None, ..token(number, name) }
}

/// One that acts for an account, narrowed from another.
pub(crate) fn narrowed_token(number: u128, parent: u128) -> TokenRecord {
    TokenRecord { account: Some("ännchen".to_owned()), parent: Some(TokenId(id(parent))), ..token(number, "narrowed") }
}

pub(crate) fn attributes(text: &str) -> Attributes {
    text.parse().unwrap()
}

pub(crate) fn share(number: u128, name: &str) -> ShareRecord {
    ShareRecord {
        id: ShareId(id(number)),
        secret_sha256: [0x5a; 32],
        path: path(name),
        verbs: [Verb::List, Verb::Stat, Verb::Read].into_iter().collect(),
        creator: "token night-shift (0193)".to_owned(),
        note: "for Ännchen".to_owned(),
        created: instant(1_700_000_000 + number as i64),
        expires: Some(instant(1_800_000_000)),
        revoked: None,
        networks: "192.0.2.0/24,2001:db8::/32".to_owned(),
        downloads_max: Some(100),
        bytes_max: Some(i64::MAX as u64),
        downloads: 3,
        bytes: 20_000_000,
    }
}

/// One without any limit.
pub(crate) fn bare_share(number: u128, name: &str) -> ShareRecord {
    ShareRecord {
        creator: "this host".to_owned(),
        note: String::new(),
        expires: None,
        networks: String::new(),
        downloads_max: None,
        bytes_max: None,
        downloads: 0,
        bytes: 0,
        ..share(number, name)
    }
}

pub(crate) fn secret(number: u128) -> SecretRecord {
    SecretRecord {
        id: id(number),
        purpose: "macaroon".to_owned(),
        secret: zeroize::Zeroizing::new(vec![number as u8; 32]),
        created: instant(1_700_000_000 + number as i64),
        retired: None,
    }
}

pub(crate) fn usage(principal: &str, day: u32, bytes: u64) -> UsageRecord {
    UsageRecord { principal: principal.to_owned(), day, bytes }
}
