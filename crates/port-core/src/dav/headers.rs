//! The headers of WebDAV, all but `If` (RFC 4918 §10).

use super::refusal::Refusal;
use super::spec::{DATA_PREFIX, DEFAULT_LOCK_SPAN, MAX_LOCK_SPAN};
use http::{HeaderMap, Uri};
use std::time::Duration;
use terms::LogicalPath;

/// How far below a collection a method reaches (RFC 4918 §10.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Depth {
    /// The resource alone.
    Zero,
    /// It and what is directly in it.
    One,
    /// It and all below it.
    Infinity,
}

/// Reads `Depth`; `default` is the method's own when the header is absent.
pub fn depth(headers: &HeaderMap, default: Depth) -> Result<Depth, Refusal> {
    match text(headers, "depth", "0, 1 or infinity")? {
        None => Ok(default),
        Some("0") => Ok(Depth::Zero),
        Some("1") => Ok(Depth::One),
        Some(word) if word.eq_ignore_ascii_case("infinity") => Ok(Depth::Infinity),
        Some(other) => Err(Refusal::header("Depth", other, "0, 1 or infinity")),
    }
}

/// Reads `Overwrite` (RFC 4918 §10.6): may something at the destination be replaced? Yes when it is absent.
pub fn overwrite(headers: &HeaderMap) -> Result<bool, Refusal> {
    match text(headers, "overwrite", "T or F")? {
        None => Ok(true),
        Some(word) if word.eq_ignore_ascii_case("t") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case("f") => Ok(false),
        Some(other) => Err(Refusal::header("Overwrite", other, "T or F")),
    }
}

/// Where COPY and MOVE go (RFC 4918 §10.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// Into the data of this server.
    Here(LogicalPath),
    /// To this server, but not into its data.
    NotData(String),
    /// To another host: the whole address, query included.
    Elsewhere(Uri),
}

/// Reads `Destination`. `own_authority` is the host by which the client calls us: the `Host` header or `:authority`.
/// The scheme is not compared: whoever stands in front of us may speak another one than we do.
pub fn destination(headers: &HeaderMap, own_authority: Option<&str>) -> Result<Destination, Refusal> {
    const EXPECTED: &str = "an absolute URI or an absolute path";
    let value = text(headers, "destination", EXPECTED)?
        .ok_or(Refusal::MissingHeader { name: "Destination", expected: EXPECTED })?;
    resolve(value, own_authority).ok_or_else(|| Refusal::header("Destination", value, EXPECTED))
}

/// A Simple-ref (RFC 4918 §8.3) from our point of view; `None` when it is none.
pub(super) fn resolve(reference: &str, own_authority: Option<&str>) -> Option<Destination> {
    let uri = parse_uri(reference)?;
    if let Some(authority) = uri.authority() {
        if authority.as_str().contains('@') {
            return None;
        }
        let scheme = uri.scheme_str().unwrap_or("http");
        if !own_authority.is_some_and(|own| is_same_host(own, authority, scheme)) {
            return Some(Destination::Elsewhere(uri));
        }
    }
    let path = uri.path();
    let Some(below) = path.strip_prefix(DATA_PREFIX).filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return Some(Destination::NotData(path.to_owned()));
    };
    LogicalPath::from_url_path(if below.is_empty() { "/" } else { below }).ok().map(Destination::Here)
}

/// An absolute URI with a scheme and host, or an absolute path; older clients leave bytes above ASCII unescaped.
fn parse_uri(reference: &str) -> Option<Uri> {
    let escaped: String = reference
        .bytes()
        .map(|byte| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let uri: Uri = escaped.parse().ok()?;
    let is_path = uri.scheme().is_none() && uri.path().starts_with('/') && !uri.path().starts_with("//");
    (is_path || (uri.scheme().is_some() && uri.authority().is_some())).then_some(uri)
}

fn is_same_host(own: &str, other: &http::uri::Authority, scheme: &str) -> bool {
    let Ok(own) = own.parse::<http::uri::Authority>() else { return false };
    let usual = match scheme {
        "https" | "davs" => 443,
        _ => 80,
    };
    // A client leaves the port out exactly when it is the usual one of its scheme.
    own.host().eq_ignore_ascii_case(other.host())
        && own.port_u16().unwrap_or(usual) == other.port_u16().unwrap_or(usual)
}

/// How long a lock shall last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockTimeout(pub Duration);

impl LockTimeout {
    /// Reads `Timeout` (RFC 4918 §10.7): the first form that we know decides, capped by [`MAX_LOCK_SPAN`]. A header that
    /// makes no sense is as good as none, because the server may choose the time in any case.
    pub fn of(headers: &HeaderMap) -> Self {
        let known =
            headers.get_all("timeout").iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        Self(known.map(str::trim).find_map(Self::one).unwrap_or(DEFAULT_LOCK_SPAN))
    }

    fn one(word: &str) -> Option<Duration> {
        if word.eq_ignore_ascii_case("infinite") {
            return Some(MAX_LOCK_SPAN);
        }
        let digits = word.get(..7).filter(|head| head.eq_ignore_ascii_case("second-")).map(|_| &word[7..])?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // More digits than fit are more than the cap, too.
        Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX)).min(MAX_LOCK_SPAN))
    }
}

/// Reads `Lock-Token` (RFC 4918 §10.5), which UNLOCK needs.
pub fn lock_token(headers: &HeaderMap) -> Result<String, Refusal> {
    const EXPECTED: &str = "a lock token in angle brackets";
    let value = text(headers, "lock-token", EXPECTED)?
        .ok_or(Refusal::MissingHeader { name: "Lock-Token", expected: EXPECTED })?;
    let token = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    match token.map(str::trim) {
        Some(token) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(token.to_owned()),
        _ => Err(Refusal::header("Lock-Token", value, EXPECTED)),
    }
}

/// A token as the `Lock-Token` header of an answer spells it.
pub fn coded_url(token: &str) -> String {
    format!("<{token}>")
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str, expected: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::header(name, "two values", "it may be given once"));
    }
    // Bytes above ASCII pass when they are UTF-8: older clients send Destination so.
    match std::str::from_utf8(first.as_bytes()) {
        Ok(value) => Ok(Some(value.trim())),
        Err(_) => Err(Refusal::header(name, "bytes that are not UTF-8", expected)),
    }
}
