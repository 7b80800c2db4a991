//! Tokens that are taken for what they are not.

use super::*;
use ring::hmac;

fn header(fields: Value) -> String {
    fields.to_string()
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let claims = wlcg(json!({})).to_string();
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let unsigned = format!("{}.{}.", encode(header(json!({"alg": name})).as_bytes()), encode(claims.as_bytes()));
        assert!(matches!(judge(&unsigned), Err(Refusal::Algorithm(_))), "{name}");
    }
    let missing = format!("{}.{}.", encode(b"{}"), encode(claims.as_bytes()));
    assert_eq!(judge(&missing), Err(Refusal::Algorithm("none".into())));
    let stripped = FIRST.token(&wlcg(json!({})));
    let stripped = &stripped[..=stripped.rfind('.').unwrap()];
    assert_eq!(judge(stripped), Err(Refusal::Signature));
}

#[test]
fn hs256_with_the_public_key_as_secret_is_refused() {
    let public = FIRST.public();
    let point = FIRST.pair.public_key().as_ref().to_vec();
    let secrets = [point.clone(), point[1..].to_vec(), public.to_string().into_bytes()];
    for secret in secrets {
        let claims = wlcg(json!({})).to_string();
        let head = header(json!({"alg": "HS256", "kid": "first"}));
        let signed = format!("{}.{}", encode(head.as_bytes()), encode(claims.as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        let token = format!("{signed}.{}", encode(tag.as_ref()));
        assert_eq!(judge(&token), Err(Refusal::Algorithm("HS256".into())));
    }
}

#[test]
fn a_key_serves_only_the_algorithm_it_was_made_for() {
    let claims = wlcg(json!({})).to_string();
    let token = FIRST.sign(&header(json!({"alg": "RS256", "kid": "first"})), &claims);
    assert_eq!(judge(&token), Err(Refusal::Signature));
    for other in ["ES384", "PS256", "RS512", "EdDSA", "es256"] {
        let token = FIRST.sign(&header(json!({"alg": other, "kid": "first"})), &claims);
        assert_eq!(judge(&token), Err(Refusal::Algorithm(other.into())));
    }
}

#[test]
fn a_token_of_another_issuer_is_refused() {
    for issuer in
        ["https://evil.example", "https://issuer.example/vo/", "https://ISSUER.example/vo", "http://issuer.example/vo"]
    {
        assert_eq!(refuse(&wlcg(json!({"iss": issuer}))), Refusal::UnknownIssuer(issuer.into()));
    }
    assert_eq!(refuse(&wlcg(json!({"iss": null}))), Refusal::Missing("iss"));
}

#[test]
fn a_token_signed_by_a_stranger_is_refused() {
    let stranger = Signer::make("first");
    assert_eq!(judge(&stranger.token(&wlcg(json!({})))), Err(Refusal::Signature));
}

#[test]
fn keys_that_the_token_brings_along_are_not_looked_at() {
    let stranger = Signer::make("first");
    let head = json!({"alg": "ES256", "kid": "first", "jwk": stranger.public(), "jku": "https://evil.example/jwks"});
    assert_eq!(judge(&stranger.sign(&header(head), &wlcg(json!({})).to_string())), Err(Refusal::Signature));
}

#[test]
fn a_token_that_was_changed_is_refused() {
    let good = FIRST.token(&wlcg(json!({"scope": "storage.read:/a"})));
    assert!(judge(&good).is_ok());
    let mut parts: Vec<&str> = good.split('.').collect();
    let more = encode(wlcg(json!({"scope": "storage.read:/"})).to_string().as_bytes());
    parts[1] = &more;
    assert_eq!(judge(&parts.join(".")), Err(Refusal::Signature));
}

#[test]
fn a_token_without_kid_is_refused_when_the_issuer_has_several_keys() {
    let token = FIRST.sign(&header(json!({"alg": "ES256"})), &wlcg(json!({})).to_string());
    assert_eq!(judge(&token), Err(Refusal::NoKeyId(2)));
    let only = KeySet::read(json!({"keys": [FIRST.public()]}).to_string().as_bytes()).unwrap();
    assert!(verify(&token, &only, &rules(), Timestamp::from_seconds(NOW)).is_ok(), "there is only one to choose");
}

#[test]
fn a_token_with_an_unknown_kid_is_refused() {
    for kid in ["third", "First", "../first", ""] {
        let token = FIRST.sign(&header(json!({"alg": "ES256", "kid": kid})), &wlcg(json!({})).to_string());
        assert_eq!(judge(&token), Err(Refusal::UnknownKey(kid.into())));
    }
    let token = FIRST.sign(&header(json!({"alg": "ES256", "kid": "second"})), &wlcg(json!({})).to_string());
    assert_eq!(judge(&token), Err(Refusal::Signature), "the other key of the same issuer");
}

#[test]
fn an_oversized_token_is_refused_before_it_is_parsed() {
    let token = FIRST.token(&wlcg(json!({"filling": "x".repeat(MAX_TOKEN_BYTES)})));
    assert_eq!(judge(&token), Err(Refusal::TooLong(token.len())));
    assert_eq!(judge(&".".repeat(MAX_TOKEN_BYTES + 1)), Err(Refusal::TooLong(MAX_TOKEN_BYTES + 1)));
}

#[test]
fn duplicate_claims_are_refused() {
    let plain = wlcg(json!({})).to_string();
    let open = plain.strip_suffix('}').unwrap();
    let twice = [
        format!("{open},\"sub\":\"root\"}}"),
        format!("{open},\"s\\u0075b\":\"root\"}}"),
        format!("{open},\"more\":{{\"a\":1,\"a\":2}}}}"),
        format!("{open},\"more\":[{{\"a\":1,\"a\":2}}]}}"),
    ];
    for claims in twice {
        let token = FIRST.sign(&header(json!({"alg": "ES256", "kid": "first"})), &claims);
        assert!(matches!(judge(&token), Err(Refusal::Malformed(why)) if why.contains("comes twice")), "{claims}");
    }
    let head = r#"{"alg":"none","alg":"ES256","kid":"first"}"#;
    assert!(matches!(judge(&FIRST.sign(head, &plain)), Err(Refusal::Malformed(_))), "in the header");
}

#[test]
fn extensions_that_are_demanded_are_refused() {
    let head = json!({"alg": "ES256", "kid": "first", "crit": ["b64"], "b64": false});
    assert_eq!(judge(&FIRST.sign(&header(head), &wlcg(json!({})).to_string())), Err(Refusal::Critical));
}

#[test]
fn a_token_of_another_type_is_refused() {
    let typed = |typ: &str| {
        let head = json!({"alg": "ES256", "kid": "first", "typ": typ});
        judge(&FIRST.sign(&header(head), &wlcg(json!({})).to_string()))
    };
    for good in ["JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"] {
        assert!(typed(good).is_ok(), "{good}");
    }
    for bad in ["dpop+jwt", "logout+jwt", "secevent+jwt", ""] {
        assert_eq!(typed(bad), Err(Refusal::Type(bad.into())));
    }
}

#[test]
fn padding_and_other_spellings_are_refused() {
    let good = FIRST.token(&wlcg(json!({})));
    let malformed = |text: &str| assert!(matches!(judge(text), Err(Refusal::Malformed(_))), "{text}");
    malformed(&format!("{good}="));
    malformed(&format!("{good}=="));
    malformed(&format!(" {good}"));
    malformed(&format!("{good}\n"));
    malformed(&format!("{good}."));
    malformed(&good.replacen('.', "", 1));
    malformed(&good.replacen('.', "+.", 1));
    malformed("");
    malformed("..");
    malformed("a.b.c");
    // The last letter of the signature carries four bits of nothing (64 bytes are 86 letters): they must be zero.
    let last = good.chars().last().unwrap();
    let same_bytes = ['B', 'h', 'x'].into_iter().find(|letter| *letter != last).unwrap();
    malformed(&format!("{}{same_bytes}", &good[..good.len() - 1]));
}

#[test]
fn a_header_or_claims_that_are_no_object_are_refused() {
    for claims in ["[]", "null", "1", "\"text\"", "", "{", "{\"a\":1}x", &"[".repeat(200)] {
        let token = FIRST.sign(&header(json!({"alg": "ES256", "kid": "first"})), claims);
        assert!(matches!(judge(&token), Err(Refusal::Malformed(_))), "{claims}");
    }
    let token = FIRST.sign("[]", &wlcg(json!({})).to_string());
    assert!(matches!(judge(&token), Err(Refusal::Malformed(_))));
    let token = FIRST.sign(&header(json!({"alg": 7})), &wlcg(json!({})).to_string());
    assert!(matches!(judge(&token), Err(Refusal::Malformed(_))));
}

proptest::proptest! {
    /// Whatever comes: an answer, never a panic.
    #[test]
    fn any_text_is_judged(text in "[ -~]{0,300}") {
        let _ = judge(&text);
    }

    #[test]
    fn any_claims_are_judged(claims in "\\{(\"[a-z.]{1,9}\":(\"[ -!#-~]{0,9}\"|[0-9e.-]{1,9}|\\[\\]|null),?){0,5}\\}") {
        let _ = judge(&FIRST.sign(r#"{"alg":"ES256","kid":"first"}"#, &claims));
    }
}
