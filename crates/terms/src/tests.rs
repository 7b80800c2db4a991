//! What the words promise, one test per promise.

use super::*;
use std::time::Duration;

#[test]
fn paths_are_normalised_and_never_leave_the_root() {
    let path = |text: &str| LogicalPath::from_url_path(text).map(|p| p.to_string());
    assert_eq!(path("/a//b/"), Ok("/a/b".into()));
    assert_eq!(path("//"), Ok("/".into()));
    assert_eq!(path("/a%20b/%C3%A9"), Ok("/a b/é".into()));
    assert_eq!(path("/a/../b"), Err(InvalidPath::ParentSegment));
    assert_eq!(path("/a/%2e%2E/b"), Err(InvalidPath::ParentSegment));
    assert_eq!(path("/a/./b"), Err(InvalidPath::DotSegment));
    assert_eq!(path("/a%00"), Err(InvalidPath::ControlCharacter));
    assert_eq!(path("/a%0ab"), Err(InvalidPath::ControlCharacter));
    assert_eq!(path("/a%2fb"), Err(InvalidPath::EscapedSlash));
    assert_eq!(path("/a%FFb"), Err(InvalidPath::NotUtf8));
    assert_eq!(path("a"), Err(InvalidPath::NotAbsolute));
    assert_eq!(path(&format!("/{}", "x".repeat(256))), Err(InvalidPath::LongSegment));
    assert_eq!(path(&"/xy".repeat(1_025)), Err(InvalidPath::LongPath));
    assert!(path(&format!("/{}", "x".repeat(255))).is_ok());
}

#[test]
fn url_paths_round_trip() {
    for text in ["/", "/a b", "/100%", "/a+b", "/é/ü", "/a#b?c", "/[x]", "/a;b=c,d"] {
        let path: LogicalPath = text.parse().expect("a valid path");
        assert_eq!(LogicalPath::from_url_path(&path.to_url_path()), Ok(path));
    }
}

#[test]
fn being_within_goes_by_whole_names() {
    let path = |text: &str| text.parse::<LogicalPath>().expect("a valid path");
    assert!(path("/foo/bar/x").is_within(&path("/foo/bar")));
    assert!(path("/foo/bar").is_within(&path("/foo/bar")));
    assert!(!path("/foo/bargain").is_within(&path("/foo/bar")));
    assert!(path("/foo").is_within(&LogicalPath::root()));
    assert_eq!(path("/a/b/c").rebase(&path("/a"), &path("/x/y")), Some(path("/x/y/b/c")));
    assert_eq!(path("/a").rebase(&path("/a"), &path("/x")), Some(path("/x")));
    assert_eq!(path("/a").rebase(&LogicalPath::root(), &path("/x")), Some(path("/x/a")));
    assert_eq!(path("/x/a").rebase(&path("/x"), &LogicalPath::root()), Some(path("/a")));
    assert_eq!(path("/ab").rebase(&path("/a"), &path("/x")), None);
    assert_eq!(path("/a/b").parent(), Some(path("/a")));
    assert_eq!(path("/a").parent(), Some(LogicalPath::root()));
    assert_eq!(LogicalPath::root().parent(), None);
}

#[test]
fn digests_are_read_in_every_spelling_of_the_field() {
    assert_eq!("ADLER32".parse(), Ok(Algorithm::Adler32));
    assert_eq!("adler".parse(), Ok(Algorithm::Adler32));
    assert_eq!("SHA-256".parse(), Ok(Algorithm::Sha256));
    assert!("sha-3".parse::<Algorithm>().is_err());
    let short = Digest::from_hex(Algorithm::Adler32, "1A2b").expect("a short value");
    assert_eq!(short.to_hex(), "00001a2b");
    assert_eq!(Digest::from_base64(Algorithm::Adler32, &short.to_base64()), Ok(short));
    for bad in ["", "123456789", "xyz", "+1234567", "é2345678"] {
        assert!(Digest::from_hex(Algorithm::Adler32, bad).is_err(), "{bad}");
    }
    assert!(Digest::from_hex(Algorithm::Md5, "00").is_err());
    let set: DigestSet = "sha-256:00000000000000000000000000000000000000000000000000000000000000ff,adler32:1"
        .parse()
        .expect("two digests");
    assert!(set.to_string().starts_with("adler32:00000001,sha-256:"));
    assert_eq!(set.to_string().parse(), Ok(set));
}

#[test]
fn a_contradiction_needs_the_same_algorithm_on_both_sides() {
    let set = |text: &str| text.parse::<DigestSet>().expect("digests");
    assert_eq!(set("adler32:1").contradiction(&set("crc32c:2")), None);
    assert_eq!(set("adler32:1").contradiction(&set("adler32:1")), None);
    assert!(set("adler32:1,crc32c:3").contradiction(&set("crc32c:2")).is_some());
}

#[test]
fn quantities_need_their_unit() {
    assert_eq!("20 MB".parse(), Ok(ByteSize(20_000_000)));
    assert_eq!("1.5GiB".parse(), Ok(ByteSize(1_610_612_736)));
    assert_eq!("110 ms".parse(), Ok(Span(Duration::from_millis(110))));
    assert_eq!("10Gbit/s".parse(), Ok(Rate(10_000_000_000)));
    assert!(matches!("20".parse::<ByteSize>(), Err(InvalidQuantity::NoUnit { .. })));
    assert!(matches!("20 Mb".parse::<ByteSize>(), Err(InvalidQuantity::UnknownUnit { .. })));
    assert!(matches!("fast".parse::<Rate>(), Err(InvalidQuantity::NoNumber(_))));
    assert!(matches!("99999999 PB".parse::<ByteSize>(), Err(InvalidQuantity::TooLarge(_))));
    assert_eq!(ByteSize(20_000_000).to_string(), "20 MB");
    assert_eq!(ByteSize(1_234_567).to_string(), "1.23 MB");
    assert_eq!(ByteSize(0).to_string(), "0 B");
    assert_eq!(Span(Duration::from_secs(90)).to_string(), "1.50 min");
}

#[test]
fn http_dates_are_read_in_all_three_forms_and_written_in_one() {
    let instant = Timestamp::from_seconds(784_111_777);
    assert_eq!(instant.to_http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
    for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
        assert_eq!(Timestamp::from_http_date(text), Some(instant), "{text}");
    }
    assert_eq!(Timestamp::from_http_date("yesterday"), None);
    assert_eq!(instant.to_string(), "1994-11-06T08:49:37Z");
    for text in ["1994-11-06T08:49:37Z", "1994-11-06T09:49:37+01:00", "1994-11-06 08:49:37Z"] {
        assert_eq!(text.parse(), Ok(instant), "{text}");
    }
    assert_eq!("1994-11-06".parse(), Ok(Timestamp::from_seconds(784_080_000)));
    for text in ["", "tomorrow", "1994-11-06T08:49:37", "1994-13-01", "9999-01-01T00:00:00Z"] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
}

#[test]
fn verbs_round_trip() {
    let set: VerbSet = "list, read".parse().expect("verbs");
    assert!(set.contains(Verb::Read) && !set.contains(Verb::Delete));
    assert_eq!(set.to_string(), "list,read");
    assert!("reed".parse::<VerbSet>().is_err());
}

#[test]
fn attributes_round_trip_and_refuse_what_is_none() {
    for text in ["", "a=\"b\"", "embargo-until=\"2027-01-01T00:00:00Z\", group=\"/lsst/dr1\"", r#"q="a \"b\" \\ c""#] {
        let read: Attributes = text.parse().expect(text);
        assert_eq!(read.to_string(), text);
    }
    for text in ["a", "a=b", "a=\"b", "a=\"b\",", "a=\"b\" c=\"d\"", "A=\"b\"", "=\"b\"", "a=\"\u{e9}\"", "a=\"\n\""] {
        assert!(text.parse::<Attributes>().is_err(), "{text:?}");
    }
    let many: String = (0..=attributes::MAX_ATTRIBUTES).map(|n| format!("a{n}=\"1\",")).collect();
    assert_eq!(many.trim_end_matches(',').parse::<Attributes>(), Err(InvalidAttributes::TooMany));
}

#[test]
fn instants_among_attributes_are_kept_so_that_none_comes_early() {
    for (text, kept) in [
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01", "2027-01-01T00:00:00Z"),
        (" 2027-01-01T02:00:00+02:00 ", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00.000000001Z", "2027-01-01T00:00:01Z"),
        ("1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z"),
    ] {
        let mut attributes = Attributes::default();
        attributes.set(EMBARGO_UNTIL, text).expect(text);
        assert_eq!(attributes[EMBARGO_UNTIL], kept);
        assert_eq!(attributes.embargo_until(), Some(kept.parse().expect(kept)));
    }
    for text in ["noon", "2027", "2027-13-01", "2300-01-01", "2027-01-01T00:00:00", "1700000000"] {
        let refused = Attributes::default().set(EMBARGO_UNTIL, text);
        assert_eq!(refused, Err(InvalidAttributes::Instant(EMBARGO_UNTIL.to_owned(), text.to_owned())), "{text}");
    }
    let mut full = Attributes::default();
    for number in 0..MAX_ATTRIBUTES {
        full.set(&format!("a{number}"), "1").expect("room");
    }
    // The port's own word finds room, and nobody else can say it.
    assert_eq!(full.set(EMBARGO_UNTIL, "2027-01-01"), Err(InvalidAttributes::TooMany));
    assert_eq!(full.ask(IMPORTED, "2027-01-01"), Err(InvalidAttributes::Reserved(IMPORTED.to_owned())));
    assert_eq!(full.set(IMPORTED, "2027-01-01"), Ok(()));
    assert_eq!(full.to_string().parse(), Ok(full));
}

#[test]
fn networks_hold_what_begins_with_their_bits() {
    let holds = |network: &str, address: &str| {
        let network: Network = network.parse().expect(network);
        network.contains(address.parse().expect(address))
    };
    for (network, address) in [
        ("192.0.2.0/24", "192.0.2.255"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/24", "::ffff:192.0.2.9"),
        ("::ffff:192.0.2.0/120", "192.0.2.9"),
        ("0.0.0.0/0", "203.0.113.1"),
        ("2001:db8::/32", "2001:db8:ffff::1"),
    ] {
        assert!(holds(network, address), "{network} {address}");
    }
    for (network, address) in [("192.0.2.0/24", "192.0.3.0"), ("2001:db8::/32", "2001:db9::"), ("::/0", "192.0.2.1")] {
        assert!(!holds(network, address), "{network} {address}");
    }
    for text in ["", "192.0.2.0/33", "192.0.2", "::/129", "192.0.2.0/-1", "192.0.2.0/", "host"] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
}
