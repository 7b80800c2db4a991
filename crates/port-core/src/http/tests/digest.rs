//! Digests in headers.

use super::{headers, raw};
use crate::digest::of_bytes;
use crate::http::digest::*;
use proptest::prelude::*;
use terms::{Algorithm, Digest};

const ALL: &[Algorithm] = &Algorithm::ALL;

#[test]
fn the_spellings_of_answers() {
    let digests = of_bytes(ALL, b"123456789");
    let text = |value: Option<http::HeaderValue>| value.expect("a value").to_str().expect("ASCII").to_owned();
    assert_eq!(
        text(write_digest(&digests)),
        "adler32=091e01de,crc32c=e3069283,md5=JfnnlDI7RTiF9RgfG2JNCw==,\
         sha-256=FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="
    );
    let wlcg = of_bytes(&[Algorithm::Adler32, Algorithm::Crc32c], b"123456789");
    assert_eq!(text(write_repr_digest(&wlcg)), "adler=:CR4B3g==:,crc32c=:4waSgw==:");
    assert_eq!(write_digest(&Default::default()), None);
    assert_eq!(write_repr_digest(&Default::default()), None);
}

#[test]
fn the_spellings_of_questions() {
    let text = |value: Option<http::HeaderValue>| value.expect("a value").to_str().expect("ASCII").to_owned();
    let asked = [Algorithm::Crc32c, Algorithm::Adler32, Algorithm::Sha256];
    assert_eq!(text(write_want_digest(&asked)), "adler32;q=0.8,crc32c,sha-256;q=0.7");
    assert_eq!(text(write_want_repr_digest(&asked)), "crc32c=10,adler=9,sha-256=8");
    let back = Wanted::read(&headers(&[
        ("want-digest", "adler32;q=0.8,crc32c,sha-256;q=0.7"),
        ("want-repr-digest", "crc32c=10,adler=9,sha-256=8"),
    ]));
    assert_eq!((back.digest.as_slice(), back.repr_digest.as_slice()), (&asked[..], &asked[..]));
}

#[test]
fn wants_are_read_by_weight_in_any_case_and_the_unknown_is_ignored() {
    let want = |value: &str| Wanted::read(&headers(&[("want-digest", value)])).digest;
    assert_eq!(want("ADLER32"), [Algorithm::Adler32]);
    assert_eq!(want("adler"), [Algorithm::Adler32]);
    // As dCache asks.
    assert_eq!(
        want("sha-512;q=1, sha-256;q=0.9,SHA;q=0.8, md5;q=0.3, adler32;q=0.2"),
        [Algorithm::Sha256, Algorithm::Md5, Algorithm::Adler32]
    );
    assert_eq!(want("UNIXcksum, unknown"), []);
    assert_eq!(want("md5;q=0, sha-256;q=0.000"), []);
    assert_eq!(want("*"), ALL);
    assert_eq!(want("md5;q=0, *;q=0.5, crc32c"), [Algorithm::Crc32c, Algorithm::Adler32, Algorithm::Sha256]);
    assert_eq!(want("adler32;q=banana"), [Algorithm::Adler32]);
    assert_eq!(want(",,;,=,;q=1"), []);
    let repr = |value: &str| Wanted::read(&headers(&[("want-repr-digest", value)])).repr_digest;
    assert_eq!(repr("sha-256=9, adler=5"), [Algorithm::Sha256, Algorithm::Adler32]);
    assert_eq!(repr("sha-256=0, sha-512=3, crc32c=1"), [Algorithm::Crc32c]);
}

#[test]
fn an_answer_speaks_the_language_of_the_question() {
    let digests = of_bytes(ALL, b"123456789");
    let answer = |pairs| {
        let mut map = http::HeaderMap::new();
        Wanted::read(&headers(pairs)).answer(&digests, &mut map);
        map
    };
    let plain = answer(&[("want-digest", "adler32")]);
    assert_eq!(plain.get("digest").expect("a digest"), "adler32=091e01de");
    assert!(!plain.contains_key("repr-digest"));
    let repr = answer(&[("want-repr-digest", "adler=3")]);
    assert_eq!(repr.get("repr-digest").expect("a digest"), "adler=:CR4B3g==:");
    assert!(!repr.contains_key("digest"));
    assert!(answer(&[("want-digest", "sha-512")]).is_empty());
    assert!(answer(&[]).is_empty());
}

#[test]
fn claims_are_read_in_every_spelling_of_the_field() {
    let adler = Digest::from_hex(Algorithm::Adler32, "091e01de").expect("a digest");
    let crc = Digest::from_hex(Algorithm::Crc32c, "e3069283").expect("a digest");
    let md5 = *of_bytes(ALL, b"123456789").get(Algorithm::Md5).expect("a digest");
    let one = |name: &str, value: &str| {
        let claims = claimed(&headers(&[(name, value)])).expect("readable");
        claims.iter().copied().collect::<Vec<_>>()
    };
    assert_eq!(one("digest", "adler32=91e01de"), [adler]);
    assert_eq!(one("digest", "ADLER32=091E01DE, crc32c=e3069283"), [adler, crc]);
    assert_eq!(one("digest", "crc32c=4waSgw=="), [crc]);
    assert_eq!(one("digest", "md5=JfnnlDI7RTiF9RgfG2JNCw==,sha-512=xx,UNIXsum=3"), [md5]);
    assert_eq!(one("digest", "md5=25f9e794323b453885f5181f1b624d0b"), [md5]);
    assert_eq!(one("repr-digest", "adler=:CR4B3g==:;x=1, sha-512=:AA==:"), [adler]);
    assert_eq!(one("content-digest", "crc32c=:4waSgw==:"), [crc]);
    assert_eq!(one("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="), [md5]);
    assert_eq!(one("content-md5", "25f9e794323b453885f5181f1b624d0b"), [md5]);
    assert_eq!(one("oc-checksum", "ADLER32:091e01de"), [adler]);
    assert_eq!(one("oc-checksum", "SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709"), []);
    assert_eq!(one("digest", "nonsense"), []);
}

#[test]
fn a_claim_that_protects_nothing_is_an_error() {
    let claim = |pairs| claimed(&headers(pairs));
    assert!(matches!(claim(&[("digest", "adler32=xyz")]), Err(InvalidClaim::Malformed { .. })));
    assert!(matches!(claim(&[("digest", "adler32=123456789")]), Err(InvalidClaim::Malformed { .. })));
    assert!(matches!(claim(&[("digest", "sha-256=AAAA")]), Err(InvalidClaim::Malformed { .. })));
    assert!(matches!(claim(&[("repr-digest", "adler=\"CR4B3g==\"")]), Err(InvalidClaim::Malformed { .. })));
    assert!(matches!(claim(&[("content-md5", "")]), Ok(none) if none.is_empty()));
    assert!(matches!(
        claim(&[("digest", "adler32=1"), ("repr-digest", "adler=:CR4B3g==:")]),
        Err(InvalidClaim::Contradiction { .. })
    ));
    // Of a part, Content-Digest says nothing about the whole.
    let part = [("content-digest", "adler=:CR4B3g==:"), ("content-range", "bytes 0-1/5")];
    assert!(claim(&part).expect("readable").is_empty());
}

#[test]
fn what_a_foreign_server_offers_wrongly_is_left_out() {
    let adler = Digest::from_hex(Algorithm::Adler32, "091e01de").expect("a digest");
    let offer = offered(&headers(&[("digest", "crc32c=zz,adler32=091e01de"), ("repr-digest", "adler=:AAAAAA==:")]));
    assert_eq!(offer.iter().copied().collect::<Vec<_>>(), [adler]);
}

proptest! {
    #[test]
    fn no_header_panics(value in proptest::collection::vec(any::<u8>(), 0..200)) {
        for name in [WANT_DIGEST, DIGEST, WANT_REPR_DIGEST, REPR_DIGEST, CONTENT_DIGEST, CONTENT_MD5, OC_CHECKSUM] {
            let Some(map) = raw(&name, &value) else { continue };
            let _ = Wanted::read(&map);
            let _ = claimed(&map);
            let _ = offered(&map);
        }
    }

    #[test]
    fn what_is_written_is_read_back(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        let digests = of_bytes(ALL, &body);
        for (name, value) in [(DIGEST, write_digest(&digests)), (REPR_DIGEST, write_repr_digest(&digests))] {
            let map = [(name, value.expect("a value"))].into_iter().collect();
            prop_assert_eq!(claimed(&map), Ok(digests.clone()));
        }
    }
}
