//! The packets, against constants made with pymacaroons 0.13.0 (from PyPI):
//!
//! ```python
//! from pymacaroons import Macaroon
//! for version in (1, 2):
//!     m = Macaroon(location='https://port.example', identifier='we used our secret key', version=version,
//!                  key='this is our super secret key; only we should know it')
//!     m.add_first_party_caveat('activity:DOWNLOAD,LIST'); m.add_first_party_caveat('path:/night/ü')
//!     print(m.serialize())
//!     # and instead of these caveats, for those of third parties:
//!     m.add_third_party_caveat('https://auth.example', '4; guaranteed random by a fair toss of the dice',
//!                              'this was how we remind auth of key/pred')
//! ```

use super::super::chain::{plain, signed_by};
use super::*;

const SECRET: &[u8] = b"this is our super secret key; only we should know it";

const V1: &str = "MDAyMmxvY2F0aW9uIGh0dHBzOi8vcG9ydC5leGFtcGxlCjAwMjZpZGVudGlmaWVyIHdlIHVzZWQgb3VyIHNlY3JldCBrZXkK\
    MDAxZmNpZCBhY3Rpdml0eTpET1dOTE9BRCxMSVNUCjAwMTdjaWQgcGF0aDovbmlnaHQvw7wKMDAyZnNpZ25hdHVyZSAyjHlXrnlJeytfjIPrREyh\
    7OFA5pUcp_3FWcJ-E_uv6go";

const V2: &str = "AgEUaHR0cHM6Ly9wb3J0LmV4YW1wbGUCFndlIHVzZWQgb3VyIHNlY3JldCBrZXkAAhZhY3Rpdml0eTpET1dOTE9BRCxMSVNUAAIO\
    cGF0aDovbmlnaHQvw7wAAAYgMox5V655SXsrX4yD60RMoezhQOaVHKf9xVnCfhP7r-o";

const THIRD_PARTY_V1: &str = "MDAyMmxvY2F0aW9uIGh0dHBzOi8vcG9ydC5leGFtcGxlCjAwMjZpZGVudGlmaWVyIHdlIHVzZWQgb3VyIHNlY3Jl\
    dCBrZXkKMDAzMGNpZCB0aGlzIHdhcyBob3cgd2UgcmVtaW5kIGF1dGggb2Yga2V5L3ByZWQKMDA1MXZpZCByiD0ekPgFCKVwKOsC7lKa04rHq-wK\
    qhpDDfrFg8vznin6nYaLoQoWMIOh-W-WCy4mebSqE8WEZBHGBi_-7Sn1QB8wxo_XH_MKMDAxY2NsIGh0dHBzOi8vYXV0aC5leGFtcGxlCjAwMmZz\
    aWduYXR1cmUgIIXlox9mxIK601LsToETziekjwnl9_x2J84osp18kmgK";

const THIRD_PARTY_V2: &str = "AgEUaHR0cHM6Ly9wb3J0LmV4YW1wbGUCFndlIHVzZWQgb3VyIHNlY3JldCBrZXkAARRodHRwczovL2F1dGguZXhh\
    bXBsZQIndGhpcyB3YXMgaG93IHdlIHJlbWluZCBhdXRoIG9mIGtleS9wcmVkBEjHhV30HSobueZ0KtYEVcLRUhEw5lsTwIRUhM5nAFTSyVX_YCJl\
    Ha7I9GFowJU26d4wqayr_Ki6Uv0MDta7zhxBOFF6X7I-KPgAAAYggjd1Ews3F-miX8LmqslvxrsI58rSODL_y3bzpabW7Xg";

#[test]
fn what_pymacaroons_makes_verifies_and_ours_is_the_same_to_the_byte() {
    let ours = plain(SECRET, "https://port.example", "we used our secret key");
    let ours = ours.add_caveat("activity:DOWNLOAD,LIST").unwrap().add_caveat("path:/night/ü").unwrap();
    for (text, format) in [(V1, Format::V1), (V2, Format::V2)] {
        let theirs = Macaroon::parse(text).unwrap();
        assert!(signed_by(SECRET, &theirs) && !signed_by(b"another key", &theirs));
        assert_eq!(theirs, ours);
        assert_eq!(*ours.serialize(format), text);
        let caveats: Vec<_> = theirs.caveats().collect();
        assert_eq!(caveats, ["activity:DOWNLOAD,LIST", "path:/night/ü"]);
    }
}

#[test]
fn caveats_of_third_parties_are_refused_before_all_else() {
    for text in [THIRD_PARTY_V1, THIRD_PARTY_V2] {
        let theirs = Macaroon::parse(text).unwrap();
        assert_eq!(key().verify(&theirs).err(), Some(Refusal::ThirdParty));
    }
}

#[test]
fn both_formats_are_read_with_padding_and_without() {
    for format in [Format::V1, Format::V2] {
        for caveat in ["path:/", "path:/a", "path:/ab"] {
            let macaroon = with(&[caveat]);
            let text = macaroon.serialize(format).to_string();
            let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
            assert_eq!(Macaroon::parse(&text).unwrap(), macaroon);
            assert_eq!(Macaroon::parse(&padded).unwrap(), macaroon);
        }
    }
}

#[test]
fn a_macaroon_cut_short_or_with_something_behind_is_refused() {
    use base64::engine::{Engine as _, general_purpose::URL_SAFE_NO_PAD};
    for text in [V1, V2, THIRD_PARTY_V1, THIRD_PARTY_V2] {
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        for length in 0..bytes.len() {
            let cut = Macaroon::parse(&URL_SAFE_NO_PAD.encode(&bytes[..length]));
            assert!(matches!(cut, Err(Refusal::Malformed(_))), "{length} of {text}");
        }
        let more = Macaroon::parse(&URL_SAFE_NO_PAD.encode([&bytes[..], b"x"].concat()));
        assert!(matches!(more, Err(Refusal::Malformed(_))), "{more:?}");
    }
}

/// A length could be written with more bytes than it needs, and the macaroon would have a second text.
#[test]
fn lengths_have_one_way_to_be_written() {
    use base64::engine::{Engine as _, general_purpose::URL_SAFE_NO_PAD};
    let spelled = |bytes: &[u8]| Macaroon::parse(&URL_SAFE_NO_PAD.encode(bytes));
    let signature = [&[0, 6, 32][..], &[1; 32]].concat();
    let whole = |length: &[u8]| [&[2, 2][..], length, b"i", &[0], &signature].concat();
    assert!(spelled(&whole(&[1])).is_ok());
    assert!(spelled(&whole(&[0x81, 0])).is_err());
    assert!(spelled(&whole(&[0x81, 0x80, 0])).is_err());
    let capital = URL_SAFE_NO_PAD.decode(V1).unwrap();
    let capital: Vec<u8> = String::from_utf8_lossy(&capital[..]).replace("002f", "002F").into_bytes();
    assert!(spelled(&capital).is_err());
}

#[test]
fn a_long_value_is_the_same_in_both_formats() {
    let long = format!("path:/{}", ["n".repeat(200), "m".repeat(200)].join("/"));
    let macaroon = with(&[&long]);
    for format in [Format::V1, Format::V2] {
        assert_eq!(Macaroon::parse(&macaroon.serialize(format)).unwrap(), macaroon);
    }
}
