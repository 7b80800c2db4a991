//! Wall-clock instants, for people and for records. Durations never come from these: they come from a monotonic
//! clock.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970-01-01T00:00:00Z, negative before; covers the years 1678 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch; beyond the range, the nearest end of it.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Later by this much; at the end of the range, the end of the range.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that HTTP sends (RFC 9110 §5.6.7).
    pub fn to_http_date(self) -> String {
        self.zoned().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Reads all three forms of an HTTP date (RFC 9110 §5.6.7); `None` when it is none of them.
    pub fn from_http_date(text: &str) -> Option<Self> {
        const FORMS: [&str; 3] = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"];
        FORMS.iter().find_map(|form| {
            let civil = jiff::civil::DateTime::strptime(form, text.trim()).ok()?;
            let seconds = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
            Some(Self::from_seconds(seconds))
        })
    }

    fn zoned(self) -> jiff::Zoned {
        // Every i64 of nanoseconds lies inside jiff's years −9999 to 9999.
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(jiff::tz::TimeZone::UTC)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => Self(i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n)),
        }
    }
}

/// RFC 3339 in UTC with whole seconds: `2026-11-21T22:48:39Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.zoned().strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// A text that names no instant.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{0}' is no instant: write one as 2026-11-21T22:48:39Z, or a day as 2026-11-21 (its first moment in UTC)")]
pub struct InvalidInstant(pub String);

/// RFC 3339 with its offset, or a day: its first moment in UTC.
impl FromStr for Timestamp {
    type Err = InvalidInstant;
    fn from_str(text: &str) -> Result<Self, InvalidInstant> {
        let day = |text: &str| text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let instant = match text.len() {
            10 => day(text).map(|zoned| zoned.timestamp()),
            _ => text.parse::<jiff::Timestamp>().ok(),
        };
        let nanos = instant.and_then(|instant| i64::try_from(instant.as_nanosecond()).ok());
        nanos.map(Self).ok_or_else(|| InvalidInstant(text.to_owned()))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self} {}ns)", self.0.rem_euclid(1_000_000_000))
    }
}
