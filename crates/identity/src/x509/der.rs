//! DER (X.690, section 10): a bounded reader with sub-readers, so that length bugs have one place to be.

/// What cannot be read, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// Tags that we meet.
pub(super) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]`, holding other elements.
    pub(crate) const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }

    /// `[number]`, holding bytes.
    pub(crate) const fn primitive(number: u8) -> u8 {
        0x80 | number
    }
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With tag and length: what signatures are made over.
    pub(super) whole: &'a [u8],
}

/// Reads elements, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads one element that is all there is.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Result<Element<'a>, Malformed> {
        let mut reader = Self::new(bytes);
        let element = reader.expect(tag)?;
        reader.end()?;
        Ok(element)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("there are bytes after the end of an element")) }
    }

    pub(super) fn is_next(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    pub(super) fn element(&mut self) -> Result<Element<'a>, Malformed> {
        let start = self.rest;
        let tag = self.byte()?;
        if tag & 0x1f == 0x1f {
            return Err(Malformed("a tag has a number of several bytes"));
        }
        let length = self.length()?;
        if length > self.rest.len() {
            return Err(Malformed("an element is longer than what holds it"));
        }
        let (content, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(Element { tag, content, whole: &start[..start.len() - rest.len()] })
    }

    pub(super) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        let element = self.element()?;
        if element.tag == tag { Ok(element) } else { Err(Malformed("an element is of another type than expected")) }
    }

    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.is_next(tag) { self.element().map(Some) } else { Ok(None) }
    }

    /// The inside of a sequence, a set or an explicit tag.
    pub(super) fn inside(&mut self, tag: u8) -> Result<Self, Malformed> {
        Ok(Self::new(self.expect(tag)?.content))
    }

    pub(super) fn sequence(&mut self) -> Result<Self, Malformed> {
        self.inside(tag::SEQUENCE)
    }

    pub(super) fn oid(&mut self) -> Result<&'a [u8], Malformed> {
        Ok(self.expect(tag::OBJECT_IDENTIFIER)?.content)
    }

    /// The bytes of a whole number without leading zeros: serial numbers are compared, never computed with.
    pub(super) fn integer(&mut self) -> Result<&'a [u8], Malformed> {
        Ok(trim(self.expect(tag::INTEGER)?.content))
    }

    /// A whole number that counts something: 0 to 2³²−1.
    pub(super) fn count(&mut self) -> Result<u32, Malformed> {
        let content = self.expect(tag::INTEGER)?.content;
        if content.first().is_none_or(|first| first & 0x80 != 0) {
            return Err(Malformed("a count is empty or negative"));
        }
        let digits = trim(content);
        if digits.len() > 4 {
            return Err(Malformed("a count is too large"));
        }
        Ok(digits.iter().fold(0, |sum, digit| sum << 8 | u32::from(*digit)))
    }

    /// `BOOLEAN DEFAULT FALSE`.
    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.optional(tag::BOOLEAN)?.map(|element| element.content) {
            None | Some([0]) => Ok(false),
            Some([0xff]) => Ok(true),
            Some(_) => Err(Malformed("a truth value is neither true nor false")),
        }
    }

    /// A bit string that ends with a whole byte: keys and signatures.
    pub(super) fn bytes_of_bits(&mut self) -> Result<&'a [u8], Malformed> {
        match self.expect(tag::BIT_STRING)?.content {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Malformed("a bit string does not end with a whole byte")),
        }
    }

    /// Seconds since the epoch (RFC 5280, section 4.1.2.5: with seconds, in UTC).
    pub(super) fn time(&mut self) -> Result<i64, Malformed> {
        let element = self.element()?;
        instant(element).ok_or(Malformed("a time is not in the form that RFC 5280 asks for"))
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed("it ends in the middle of an element"))?;
        self.rest = rest;
        Ok(*first)
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let count = first & 0x7f;
        // Four bytes of length are 4 GiB; no length at all is BER, not DER.
        if count == 0 || count > 4 {
            return Err(Malformed("a length is not in the form of DER"));
        }
        let mut length = 0_usize;
        for _ in 0..count {
            length = length << 8 | usize::from(self.byte()?);
        }
        let shortest = length >= 0x80 && (count == 1 || length >> (8 * (count - 1)) != 0);
        if shortest { Ok(length) } else { Err(Malformed("a length is not in the form of DER")) }
    }
}

fn trim(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    &digits[zeros..]
}

fn instant(element: Element<'_>) -> Option<i64> {
    let digits = element.content.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pair = |at: usize| Some(i64::from(digits.get(at)? - b'0') * 10 + i64::from(digits.get(at + 1)? - b'0'));
    let (year, rest) = match (element.tag, digits.len()) {
        // Two digits stand for 1950 to 2049.
        (tag::UTC_TIME, 12) => (pair(0)? + if pair(0)? < 50 { 2000 } else { 1900 }, 2),
        (tag::GENERALIZED_TIME, 14) => (pair(0)? * 100 + pair(2)?, 4),
        _ => return None,
    };
    let (month, day) = (pair(rest)?, pair(rest + 2)?);
    let (hour, minute, second) = (pair(rest + 4)?, pair(rest + 6)?, pair(rest + 8)?);
    let right = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    right.then(|| days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01 in the Gregorian calendar; years are counted from March, so that the leap day is the last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// An object identifier in digits and dots.
pub(super) fn dotted(oid: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in oid {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.extend([first, arc - first * 40]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    arcs.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}
