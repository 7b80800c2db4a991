//! Conditions.

use super::{headers, raw};
use crate::http::conditional::*;
use http::header;
use proptest::prelude::*;
use terms::Timestamp;

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const SECONDS: i64 = 784_111_777;

/// A GET of a file with the tag `"a"`, modified at [`DATE`] and a half second.
fn get(pairs: &[(&str, &str)]) -> Verdict {
    verdict(pairs, true, true)
}

fn verdict(pairs: &[(&str, &str)], reads: bool, exists: bool) -> Verdict {
    let tag = EntityTag::strong("a");
    let modified = Timestamp::from_nanos(SECONDS * 1_000_000_000 + 500_000_000);
    Conditions::read(&headers(pairs)).evaluate(reads, exists.then_some(Current { tag: &tag, modified }))
}

#[test]
fn tags_compare_as_the_table_of_the_document_says() {
    // RFC 9110 §8.8.3.2, table 3.
    let tag = |text: &str| EntityTag::parse(text).expect("a tag");
    for (a, b, strong, weak) in [
        ("W/\"1\"", "W/\"1\"", false, true),
        ("W/\"1\"", "W/\"2\"", false, false),
        ("W/\"1\"", "\"1\"", false, true),
        ("\"1\"", "\"1\"", true, true),
    ] {
        assert_eq!(tag(a).matches_strongly(&tag(b)), strong, "{a} {b}");
        assert_eq!(tag(a).matches_weakly(&tag(b)), weak, "{a} {b}");
    }
    assert_eq!(tag("W/\"x,y\"").to_string(), "W/\"x,y\"");
    assert_eq!(tag("bare"), tag("\"bare\""));
    assert_eq!(EntityTag::parse("\"open"), None);
    assert_eq!(EntityTag::parse(""), None);
    assert_eq!(EntityTag::parse("\"a\" \"b\""), None);
    assert_eq!(EntityTag::strong("a\"b c").to_string(), "\"abc\"");
}

#[test]
fn lists_of_tags() {
    assert_eq!(get(&[("if-match", "\"x\", W/\"a\", \"a\"")]), Verdict::Proceed);
    assert_eq!(get(&[("if-match", "\"x\""), ("if-match", "\"a\"")]), Verdict::Proceed);
    assert_eq!(get(&[("if-match", "\"x,a\"")]), Verdict::PreconditionFailed);
    assert_eq!(get(&[("if-match", "W/\"a\"")]), Verdict::PreconditionFailed);
    assert_eq!(get(&[("if-match", "a")]), Verdict::Proceed);
    assert_eq!(get(&[("if-match", "\"")]), Verdict::PreconditionFailed);
    assert_eq!(get(&[("if-none-match", "\"x\" , W/\"a\"")]), Verdict::NotModified);
    assert_eq!(get(&[("if-none-match", "\"")]), Verdict::Proceed);
}

#[test]
fn creating_and_replacing() {
    let put = |pairs, exists| verdict(pairs, false, exists);
    assert_eq!(put(&[("if-none-match", "*")], true), Verdict::PreconditionFailed);
    assert_eq!(put(&[("if-none-match", "*")], false), Verdict::Proceed);
    assert_eq!(put(&[("if-match", "*")], false), Verdict::PreconditionFailed);
    assert_eq!(put(&[("if-match", "*")], true), Verdict::Proceed);
    assert_eq!(put(&[("if-match", "\"b\"")], true), Verdict::PreconditionFailed);
    assert_eq!(put(&[("if-none-match", "\"a\"")], true), Verdict::PreconditionFailed);
    assert!(Conditions::read(&headers(&[("if-none-match", "*")])).is_create_only());
    assert!(Conditions::read(&headers(&[])).is_empty());
}

#[test]
fn dates_count_in_whole_seconds_and_yield_to_tags() {
    assert_eq!(get(&[("if-modified-since", DATE)]), Verdict::NotModified);
    assert_eq!(get(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]), Verdict::Proceed);
    assert_eq!(get(&[("if-modified-since", "yesterday")]), Verdict::Proceed);
    assert_eq!(get(&[("if-unmodified-since", DATE)]), Verdict::Proceed);
    assert_eq!(get(&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]), Verdict::PreconditionFailed);
    // A tag makes the date of the same kind silent (RFC 9110 §13.1.3, §13.1.4).
    assert_eq!(get(&[("if-none-match", "\"b\""), ("if-modified-since", LATER)]), Verdict::Proceed);
    assert_eq!(
        get(&[("if-match", "\"a\""), ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]),
        Verdict::Proceed
    );
    // Only reading has a state that the client may have already.
    assert_eq!(verdict(&[("if-modified-since", DATE)], false, true), Verdict::Proceed);
    // What guards comes before what saves.
    assert_eq!(get(&[("if-match", "\"b\""), ("if-none-match", "\"a\"")]), Verdict::PreconditionFailed);
}

#[test]
fn ranges_of_another_state_are_ignored() {
    let range = |value| get(&[("range", "bytes=0-1"), ("if-range", value)]);
    assert_eq!(range("\"a\""), Verdict::Proceed);
    assert_eq!(range("\"b\""), Verdict::IgnoreRange);
    assert_eq!(range("W/\"a\""), Verdict::IgnoreRange);
    assert_eq!(range(DATE), Verdict::Proceed);
    assert_eq!(range(LATER), Verdict::IgnoreRange);
    assert_eq!(range("\"open"), Verdict::IgnoreRange);
    // Without Range there is nothing to ignore.
    assert_eq!(get(&[("if-range", "\"b\"")]), Verdict::Proceed);
    assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", "\"b\""), ("if-none-match", "\"a\"")]), Verdict::NotModified);
}

proptest! {
    #[test]
    fn no_condition_panics(value in proptest::collection::vec(any::<u8>(), 0..200)) {
        let tag = EntityTag::strong("a");
        let current = Current { tag: &tag, modified: Timestamp::from_seconds(0) };
        for name in [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE, header::IF_RANGE] {
            let Some(mut map) = raw(&name, &value) else { continue };
            map.insert(header::RANGE, header::HeaderValue::from_static("bytes=0-1"));
            let _ = Conditions::read(&map).evaluate(true, Some(current));
        }
        let _ = EntityTag::parse(&String::from_utf8_lossy(&value));
    }

    #[test]
    fn tags_round_trip(opaque in "[!#-~]{0,40}") {
        let tag = EntityTag::strong(&opaque);
        prop_assert_eq!(EntityTag::parse(&tag.to_string()), Some(tag));
    }
}
