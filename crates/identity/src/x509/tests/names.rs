//! Names on one line.

use super::forge::{element, oid, sequence};
use crate::x509::Name;

fn name(parts: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let part =
        |(kind, tag, value): &(&str, u8, &[u8])| element(0x31, &[&sequence(&[&oid(kind), &element(*tag, &[value])])]);
    sequence(&[&parts.iter().flat_map(part).collect::<Vec<u8>>()])
}

const CN: &str = "2.5.4.3";

/// `openssl x509 -noout -subject -nameopt compat` (3.0) writes the same for these.
#[test]
fn names_are_written_as_openssl_does() {
    let parts: &[(&str, u8, &[u8])] = &[
        ("0.9.2342.19200300.100.1.25", 0x16, b"org"),
        ("2.5.4.10", 0x13, b"a b"),
        (CN, 0x0c, "ü".as_bytes()),
        ("1.2.840.113549.1.9.1", 0x16, b"x@y"),
        ("0.9.2342.19200300.100.1.1", 0x0c, b"alice"),
        ("1.2.3.4", 0x0c, b"foo"),
        (CN, 0x0c, b"host/port.example.org"),
    ];
    let read = Name::parse(&name(parts)).unwrap();
    let expected = r"/DC=org/O=a b/CN=\xC3\xBC/emailAddress=x@y/UID=alice/1.2.3.4=foo/CN=host/port.example.org";
    assert_eq!(read.line(), expected);
    let two = element(
        0x31,
        &[
            &sequence(&[&oid("2.5.4.10"), &element(0x13, &[b"a"])]),
            &sequence(&[&oid("2.5.4.11"), &element(0x13, &[b"b"])]),
        ],
    );
    assert_eq!(Name::parse(&sequence(&[&two])).unwrap().line(), "/O=a+OU=b");
}

#[test]
fn the_same_text_is_the_same_name_however_encoded() {
    let utf8 = Name::parse(&name(&[(CN, 0x0c, "Zoë".as_bytes())])).unwrap();
    let latin = Name::parse(&name(&[(CN, 0x14, b"Zo\xeb")])).unwrap();
    let wide = Name::parse(&name(&[(CN, 0x1e, &[0, b'Z', 0, b'o', 0, 0xeb])])).unwrap();
    assert!(utf8 == latin && latin == wide);
    assert_ne!(utf8, Name::parse(&name(&[(CN, 0x0c, "ZOË".as_bytes())])).unwrap());
}

/// Rules compare lines: no name may be written so that its line is another's.
#[test]
fn a_name_that_reads_like_another_is_refused() {
    for text in ["Alice/CN=Bob", "a+OU=b", "x/emailAddress=a@b", "a\\xC3\\xBC", "q/1.2.3=4"] {
        assert!(Name::parse(&name(&[(CN, 0x0c, text.as_bytes())])).is_err(), "{text}");
    }
    for text in ["host/a.b", "a/b/c", "1+1", "x=y", "a/ b=c", "Robot: x/y z=3"] {
        assert!(Name::parse(&name(&[(CN, 0x0c, text.as_bytes())])).is_ok(), "{text}");
    }
    assert!(Name::parse(&name(&[(CN, 3, b"\0bits")])).is_err(), "not text");
}
