//! Digests in headers: RFC 3230 (`Want-Digest`, `Digest`), which all of WLCG speaks, RFC 9530 (`Want-Repr-Digest`,
//! `Repr-Digest`, `Content-Digest`), which replaces it, and the older `Content-MD5` and `OC-Checksum`.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use terms::{Algorithm, Digest, DigestSet, InvalidDigest};

/// RFC 3230 §4.3.1.
pub const WANT_DIGEST: HeaderName = HeaderName::from_static("want-digest");
/// RFC 3230 §4.3.2.
pub const DIGEST: HeaderName = HeaderName::from_static("digest");
/// RFC 9530 §4.
pub const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");
/// RFC 9530 §3.
pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
/// RFC 9530 §2.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// RFC 1864; gone from HTTP since RFC 7231, still sent by gfal2 and dCache.
pub const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
/// Of the ownCloud family, also spoken by rclone and dCache.
pub const OC_CHECKSUM: HeaderName = HeaderName::from_static("oc-checksum");

/// Which digests a request asks for, in each of the two languages, the most wanted first. Algorithms that we do not have
/// are left out: asking for one is no error.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Wanted {
    /// Asked by `Want-Digest`, to be answered by `Digest`.
    pub digest: Vec<Algorithm>,
    /// Asked by `Want-Repr-Digest`, to be answered by `Repr-Digest`.
    pub repr_digest: Vec<Algorithm>,
}

impl Wanted {
    /// Reads both request headers. Members that make no sense are skipped.
    pub fn read(headers: &HeaderMap) -> Self {
        Self {
            digest: by_weight(headers, &WANT_DIGEST, q_value),
            repr_digest: by_weight(headers, &WANT_REPR_DIGEST, preference),
        }
    }

    /// Is nothing asked?
    pub fn is_empty(&self) -> bool {
        self.digest.is_empty() && self.repr_digest.is_empty()
    }

    /// Every algorithm asked for in either language, once each.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let asked = |algorithm: &Algorithm| self.digest.contains(algorithm) || self.repr_digest.contains(algorithm);
        Algorithm::ALL.into_iter().filter(asked).collect()
    }

    /// Adds to an answer those of `known` that are asked for, each in the language of the question.
    pub fn answer(&self, known: &DigestSet, answer: &mut HeaderMap) {
        let chosen = |asked: &[Algorithm]| known.iter().filter(|d| asked.contains(&d.algorithm())).copied().collect();
        let written = [
            (DIGEST, write_digest(&chosen(&self.digest))),
            (REPR_DIGEST, write_repr_digest(&chosen(&self.repr_digest))),
        ];
        for (name, value) in written {
            if let Some(value) = value {
                answer.insert(name, value);
            }
        }
    }
}

/// `Digest: adler32=<8 hex>,crc32c=<8 hex>,md5=<base64>,sha-256=<base64>`; `None` when there is nothing to tell. No space
/// behind the comma: davix splits there and does not trim.
pub fn write_digest(digests: &DigestSet) -> Option<HeaderValue> {
    let value = |digest: &Digest| match digest.algorithm() {
        Algorithm::Adler32 | Algorithm::Crc32c => digest.to_hex(),
        Algorithm::Md5 | Algorithm::Sha256 => digest.to_base64(),
    };
    joined(digests, |digest| format!("{}={}", digest.algorithm().name(), value(digest)))
}

/// `Repr-Digest: adler=:<base64>:,crc32c=:…:,sha-256=:…:` (RFC 9530 §3; also the form of `Content-Digest`); `None` when
/// there is nothing to tell.
pub fn write_repr_digest(digests: &DigestSet) -> Option<HeaderValue> {
    joined(digests, |digest| format!("{}=:{}:", registered_name(digest.algorithm()), digest.to_base64()))
}

/// `Want-Digest` asking for these, the first the most. Adler-32 stands first whatever its weight: XRootD 5.5 looks at the
/// first alone, and answers 500 to a GET that names one there which it lacks.
pub fn write_want_digest(algorithms: &[Algorithm]) -> Option<HeaderValue> {
    let mut members: Vec<(Algorithm, String)> = Vec::with_capacity(algorithms.len());
    for (at, algorithm) in algorithms.iter().enumerate() {
        members.push(match at {
            0 => (*algorithm, algorithm.name().to_owned()),
            _ => (*algorithm, format!("{};q=0.{}", algorithm.name(), 9_usize.saturating_sub(at).max(1))),
        });
    }
    members.sort_by_key(|(algorithm, _)| *algorithm != Algorithm::Adler32);
    header(members.into_iter().map(|(_, member)| member).collect())
}

/// `Want-Repr-Digest` asking for these, the first the most.
pub fn write_want_repr_digest(algorithms: &[Algorithm]) -> Option<HeaderValue> {
    let members = algorithms.iter().enumerate();
    header(members.map(|(at, a)| format!("{}={}", registered_name(*a), 10_usize.saturating_sub(at).max(1))).collect())
}

/// Why the digests that a request claims of its body cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidClaim {
    /// A value that its algorithm cannot have.
    #[error("the header {header} claims a digest that cannot be read: {cause}")]
    Malformed {
        /// The header that holds it.
        header: HeaderName,
        /// What is wrong with it.
        cause: InvalidDigest,
    },
    /// Two headers, or two members of one, claim different values of the same algorithm.
    #[error("the headers claim both {first} and {second} of the same bytes")]
    Contradiction {
        /// The one read first.
        first: Digest,
        /// The one read later.
        second: Digest,
    },
}

/// The digests that a request claims of the whole body that it carries: from `Digest`, `Repr-Digest`, `Content-Digest`
/// (but not of a part: with `Content-Range` it speaks of the part alone), `Content-MD5` and `OC-Checksum`. Algorithms that
/// we do not have are ignored; a malformed value of one that we have is an error, because a client that claims a digest
/// expects to be protected by it.
pub fn claimed(headers: &HeaderMap) -> Result<DigestSet, InvalidClaim> {
    let mut claims = DigestSet::new();
    for (header, read) in readings(headers) {
        let digest = read.map_err(|cause| InvalidClaim::Malformed { header, cause })?;
        match claims.get(digest.algorithm()) {
            Some(first) if *first != digest => {
                return Err(InvalidClaim::Contradiction { first: *first, second: digest });
            }
            _ => claims.insert(digest),
        }
    }
    Ok(claims)
}

/// The digests of the whole file that an answer offers. A foreign server may spell them in any way or wrongly: what cannot
/// be read is left out, and of two contradicting values the first counts.
pub fn offered(headers: &HeaderMap) -> DigestSet {
    let mut digests = DigestSet::new();
    for digest in readings(headers).filter_map(|(_, read)| read.ok()) {
        if digests.get(digest.algorithm()).is_none() {
            digests.insert(digest);
        }
    }
    digests
}

type Reading = (HeaderName, Result<Digest, InvalidDigest>);

/// Every member of every digest header whose algorithm we have.
fn readings(headers: &HeaderMap) -> impl Iterator<Item = Reading> + '_ {
    let partial = headers.contains_key(http::header::CONTENT_RANGE);
    let plain = members(headers, &DIGEST).filter_map(|member| assigned(member, '=', either));
    let repr = members(headers, &REPR_DIGEST).filter_map(|member| assigned(member, '=', binary));
    let content =
        members(headers, &CONTENT_DIGEST).filter(move |_| !partial).filter_map(|member| assigned(member, '=', binary));
    let md5 = members(headers, &CONTENT_MD5).filter(move |_| !partial).map(|value| either(Algorithm::Md5, value));
    let oc = members(headers, &OC_CHECKSUM).filter_map(|member| assigned(member, ':', either));
    plain
        .map(|read| (DIGEST, read))
        .chain(repr.map(|read| (REPR_DIGEST, read)))
        .chain(content.map(|read| (CONTENT_DIGEST, read)))
        .chain(md5.map(|read| (CONTENT_MD5, read)))
        .chain(oc.map(|read| (OC_CHECKSUM, read)))
}

/// `name=value` of an algorithm that we have; `None` of any other.
fn assigned(
    member: &str,
    between: char,
    read: impl Fn(Algorithm, &str) -> Result<Digest, InvalidDigest>,
) -> Option<Result<Digest, InvalidDigest>> {
    let (name, value) = member.split_once(between)?;
    Some(read(name.trim().parse().ok()?, value.trim()))
}

/// Hexadecimal or base64, told apart by their lengths: XRootD writes crc32c in base64 before 5.6 and in hexadecimal since;
/// dCache writes Content-MD5 in hexadecimal. Base64 of four bytes always ends in `==`, which no hexadecimal does.
fn either(algorithm: Algorithm, value: &str) -> Result<Digest, InvalidDigest> {
    let value = value.trim_matches('"');
    let hex_length = algorithm.len_bytes() * 2;
    let is_hex = if algorithm.len_bytes() == 4 { !value.ends_with("==") } else { value.len() == hex_length };
    if is_hex { Digest::from_hex(algorithm, value) } else { Digest::from_base64(algorithm, value) }
}

/// A byte sequence of structured fields (RFC 9651 §3.3.5): `:base64:`, parameters behind it ignored.
fn binary(algorithm: Algorithm, value: &str) -> Result<Digest, InvalidDigest> {
    let value = value.split(';').next().unwrap_or("").trim_end();
    match value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')) {
        Some(base64) => Digest::from_base64(algorithm, base64),
        None => Err(InvalidDigest::Value { algorithm, value: value.chars().take(80).collect() }),
    }
}

/// The comma-separated members of all header lines of this name.
fn members<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|member| !member.is_empty())
}

/// The algorithms asked for, by falling weight; weight 0 means unwanted.
fn by_weight(headers: &HeaderMap, name: &HeaderName, weigh: fn(&str) -> (&str, u32)) -> Vec<Algorithm> {
    let mut weighed: Vec<(Algorithm, u32)> = Vec::new();
    let mut rest = None;
    for member in members(headers, name) {
        let (asked, weight) = weigh(member);
        if asked == "*" {
            rest = Some(weight);
        } else if let Ok(algorithm) = asked.parse()
            && weighed.iter().all(|(known, _)| *known != algorithm)
        {
            weighed.push((algorithm, weight));
        }
    }
    // `*` means every algorithm that was not named.
    if let Some(weight) = rest {
        let unnamed = |algorithm: &Algorithm| weighed.iter().all(|(named, _)| named != algorithm);
        let unnamed: Vec<_> = Algorithm::ALL.into_iter().filter(unnamed).map(|algorithm| (algorithm, weight)).collect();
        weighed.extend(unnamed);
    }
    weighed.retain(|(_, weight)| *weight > 0);
    weighed.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    weighed.into_iter().map(|(algorithm, _)| algorithm).collect()
}

/// `name;q=0.5`, in thousandths; no or unreadable q counts as 1 (RFC 9110 §12.4.2).
fn q_value(member: &str) -> (&str, u32) {
    let mut pieces = member.split(';').map(str::trim);
    let name = pieces.next().unwrap_or("");
    let q = pieces.find_map(|piece| {
        let (key, value) = piece.split_once('=')?;
        key.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok()).flatten()
    });
    (name, q.filter(|q| (0.0..=1.0).contains(q)).map_or(1_000, |q| (q * 1_000.0) as u32))
}

/// `name=9` (RFC 9530 §4: 0 to 10); a bare name counts as 1.
fn preference(member: &str) -> (&str, u32) {
    let member = member.split(';').next().unwrap_or("");
    match member.split_once('=') {
        Some((name, weight)) => (name.trim(), weight.trim().parse().unwrap_or(1)),
        None => (member.trim(), 1),
    }
}

/// The key in the IANA registry "Hash Algorithms for HTTP Digest Fields".
const fn registered_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Adler32 => "adler",
        other => other.name(),
    }
}

fn joined(digests: &DigestSet, spell: impl Fn(&Digest) -> String) -> Option<HeaderValue> {
    header(digests.iter().map(spell).collect())
}

fn header(members: Vec<String>) -> Option<HeaderValue> {
    // Names and values are ASCII letters, digits and `+/=:;.-`: always a valid header value.
    (!members.is_empty()).then(|| HeaderValue::from_str(&members.join(",")).ok()).flatten()
}
