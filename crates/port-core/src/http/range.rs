//! Ranges of bytes: RFC 9110 §14.

use http::header::{HeaderMap, RANGE};
use std::fmt;
use std::str::FromStr;

/// More ranges than this in one request are ignored, and the whole file is answered (RFC 9110 §14.2 allows that): the work
/// and memory that a request costs stay bounded. Vector reads of ROOT, the greediest honest client, ask for less at once.
pub const MAX_RANGES: usize = 64;

/// One piece of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slice {
    /// Where it begins.
    pub offset: u64,
    /// How long it is; never 0.
    pub length: u64,
}

impl Slice {
    /// The first offset behind it.
    pub const fn end(self) -> u64 {
        self.offset + self.length
    }

    fn overlaps(self, other: Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }

    fn joined(self, other: Self) -> Self {
        let offset = self.offset.min(other.offset);
        Self { offset, length: self.end().max(other.end()) - offset }
    }
}

/// One range as it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeSpec {
    /// `first-last`, both included, or `first-` to the end.
    From {
        /// The first byte.
        first: u64,
        /// The last byte; `None` for the end of the file.
        last: Option<u64>,
    },
    /// `-n`: the last n bytes.
    Suffix(u64),
}

impl RangeSpec {
    /// The piece of a file of this size; `None` when there is none (RFC 9110 §14.1.2).
    pub fn of_size(self, size_bytes: u64) -> Option<Slice> {
        let (offset, end) = match self {
            Self::From { first, last } => {
                (first, last.map_or(size_bytes, |last| size_bytes.min(last.saturating_add(1))))
            }
            Self::Suffix(length) => (size_bytes.saturating_sub(length), size_bytes),
        };
        (offset < end).then(|| Slice { offset, length: end - offset })
    }
}

/// The ranges of one request, at most [`MAX_RANGES`], at least one, in the order asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ranges(Vec<RangeSpec>);

/// What to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    /// 200 with all of it.
    Whole,
    /// 206 with this piece.
    Single(Slice),
    /// 206 as `multipart/byteranges` with these pieces, none of which overlaps another.
    Several(Vec<Slice>),
    /// 416 with `Content-Range: bytes */size`.
    NotSatisfiable,
}

impl Ranges {
    /// From the `Range` header. `None` when there is none, or one that is to be ignored: of another unit (RFC 9110 §14.2),
    /// malformed, twice, or of too many ranges.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(RANGE).into_iter();
        let value = values.next()?.to_str().ok()?;
        if values.next().is_some() { None } else { Self::parse(value) }
    }

    /// From the value of the header.
    pub fn parse(value: &str) -> Option<Self> {
        let (unit, list) = value.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let mut ranges = Vec::new();
        // Empty members are allowed in lists (RFC 9110 §5.6.1.2), so they count toward the bound as well.
        for (at, member) in list.split(',').map(str::trim).enumerate() {
            if at == MAX_RANGES {
                return None;
            }
            if !member.is_empty() {
                ranges.push(range(member)?);
            }
        }
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// The ranges as they were asked for.
    pub fn specs(&self) -> &[RangeSpec] {
        &self.0
    }

    /// The pieces of a file of this size. Pieces that overlap are joined (RFC 9110 §15.3.7.2), so that the answer is never
    /// longer than the file; the others stay apart and in the order asked.
    pub fn select(&self, size_bytes: u64) -> Selection {
        let mut pieces: Vec<Slice> = Vec::with_capacity(self.0.len());
        for mut piece in self.0.iter().filter_map(|range| range.of_size(size_bytes)) {
            let mut at = pieces.len();
            while let Some(other) = pieces.iter().position(|other| other.overlaps(piece)) {
                piece = piece.joined(pieces.remove(other));
                at = other;
            }
            pieces.insert(at.min(pieces.len()), piece);
        }
        match pieces.as_slice() {
            [] => Selection::NotSatisfiable,
            [one] => Selection::Single(*one),
            _ => Selection::Several(pieces),
        }
    }
}

/// The value of a `Range` header that asks for one piece.
pub fn write(slice: Slice) -> String {
    format!("bytes={}-{}", slice.offset, slice.end() - 1)
}

/// `Content-Range` (RFC 9110 §14.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentRange {
    /// The piece that the body holds; `None` in a 416 (`bytes */size`).
    pub slice: Option<Slice>,
    /// The size of the whole, if the sender knows it.
    pub size_bytes: Option<u64>,
}

impl ContentRange {
    /// Of a 206 with one piece.
    pub const fn of(slice: Slice, size_bytes: u64) -> Self {
        Self { slice: Some(slice), size_bytes: Some(size_bytes) }
    }

    /// Of a 416.
    pub const fn unsatisfied(size_bytes: u64) -> Self {
        Self { slice: None, size_bytes: Some(size_bytes) }
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slice {
            Some(slice) => write!(f, "bytes {}-{}/", slice.offset, slice.end() - 1)?,
            None => f.write_str("bytes */")?,
        }
        match self.size_bytes {
            Some(size) => write!(f, "{size}"),
            None => f.write_str("*"),
        }
    }
}

/// The text is no `Content-Range` in bytes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{0}' is not a Content-Range in bytes")]
pub struct InvalidContentRange(pub String);

impl FromStr for ContentRange {
    type Err = InvalidContentRange;
    fn from_str(text: &str) -> Result<Self, InvalidContentRange> {
        content_range(text.trim()).ok_or_else(|| InvalidContentRange(text.chars().take(80).collect()))
    }
}

fn content_range(text: &str) -> Option<ContentRange> {
    let (unit, rest) = text.split_once(' ')?;
    let (range, size) = rest.trim_start().split_once('/')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let size_bytes = if size == "*" { None } else { Some(number(size)?) };
    let slice = if range == "*" {
        None
    } else {
        let (first, last) = range.split_once('-')?;
        let (offset, last) = (number(first)?, number(last)?);
        let length = last.checked_sub(offset)?.checked_add(1)?;
        // A range that reaches beyond the size is invalid, and must not be trusted (RFC 9110 §14.4).
        if size_bytes.is_some_and(|size| last >= size) || last == u64::MAX {
            return None;
        }
        Some(Slice { offset, length })
    };
    Some(ContentRange { slice, size_bytes })
}

/// `multipart/byteranges` (RFC 9110 §14.6) around several pieces: their heads, their end, and the exact length of all.
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    heads: Vec<String>,
    length_bytes: u64,
}

impl Multipart {
    /// `boundary` must occur in no piece: give 128 random bits or more, in characters of RFC 2046 §5.1.1. `media_type` is
    /// that of the file.
    pub fn new(boundary: &str, media_type: &str, size_bytes: u64, pieces: &[Slice]) -> Self {
        let heads: Vec<String> = pieces
            .iter()
            .enumerate()
            .map(|(at, piece)| {
                let range = ContentRange::of(*piece, size_bytes);
                let line = if at == 0 { "" } else { "\r\n" };
                format!("{line}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n")
            })
            .collect();
        let whole = Self { boundary: boundary.to_owned(), heads, length_bytes: 0 };
        let around = whole.heads.iter().map(String::len).sum::<usize>() + whole.tail().len();
        let length_bytes = pieces.iter().map(|piece| piece.length).sum::<u64>() + around as u64;
        Self { length_bytes, ..whole }
    }

    /// What goes before each piece, in their order.
    pub fn heads(&self) -> &[String] {
        &self.heads
    }

    /// What goes behind the last.
    pub fn tail(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    /// The `Content-Length` of all together.
    pub fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// The `Content-Type` of all together.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }
}

fn range(member: &str) -> Option<RangeSpec> {
    let (first, last) = member.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        return number(last).map(RangeSpec::Suffix);
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(RangeSpec::From { first, last: None });
    }
    let last = number(last)?;
    (first <= last).then_some(RangeSpec::From { first, last: Some(last) })
}

/// Digits alone: `parse` would take a sign. What exceeds 64 bits lies behind every file, so it is read as the largest
/// number and not as an error.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
