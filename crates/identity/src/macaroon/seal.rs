//! Who asked for a macaroon, inside its identifier: encrypted and authenticated (AES-256-GCM) under a key that is derived
//! from the root key, so that a holder does not learn of the groups and names of who gave it on. The location, which the
//! chain of signatures does not cover, is authenticated along.
//!
//! An identifier is ASCII text, for libraries that expect that: `portolan1.KEY.SEALED`.

use super::chain::{Fresh, RootKey};
use super::refusal::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{Bound, CredentialForm, Grant, Identity, Kind, LogicalPath, Timestamp};
use zeroize::Zeroizing;

/// Begins the identifiers of this version.
const PREFIX: &str = "portolan1.";

/// What the sealing key is derived for.
const PURPOSE: &[u8] = b"portolan macaroon, who asked, 1";

/// Who asked for a macaroon, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Minter {
    /// The macaroon's id.
    pub(super) id: String,
    /// When it was made.
    pub(super) minted: Timestamp,
    /// Its maker: with the credential that was presented then.
    pub(super) identity: Identity,
}

/// The same as it is written. Short names: it travels with every request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Id of the macaroon.
    m: String,
    /// When, in seconds.
    t: i64,
    /// Kind, name, issuer, groups.
    k: u8,
    n: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    i: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    g: BTreeSet<String>,
    /// Form, id, beginning and end of the credential.
    f: u8,
    c: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<i64>,
    /// Bounds: by, and the grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    b: Vec<(String, Vec<WrittenGrant>)>,
    /// Authorises.
    a: bool,
    /// Largest upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    u: Option<u64>,
}

/// Verbs, path, may rename, is a folder, way from.
type WrittenGrant = (String, LogicalPath, bool, bool, Option<LogicalPath>);

const KINDS: [Kind; 5] = [Kind::Anonymous, Kind::User, Kind::Token, Kind::Share, Kind::Host];

const FORMS: [CredentialForm; 7] = [
    CredentialForm::Nothing,
    CredentialForm::LocalToken,
    CredentialForm::SignedToken,
    CredentialForm::Certificate,
    CredentialForm::Macaroon,
    CredentialForm::ShareLink,
    CredentialForm::Session,
];

pub(super) fn seal(key: &RootKey, location: &str, fresh: Fresh, minter: &Identity, now: Timestamp) -> String {
    let written = write(fresh.id, minter, now);
    let mut bytes = serde_json::to_vec(&written).expect("texts and numbers have a JSON form");
    let nonce = Nonce::assume_unique_for_key(fresh.nonce);
    let sealed = sealing_key(key).seal_in_place_append_tag(nonce, Aad::from(location.as_bytes()), &mut bytes);
    sealed.expect("only texts of 64 GiB cannot be sealed");
    let whole = [&fresh.nonce[..], &bytes].concat();
    format!("{PREFIX}{}.{}", key.id(), URL_SAFE_NO_PAD.encode(whole))
}

pub(super) fn key_id(identifier: &[u8]) -> Option<&str> {
    let (id, _) = take_apart(identifier)?;
    Some(id)
}

pub(super) fn open(key: &RootKey, location: &str, identifier: &[u8]) -> Result<Minter, Refusal> {
    let (_, sealed) = take_apart(identifier).ok_or(Refusal::Foreign)?;
    let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Refusal::Altered)?);
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(Refusal::Altered)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Refusal::Altered)?;
    let opened =
        sealing_key(key).open_in_place(nonce, Aad::from(location.as_bytes()), sealed).map_err(|_| Refusal::Altered)?;
    let written: Written = serde_json::from_slice(opened).map_err(|_| Refusal::OtherVersion)?;
    read(written).ok_or(Refusal::OtherVersion)
}

fn take_apart(identifier: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(identifier).ok()?.strip_prefix(PREFIX)?.split_once('.')
}

fn sealing_key(key: &RootKey) -> LessSafeKey {
    let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.secret()), PURPOSE);
    let key = UnboundKey::new(&AES_256_GCM, derived.as_ref()).expect("a SHA-256 value is as long as an AES-256 key");
    LessSafeKey::new(key)
}

fn write(id: [u8; 16], minter: &Identity, now: Timestamp) -> Written {
    let grant = |grant: &Grant| -> WrittenGrant {
        (grant.verbs.to_string(), grant.path.clone(), grant.may_rename, grant.is_folder, grant.way_from.clone())
    };
    let bound = |bound: &Bound| (bound.by.clone(), bound.grants.iter().map(grant).collect());
    let index = |at: Option<usize>| u8::try_from(at.unwrap_or(usize::from(u8::MAX))).unwrap_or(u8::MAX);
    Written {
        m: id.iter().map(|byte| format!("{byte:02x}")).collect(),
        t: now.seconds(),
        k: index(KINDS.iter().position(|kind| *kind == minter.kind)),
        n: minter.name.clone(),
        i: minter.issuer.clone(),
        g: minter.groups.clone(),
        f: index(FORMS.iter().position(|form| *form == minter.credential.form)),
        c: minter.credential.id.clone(),
        s: minter.credential.issued.map(Timestamp::seconds),
        e: minter.credential.expires.map(Timestamp::seconds),
        b: minter.bounds.iter().map(bound).collect(),
        a: minter.authorises,
        u: minter.upload_max_bytes,
    }
}

fn read(written: Written) -> Option<Minter> {
    let grant = |(verbs, path, may_rename, is_folder, way_from): WrittenGrant| {
        Some(Grant { verbs: verbs.parse().ok()?, path, may_rename, is_folder, way_from })
    };
    let bound = |(by, grants): (String, Vec<_>)| {
        Some(Bound { by, grants: grants.into_iter().map(grant).collect::<Option<_>>()? })
    };
    let mut identity = Identity::new(*KINDS.get(usize::from(written.k))?, written.n);
    identity.issuer = written.i;
    identity.groups = written.g;
    identity.credential.form = *FORMS.get(usize::from(written.f))?;
    identity.credential.id = written.c;
    identity.credential.issued = written.s.map(Timestamp::from_seconds);
    identity.credential.expires = written.e.map(Timestamp::from_seconds);
    identity.bounds = written.b.into_iter().map(bound).collect::<Option<_>>()?;
    identity.authorises = written.a;
    identity.upload_max_bytes = written.u;
    Some(Minter { id: written.m, minted: Timestamp::from_seconds(written.t), identity })
}
