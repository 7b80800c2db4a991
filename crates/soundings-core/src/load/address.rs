//! What `/synthetic/…` names, and which range of it is meant.

use terms::ByteSize;

/// Where synthetic bytes are.
pub const PREFIX: &str = "/synthetic/";
/// Where turns are asked for.
pub const LEASE: &str = "/synthetic/lease";
/// The field by which a request says to which lease it belongs.
pub const LEASE_FIELD: &str = "portolan-lease";
/// Largest body that can be asked for: 1 PB, hours at any rate; what bounds a test is its time.
pub const BYTES_MAX: u64 = 1_000_000_000_000_000;

/// What a path below [`PREFIX`] names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// So many bytes.
    Bytes(u64),
    /// Leases: `POST` asks for one.
    Leases,
    /// One lease.
    Lease(String),
}

/// Why a path names nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadAddress {
    /// Neither a number nor a size.
    #[error("'{0}' is no size: write a number of bytes, or one with a unit, as 100MB or 64KiB")]
    NoSize(String),
    /// Larger than anything that makes sense.
    #[error("'{0}' is more than 1 PB")]
    TooLarge(String),
}

/// What this path names; `None` if it is not ours.
pub fn asked(path: &str) -> Option<Result<Asked, BadAddress>> {
    let rest = path.strip_prefix(PREFIX)?;
    if rest == "lease" {
        return Some(Ok(Asked::Leases));
    }
    if let Some(id) = rest.strip_prefix("lease/") {
        return Some(Ok(Asked::Lease(id.to_owned())));
    }
    Some(size(rest).map(Asked::Bytes))
}

fn size(text: &str) -> Result<u64, BadAddress> {
    let shown = || text.chars().take(40).collect::<String>();
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bytes = if plain {
        text.parse().map_err(|_| BadAddress::TooLarge(shown()))?
    } else {
        text.parse::<ByteSize>().map_err(|_| BadAddress::NoSize(shown()))?.0
    };
    if bytes > BYTES_MAX { Err(BadAddress::TooLarge(shown())) } else { Ok(bytes) }
}

/// Which part of a body is asked for (RFC 9110, section 14).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it: no range, several ranges, or one that is not understood, which may all be ignored.
    Whole,
    /// From a first byte, so many.
    Range {
        /// The first byte.
        first: u64,
        /// How many, at least 1.
        len: u64,
    },
    /// A range that has none of its bytes: 416.
    Beyond,
}

/// The part of a body of this size that a `Range` field asks for.
pub fn part(field: Option<&str>, size: u64) -> Part {
    let Some(range) = field.and_then(|field| field.trim().strip_prefix("bytes=")) else { return Part::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Part::Whole };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first.is_empty(), number(first), last.is_empty(), number(last)) {
        // The last so many bytes.
        (true, _, false, Some(0)) => Part::Beyond,
        (true, _, false, Some(count)) if size > 0 => {
            let len = count.min(size);
            Part::Range { first: size - len, len }
        }
        (true, _, false, Some(_)) => Part::Beyond,
        (false, Some(first), true, _) if first < size => Part::Range { first, len: size - first },
        (false, Some(first), false, Some(last)) if last < first => Part::Whole,
        (false, Some(first), false, Some(last)) if first < size => {
            Part::Range { first, len: last.min(size - 1) - first + 1 }
        }
        (false, Some(_), true, _) | (false, Some(_), false, Some(_)) => Part::Beyond,
        _ => Part::Whole,
    }
}
