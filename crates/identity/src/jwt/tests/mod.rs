//! Tokens made here and judged: what is confused with what, what scopes grant, who somebody is.

mod claims;
mod confusion;
mod goldens;
mod names;
mod scopes;

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::sync::LazyLock;
use terms::Identity;

const ISSUER: &str = "https://issuer.example/vo";
const AUDIENCE: &str = "https://port.example";
const NOW: i64 = 1_800_000_000;

/// A key on P-256 with what is published of it.
struct Signer {
    pair: EcdsaKeyPair,
    id: &'static str,
}

static FIRST: LazyLock<Signer> = LazyLock::new(|| Signer::make("first"));
static SECOND: LazyLock<Signer> = LazyLock::new(|| Signer::make("second"));

impl Signer {
    fn make(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { pair, id }
    }

    fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "alg": "ES256",
            "x": encode(&point[1..33]), "y": encode(&point[33..]),
        })
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature.as_ref()))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "kid": self.id, "typ": "JWT"}).to_string(), &claims.to_string())
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn keys() -> KeySet {
    KeySet::read(json!({"keys": [FIRST.public(), SECOND.public()]}).to_string().as_bytes()).unwrap()
}

/// What a WLCG token says, with these differences; `null` leaves a claim out.
fn wlcg(differences: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "1234", "aud": AUDIENCE, "jti": "a1", "wlcg.ver": "1.0",
        "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
    });
    change(&mut claims, differences);
    claims
}

/// What a SciToken says, likewise.
fn scitoken(differences: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "1234", "aud": AUDIENCE, "ver": "scitoken:2.0", "iat": NOW, "nbf": NOW, "exp": NOW + 600,
    });
    change(&mut claims, differences);
    claims
}

fn change(claims: &mut Value, differences: Value) {
    for (name, value) in differences.as_object().unwrap() {
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value.clone(),
        }
    }
}

/// A site with one base path that believes the VO's own groups.
fn rules() -> IssuerRules {
    IssuerRules {
        audiences: [AUDIENCE.to_owned(), "https://alias.example:8443".to_owned()].into(),
        base_paths: vec!["/vo".parse().unwrap()],
        groups: vec!["/vo".to_owned()],
        ..IssuerRules::new(ISSUER)
    }
}

fn judge(text: &str) -> Result<Identity, Refusal> {
    verify(text, &keys(), &rules(), Timestamp::from_seconds(NOW))
}

fn accept(claims: &Value) -> Identity {
    judge(&FIRST.token(claims)).unwrap_or_else(|refusal| panic!("{claims}: {refusal}"))
}

fn refuse(claims: &Value) -> Refusal {
    judge(&FIRST.token(claims)).expect_err("it should be refused")
}
