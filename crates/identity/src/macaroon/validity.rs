//! How long a macaroon is asked for.

use jiff::{Span, SpanRelativeTo};
use std::time::Duration;

/// Reads a duration of ISO 8601 as requests for macaroons have it: `PT1H30M`, `P2D` (of 24 hours). `None` when it is
/// none, is not above zero, or speaks of months, whose length nobody knows.
pub fn validity(text: &str) -> Option<Duration> {
    // jiff would take `1 hour` too.
    let span: Span = Some(text).filter(|text| text.starts_with('P'))?.parse().ok()?;
    let exact = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(exact).ok().filter(|duration| !duration.is_zero())
}
