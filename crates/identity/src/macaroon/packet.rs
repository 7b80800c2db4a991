//! Bytes ↔ [`Macaroon`]: the packets of libmacaroons, versions 1 (`doc/format.txt`, text with lengths in hexadecimal) and
//! 2 (fields with a number). Each text has one meaning and each macaroon one text per version: lengths that are written
//! in another way than ours are refused.

use super::refusal::Refusal;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;
use zeroize::Zeroizing;

/// The longest text that is read. It must fit the head of a request, which other servers limit to 8 to 64 KiB.
pub const MAX_TEXT_BYTES: usize = 32 * 1024;

/// The most caveats of one macaroon. Each is one check at every decision.
pub const MAX_CAVEATS: usize = 64;

/// The longest caveat: the longest path and some words beside.
pub const MAX_CAVEAT_BYTES: usize = 4 * 1024;

/// The length of a signature: SHA-256.
pub(super) const SIGNATURE_BYTES: usize = 32;

/// With padding or without: libmacaroons writes none, jmacaroons has written some.
const TEXT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a macaroon is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Version 1: what dCache and XRootD write, and everyone reads.
    V1,
    /// Version 2: shorter.
    V2,
}

/// One macaroon: not yet verified, or just made. Its signature is a secret, and is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Macaroon {
    pub(super) location: String,
    pub(super) identifier: Vec<u8>,
    pub(super) caveats: Vec<RawCaveat>,
    pub(super) signature: Zeroizing<[u8; SIGNATURE_BYTES]>,
}

/// One caveat as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RawCaveat {
    pub(super) text: Vec<u8>,
    /// Present in one that another service must discharge: its key, encrypted.
    pub(super) third_party: bool,
}

impl std::fmt::Debug for Macaroon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Macaroon")
            .field("location", &self.location)
            .field("caveats", &self.caveats)
            .finish_non_exhaustive()
    }
}

impl Macaroon {
    /// Reads one; says nothing of whether it is genuine.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Refusal::Long);
        }
        let bytes = TEXT.decode(text).map(Zeroizing::new).map_err(|_| Refusal::Malformed("it is not base64url"))?;
        match bytes.first() {
            Some(2) => parse_v2(&bytes[1..]),
            Some(_) => parse_v1(&bytes),
            None => Err(Refusal::Malformed("it is empty")),
        }
    }

    /// Its text.
    pub fn serialize(&self, format: Format) -> Zeroizing<String> {
        let bytes = Zeroizing::new(match format {
            Format::V1 => self.write_v1(),
            Format::V2 => self.write_v2(),
        });
        Zeroizing::new(TEXT.encode(&*bytes))
    }

    /// Where it says that it belongs.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Its caveats as they were written, the first first.
    pub fn caveats(&self) -> impl Iterator<Item = String> {
        self.caveats.iter().map(|caveat| String::from_utf8_lossy(&caveat.text).into_owned())
    }

    /// The same with one caveat more: what any holder can do offline.
    pub fn add_caveat(mut self, caveat: &str) -> Result<Self, Refusal> {
        self.push(RawCaveat { text: caveat.as_bytes().to_vec(), third_party: false })?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.signature);
        self.signature = signature(&hmac::sign(&key, caveat.as_bytes()));
        Ok(self)
    }

    fn push(&mut self, caveat: RawCaveat) -> Result<(), Refusal> {
        if self.caveats.len() == MAX_CAVEATS {
            return Err(Refusal::ManyCaveats);
        }
        if caveat.text.len() > MAX_CAVEAT_BYTES {
            return Err(Refusal::LongCaveat);
        }
        self.caveats.push(caveat);
        Ok(())
    }

    fn write_v1(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet(&mut bytes, "location", self.location.as_bytes());
        packet(&mut bytes, "identifier", &self.identifier);
        for caveat in &self.caveats {
            packet(&mut bytes, "cid", &caveat.text);
        }
        packet(&mut bytes, "signature", &*self.signature);
        bytes
    }

    fn write_v2(&self) -> Vec<u8> {
        let mut bytes = vec![2];
        field(&mut bytes, LOCATION, self.location.as_bytes());
        field(&mut bytes, IDENTIFIER, &self.identifier);
        bytes.push(END);
        for caveat in &self.caveats {
            field(&mut bytes, IDENTIFIER, &caveat.text);
            bytes.push(END);
        }
        bytes.push(END);
        field(&mut bytes, SIGNATURE, &*self.signature);
        bytes
    }
}

pub(super) fn signature(tag: &hmac::Tag) -> Zeroizing<[u8; SIGNATURE_BYTES]> {
    let mut value = Zeroizing::new([0; SIGNATURE_BYTES]);
    value.copy_from_slice(tag.as_ref());
    value
}

// Version 1: four hexadecimal digits with the length of the whole packet, a word, a space, the value, a line feed.

const CUT: Refusal = Refusal::Malformed("a packet ends too early");

fn packet(bytes: &mut Vec<u8>, word: &str, value: &[u8]) {
    // Within four digits: identifier, caveats and location are bounded far below 65,536 bytes.
    bytes.extend_from_slice(format!("{:04x}{word} ", 4 + word.len() + 1 + value.len() + 1).as_bytes());
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
}

fn parse_v1(mut bytes: &[u8]) -> Result<Macaroon, Refusal> {
    let location = value_v1(&mut bytes, "location")?.ok_or(Refusal::Malformed("its location is missing"))?;
    let identifier = value_v1(&mut bytes, "identifier")?.ok_or(Refusal::Malformed("its identifier is missing"))?;
    let mut macaroon = begin(location, identifier)?;
    while let Some(text) = value_v1(&mut bytes, "cid")? {
        let key = value_v1(&mut bytes, "vid")?;
        let location = value_v1(&mut bytes, "cl")?;
        macaroon.push(RawCaveat { text: text.to_vec(), third_party: key.is_some() || location.is_some() })?;
    }
    let signature = value_v1(&mut bytes, "signature")?.ok_or(Refusal::Malformed("its signature is missing"))?;
    end(macaroon, signature, bytes)
}

/// Takes the next packet when it has this word.
fn value_v1<'a>(bytes: &mut &'a [u8], word: &str) -> Result<Option<&'a [u8]>, Refusal> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let digits = bytes.get(..4).ok_or(CUT)?;
    let length = digits.iter().try_fold(0_usize, |length, digit| match digit {
        b'0'..=b'9' => Some(length << 4 | usize::from(digit - b'0')),
        b'a'..=b'f' => Some(length << 4 | usize::from(digit - b'a' + 10)),
        _ => None,
    });
    let length = length.ok_or(Refusal::Malformed("a packet does not begin with its length"))?;
    let packet = bytes.get(4..length).ok_or(CUT)?;
    let Some(value) = packet.strip_prefix(word.as_bytes()).and_then(|rest| rest.strip_prefix(b" ")) else {
        return Ok(None);
    };
    let value = value.strip_suffix(b"\n").ok_or(Refusal::Malformed("a packet does not end with a line feed"))?;
    *bytes = &bytes[length..];
    Ok(Some(value))
}

// Version 2: a number, the length of the value, the value; a zero ends a section. Numbers and lengths as in protocol
// buffers: seven bits a byte, the lowest first.

const END: u8 = 0;
const LOCATION: u8 = 1;
const IDENTIFIER: u8 = 2;
const KEY: u8 = 4;
const SIGNATURE: u8 = 6;

fn field(bytes: &mut Vec<u8>, number: u8, value: &[u8]) {
    bytes.push(number);
    let mut length = value.len();
    while length > 0x7f {
        bytes.push(length as u8 & 0x7f | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(value);
}

fn parse_v2(mut bytes: &[u8]) -> Result<Macaroon, Refusal> {
    let location = value_v2(&mut bytes, LOCATION)?.unwrap_or_default();
    let identifier = value_v2(&mut bytes, IDENTIFIER)?.ok_or(Refusal::Malformed("its identifier is missing"))?;
    end_v2(&mut bytes)?;
    let mut macaroon = begin(location, identifier)?;
    while bytes.first() != Some(&END) {
        let location = value_v2(&mut bytes, LOCATION)?;
        let text = value_v2(&mut bytes, IDENTIFIER)?.ok_or(Refusal::Malformed("a caveat has no text"))?;
        let key = value_v2(&mut bytes, KEY)?;
        end_v2(&mut bytes)?;
        macaroon.push(RawCaveat { text: text.to_vec(), third_party: key.is_some() || location.is_some() })?;
    }
    end_v2(&mut bytes)?;
    let signature = value_v2(&mut bytes, SIGNATURE)?.ok_or(Refusal::Malformed("its signature is missing"))?;
    end(macaroon, signature, bytes)
}

/// Takes the next field when it has this number.
fn value_v2<'a>(bytes: &mut &'a [u8], number: u8) -> Result<Option<&'a [u8]>, Refusal> {
    let Some(rest) = bytes.strip_prefix(&[number]) else {
        return Ok(None);
    };
    let (length, rest) = match *rest {
        [low @ 0..=0x7f, ref rest @ ..] => (usize::from(low), rest),
        [low, middle @ 1..=0x7f, ref rest @ ..] => (usize::from(low & 0x7f) | usize::from(middle) << 7, rest),
        [low, middle @ 0x80..=0xff, high @ 1..=0x7f, ref rest @ ..] => {
            (usize::from(low & 0x7f) | usize::from(middle & 0x7f) << 7 | usize::from(high) << 14, rest)
        }
        _ => return Err(Refusal::Malformed("a field has no length")),
    };
    let value = rest.get(..length).ok_or(CUT)?;
    *bytes = &rest[length..];
    Ok(Some(value))
}

fn end_v2(bytes: &mut &[u8]) -> Result<(), Refusal> {
    *bytes = bytes.strip_prefix(&[END]).ok_or(Refusal::Malformed("a section does not end"))?;
    Ok(())
}

fn begin(location: &[u8], identifier: &[u8]) -> Result<Macaroon, Refusal> {
    let location = std::str::from_utf8(location).map_err(|_| Refusal::Malformed("its location is not UTF-8"))?;
    Ok(Macaroon {
        location: location.to_owned(),
        identifier: identifier.to_vec(),
        caveats: Vec::new(),
        signature: Zeroizing::new([0; SIGNATURE_BYTES]),
    })
}

fn end(mut macaroon: Macaroon, signature: &[u8], rest: &[u8]) -> Result<Macaroon, Refusal> {
    if signature.len() != SIGNATURE_BYTES {
        return Err(Refusal::Malformed("its signature has not 32 bytes"));
    }
    if !rest.is_empty() {
        return Err(Refusal::Malformed("something follows its signature"));
    }
    macaroon.signature.copy_from_slice(signature);
    Ok(macaroon)
}
