//! Attribute certificates as bytes: RFC 5755, section 4, in VOMS's dress.
//!
//! ```text
//! extension 1.3.6.1.4.1.8005.100.100.5 = SEQUENCE { SEQUENCE OF AttributeCertificate }
//! AttributeCertificateInfo ::= SEQUENCE { version INTEGER (1), holder, issuer, signature, serialNumber, validity,
//!                                         attributes, issuerUniqueID OPTIONAL, extensions OPTIONAL }
//! ```

use super::super::certificate::{Certificate, each_extension, validity};
use super::super::der::{Malformed, Reader, dotted, tag};
use super::super::name::Name;
use super::super::signature::{Fault, PublicKey, Scheme};

/// One attribute certificate, read and not yet believed.
pub(super) struct AttributeCertificate {
    scheme: Scheme,
    signed: Vec<u8>,
    signature: Vec<u8>,
    pub(super) holder_issuer: Name,
    pub(super) holder_serial: Vec<u8>,
    pub(super) issuer: Name,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// The organisation, from `testvo://voms.example.org:15000`.
    pub(super) organisation: String,
    /// Names of groups and roles, in its order.
    pub(super) names: Vec<String>,
    /// The server's certificate, and of authorities between it and its root.
    pub(super) certificates: Vec<Certificate>,
    pub(super) unknown_critical: Option<String>,
}

/// Attribute certificates in one proxy: one for each organisation.
const ATTRIBUTES_MAX: usize = 8;
/// Names in one of them: large organisations have about forty groups and roles.
const NAMES_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 255;
const CERTIFICATES_MAX: usize = 6;

/// 1.3.6.1.4.1.8005.100.100
const VOMS: [u8; 9] = [0x2b, 6, 1, 4, 1, 0xbe, 0x45, 0x64, 0x64];
const ID_CE: [u8; 2] = [0x55, 0x1d];
const DIRECTORY_NAME: u8 = 4;
const URI: u8 = 6;

pub(super) fn parse(extension: &[u8]) -> Result<Vec<AttributeCertificate>, Malformed> {
    let mut outer = Reader::new(Reader::only(extension, tag::SEQUENCE)?.content);
    let mut list = outer.sequence()?;
    outer.end()?;
    let mut found = Vec::new();
    while !list.is_empty() {
        if found.len() == ATTRIBUTES_MAX {
            return Err(Malformed("there are too many"));
        }
        found.push(AttributeCertificate::parse(list.sequence()?)?);
    }
    Ok(found)
}

impl AttributeCertificate {
    fn parse(mut outer: Reader<'_>) -> Result<Self, Malformed> {
        let signed = outer.expect(tag::SEQUENCE)?;
        let algorithm = outer.expect(tag::SEQUENCE)?;
        let signature = outer.bytes_of_bits()?.to_owned();
        outer.end()?;
        let mut body = Reader::new(signed.content);
        if body.count()? != 1 {
            return Err(Malformed("they are not of version 2"));
        }
        let (holder_issuer, holder_serial) = holder(body.sequence()?)?;
        let issuer = issuer(&mut body)?;
        if body.expect(tag::SEQUENCE)?.whole != algorithm.whole {
            return Err(Malformed("they name two ways in which they are signed"));
        }
        body.integer()?;
        let (not_before, not_after) = validity(body.sequence()?)?;
        let (organisation, names) = attributes(body.sequence()?)?;
        body.optional(tag::BIT_STRING)?;
        let mut read = Self {
            scheme: Scheme::parse(Reader::new(algorithm.content))?,
            signed: signed.whole.to_owned(),
            signature,
            holder_issuer,
            holder_serial,
            issuer,
            not_before,
            not_after,
            organisation,
            names,
            certificates: Vec::new(),
            unknown_critical: None,
        };
        if let Some(extensions) = body.optional(tag::SEQUENCE)? {
            read.take_extensions(extensions.whole)?;
        }
        body.end()?;
        Ok(read)
    }

    /// Did this key sign it?
    pub(super) fn verify(&self, key: &PublicKey) -> Result<(), Fault> {
        key.verify(&self.scheme, &self.signed, &self.signature)
    }

    fn take_extensions(&mut self, extensions: &[u8]) -> Result<(), Malformed> {
        each_extension(extensions, |oid, critical, value| {
            match (oid.strip_prefix(VOMS.as_slice()), oid.strip_prefix(ID_CE.as_slice())) {
                (Some([10]), _) => self.certificates = certificates(value)?,
                // Generic attributes, which we do not use; authorityKeyIdentifier; noRevAvail. What names targets (55) is
                // critical and not among them: we cannot tell whether this host is meant.
                (Some([11]), _) | (_, Some([35 | 56])) => {}
                _ if critical => self.unknown_critical = Some(dotted(oid)),
                _ => {}
            }
            Ok(())
        })
    }
}

/// `Holder`: only by issuer and serial number of its certificate (`baseCertificateID`), as VOMS does.
fn holder(mut reader: Reader<'_>) -> Result<(Name, Vec<u8>), Malformed> {
    let mut base = reader.inside(tag::constructed(0))?;
    let name = directory_name(base.sequence()?)?;
    Ok((name, base.integer()?.to_owned()))
}

/// `AttCertIssuer`: the second form with a name (RFC 5755, section 4.2.3), or, as old servers write, the first.
fn issuer(body: &mut Reader<'_>) -> Result<Name, Malformed> {
    if body.is_next(tag::constructed(0)) {
        return directory_name(body.inside(tag::constructed(0))?.sequence()?);
    }
    directory_name(body.sequence()?)
}

/// The one directory name of `GeneralNames`.
fn directory_name(mut names: Reader<'_>) -> Result<Name, Malformed> {
    let name = Name::parse(names.expect(tag::constructed(DIRECTORY_NAME))?.content)?;
    names.end()?;
    Ok(name)
}

/// The attribute of VOMS among all: the organisation, and its names.
fn attributes(mut reader: Reader<'_>) -> Result<(String, Vec<String>), Malformed> {
    while !reader.is_empty() {
        let mut attribute = reader.sequence()?;
        let oid = attribute.oid()?;
        let mut values = attribute.inside(tag::SET)?;
        if oid.strip_prefix(VOMS.as_slice()) == Some(&[4]) {
            let found = names(values.sequence()?)?;
            values.end()?;
            return Ok(found);
        }
    }
    Err(Malformed("they hold no names of groups"))
}

/// `IetfAttrSyntax` (RFC 5755, section 4.4).
fn names(mut reader: Reader<'_>) -> Result<(String, Vec<String>), Malformed> {
    let authority = reader.inside(tag::constructed(0))?.expect(tag::primitive(URI))?.content;
    let authority = std::str::from_utf8(authority).map_err(|_| Malformed("their origin is not text"))?;
    let (organisation, _) = authority.split_once("://").ok_or(Malformed("their origin is not an address"))?;
    let mut values = reader.sequence()?;
    reader.end()?;
    let mut names = Vec::new();
    while !values.is_empty() {
        let name = values.expect(tag::OCTET_STRING)?.content;
        if names.len() == NAMES_MAX || name.len() > NAME_BYTES_MAX {
            return Err(Malformed("they hold too many names, or a too long one"));
        }
        names.push(String::from_utf8(name.to_owned()).map_err(|_| Malformed("a name in them is not text"))?);
    }
    Ok((organisation.to_owned(), names))
}

fn certificates(value: &[u8]) -> Result<Vec<Certificate>, Malformed> {
    let mut list = Reader::new(Reader::only(value, tag::SEQUENCE)?.content).sequence()?;
    let mut found = Vec::new();
    while !list.is_empty() {
        if found.len() == CERTIFICATES_MAX {
            return Err(Malformed("they carry too many certificates"));
        }
        found.push(Certificate::parse(list.expect(tag::SEQUENCE)?.whole)?);
    }
    Ok(found)
}
