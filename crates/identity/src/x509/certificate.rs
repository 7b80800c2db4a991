//! A certificate (RFC 5280, section 4), read once into what judging needs.

use super::der::{Element, Malformed, Reader, dotted, tag};
use super::name::Name;
use super::signature::{Fault, PublicKey, Scheme};
use std::ops::Range;

/// One certificate, read and not yet believed.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    signed: Range<usize>,
    scheme: Scheme,
    signature: Range<usize>,
    pub(super) serial: Vec<u8>,
    pub(super) issuer: Name,
    pub(super) subject: Name,
    /// Seconds since the epoch, as its end.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    pub(super) key: PublicKey,
    /// Are there no extensions, and so no way to say whether it may sign others?
    pub(super) is_version_1: bool,
    pub(super) extensions: Extensions,
}

/// What the extensions say.
#[derive(Clone, Default, Debug)]
pub(super) struct Extensions {
    pub(super) is_authority: bool,
    pub(super) authorities_below_max: Option<u32>,
    pub(super) key_usage: Option<KeyUsage>,
    /// Is client authentication, or any use, among the extended uses? `None` where none are told.
    pub(super) for_clients: Option<bool>,
    pub(super) proxy: Option<ProxyInfo>,
    /// Does it hold the draft's form of the former, from before RFC 3820?
    pub(super) is_draft_proxy: bool,
    pub(super) names_below: Option<NameConstraints>,
    /// Which kinds of alternative names there are, a bit for each tag.
    pub(super) alternative_names: u32,
    /// VOMS attribute certificates.
    pub(super) attributes: Option<Vec<u8>>,
    /// A critical extension that we do not know.
    pub(super) unknown_critical: Option<String>,
}

/// The bits of `KeyUsage` that count here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeyUsage {
    pub(super) digital_signature: bool,
    pub(super) certificate_signing: bool,
    pub(super) list_signing: bool,
}

/// `ProxyCertInfo` (RFC 3820, section 3.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ProxyInfo {
    pub(super) critical: bool,
    pub(super) proxies_below_max: Option<u32>,
    pub(super) language: Language,
    pub(super) has_policy: bool,
}

/// What a proxy holds of its issuer's rights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Language {
    InheritAll,
    Independent,
    Limited,
    Other(String),
}

/// `NameConstraints`, as far as directory names go.
#[derive(Clone, Default, Debug)]
pub(super) struct NameConstraints {
    pub(super) permitted: Vec<Name>,
    pub(super) excluded: Vec<Name>,
    /// Which other kinds of names are constrained, a bit for each tag.
    pub(super) other_kinds: u32,
}

/// One certificate. The largest seen, a proxy with attributes of three organisations, has 12 KB.
const CERTIFICATE_BYTES_MAX: usize = 40 << 10;
const EXTENSIONS_MAX: usize = 64;
const SUBTREES_MAX: usize = 256;

/// 2.5.29
const ID_CE: [u8; 2] = [0x55, 0x1d];
const PROXY_CERT_INFO: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 14];
/// 1.3.6.1.4.1.3536.1.222, Globus Toolkit 3.
const DRAFT_PROXY_CERT_INFO: &[u8] = &[0x2b, 6, 1, 4, 1, 0x9b, 0x50, 1, 0x81, 0x5e];
/// 1.3.6.1.4.1.8005.100.100.5
const VOMS_ATTRIBUTES: &[u8] = &[0x2b, 6, 1, 4, 1, 0xbe, 0x45, 0x64, 0x64, 5];
const INHERIT_ALL: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 21, 1];
const INDEPENDENT: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 21, 2];
/// 1.3.6.1.4.1.3536.1.1.1.9, of Globus.
const LIMITED: &[u8] = &[0x2b, 6, 1, 4, 1, 0x9b, 0x50, 1, 1, 1, 9];
const CLIENT_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
const ANY_USE: &[u8] = &[0x55, 0x1d, 0x25, 0];

/// Tags of a `GeneralName`.
pub(super) const RFC822_NAME: u32 = 1;
const DIRECTORY_NAME: u8 = 4;

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(Malformed("it is too large"));
        }
        let mut outer = Reader::new(Reader::only(der, tag::SEQUENCE)?.content);
        let signed = outer.expect(tag::SEQUENCE)?;
        let algorithm = outer.expect(tag::SEQUENCE)?;
        let signature = outer.bytes_of_bits()?;
        outer.end()?;

        let mut body = Reader::new(signed.content);
        let version = match body.optional(tag::constructed(0))? {
            Some(version) => Reader::new(version.content).count()?,
            None => 0,
        };
        let serial = body.integer()?.to_owned();
        if body.expect(tag::SEQUENCE)?.whole != algorithm.whole {
            return Err(Malformed("it names two ways in which it is signed"));
        }
        let issuer = Name::parse(body.expect(tag::SEQUENCE)?.whole)?;
        let (not_before, not_after) = validity(body.sequence()?)?;
        let subject = Name::parse(body.expect(tag::SEQUENCE)?.whole)?;
        let key = PublicKey::parse(body.sequence()?)?;
        // issuerUniqueID and subjectUniqueID, which nobody uses.
        body.optional(tag::primitive(1))?;
        body.optional(tag::primitive(2))?;
        let extensions = match body.optional(tag::constructed(3))? {
            Some(extensions) if version == 2 => Extensions::parse(extensions.content)?,
            Some(_) => return Err(Malformed("it holds extensions and is not of version 3")),
            None => Extensions::default(),
        };
        body.end()?;
        if issuer.is_empty() || subject.is_empty() {
            return Err(Malformed("its subject or issuer has no name"));
        }
        let (signed, signature) = (place(der, signed.whole), place(der, signature));
        let is_version_1 = version == 0;
        let scheme = Scheme::parse(Reader::new(algorithm.content))?;
        let der = der.to_owned();
        Ok(Self {
            der,
            signed,
            scheme,
            signature,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key,
            is_version_1,
            extensions,
        })
    }

    /// Did this key sign it?
    pub(super) fn verify(&self, key: &PublicKey) -> Result<(), Fault> {
        key.verify(&self.scheme, &self.der[self.signed.clone()], &self.der[self.signature.clone()])
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// May its key sign other certificates, as far as it says so itself?
    pub(super) fn may_sign_certificates(&self) -> bool {
        self.extensions.is_authority && self.extensions.key_usage.is_none_or(|usage| usage.certificate_signing)
    }

    pub(super) fn may_sign_lists(&self) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage.list_signing)
    }

    pub(super) fn may_sign_messages(&self) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage.digital_signature)
    }
}

/// Where a part lies in the whole, of which it is a slice.
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

pub(super) fn validity(mut reader: Reader<'_>) -> Result<(i64, i64), Malformed> {
    let times = (reader.time()?, reader.time()?);
    reader.end()?;
    Ok(times)
}

/// Calls `each` with type, criticality and value of every extension; none may come twice (RFC 5280, section 4.2).
pub(super) fn each_extension<'a>(
    sequence: &'a [u8],
    mut each: impl FnMut(&'a [u8], bool, &'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(Reader::only(sequence, tag::SEQUENCE)?.content);
    let mut seen: Vec<&[u8]> = Vec::new();
    while !reader.is_empty() {
        let mut extension = reader.sequence()?;
        let oid = extension.oid()?;
        let critical = extension.flag()?;
        let value = extension.expect(tag::OCTET_STRING)?.content;
        extension.end()?;
        if seen.contains(&oid) || seen.len() == EXTENSIONS_MAX {
            return Err(Malformed("it has an extension twice, or too many"));
        }
        seen.push(oid);
        each(oid, critical, value)?;
    }
    Ok(())
}

impl Extensions {
    fn parse(sequence: &[u8]) -> Result<Self, Malformed> {
        let mut all = Self::default();
        each_extension(sequence, |oid, critical, value| {
            if !all.take(oid, critical, value)? && critical {
                all.unknown_critical.get_or_insert_with(|| dotted(oid));
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// Reads one; false where we do not know it.
    fn take(&mut self, oid: &[u8], critical: bool, value: &[u8]) -> Result<bool, Malformed> {
        match oid {
            PROXY_CERT_INFO => self.proxy = Some(ProxyInfo::parse(value, critical)?),
            DRAFT_PROXY_CERT_INFO => self.is_draft_proxy = true,
            VOMS_ATTRIBUTES => self.attributes = Some(value.to_owned()),
            _ => match oid.strip_prefix(ID_CE.as_slice()) {
                Some([15]) => self.key_usage = Some(KeyUsage::parse(value)?),
                Some([17]) => self.alternative_names = kinds(Reader::new(value).sequence()?)?,
                Some([19]) => (self.is_authority, self.authorities_below_max) = basic_constraints(value)?,
                Some([30]) => self.names_below = Some(NameConstraints::parse(value)?),
                Some([37]) => self.for_clients = Some(is_for_clients(value)?),
                // What identifies keys, tells where lists are or forbids the policy "any" decides nothing here: a path
                // needs no policy. Demands for one (policyConstraints, 36) are not among these.
                Some([14 | 18 | 31 | 32 | 33 | 35 | 46 | 54]) => {}
                _ => return Ok(false),
            },
        }
        Ok(true)
    }
}

impl KeyUsage {
    fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let content = Reader::only(value, tag::BIT_STRING)?.content;
        let bits = content.get(1).copied().unwrap_or_default();
        Ok(Self {
            digital_signature: bits & 0x80 != 0,
            certificate_signing: bits & 0x04 != 0,
            list_signing: bits & 0x02 != 0,
        })
    }
}

fn basic_constraints(value: &[u8]) -> Result<(bool, Option<u32>), Malformed> {
    let mut reader = Reader::new(Reader::only(value, tag::SEQUENCE)?.content);
    let is_authority = reader.flag()?;
    let below = if reader.is_empty() { None } else { Some(reader.count()?) };
    reader.end()?;
    Ok((is_authority, below))
}

fn is_for_clients(value: &[u8]) -> Result<bool, Malformed> {
    let mut reader = Reader::new(Reader::only(value, tag::SEQUENCE)?.content);
    let mut found = false;
    while !reader.is_empty() {
        let oid = reader.oid()?;
        found |= oid == CLIENT_AUTHENTICATION || oid == ANY_USE;
    }
    Ok(found)
}

impl ProxyInfo {
    fn parse(value: &[u8], critical: bool) -> Result<Self, Malformed> {
        let mut reader = Reader::new(Reader::only(value, tag::SEQUENCE)?.content);
        let proxies_below_max = if reader.is_next(tag::INTEGER) { Some(reader.count()?) } else { None };
        let mut policy = reader.sequence()?;
        reader.end()?;
        let language = match policy.oid()? {
            INHERIT_ALL => Language::InheritAll,
            INDEPENDENT => Language::Independent,
            LIMITED => Language::Limited,
            other => Language::Other(dotted(other)),
        };
        let has_policy = policy.optional(tag::OCTET_STRING)?.is_some();
        policy.end()?;
        Ok(Self { critical, proxies_below_max, language, has_policy })
    }
}

/// Which kinds of names are in a list of them.
fn kinds(mut reader: Reader<'_>) -> Result<u32, Malformed> {
    let mut kinds = 0;
    while !reader.is_empty() {
        kinds |= 1 << (reader.element()?.tag & 0x1f);
    }
    Ok(kinds)
}

impl NameConstraints {
    fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(Reader::only(value, tag::SEQUENCE)?.content);
        let mut all = Self::default();
        if let Some(trees) = reader.optional(tag::constructed(0))? {
            all.permitted = all.subtrees(trees)?;
        }
        if let Some(trees) = reader.optional(tag::constructed(1))? {
            all.excluded = all.subtrees(trees)?;
        }
        reader.end()?;
        Ok(all)
    }

    fn subtrees(&mut self, trees: Element<'_>) -> Result<Vec<Name>, Malformed> {
        let mut reader = Reader::new(trees.content);
        let mut names = Vec::new();
        while !reader.is_empty() {
            let mut tree = reader.sequence()?;
            let base = tree.element()?;
            // RFC 5280, section 4.2.1.10: minimum is 0 and maximum absent.
            tree.end()?;
            if base.tag == tag::constructed(DIRECTORY_NAME) {
                names.push(Name::parse(base.content)?);
            } else {
                self.other_kinds |= 1 << (base.tag & 0x1f);
            }
            if names.len() > SUBTREES_MAX {
                return Err(Malformed("it constrains too many names"));
            }
        }
        Ok(names)
    }
}
