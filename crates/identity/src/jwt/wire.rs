//! The text of a token, its header and its claims (RFC 7515, section 7.1).

use super::json;
use super::keys::{Algorithm, KeySet};
use super::refusal::Refusal;
use super::spec::{MAX_LIST, MAX_TOKEN_BYTES};
use crate::shown::shown;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use terms::Timestamp;

/// A token taken apart. Nothing of it is verified: it can be asked for its issuer, to find the keys, and for no more.
#[derive(Debug)]
pub struct Token<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Claims,
    issuer: String,
}

impl<'a> Token<'a> {
    /// Takes a text apart, strictly: three parts, base64url without padding, objects without a name twice.
    pub fn read(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong(text.len()));
        }
        let malformed = |what: String| Refusal::Malformed(what);
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("it has not three parts with a dot between them".to_owned()));
        };
        let signed = &text[..header.len() + 1 + payload.len()];
        let decode = |part: &str, name: &str| {
            URL_SAFE_NO_PAD.decode(part).map_err(|error| malformed(format!("its {name} is no base64url: {error}")))
        };
        let parse = |bytes: &[u8], name: &str| {
            json::object(bytes).map_err(|error| malformed(format!("its {name} cannot be read: {error}")))
        };
        let (algorithm, key_id) = read_header(&parse(&decode(header, "header")?, "header")?)?;
        let claims =
            Claims { object: parse(&decode(payload, "second part")?, "second part")?, fingerprint: digest(text) };
        let issuer = claims.text("iss")?.ok_or(Refusal::Missing("iss"))?.to_owned();
        Ok(Self { signed, signature: decode(signature, "signature")?, algorithm, key_id, claims, issuer })
    }

    /// Who issued it, as it says itself: good for finding keys, and for nothing else.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Checks the signature. What comes out was said by whoever has the keys; when, and for whom, is not checked yet.
    pub fn verify(&self, keys: &KeySet) -> Result<&Claims, Refusal> {
        let key = keys.choose(self.key_id.as_deref(), self.algorithm)?;
        key.verify(self.algorithm, self.signed.as_bytes(), &self.signature)?;
        Ok(&self.claims)
    }
}

/// Algorithm and key. Keys that the header brings along (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), Refusal> {
    if header.contains_key("crit") {
        return Err(Refusal::Critical);
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Refusal::Malformed(format!("'{name}' of its header is no text"))),
    };
    let named = text("alg")?.unwrap_or("none");
    let algorithm = Algorithm::named(named).ok_or_else(|| Refusal::Algorithm(shown(named)))?;
    if let Some(media) = text("typ")? {
        // RFC 7519, section 5.1, and RFC 9068, section 2.1; the latter lets the prefix be written.
        let lower = media.to_ascii_lowercase();
        if !matches!(lower.strip_prefix("application/").unwrap_or(&lower), "jwt" | "at+jwt") {
            return Err(Refusal::Type(shown(media)));
        }
    }
    Ok((algorithm, text("kid")?.map(str::to_owned)))
}

/// The claims of a token whose signature was verified, or of one just taken apart.
#[derive(Clone, Debug)]
pub struct Claims {
    object: Map<String, Value>,
    fingerprint: String,
}

impl Claims {
    /// A claim that is a text; refused when it is something else.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "is no text")),
        }
    }

    /// A claim that is a text, or a list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Refusal> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(items)) if items.len() > MAX_LIST => Err(wrong(name, "lists too many")),
            Some(Value::Array(items)) => {
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                texts.map(Some).ok_or_else(|| wrong(name, "lists what is no text"))
            }
            Some(_) => Err(wrong(name, "is neither a text nor a list of texts")),
        }
    }

    /// A claim that is an instant (RFC 7519, section 2, NumericDate): seconds, perhaps with a fraction, which is
    /// dropped.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                let seconds = number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64));
                seconds.map(|seconds| Some(Timestamp::from_seconds(seconds))).ok_or_else(|| wrong(name, "is no time"))
            }
            Some(_) => Err(wrong(name, "is no time")),
        }
    }

    /// A claim of any form.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.object.get(name)
    }

    /// Tells this token from others that have no `jti`; says nothing of its content.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

fn wrong(name: &str, how: &str) -> Refusal {
    Refusal::Claim(shown(name), how.to_owned())
}

/// Sixteen hexadecimal digits: enough to tell tokens apart in a record, useless for guessing one.
fn digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
