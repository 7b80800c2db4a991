//! Resumable uploads.

use super::{headers, raw};
use crate::http::resumable::*;
use proptest::prelude::*;

const NO_LIMITS: Limits = Limits {
    max_size_bytes: None,
    min_size_bytes: None,
    max_append_size_bytes: None,
    min_append_size_bytes: None,
    max_age_seconds: None,
};

fn append(state: UploadState, pairs: &[(&str, &str)], limits: &Limits) -> Result<Accepted, Refusal> {
    let mut request = UploadRequest::read(&headers(pairs));
    request.is_partial_upload = true;
    decide_append(&state, &request, limits)
}

const HALF: UploadState = UploadState { offset: 50, length: Some(100), complete: false };

#[test]
fn fields_are_read_as_structured_fields() {
    let boolean = |value| read_boolean(&headers(&[("upload-complete", value)]), &UPLOAD_COMPLETE);
    assert_eq!(boolean("?1"), Some(true));
    assert_eq!(boolean(" ?0;x=1"), Some(false));
    for value in ["1", "true", "?2", "", "?1?0"] {
        assert_eq!(boolean(value), None, "{value}");
    }
    let integer = |value| read_integer(&headers(&[("upload-offset", value)]), &UPLOAD_OFFSET);
    assert_eq!(integer("0"), Some(0));
    assert_eq!(integer("999999999999999"), Some(MAX_INTEGER));
    for value in ["-1", "1.0", "1000000000000000", "", "\"5\"", "+5"] {
        assert_eq!(integer(value), None, "{value}");
    }
    let twice = headers(&[("upload-offset", "1"), ("upload-offset", "2")]);
    assert_eq!(read_integer(&twice, &UPLOAD_OFFSET), None);
}

#[test]
fn limits_are_written_and_read() {
    let limits = Limits { max_size_bytes: Some(1_000), max_age_seconds: Some(60), ..NO_LIMITS };
    assert_eq!(limits.to_string(), "max-size=1000, max-age=60");
    let read = |value| Limits::read(&headers(&[("upload-limit", value)]));
    assert_eq!(read("max-size=1000, max-age=60, later=?1"), Some(limits));
    assert_eq!(read("max-size=\"1000\""), None);
    assert_eq!(read("max-size"), None);
    assert_eq!(Limits::read(&headers(&[])), None);
}

#[test]
fn an_upload_from_its_creation_to_its_end() {
    let creation =
        UploadRequest::read(&headers(&[("upload-complete", "?0"), ("upload-length", "100"), ("content-length", "0")]));
    assert!(creation.begins_upload());
    let accepted = decide_creation(&creation, &NO_LIMITS).expect("accepted");
    assert_eq!(accepted, Accepted { length: Some(100), max_body_bytes: 100, completes: false });
    let state = UploadState { offset: 0, length: accepted.length, complete: false };

    // A first append that breaks in the middle keeps what came.
    let first = [("upload-complete", "?1"), ("upload-offset", "0"), ("content-length", "100")];
    let accepted = append(state, &first, &NO_LIMITS).expect("accepted");
    let state = after_body(&state, &accepted, 50, false).expect("kept");
    assert_eq!(state, HALF);

    // At the old offset nothing goes on; at the new one it ends.
    assert_eq!(append(state, &first, &NO_LIMITS), Err(Refusal::MismatchingOffset { expected: 50, provided: 0 }));
    let rest = [("upload-complete", "?1"), ("upload-offset", "50"), ("content-length", "50")];
    let accepted = append(state, &rest, &NO_LIMITS).expect("accepted");
    let state = after_body(&state, &accepted, 50, true).expect("complete");
    assert_eq!(state, UploadState { offset: 100, length: Some(100), complete: true });
    assert_eq!(append(state, &rest, &NO_LIMITS), Err(Refusal::Completed));
}

#[test]
fn an_empty_last_append_completes() {
    let full = UploadState { offset: 100, length: None, complete: false };
    let last = [("upload-complete", "?1"), ("upload-offset", "100"), ("content-length", "0")];
    let accepted = append(full, &last, &NO_LIMITS).expect("accepted");
    assert_eq!(
        after_body(&full, &accepted, 0, true),
        Ok(UploadState { offset: 100, length: Some(100), complete: true })
    );
}

#[test]
fn lengths_must_agree() {
    let at_half = |pairs: &[(&'static str, &'static str)]| {
        append(HALF, &[&[("upload-complete", "?1"), ("upload-offset", "50")], pairs].concat(), &NO_LIMITS)
    };
    assert!(matches!(at_half(&[("content-length", "49")]), Err(Refusal::InconsistentLength { known: 100, told: 99 })));
    assert!(matches!(at_half(&[("upload-length", "101")]), Err(Refusal::InconsistentLength { .. })));
    assert!(matches!(
        at_half(&[("upload-length", "100"), ("content-length", "51")]),
        Err(Refusal::InconsistentLength { known: 100, told: 101 })
    ));
    let open =
        append(HALF, &[("upload-complete", "?0"), ("upload-offset", "50"), ("content-length", "51")], &NO_LIMITS);
    assert_eq!(open, Err(Refusal::LengthExceeded { max: 100 }));
    // Without Content-Length only the body itself can tell.
    let accepted = at_half(&[]).expect("accepted");
    assert_eq!(after_body(&HALF, &accepted, 51, true), Err(Refusal::LengthExceeded { max: 100 }));
    assert!(matches!(after_body(&HALF, &accepted, 49, true), Err(Refusal::InconsistentLength { .. })));
    assert!(after_body(&HALF, &accepted, 49, false).is_ok_and(|state| !state.complete));
}

#[test]
fn heads_that_lack_something() {
    let request = UploadRequest::read(&headers(&[("upload-complete", "?1"), ("upload-offset", "50")]));
    assert_eq!(decide_append(&HALF, &request, &NO_LIMITS), Err(Refusal::WrongMediaType));
    let typed = headers(&[("content-type", "Application/Partial-Upload; x=y")]);
    assert!(UploadRequest::read(&typed).is_partial_upload);
    assert_eq!(append(HALF, &[("upload-complete", "?1")], &NO_LIMITS), Err(Refusal::MissingOffset));
    assert_eq!(append(HALF, &[("upload-offset", "50")], &NO_LIMITS), Err(Refusal::MissingComplete));
    assert_eq!(decide_creation(&UploadRequest::default(), &NO_LIMITS), Err(Refusal::MissingComplete));
    assert!(!UploadRequest { complete: Some(true), ..Default::default() }.begins_upload());
}

#[test]
fn limits_are_kept() {
    let limits = Limits {
        max_size_bytes: Some(100),
        min_size_bytes: Some(10),
        max_append_size_bytes: Some(40),
        min_append_size_bytes: Some(5),
        max_age_seconds: None,
    };
    let create = |pairs| decide_creation(&UploadRequest::read(&headers(pairs)), &limits);
    assert_eq!(create(&[("upload-complete", "?0"), ("upload-length", "101")]), Err(Refusal::TooLarge { max: 100 }));
    assert_eq!(create(&[("upload-complete", "?0"), ("upload-length", "9")]), Err(Refusal::TooSmall { min: 10 }));
    assert_eq!(
        create(&[("upload-complete", "?0"), ("content-length", "41")]),
        Err(Refusal::AppendTooLarge { max: 40 })
    );
    assert_eq!(create(&[("upload-complete", "?0"), ("content-length", "4")]), Err(Refusal::AppendTooSmall { min: 5 }));
    assert!(create(&[("upload-complete", "?0"), ("content-length", "0")]).is_ok());
    assert_eq!(create(&[("upload-complete", "?0")]).map(|accepted| accepted.max_body_bytes), Ok(40));
}

#[test]
fn refusals_carry_what_the_draft_registers() {
    let refusal = Refusal::MismatchingOffset { expected: 1, provided: 2 };
    assert_eq!(refusal.type_uri(), Some("https://iana.org/assignments/http-problem-types#mismatching-upload-offset"));
    assert_eq!(refusal.problem().status, 409);
    assert_eq!(Refusal::Completed.type_uri(), Some("https://iana.org/assignments/http-problem-types#completed-upload"));
    assert_eq!(Refusal::Completed.problem().status, 400);
    assert_eq!(
        Refusal::InconsistentLength { known: 1, told: 2 }.type_uri(),
        Some("https://iana.org/assignments/http-problem-types#inconsistent-upload-length")
    );
    assert_eq!(Refusal::WrongMediaType.problem().status, 415);
    assert_eq!(Refusal::TooLarge { max: 1 }.problem().status, 413);
}

proptest! {
    #[test]
    fn no_field_panics(value in proptest::collection::vec(any::<u8>(), 0..100)) {
        for name in [UPLOAD_COMPLETE, UPLOAD_OFFSET, UPLOAD_LENGTH, UPLOAD_LIMIT] {
            let Some(map) = raw(&name, &value) else { continue };
            let _ = UploadRequest::read(&map);
            let _ = Limits::read(&map);
        }
    }

    /// Any row of appends: the offset never falls, never passes the length, and what is complete stays as it is.
    #[test]
    fn the_offset_only_grows(steps in proptest::collection::vec((0_u64..60, 0_u64..60, any::<bool>(), any::<bool>()), 1..20)) {
        let mut state = UploadState { offset: 0, length: Some(100), complete: false };
        for (offset, body, complete, whole) in steps {
            let request = UploadRequest { complete: Some(complete), offset: Some(offset), is_partial_upload: true, ..Default::default() };
            let next = decide_append(&state, &request, &NO_LIMITS).and_then(|accepted| after_body(&state, &accepted, body, whole));
            if let Ok(next) = next {
                prop_assert!(!state.complete && next.offset >= state.offset && next.offset <= 100);
                prop_assert!(!next.complete || next.offset == 100);
                state = next;
            }
        }
    }
}
