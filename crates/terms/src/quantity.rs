//! Sizes, rates and spans of time with their units. A number without a unit is refused.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is not a quantity.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidQuantity {
    /// It does not begin with a number.
    #[error("'{0}' does not begin with a number")]
    NoNumber(String),
    /// There is a number, but no unit.
    #[error("'{text}' has no unit; write one of {units}")]
    NoUnit {
        /// What was given.
        text: String,
        /// What could have been given.
        units: &'static str,
    },
    /// The unit is not one of this kind of quantity.
    #[error("'{unit}' is not a unit here; write one of {units}")]
    UnknownUnit {
        /// What was given.
        unit: String,
        /// What could have been given.
        units: &'static str,
    },
    /// It does not fit.
    #[error("'{0}' is too large")]
    TooLarge(String),
}

/// A number of bytes. Decimal prefixes are powers of 1,000, binary ones (`KiB`) of 1,024.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ByteSize(pub u64);

/// A rate in bits per second; prefixes are decimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Rate(pub u64);

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span(pub Duration);

const SIZE_UNITS: &[(&str, f64)] = &[
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("PB", 1e15),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];
const RATE_UNITS: &[(&str, f64)] =
    &[("bit/s", 1.0), ("kbit/s", 1e3), ("Mbit/s", 1e6), ("Gbit/s", 1e9), ("Tbit/s", 1e12)];
const SPAN_UNITS: &[(&str, f64)] = &[
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
];

fn parse(text: &str, table: &[(&str, f64)], units: &'static str) -> Result<f64, InvalidQuantity> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().map_err(|_| InvalidQuantity::NoNumber(text.to_owned()))?;
    let unit = text[end..].trim();
    if unit.is_empty() {
        return Err(InvalidQuantity::NoUnit { text: text.to_owned(), units });
    }
    let found = table.iter().find(|(name, _)| *name == unit);
    let (_, factor) = found.ok_or_else(|| InvalidQuantity::UnknownUnit { unit: unit.to_owned(), units })?;
    Ok(number * factor)
}

fn whole(value: f64, text: &str) -> Result<u64, InvalidQuantity> {
    // 2^63 keeps every quantity inside what SQL can hold.
    if value >= 9.2e18 { Err(InvalidQuantity::TooLarge(text.to_owned())) } else { Ok(value.round() as u64) }
}

/// Three significant digits and the largest prefix that fits.
fn print(f: &mut fmt::Formatter<'_>, value: f64, units: &[(f64, &str)]) -> fmt::Result {
    let (factor, unit) = units.iter().rev().find(|(factor, _)| value >= *factor).unwrap_or(&units[0]);
    let scaled = value / factor;
    match (scaled.fract() == 0.0 && scaled < 1000.0, scaled) {
        (true, _) => write!(f, "{scaled:.0} {unit}"),
        (_, s) if s < 10.0 => write!(f, "{scaled:.2} {unit}"),
        (_, s) if s < 100.0 => write!(f, "{scaled:.1} {unit}"),
        _ => write!(f, "{scaled:.0} {unit}"),
    }
}

impl FromStr for ByteSize {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let value = parse(text, SIZE_UNITS, "B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB")?;
        whole(value, text).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0 as f64, &[(1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB"), (1e15, "PB")])
    }
}

impl FromStr for Rate {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let value = parse(text, RATE_UNITS, "bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s")?;
        whole(value, text).map(Self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1.0, "bit/s"), (1e3, "kbit/s"), (1e6, "Mbit/s"), (1e9, "Gbit/s"), (1e12, "Tbit/s")];
        print(f, self.0 as f64, &units)
    }
}

impl FromStr for Span {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let seconds = parse(text, SPAN_UNITS, "ns, us, ms, s, min, h, d")?;
        let span = Duration::try_from_secs_f64(seconds);
        span.map(Self).map_err(|_| InvalidQuantity::TooLarge(text.to_owned()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 1.0 {
            return print(f, seconds * 1e9, &[(1.0, "ns"), (1e3, "µs"), (1e6, "ms")]);
        }
        print(f, seconds, &[(1.0, "s"), (60.0, "min"), (3_600.0, "h"), (86_400.0, "d")])
    }
}
