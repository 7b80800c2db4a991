//! X.509 certificates with RFC 3820 proxies, VOMS attributes, signing policies and revocation lists.
//!
//! [`TrustStore::build`] takes the files of a hashed authorities directory and of a vomsdir as values; [`judge`] takes the
//! chain that a client presented (and whose key it proved to hold: that is the handshake's affair) and says who that is.
//!
//! Rules: RFC 5280 section 6 for the path from the end entity to a self-signed authority of the store, RFC 3820 section 4
//! for the proxies below it, RFC 5755 for attribute certificates. Deliberately absent: legacy Globus proxies, SHA-1, RSA
//! below 2048 bits, certificate policies (a critical demand for them is refused), delta and indirect revocation lists.

mod certificate;
mod der;
mod name;
mod path;
mod proxy;
mod refusal;
mod revocation;
mod signature;
mod signing_policy;
mod store;
mod voms;

pub use name::Name;
pub use refusal::Refusal;
pub use store::{Named, RevocationRule, StoreError, TrustSource, TrustStore, VomsSource};

use certificate::Certificate;
use ring::digest::{SHA256, digest};
use std::collections::BTreeSet;
use std::time::Duration;
use terms::{Bound, Credential, CredentialForm, Grant, Identity, Kind, LogicalPath, Timestamp, Verb};

/// How far clocks may differ, at both ends of every validity: hosts without a good clock are common at small sites, and
/// the certificates live for hours at least.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Certificates in a chain. Four authorities and a dozen proxies are far more than any site uses; each costs a signature.
pub const CHAIN_MAX: usize = 16;

/// All certificates of a chain together. A proxy with attributes of three organisations has 15 KB; a session ticket
/// cannot hold more than 64 KiB.
pub const CHAIN_BYTES_MAX: usize = 48 << 10;

/// A chain that was found good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Who.
    pub identity: Identity,
    /// When the first of what it rests on ends.
    pub until: Timestamp,
    /// What was left aside, for the log and the audit: attributes that are not valid, a revocation list out of date.
    pub notes: Vec<String>,
}

/// Says who presented this chain (DER; the leaf first, the rest in any order; the root may be there or not).
///
/// An attribute certificate that is not valid takes its groups away, never the identity: what the certificate alone may
/// do stays, and the reason is among the notes.
pub fn judge(chain: &[Vec<u8>], store: &TrustStore, now: Timestamp) -> Result<Judged, Refusal> {
    let chain = read(chain)?;
    let descent = proxy::descend(&chain, now.seconds())?;
    let mut notes = BTreeSet::new();
    let authorities = path::Search::new(&chain, store, now.seconds()).climb_from(descent.user, &mut notes)?;
    path::check_use(descent.user)?;
    let groups = match descent.attributes {
        // An independent proxy holds nothing of its issuer's (RFC 3820, section 3.8.2), so not its groups either.
        Some(holder) if !descent.is_independent() => voms::groups(holder, descent.user, store, now.seconds()),
        _ => voms::Groups::default(),
    };
    notes.extend(groups.notes);
    let expires = descent.chain.iter().chain(&authorities).map(|certificate| certificate.not_after).min();
    let expires = Timestamp::from_seconds(expires.unwrap_or_default());
    let mut identity = Identity::new(Kind::User, descent.subject().line());
    // What is made with it, a macaroon say, carries its groups along: it must not outlast these.
    let until = groups.until.map_or(expires, |until| expires.min(Timestamp::from_seconds(until)));
    identity.issuer = Some(descent.user.issuer.line().to_owned());
    identity.groups = groups.names;
    identity.credential = Credential {
        form: CredentialForm::Certificate,
        id: credential_id(&descent),
        issued: Some(Timestamp::from_seconds(descent.leaf().not_before)),
        expires: Some(until),
    };
    if descent.limited {
        identity.bounds.push(limited());
    }
    Ok(Judged { identity, until, notes: notes.into_iter().collect() })
}

/// SHA-256 of the end entity's certificate, which stays the same over all its proxies; and whether one was limited.
fn credential_id(descent: &proxy::Descent<'_>) -> String {
    let print: String = digest(&SHA256, &descent.user.der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    if descent.limited { format!("sha256:{print} (limited proxy)") } else { format!("sha256:{print}") }
}

/// Globus takes limited proxies for data and refuses them where programs are started: what is trusted to a machine of a
/// batch farm must not take that farm over. Our like of that is administration.
fn limited() -> Bound {
    let verbs = Verb::ALL.iter().copied().filter(|verb| !verb.is_administration()).collect();
    Bound { by: "the limited proxy".to_owned(), grants: vec![Grant::new(verbs, LogicalPath::root())] }
}

fn read(chain: &[Vec<u8>]) -> Result<Vec<Certificate>, Refusal> {
    let bytes: usize = chain.iter().map(Vec::len).sum();
    if chain.is_empty() {
        return Err(Refusal::Empty);
    }
    if chain.len() > CHAIN_MAX || bytes > CHAIN_BYTES_MAX {
        return Err(Refusal::TooLarge { certificates: chain.len(), bytes });
    }
    let parse = |(index, der): (usize, &Vec<u8>)| {
        Certificate::parse(der).map_err(|why| Refusal::Malformed { position: index + 1, why: why.to_string() })
    };
    chain.iter().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests;
