//! Goldens of each header's spelling, refusals, and the promise that no input panics.

mod conditional;
mod digest;
mod range;
mod resumable;

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Headers from pairs of text; panics on what HTTP cannot carry.
fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().expect("a header name");
        map.append(name, HeaderValue::from_str(value).expect("a header value"));
    }
    map
}

/// Headers of one name with any bytes that HTTP can carry.
fn raw(name: &HeaderName, value: &[u8]) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(value).ok()?;
    Some([(name.clone(), value)].into_iter().collect())
}
