//! Spans of time in JSON: seconds, as a number.

use serde::Serializer;
use std::time::Duration;

/// A span.
pub(crate) fn of<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

/// A span that may be absent.
pub(crate) fn maybe<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.serialize_some(&span.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}
