//! The query of a request: metadata of the client, and whether it wants to end early.

use super::spec::{EARLY_EXIT_MEGABYTES, QUERY_BYTES_MAX, SERVER_PREFIX};

/// What a client says of itself and its wish.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    /// Names and values, as they came. The names that belong to the server are not among them.
    pub metadata: Vec<(String, String)>,
    /// Acknowledged bytes after which a download ends.
    pub early_exit_bytes: Option<u64>,
}

/// Why a query is refused (400).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidQuery {
    /// Longer than allowed.
    #[error("the query has {0} octets; at most {QUERY_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// Not URL-encoded UTF-8.
    #[error("the query is not URL-encoded UTF-8")]
    Encoding,
    /// A key without letters.
    #[error("the query has a value without a name")]
    EmptyKey,
    /// A key twice.
    #[error("the query has '{0}' twice")]
    DoubleKey(String),
    /// Another size for the early exit.
    #[error("'early_exit={0}' is not known; only {EARLY_EXIT_MEGABYTES} is")]
    EarlyExit(String),
}

impl Query {
    /// Reads what stands behind the question mark.
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(InvalidQuery::TooLong(text.len()));
        }
        let mut query = Self::default();
        let mut seen = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if name.is_empty() {
                return Err(InvalidQuery::EmptyKey);
            }
            if seen.contains(&name) {
                return Err(InvalidQuery::DoubleKey(name));
            }
            seen.push(name.clone());
            if name == "early_exit" {
                if value != EARLY_EXIT_MEGABYTES.to_string() {
                    return Err(InvalidQuery::EarlyExit(value));
                }
                query.early_exit_bytes = Some(EARLY_EXIT_MEGABYTES * 1_000_000);
            }
            if !name.starts_with(SERVER_PREFIX) {
                query.metadata.push((name, value));
            }
        }
        Ok(query)
    }
}

/// Takes percent signs and plus signs apart.
fn decode(text: &str) -> Result<String, InvalidQuery> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|octet| char::from(octet).to_digit(16));
                let (high, low) = (digit().ok_or(InvalidQuery::Encoding)?, digit().ok_or(InvalidQuery::Encoding)?);
                (high << 4 | low) as u8
            }
            octet => octet,
        });
    }
    String::from_utf8(octets).map_err(|_| InvalidQuery::Encoding)
}
