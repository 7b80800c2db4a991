//! From single TOML values to quantities, with what to write instead where one is refused.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;
use terms::{ByteSize, Rate, Span};
use toml::de::DeValue;

/// Why a value is not taken: the key `what`; `instead`.
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) instead: String,
}

pub(super) type Taken<T> = Result<T, Refusal>;

pub(super) fn refuse<T>(what: impl Into<String>, instead: impl Into<String>) -> Taken<T> {
    Err(Refusal { what: what.into(), instead: instead.into() })
}

/// The longest delay, jitter or lateness: half an hour is beyond any planet in reach.
const LONGEST_SPAN: Duration = Duration::from_secs(1_800);
const LEAST_RATE: Rate = Rate(1_000);
const MOST_RATE: Rate = Rate(400_000_000_000);
/// The forwarder holds what waits in memory.
const LONGEST_QUEUE: ByteSize = ByteSize(4 << 30);
/// What each IPv4 host takes (RFC 791 §3.2).
pub(super) const LEAST_MTU: i64 = 576;
const MOST_MTU: i64 = 65_535;
/// Names become those of devices, of which Linux allows 15 octets.
const MOST_NAME_BYTES: usize = 15;
const MOST_TITLE_BYTES: usize = 64;
/// The longest that a scenario may speak of: a week.
pub(super) const LONGEST_RUN: Duration = Duration::from_secs(7 * 86_400);

fn is_a(value: &DeValue<'_>) -> String {
    format!(
        "is {}",
        match value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a bare number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
            DeValue::Datetime(_) => "a date",
        }
    )
}

pub(super) fn text<'v>(value: &'v DeValue<'_>, instead: &str) -> Taken<&'v str> {
    value.as_str().map_or_else(|| refuse(is_a(value), instead), Ok)
}

pub(super) fn boolean(value: &DeValue<'_>) -> Taken<bool> {
    value.as_bool().map_or_else(|| refuse(is_a(value), "write true or false"), Ok)
}

pub(super) fn whole(value: &DeValue<'_>, least: i64, most: i64) -> Taken<i64> {
    let number = value.as_integer().and_then(|number| i64::from_str(&number.as_str().replace('_', "")).ok());
    match number {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        Some(number) => refuse(format!("cannot be {number}"), format!("write a number from {least} to {most}")),
        None => refuse(is_a(value), format!("write a whole number from {least} to {most}")),
    }
}

pub(super) fn texts(value: &DeValue<'_>, instead: &str) -> Taken<Vec<String>> {
    let Some(items) = value.as_array() else { return refuse(is_a(value), instead) };
    items.iter().map(|item| text(item.get_ref(), instead).map(str::to_owned)).collect()
}

fn quantity<T: FromStr>(value: &DeValue<'_>, instead: &str) -> Taken<T>
where
    T::Err: std::fmt::Display,
{
    let text = text(value, instead)?;
    text.parse().or_else(|error| refuse(format!("cannot be read: {error}"), instead))
}

pub(super) fn is_none(value: &DeValue<'_>) -> bool {
    value.as_str() == Some("none")
}

pub(super) fn rate(value: &DeValue<'_>) -> Taken<Rate> {
    let rate = quantity(value, "write a rate with its unit, as \"1 Gbit/s\", or \"none\"")?;
    if !(LEAST_RATE..=MOST_RATE).contains(&rate) {
        return refuse(format!("cannot be {rate}"), format!("write a rate from {LEAST_RATE} to {MOST_RATE}"));
    }
    Ok(rate)
}

/// A span that is written with `instead`'s example.
pub(super) fn span(value: &DeValue<'_>, longest: Duration) -> Taken<Duration> {
    let Span(span) = quantity(value, "write a time with its unit, as \"55 ms\"")?;
    if span > longest {
        return refuse(format!("cannot be {}", Span(span)), format!("write at most \"{}\"", Span(longest)));
    }
    Ok(span)
}

pub(super) fn travel(value: &DeValue<'_>) -> Taken<Duration> {
    span(value, LONGEST_SPAN)
}

/// What is done to a delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Set(Duration),
    Add(Duration),
    Subtract(Duration),
}

impl Change {
    pub(super) fn apply(self, before: Duration) -> Duration {
        match self {
            Self::Set(span) => span,
            Self::Add(span) => before + span,
            Self::Subtract(span) => before.saturating_sub(span),
        }
    }

    /// The same for each of two directions that share it.
    pub(super) fn halved(self) -> Self {
        match self {
            Self::Set(span) => Self::Set(span / 2),
            Self::Add(span) => Self::Add(span / 2),
            Self::Subtract(span) => Self::Subtract(span / 2),
        }
    }
}

/// `"55 ms"`, and where changes are told `"+5 ms"` and `"-5 ms"`.
pub(super) fn change(value: &DeValue<'_>, relative: bool) -> Taken<Change> {
    let instead = "write a time with its unit, as \"55 ms\"";
    let written = text(value, instead)?;
    let (make, rest): (fn(Duration) -> Change, &str) = match written.chars().next() {
        Some('+') if relative => (Change::Add, &written[1..]),
        Some('-') if relative => (Change::Subtract, &written[1..]),
        _ => (Change::Set, written),
    };
    match rest.parse::<Span>() {
        Ok(Span(span)) if span <= LONGEST_SPAN => Ok(make(span)),
        Ok(Span(span)) => {
            refuse(format!("cannot be {}", Span(span)), format!("write at most \"{}\"", Span(LONGEST_SPAN)))
        }
        Err(error) => refuse(format!("cannot be read: {error}"), instead),
    }
}

/// How long a queue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum QueueLength {
    Bytes(ByteSize),
    /// What the rate sends in this time.
    Time(Duration),
}

pub(super) fn queue(value: &DeValue<'_>) -> Taken<QueueLength> {
    let instead = "write a size, as \"4 MB\", or what the rate sends in a time, as \"50 ms\"";
    let written = text(value, instead)?;
    match (written.parse::<ByteSize>(), written.parse::<Span>()) {
        (Ok(size), _) if size > LONGEST_QUEUE => {
            refuse(format!("cannot be {size}"), format!("write at most \"{LONGEST_QUEUE}\""))
        }
        (Ok(size), _) => Ok(QueueLength::Bytes(size)),
        (_, Ok(Span(span))) if span <= LONGEST_SPAN => Ok(QueueLength::Time(span)),
        _ => refuse(format!("cannot be \"{written}\""), instead),
    }
}

impl QueueLength {
    pub(super) fn bytes(self, rate: Option<Rate>) -> ByteSize {
        match (self, rate) {
            (Self::Bytes(size), _) => size,
            (Self::Time(span), Some(rate)) => sent_in(rate, span),
            (Self::Time(_), None) => ByteSize(0),
        }
    }
}

/// What a rate sends in a time, as far as a queue may be long.
pub(super) fn sent_in(rate: Rate, span: Duration) -> ByteSize {
    ByteSize((rate.0 as f64 / 8.0 * span.as_secs_f64()) as u64).min(LONGEST_QUEUE)
}

/// `"0.1 %"` or `"1/10000"`.
pub(super) fn share(value: &DeValue<'_>) -> Taken<f64> {
    let instead = "write a share of the packets, as \"0.1 %\" or \"1/1000\"";
    let written = text(value, instead)?;
    let parsed = if let Some(percent) = written.strip_suffix('%') {
        percent.trim().parse::<f64>().ok().map(|percent| percent / 100.0)
    } else {
        let (part, of) = written.split_once('/').unwrap_or((written, "?"));
        part.trim().parse::<f64>().ok().zip(of.trim().parse::<f64>().ok()).map(|(part, of)| part / of)
    };
    match parsed {
        Some(share) if (0.0..=1.0).contains(&share) => Ok(share),
        Some(_) => refuse(format!("cannot be \"{written}\""), "write a share from \"0 %\" to \"100 %\""),
        None => refuse(format!("cannot be \"{written}\""), instead),
    }
}

pub(super) fn octets(value: &DeValue<'_>) -> Taken<u16> {
    whole(value, LEAST_MTU, MOST_MTU).map(|octets| u16::try_from(octets).unwrap_or(u16::MAX))
}

/// The name of a scenario: what it keeps on disk is called so.
pub(super) fn title(value: &DeValue<'_>) -> Taken<String> {
    let instead = "write a name of at most 64 letters, digits, '-', '_' and '.', that begins with a letter or digit";
    let written = text(value, instead)?;
    let letters = written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let begins = written.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !letters || !begins || written.len() > MOST_TITLE_BYTES {
        return refuse(format!("cannot be \"{written}\""), instead);
    }
    Ok(written.to_owned())
}

/// The name of a node or a link.
pub(super) fn name(value: &DeValue<'_>) -> Taken<String> {
    let instead = "write a name of at most 15 lower-case letters, digits and '-', that begins with a letter";
    let written = text(value, instead)?;
    let letters = written.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let begins = written.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !letters || !begins || written.len() > MOST_NAME_BYTES || ["lo", "localhost", "none"].contains(&written) {
        return refuse(format!("cannot be \"{written}\""), instead);
    }
    Ok(written.to_owned())
}

/// `192.0.2.1/24`.
pub(super) fn v4(value: &DeValue<'_>) -> Taken<(Ipv4Addr, u8)> {
    address(value, 30, "write an address of this host and the length of the prefix, as \"192.0.2.1/24\"")
}

/// `2001:db8::1/64`.
pub(super) fn v6(value: &DeValue<'_>) -> Taken<(Ipv6Addr, u8)> {
    address(value, 126, "write an address of this host and the length of the prefix, as \"2001:db8::1/64\"")
}

/// The prefix has room for two ends.
fn address<A: FromStr>(value: &DeValue<'_>, longest: u8, instead: &str) -> Taken<(A, u8)> {
    let written = text(value, instead)?;
    let parts = written.split_once('/');
    let parsed = parts.and_then(|(address, length)| Some((address.parse().ok()?, length.parse().ok()?)));
    match parsed {
        Some((address, length)) if (8..=longest).contains(&length) => Ok((address, length)),
        Some(_) => refuse(format!("cannot be \"{written}\""), format!("write a prefix length from 8 to {longest}")),
        None => refuse(format!("cannot be \"{written}\""), instead),
    }
}
