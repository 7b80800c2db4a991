//! Attributes of virtual organisations (VOMS): attribute certificates (RFC 5755) inside a proxy, signed by a server of the
//! organisation, which say what groups and roles its holder has there.
//!
//! One is believed when it is in time, names the user's own certificate as its holder, and is signed by a server whose
//! certificate chains to the trust store and which the organisation's `.lsc` file (or a certificate in its folder) names.
//! All its names must lie below that organisation's own: a server of one cannot make groups of another.
//!
//! `/vo/group/Role=production/Capability=NULL` becomes the group `/vo/group/Role=production`; `Role=NULL` and
//! `Capability=NULL` are left away. A role does not imply the group without it: VOMS lists both where both are meant, and
//! XRootD and dCache also take what is listed and nothing more.

mod wire;

pub(super) use lsc::Lsc;

mod lsc;

use super::certificate::Certificate;
use super::path::{Search, Untimely, in_time};
use super::store::{Organisation, TrustStore};
use std::collections::BTreeSet;
use terms::Timestamp;
use wire::AttributeCertificate;

/// What came of the attributes of a proxy.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) names: BTreeSet<String>,
    /// When the first of them ends.
    pub(super) until: Option<i64>,
    /// Why some were left aside.
    pub(super) notes: Vec<String>,
}

/// The groups that the attributes in `holder` give to `user`.
pub(super) fn groups(holder: &Certificate, user: &Certificate, store: &TrustStore, now: i64) -> Groups {
    let mut groups = Groups::default();
    let Some(extension) = &holder.extensions.attributes else { return groups };
    let attributes = match wire::parse(extension) {
        Ok(attributes) => attributes,
        Err(why) => {
            groups.notes.push(format!("The attributes in the proxy are left aside: they cannot be read ({why})."));
            return groups;
        }
    };
    for attribute in &attributes {
        match judge(attribute, user, store, now, &mut groups.notes) {
            Ok((names, until)) => {
                groups.names.extend(names);
                groups.until = Some(groups.until.map_or(until, |earlier| earlier.min(until)));
            }
            Err(why) => {
                let organisation = shown(&attribute.organisation);
                groups.notes.push(format!("The attributes of {organisation} in the proxy are left aside: {why}."));
            }
        }
    }
    groups
}

/// The name of an organisation comes from a signature that was not verified yet.
fn shown(organisation: &str) -> String {
    let plain = organisation.len() <= 255 && organisation.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { organisation.to_owned() } else { "an organisation whose name is no name".to_owned() }
}

fn judge(
    attribute: &AttributeCertificate,
    user: &Certificate,
    store: &TrustStore,
    now: i64,
    notes: &mut Vec<String>,
) -> Result<(BTreeSet<String>, i64), String> {
    if let Some(oid) = &attribute.unknown_critical {
        return Err(format!("they have a critical extension that is not known here ({oid})"));
    }
    // RFC 5755, section 4.2.2: the issuer and serial number of the holder's certificate.
    if attribute.holder_issuer != user.issuer || attribute.holder_serial != user.serial {
        return Err("they were made for another certificate".to_owned());
    }
    let end = Timestamp::from_seconds(attribute.not_after);
    match in_time(attribute.not_before, attribute.not_after, now) {
        Ok(()) => {}
        Err(Untimely::TooLate) => return Err(format!("they ended on {end}")),
        Err(Untimely::TooEarly) => return Err("they are not valid yet".to_owned()),
    }
    let organisation = store
        .organisation(&attribute.organisation)
        .ok_or_else(|| "this organisation is not known here (it has no folder in the vomsdir)".to_owned())?;
    let server_end = prove(attribute, organisation, store, now, notes)?;
    let names = attribute.names.iter().map(|name| group(name, &attribute.organisation)).collect::<Result<_, _>>()?;
    Ok((names, attribute.not_after.min(server_end)))
}

/// Is it signed by a server of the organisation? Says when the server's certificate ends.
fn prove(
    attribute: &AttributeCertificate,
    organisation: &Organisation,
    store: &TrustStore,
    now: i64,
    notes: &mut Vec<String>,
) -> Result<i64, String> {
    let embedded = attribute.certificates.first();
    let kept = organisation.certificates.iter().filter(|certificate| certificate.subject == attribute.issuer);
    let mut why = "its server's certificate is neither in them nor in the vomsdir".to_owned();
    for (server, is_kept) in embedded.into_iter().map(|server| (server, false)).chain(kept.map(|kept| (kept, true))) {
        match prove_by(server, attribute, store, now, notes) {
            Ok(names) if is_kept || organisation.lists.iter().any(|list| list.names(&names)) => {
                return Ok(server.not_after);
            }
            Ok(names) => {
                why = format!("no .lsc file of the organisation names {} with its authority", names.join(" and "));
            }
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

/// The names from this server's up to its root authority's, if it signed them and is believed.
fn prove_by(
    server: &Certificate,
    attribute: &AttributeCertificate,
    store: &TrustStore,
    now: i64,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, String> {
    if server.subject != attribute.issuer {
        return Err(format!("they name {} as their issuer and carry a certificate of another", attribute.issuer));
    }
    if !server.may_sign_messages() {
        return Err(format!("the certificate of {} is not made for signing", server.subject));
    }
    if attribute.verify(&server.key).is_err() {
        return Err(format!("{} did not sign them", server.subject));
    }
    let mut further = BTreeSet::new();
    let authorities = Search::new(&attribute.certificates, store, now)
        .climb_from(server, &mut further)
        .map_err(|refusal| refusal.to_string().trim_end_matches('.').to_owned())?;
    notes.extend(further);
    Ok(std::iter::once(server).chain(authorities).map(|certificate| certificate.subject.line().to_owned()).collect())
}

/// One name as a group (VOMS's grammar: `/vo[/group]...[/Role=role][/Capability=capability]`).
fn group(name: &str, organisation: &str) -> Result<String, String> {
    let wrong = || format!("'{}' is not the name of a group of theirs", name.escape_default());
    let mut parts = name.strip_prefix('/').ok_or_else(wrong)?.split('/');
    if parts.next() != Some(organisation) {
        return Err(wrong());
    }
    let mut group = format!("/{organisation}");
    let mut stage = 0;
    for part in parts {
        let (value, order) = match part.split_once('=') {
            Some(("Role", value)) => (value, 1),
            Some(("Capability", value)) => (value, 2),
            Some(_) => return Err(wrong()),
            None => (part, 0),
        };
        let plain = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        // Groups may be nested; a role and a capability come once, and in this order.
        if !plain || order < stage || order == stage && order != 0 {
            return Err(wrong());
        }
        stage = order;
        if order == 0 || value != "NULL" {
            group.push('/');
            group.push_str(part);
        }
    }
    Ok(group)
}

#[cfg(test)]
mod tests;
