//! The path from an end entity to a trusted authority (RFC 5280, section 6).

use super::certificate::{Certificate, RFC822_NAME};
use super::refusal::Refusal;
use super::revocation;
use super::store::TrustStore;
use super::{CHAIN_MAX, CLOCK_SKEW};
use std::collections::BTreeSet;
use terms::Timestamp;

/// Signatures verified for one chain: without a bound, certificates of one name in all places would cost factorially
/// many. A signature costs about 50 µs, so that a chain made to hurt costs 3 ms.
const SIGNATURES_MAX: usize = 64;

/// Looks for a path.
pub(super) struct Search<'a> {
    presented: &'a [Certificate],
    store: &'a TrustStore,
    now: i64,
    signatures: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(presented: &'a [Certificate], store: &'a TrustStore, now: i64) -> Self {
        Self { presented, store, now, signatures: 0 }
    }

    /// The authorities above an end entity, up to a self-signed one of the store. Whether it may be used for what it is
    /// used for is not asked.
    pub(super) fn climb_from(
        mut self,
        user: &'a Certificate,
        notes: &mut BTreeSet<String>,
    ) -> Result<Vec<&'a Certificate>, Refusal> {
        if user.extensions.is_authority {
            return Err(Refusal::IsAuthority { subject: user.subject.line().to_owned() });
        }
        check_validity(user, self.now)?;
        check_critical(user)?;
        let mut path = vec![user];
        let mut found = BTreeSet::new();
        self.climb(&mut path, &mut found)?;
        notes.append(&mut found);
        path.remove(0);
        Ok(path)
    }

    /// Extends the path by one authority and goes on from there; the first whole path is taken.
    fn climb(&mut self, path: &mut Vec<&'a Certificate>, notes: &mut BTreeSet<String>) -> Result<(), Refusal> {
        let Some(top) = path.last().copied() else { return Err(Refusal::Empty) };
        let (subject, issuer) = (top.subject.line().to_owned(), top.issuer.line().to_owned());
        let mut worst = Refusal::UnknownAuthority { subject, issuer };
        let trusted = self.store.authorities(&top.issuer).iter().map(|candidate| (candidate, true));
        let sent = self.presented.iter().filter(|candidate| candidate.subject == top.issuer).map(|sent| (sent, false));
        for (candidate, is_trusted) in trusted.chain(sent) {
            if path.len() > CHAIN_MAX || path.iter().any(|used| used.der == candidate.der) {
                continue;
            }
            let length = path.len();
            let mut further = notes.clone();
            match self.take(path, candidate, is_trusted, &mut further) {
                Ok(()) => {
                    *notes = further;
                    return Ok(());
                }
                Err(Refusal::TooCostly) => return Err(Refusal::TooCostly),
                Err(refusal) if worst.is_of_another_key() && !matches!(refusal, Refusal::UnknownAuthority { .. }) => {
                    worst = refusal;
                }
                Err(refusal @ Refusal::UnknownAuthority { .. })
                    if matches!(worst, Refusal::UnknownAuthority { .. }) =>
                {
                    worst = refusal;
                }
                Err(_) => {}
            }
            path.truncate(length);
        }
        Err(worst)
    }

    fn take(
        &mut self,
        path: &mut Vec<&'a Certificate>,
        authority: &'a Certificate,
        is_trusted: bool,
        notes: &mut BTreeSet<String>,
    ) -> Result<(), Refusal> {
        let Some(below) = path.last().copied() else { return Err(Refusal::Empty) };
        self.signatures += 1;
        if self.signatures > SIGNATURES_MAX {
            return Err(Refusal::TooCostly);
        }
        below
            .verify(&authority.key)
            .map_err(|fault| Refusal::of_signature(fault, below.subject.line(), authority.subject.line()))?;
        let is_root = is_trusted && authority.is_self_issued();
        check_authority(authority, is_root, path, self.now)?;
        self.store.signing_policies().check(&below.subject, &authority.subject)?;
        revocation::check(below, authority, self.store, self.now, notes)?;
        path.push(authority);
        if is_root { Ok(()) } else { self.climb(path, notes) }
    }
}

/// What an authority must be, to vouch for the last of `path`.
fn check_authority(authority: &Certificate, is_root: bool, path: &[&Certificate], now: i64) -> Result<(), Refusal> {
    let names = || {
        let below = path.last().map_or_else(String::new, |below| below.subject.line().to_owned());
        (below, authority.subject.line().to_owned())
    };
    check_validity(authority, now)?;
    check_critical(authority)?;
    // Roots of version 1 cannot say what they are; that the operator put one into the store says it.
    if !(authority.may_sign_certificates() || is_root && authority.is_version_1) {
        let (subject, issuer) = names();
        return Err(Refusal::NotAnAuthority { subject, issuer });
    }
    // Section 4.2.1.9: authorities that follow, the end entity and self-issued ones not counted.
    let between = path.iter().skip(1).filter(|certificate| !certificate.is_self_issued()).count();
    if authority.extensions.authorities_below_max.is_some_and(|max| between > max as usize) {
        let (subject, issuer) = names();
        return Err(Refusal::TooManyAuthorities { subject, issuer });
    }
    match path.iter().find(|below| !may_vouch_for(authority, below)) {
        Some(below) => {
            let subject = below.subject.line().to_owned();
            Err(Refusal::NameConstraint { subject, issuer: authority.subject.line().to_owned() })
        }
        None => Ok(()),
    }
}

/// Name constraints (section 4.2.1.10). Directory names are compared; a name of another kind that is constrained is not
/// believed at all, since we could not tell.
fn may_vouch_for(authority: &Certificate, below: &Certificate) -> bool {
    let Some(constraints) = &authority.extensions.names_below else { return true };
    let email = u32::from(below.subject.has("emailAddress")) << RFC822_NAME;
    let permitted =
        constraints.permitted.is_empty() || constraints.permitted.iter().any(|base| below.subject.is_within(base));
    let excluded = constraints.excluded.iter().any(|base| below.subject.is_within(base));
    permitted && !excluded && constraints.other_kinds & (below.extensions.alternative_names | email) == 0
}

/// Is it in time, give or take the skew of clocks?
pub(super) fn check_validity(certificate: &Certificate, now: i64) -> Result<(), Refusal> {
    let subject = || certificate.subject.line().to_owned();
    match in_time(certificate.not_before, certificate.not_after, now) {
        Ok(()) => Ok(()),
        Err(Untimely::TooEarly) => {
            Err(Refusal::NotYetValid { subject: subject(), at: Timestamp::from_seconds(certificate.not_before) })
        }
        Err(Untimely::TooLate) => {
            Err(Refusal::Expired { subject: subject(), at: Timestamp::from_seconds(certificate.not_after) })
        }
    }
}

/// On which side of a validity now is.
pub(super) enum Untimely {
    TooEarly,
    TooLate,
}

pub(super) fn in_time(from: i64, to: i64, now: i64) -> Result<(), Untimely> {
    let skew = i64::try_from(CLOCK_SKEW.as_secs()).unwrap_or_default();
    if now.saturating_add(skew) < from {
        return Err(Untimely::TooEarly);
    }
    if now.saturating_sub(skew) > to { Err(Untimely::TooLate) } else { Ok(()) }
}

fn check_critical(certificate: &Certificate) -> Result<(), Refusal> {
    match &certificate.extensions.unknown_critical {
        Some(oid) => {
            Err(Refusal::CriticalExtension { subject: certificate.subject.line().to_owned(), oid: oid.clone() })
        }
        None => Ok(()),
    }
}

/// May it stand for a client: is its key good for it, and does it not say that it is for something else?
pub(super) fn check_use(certificate: &Certificate) -> Result<(), Refusal> {
    check_critical(certificate)?;
    let subject = || certificate.subject.line().to_owned();
    if let Some(bits) = certificate.key.wrong_size() {
        return Err(Refusal::OwnKeySize { subject: subject(), bits });
    }
    if !certificate.may_sign_messages() {
        return Err(Refusal::Use { subject: subject(), what: "signing in (its key usage lacks digitalSignature)" });
    }
    if certificate.extensions.for_clients == Some(false) {
        return Err(Refusal::Use { subject: subject(), what: "clients (its extended key usage lacks clientAuth)" });
    }
    Ok(())
}
