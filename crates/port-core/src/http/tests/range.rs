//! Ranges.

use super::raw;
use crate::http::range::*;
use http::header::RANGE;
use proptest::prelude::*;

fn slice(offset: u64, length: u64) -> Slice {
    Slice { offset, length }
}

fn select(value: &str, size: u64) -> Selection {
    Ranges::parse(value).map_or(Selection::Whole, |ranges| ranges.select(size))
}

#[test]
fn the_examples_of_the_document() {
    // RFC 9110 §14.1.2, on a file of 10,000 bytes.
    assert_eq!(select("bytes=0-499", 10_000), Selection::Single(slice(0, 500)));
    assert_eq!(select("bytes=500-999", 10_000), Selection::Single(slice(500, 500)));
    assert_eq!(select("bytes=-500", 10_000), Selection::Single(slice(9_500, 500)));
    assert_eq!(select("bytes=9500-", 10_000), Selection::Single(slice(9_500, 500)));
    assert_eq!(select("bytes=0-0,-1", 10_000), Selection::Several(vec![slice(0, 1), slice(9_999, 1)]));
    assert_eq!(select("bytes= 0-999, 4500-5499, -1000", 10_000), {
        Selection::Several(vec![slice(0, 1_000), slice(4_500, 1_000), slice(9_000, 1_000)])
    });
    // "Overlapping, in any order": joined.
    assert_eq!(select("bytes=500-700,601-999", 10_000), Selection::Single(slice(500, 500)));
}

#[test]
fn the_edges_of_a_file() {
    assert_eq!(select("bytes=5-100", 10), Selection::Single(slice(5, 5)));
    assert_eq!(select("bytes=-100", 10), Selection::Single(slice(0, 10)));
    assert_eq!(select("bytes=10-", 10), Selection::NotSatisfiable);
    assert_eq!(select("bytes=-0", 10), Selection::NotSatisfiable);
    assert_eq!(select("bytes=0-", 0), Selection::NotSatisfiable);
    assert_eq!(select("bytes=-5", 0), Selection::NotSatisfiable);
    assert_eq!(select("bytes=20-30,0-1", 10), Selection::Single(slice(0, 2)));
    assert_eq!(select("bytes=0-18446744073709551615", 10), Selection::Single(slice(0, 10)));
    assert_eq!(select("bytes=0-99999999999999999999999", 10), Selection::Single(slice(0, 10)));
    assert_eq!(select("bytes=99999999999999999999999-", 10), Selection::NotSatisfiable);
}

#[test]
fn what_is_no_range_of_bytes_is_ignored() {
    for value in
        ["", "bytes", "bytes=", "bytes=,", "lines=0-1", "bytes=a-b", "bytes=5-4", "bytes=+1-2", "bytes=1", "bytes=--1"]
    {
        assert_eq!(Ranges::parse(value), None, "{value}");
    }
    let many = |count: usize| format!("bytes={}", vec!["1-2"; count].join(","));
    assert!(Ranges::parse(&many(MAX_RANGES)).is_some());
    assert_eq!(Ranges::parse(&many(MAX_RANGES + 1)), None);
    assert_eq!(Ranges::parse(&format!("bytes={}0-1", ",".repeat(MAX_RANGES))), None);
    let twice = super::headers(&[("range", "bytes=0-1"), ("range", "bytes=2-3")]);
    assert_eq!(Ranges::read(&twice), None);
    assert!(Ranges::read(&super::headers(&[("range", "BYTES=0-1")])).is_some());
}

#[test]
fn pieces_keep_their_order_and_join_only_where_they_overlap() {
    assert_eq!(select("bytes=8-9,0-1", 10), Selection::Several(vec![slice(8, 2), slice(0, 2)]));
    assert_eq!(select("bytes=0-1,2-3", 10), Selection::Several(vec![slice(0, 2), slice(2, 2)]));
    assert_eq!(select("bytes=0-1,4-5,1-4,8-8", 10), Selection::Several(vec![slice(0, 6), slice(8, 1)]));
    assert_eq!(select("bytes=0-,0-,0-", 10), Selection::Single(slice(0, 10)));
}

#[test]
fn content_ranges_are_written_and_read_in_one_form() {
    for (text, value) in [
        ("bytes 0-9/100", ContentRange::of(slice(0, 10), 100)),
        ("bytes */100", ContentRange::unsatisfied(100)),
        ("bytes 5-5/*", ContentRange { slice: Some(slice(5, 1)), size_bytes: None }),
    ] {
        assert_eq!(value.to_string(), text);
        assert_eq!(text.parse(), Ok(value));
    }
    for text in [
        "",
        "bytes",
        "bytes 0-9",
        "bytes 9-0/100",
        "bytes 0-100/100",
        "lines 0-9/100",
        "bytes -9/100",
        "bytes 0-18446744073709551615/*",
    ] {
        assert!(text.parse::<ContentRange>().is_err(), "{text}");
    }
    assert_eq!(write(slice(5, 10)), "bytes=5-14");
}

#[test]
fn a_multipart_answer_is_as_long_as_it_says() {
    let pieces = [slice(0, 2), slice(8, 2)];
    let multipart = Multipart::new("B", "text/plain", 10, &pieces);
    let body = format!("{}01{}89{}", multipart.heads()[0], multipart.heads()[1], multipart.tail());
    assert_eq!(
        body,
        "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n\
         --B\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--B--\r\n"
    );
    assert_eq!(multipart.length_bytes(), body.len() as u64);
    assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=B");
}

proptest! {
    #[test]
    fn no_range_panics(value in proptest::collection::vec(any::<u8>(), 0..200), size in any::<u64>()) {
        if let Some(ranges) = raw(&RANGE, &value).as_ref().and_then(Ranges::read) {
            let _ = ranges.select(size);
        }
        let _ = String::from_utf8_lossy(&value).parse::<ContentRange>();
    }

    #[test]
    fn pieces_never_overlap_nor_exceed_the_file(value in "bytes=(([0-9]{0,3})-([0-9]{0,3}),){0,10}[0-9]{1,3}-", size in 0_u64..1_000) {
        let Some(ranges) = Ranges::parse(&value) else { return Ok(()) };
        let pieces = match ranges.select(size) {
            Selection::Several(pieces) => { prop_assert!(pieces.len() > 1); pieces }
            Selection::Single(piece) => vec![piece],
            Selection::Whole | Selection::NotSatisfiable => vec![],
        };
        let mut covered = vec![false; size as usize];
        for piece in &pieces {
            prop_assert!(piece.length > 0 && piece.end() <= size);
            for at in piece.offset..piece.end() {
                prop_assert!(!covered[at as usize]);
                covered[at as usize] = true;
            }
        }
        for wanted in ranges.specs().iter().filter_map(|range| range.of_size(size)) {
            prop_assert!((wanted.offset..wanted.end()).all(|at| covered[at as usize]));
        }
    }
}
