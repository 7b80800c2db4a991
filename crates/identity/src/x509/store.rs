//! What is trusted: authorities, their signing policies and revocation lists, and organisations that hand out attributes.

use super::certificate::Certificate;
use super::name::Name;
use super::revocation::{RevocationList, UnprovenList};
use super::signing_policy::SigningPolicies;
use super::voms::Lsc;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, HashMap};

/// A file, as a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// Its name without folders: what messages call it, and by whose stem (`1f0e8352` of `1f0e8352.r0`) files belong
    /// together.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// The files of one organisation in a vomsdir.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VomsSource {
    /// Its name: the folder's.
    pub organisation: String,
    /// `HOST.lsc`: names of the certificates from its server's to its authority's.
    pub lists: Vec<Named>,
    /// Certificates of its servers, for attributes that do not carry them.
    pub certificates: Vec<Named>,
}

/// What a store is built of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustSource {
    /// `HASH.0`, `*.pem`: each PEM or DER.
    pub authorities: Vec<Named>,
    /// `HASH.signing_policy`.
    pub signing_policies: Vec<Named>,
    /// `HASH.r0`: each PEM or DER.
    pub revocation_lists: Vec<Named>,
    /// Organisations.
    pub organisations: Vec<VomsSource>,
    /// What to do without revocation lists.
    pub revocation: RevocationRule,
    /// Is an authority without a signing policy refused?
    pub signing_policy_required: bool,
}

/// What to do where a revocation list is missing, out of date or unreadable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RevocationRule {
    /// Refuse in any of these cases.
    Require,
    /// Do without where there is none; refuse where one is there and of no use.
    #[default]
    IfPresent,
    /// Do without, and say so.
    Warn,
}

/// No store can be built of this.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// Whom to believe. Built once for many judgements; all signatures of revocation lists are verified then.
#[derive(Clone, Default, Debug)]
pub struct TrustStore {
    authorities: HashMap<Name, Vec<Certificate>>,
    signing_policies: SigningPolicies,
    revocation: RevocationRule,
    lists: HashMap<Name, Vec<RevocationList>>,
    /// Lists that are there and cannot be read, told by why.
    unusable_lists: HashMap<Name, Vec<String>>,
    organisations: BTreeMap<String, Organisation>,
}

/// An organisation that hands out attributes.
#[derive(Clone, Default, Debug)]
pub(super) struct Organisation {
    pub(super) lists: Vec<Lsc>,
    pub(super) certificates: Vec<Certificate>,
}

/// Files of each kind: IGTF has about 100 authorities.
const FILES_MAX: usize = 4_096;

/// A revocation list: the largest seen has 8 MB.
const LIST_BYTES_MAX: usize = 64 << 20;

impl TrustStore {
    /// Builds one. What cannot be used is left out with a note, and closes what it was for: such directories collect files
    /// of many origins over years, and one that is broken must not stop all. Without a single authority it is refused.
    pub fn build(source: &TrustSource) -> Result<(Self, Vec<String>), StoreError> {
        let mut notes = Vec::new();
        let mut store = Self { revocation: source.revocation, ..Self::default() };
        store.signing_policies.required = source.signing_policy_required;
        let counts = [source.authorities.len(), source.signing_policies.len(), source.revocation_lists.len()];
        if counts.into_iter().any(|count| count > FILES_MAX) {
            return Err(StoreError(format!("There are more than {FILES_MAX} files of one kind.")));
        }
        let stems = store.take_authorities(&source.authorities, &mut notes);
        if store.authorities.is_empty() {
            let broken = notes.first().map_or_else(String::new, |note| format!(" {note}"));
            return Err(StoreError(format!("There is no certificate of an authority that can be used.{broken}")));
        }
        store.take_signing_policies(&source.signing_policies, &stems, &mut notes);
        store.take_lists(&source.revocation_lists, &stems, &mut notes);
        for organisation in &source.organisations {
            store.take_organisation(organisation, &mut notes);
        }
        Ok((store, notes))
    }

    /// How many certificates of authorities.
    pub fn len(&self) -> usize {
        self.authorities.values().map(Vec::len).sum()
    }

    /// Is there nobody to believe?
    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }

    /// The names of the authorities (DER), in a fixed order: hints for clients that have to choose a certificate.
    pub fn authority_names(&self) -> Vec<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = self.authorities.keys().map(|name| name.der().to_owned()).collect();
        names.sort();
        names
    }

    /// The organisations whose attributes are believed.
    pub fn organisations(&self) -> impl Iterator<Item = &str> {
        self.organisations.keys().map(String::as_str)
    }

    pub(super) fn authorities(&self, name: &Name) -> &[Certificate] {
        self.authorities.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn signing_policies(&self) -> &SigningPolicies {
        &self.signing_policies
    }

    pub(super) fn revocation_rule(&self) -> RevocationRule {
        self.revocation
    }

    pub(super) fn revocation_lists(&self, authority: &Name) -> &[RevocationList] {
        self.lists.get(authority).map_or(&[], Vec::as_slice)
    }

    pub(super) fn unusable_lists(&self, authority: &Name) -> &[String] {
        self.unusable_lists.get(authority).map_or(&[], Vec::as_slice)
    }

    pub(super) fn organisation(&self, name: &str) -> Option<&Organisation> {
        self.organisations.get(name)
    }

    /// The names of the authorities in the files of each stem.
    fn take_authorities(&mut self, files: &[Named], notes: &mut Vec<String>) -> HashMap<String, Vec<Name>> {
        let mut stems: HashMap<String, Vec<Name>> = HashMap::new();
        for file in files {
            let read = blocks(&file.bytes, "CERTIFICATE").and_then(|blocks| {
                blocks
                    .iter()
                    .map(|der| Certificate::parse(der).map_err(|why| why.to_string()))
                    .collect::<Result<Vec<_>, _>>()
            });
            let found = match read {
                Ok(found) => found,
                Err(why) => {
                    notes.push(format!("The authority in {} is left out: {why}.", file.name));
                    continue;
                }
            };
            for authority in found {
                stems.entry(stem(&file.name)).or_default().push(authority.subject.clone());
                let known = self.authorities.entry(authority.subject.clone()).or_default();
                // Under both of its hashes, and once more under its own name.
                if !known.iter().any(|other| other.der == authority.der) {
                    known.push(authority);
                }
            }
        }
        stems
    }

    fn take_signing_policies(&mut self, files: &[Named], stems: &HashMap<String, Vec<Name>>, notes: &mut Vec<String>) {
        let mut closed = Vec::new();
        for file in files {
            let text = std::str::from_utf8(&file.bytes).map_err(|_| "its file is not text".to_owned());
            if let Err(why) = text.and_then(|text| self.signing_policies.add(text)) {
                notes.push(format!("The signing policy {} cannot be used: {why}.", file.name));
                closed.extend(stems.get(&stem(&file.name)).into_iter().flatten().map(|name| (name, why.clone())));
            }
        }
        for (authority, why) in closed {
            self.signing_policies.close(authority, why);
        }
    }

    fn take_lists(&mut self, files: &[Named], stems: &HashMap<String, Vec<Name>>, notes: &mut Vec<String>) {
        for file in files {
            let read = blocks(&file.bytes, "X509 CRL").and_then(|blocks| match blocks.as_slice() {
                [der] if der.len() <= LIST_BYTES_MAX => {
                    UnprovenList::parse(&file.name, der).map_err(|why| why.to_string())
                }
                [_] => Err("it is too large".to_owned()),
                _ => Err("it does not hold exactly one list".to_owned()),
            });
            let (issuers, why) = match read {
                Ok(list) => {
                    let issuer = list.issuer.clone();
                    let authorities = self.authorities(&issuer).to_vec();
                    match list.prove(&authorities) {
                        Some(list) => {
                            self.lists.entry(issuer).or_default().push(list);
                            continue;
                        }
                        None if authorities.is_empty() => (vec![], format!("{issuer}, whose it is, is not known here")),
                        None => (vec![issuer], "the authority did not sign it".to_owned()),
                    }
                }
                Err(why) => (stems.get(&stem(&file.name)).cloned().unwrap_or_default(), why),
            };
            notes.push(format!("The revocation list {} cannot be used: {why}.", file.name));
            for issuer in issuers {
                let told = format!("the revocation list {} cannot be used ({why})", file.name);
                self.unusable_lists.entry(issuer).or_default().push(told);
            }
        }
    }

    fn take_organisation(&mut self, source: &VomsSource, notes: &mut Vec<String>) {
        let name = &source.organisation;
        let mut organisation = Organisation::default();
        for file in &source.lists {
            match Lsc::parse_all(&file.bytes) {
                Ok(lists) => organisation.lists.extend(lists),
                Err(why) => notes.push(format!("{name}/{} is left out: {why}.", file.name)),
            }
        }
        for file in &source.certificates {
            let read = blocks(&file.bytes, "CERTIFICATE")
                .and_then(|blocks| blocks.first().cloned().ok_or_else(|| "it holds no certificate".to_owned()))
                .and_then(|der| Certificate::parse(&der).map_err(|why| why.to_string()));
            match read {
                Ok(certificate) => organisation.certificates.push(certificate),
                Err(why) => notes.push(format!("{name}/{} is left out: {why}.", file.name)),
            }
        }
        self.organisations.insert(name.clone(), organisation);
    }
}

/// What comes before the last dot.
fn stem(name: &str) -> String {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// The DER blocks of a file in PEM (RFC 7468; other text around them is common) with this label, or the file itself.
fn blocks(bytes: &[u8], label: &str) -> Result<Vec<Vec<u8>>, String> {
    // A sequence whose length takes several bytes: no text begins so.
    if bytes.first() == Some(&0x30) && bytes.get(1).is_some_and(|length| length & 0x80 != 0) {
        return Ok(vec![bytes.to_owned()]);
    }
    let text = String::from_utf8_lossy(bytes);
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut found = Vec::new();
    for part in text.split(begin.as_str()).skip(1) {
        let (inside, _) = part.split_once(end.as_str()).ok_or_else(|| format!("a {label} in it has no end"))?;
        let digits: String = inside.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        found.push(STANDARD.decode(digits).map_err(|_| format!("a {label} in it is not base64"))?);
    }
    if found.is_empty() { Err(format!("it holds no {label}")) } else { Ok(found) }
}
