//! Signatures that others made, and key sets as they are published.

use super::*;

/// RFC 7515, appendix A.2.
const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const RSA_MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

/// RFC 7515, appendix A.3.
const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn set(key: Value) -> Result<KeySet, InvalidKeySet> {
    KeySet::read(json!({"keys": [key]}).to_string().as_bytes())
}

fn rsa(modulus: &str) -> Value {
    json!({"kty": "RSA", "n": modulus, "e": "AQAB"})
}

fn p256() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

#[test]
fn the_examples_of_rfc_7515_verify() {
    for (text, key) in [(RS256, rsa(RSA_MODULUS)), (ES256, p256())] {
        let token = Token::read(text).unwrap();
        let claims = token.verify(&set(key).unwrap()).unwrap();
        assert_eq!(claims.text("iss"), Ok(Some("joe")));
        assert_eq!(claims.time("exp"), Ok(Some(Timestamp::from_seconds(1_300_819_380))));
    }
}

#[test]
fn the_examples_do_not_verify_with_another_key() {
    let other = |text: &str, key: Value| Token::read(text).unwrap().verify(&set(key).unwrap()).map(|_| ()).unwrap_err();
    assert_eq!(other(RS256, p256()), Refusal::Signature);
    assert_eq!(other(ES256, rsa(RSA_MODULUS)), Refusal::Signature);
    assert_eq!(other(ES256, FIRST.public()), Refusal::Signature);
    let mut changed = ES256.to_owned();
    changed.replace_range(ES256.len() - 40..ES256.len() - 39, "A");
    assert_eq!(other(&changed, p256()), Refusal::Signature);
}

#[test]
fn keys_for_other_uses_are_left_out() {
    let others = [
        json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        json!({"kty": "RSA", "n": RSA_MODULUS, "e": "AQAB", "use": "enc"}),
        json!({"kty": "RSA", "n": RSA_MODULUS, "e": "AQAB", "alg": "RS512"}),
        json!({"kty": "RSA", "n": RSA_MODULUS, "e": "AQAB", "key_ops": ["encrypt"]}),
        json!({"kty": "RSA", "n": &RSA_MODULUS[..171], "e": "AQAB"}),
        json!({"kty": "RSA", "n": "", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-384", "x": "f83O", "y": "x_FE"}),
        json!({"kty": "EC", "crv": "P-256", "x": "f83O", "y": "x_FE"}),
        json!({}),
    ];
    for key in &others {
        assert_eq!(set(key.clone()), Err(InvalidKeySet::NoneUsable(1)), "{key}");
    }
    let mut all = others.to_vec();
    all.push(FIRST.public());
    let set = KeySet::read(json!({"keys": all}).to_string().as_bytes()).unwrap();
    assert_eq!(set.names().collect::<Vec<_>>(), ["first"]);
}

#[test]
fn spellings_of_numbers_that_issuers_use_are_read() {
    let padded = format!("{RSA_MODULUS}==");
    let signed = encode(&[&[0][..], &URL_SAFE_NO_PAD.decode(RSA_MODULUS).unwrap()].concat());
    for modulus in [padded.as_str(), &signed] {
        assert!(Token::read(RS256).unwrap().verify(&set(rsa(modulus)).unwrap()).is_ok());
    }
}

#[test]
fn a_broken_key_set_is_told_from_an_empty_one() {
    for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}", "<html>"] {
        assert!(matches!(KeySet::read(text.as_bytes()), Err(InvalidKeySet::Malformed(_))), "{text}");
    }
    assert_eq!(KeySet::read(b"{\"keys\":[]}"), Err(InvalidKeySet::NoneUsable(0)));
    let many = json!({"keys": vec![FIRST.public(); MAX_KEYS + 1]}).to_string();
    assert_eq!(KeySet::read(many.as_bytes()), Err(InvalidKeySet::TooMany(MAX_KEYS + 1)));
}

#[test]
fn two_keys_of_one_name_are_told_apart_by_their_kind() {
    let mut other = rsa(RSA_MODULUS);
    other["kid"] = json!("first");
    let set = KeySet::read(json!({"keys": [other, FIRST.public()]}).to_string().as_bytes()).unwrap();
    assert!(verify(&FIRST.token(&wlcg(json!({}))), &set, &rules(), Timestamp::from_seconds(NOW)).is_ok());
}
