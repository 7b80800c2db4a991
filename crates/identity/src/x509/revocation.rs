//! Revocation lists (RFC 5280, section 5).

use super::certificate::{Certificate, each_extension};
use super::der::{Malformed, Reader, dotted, tag};
use super::name::Name;
use super::path::in_time;
use super::refusal::Refusal;
use super::signature::{PublicKey, Scheme};
use super::store::{RevocationRule, TrustStore};
use std::collections::{BTreeSet, HashSet};
use terms::Timestamp;

/// A list as read; who signed it is not yet known.
pub(super) struct UnprovenList {
    pub(super) issuer: Name,
    scheme: Scheme,
    signed: Vec<u8>,
    signature: Vec<u8>,
    list: RevocationList,
}

/// A list that its authority signed. It costs about 60 bytes for each revoked certificate.
#[derive(Clone, Debug)]
pub(super) struct RevocationList {
    file: String,
    /// The key that signed it; `None` as long as no authority was found.
    signer: Option<PublicKey>,
    from: i64,
    /// `None`: it names no end.
    to: Option<i64>,
    revoked: HashSet<Box<[u8]>>,
    /// Why it cannot tell of certificates that it does not list.
    partial: Option<String>,
}

impl UnprovenList {
    pub(super) fn parse(file: &str, der: &[u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(Reader::only(der, tag::SEQUENCE)?.content);
        let signed = outer.expect(tag::SEQUENCE)?;
        let algorithm = outer.expect(tag::SEQUENCE)?;
        let signature = outer.bytes_of_bits()?.to_owned();
        outer.end()?;
        let mut body = Reader::new(signed.content);
        if body.is_next(tag::INTEGER) {
            body.count()?;
        }
        if body.expect(tag::SEQUENCE)?.whole != algorithm.whole {
            return Err(Malformed("it names two ways in which it is signed"));
        }
        let issuer = Name::parse(body.expect(tag::SEQUENCE)?.whole)?;
        let from = body.time()?;
        let has_end = body.is_next(tag::UTC_TIME) || body.is_next(tag::GENERALIZED_TIME);
        let to = if has_end { Some(body.time()?) } else { None };
        let revoked = match body.optional(tag::SEQUENCE)? {
            Some(entries) => serials(Reader::new(entries.content))?,
            None => HashSet::new(),
        };
        let partial = match body.optional(tag::constructed(0))? {
            Some(extensions) => unknown_critical(extensions.content)?,
            None => None,
        };
        body.end()?;
        let list = RevocationList { file: file.to_owned(), signer: None, from, to, revoked, partial };
        let scheme = Scheme::parse(Reader::new(algorithm.content))?;
        Ok(Self { issuer, scheme, signed: signed.whole.to_owned(), signature, list })
    }

    /// The list, if one of these authorities signed it.
    pub(super) fn prove(self, authorities: &[Certificate]) -> Option<RevocationList> {
        let signed_by = |authority: &&Certificate| {
            authority.may_sign_lists() && authority.key.verify(&self.scheme, &self.signed, &self.signature).is_ok()
        };
        let signer = authorities.iter().find(signed_by)?.key.clone();
        Some(RevocationList { signer: Some(signer), ..self.list })
    }
}

/// The serial numbers of all entries. Whatever an entry's reason is, the certificate is not taken: one that is on hold
/// comes back with the next list.
fn serials(mut entries: Reader<'_>) -> Result<HashSet<Box<[u8]>>, Malformed> {
    let mut serials = HashSet::new();
    while !entries.is_empty() {
        serials.insert(entries.sequence()?.integer()?.into());
    }
    Ok(serials)
}

/// Section 5.2: a list with a critical extension that is not understood says nothing of certificates that are not in it.
/// Those exist to make lists partial: for some certificates (issuingDistributionPoint), or as differences.
fn unknown_critical(extensions: &[u8]) -> Result<Option<String>, Malformed> {
    let mut found = None;
    each_extension(extensions, |oid, critical, _| {
        if critical {
            found
                .get_or_insert_with(|| format!("it has a critical extension that is not known here ({})", dotted(oid)));
        }
        Ok(())
    })?;
    Ok(found)
}

impl RevocationList {
    /// Why it cannot vouch for certificates that it does not list; `None` when it can.
    fn silence(&self, now: i64) -> Option<String> {
        let file = &self.file;
        if let Some(why) = &self.partial {
            return Some(format!("of the revocation list {file}, {why}"));
        }
        let (from, to) = (Timestamp::from_seconds(self.from), self.to.map(Timestamp::from_seconds));
        match in_time(self.from, self.to.unwrap_or(i64::MAX), now) {
            Ok(()) => None,
            Err(super::path::Untimely::TooEarly) => {
                Some(format!("the revocation list {file} is not valid before {from}"))
            }
            Err(super::path::Untimely::TooLate) => {
                let end = to.map_or_else(String::new, |to| to.to_string());
                Some(format!("the revocation list {file} ended on {end}"))
            }
        }
    }
}

/// Did the authority revoke it?
pub(super) fn check(
    certificate: &Certificate,
    authority: &Certificate,
    store: &TrustStore,
    now: i64,
    notes: &mut BTreeSet<String>,
) -> Result<(), Refusal> {
    let (subject, issuer) = (certificate.subject.line().to_owned(), authority.subject.line().to_owned());
    let of_key = |list: &&RevocationList| list.signer.as_ref() == Some(&authority.key);
    let lists: Vec<&RevocationList> = store.revocation_lists(&authority.subject).iter().filter(of_key).collect();
    if lists.iter().any(|list| list.revoked.contains(certificate.serial.as_slice())) {
        return Err(Refusal::Revoked { subject, issuer });
    }
    let mut silences = lists.iter().map(|list| list.silence(now)).collect::<Vec<_>>();
    if silences.iter().any(Option::is_none) {
        return Ok(());
    }
    silences.extend(store.unusable_lists(&authority.subject).iter().cloned().map(Some));
    let why = match (silences.into_iter().flatten().next(), store.revocation_rule()) {
        (None, RevocationRule::IfPresent | RevocationRule::Warn) => return Ok(()),
        (None, RevocationRule::Require) => "there is no revocation list of that authority here".to_owned(),
        (Some(why), RevocationRule::IfPresent | RevocationRule::Require) => why,
        (Some(why), RevocationRule::Warn) => {
            notes.insert(format!("Whether {issuer} revoked certificates cannot be told: {why}."));
            return Ok(());
        }
    };
    Err(Refusal::RevocationUnknown { subject, issuer, why })
}
