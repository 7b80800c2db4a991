use super::path;
use crate::dav::*;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use std::time::Duration;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
}

#[test]
fn depth_and_overwrite_have_defaults_and_few_values() {
    assert_eq!(depth(&headers(&[]), Depth::Infinity), Ok(Depth::Infinity));
    assert_eq!(depth(&headers(&[("depth", "0")]), Depth::Infinity), Ok(Depth::Zero));
    assert_eq!(depth(&headers(&[("depth", "Infinity")]), Depth::Zero), Ok(Depth::Infinity));
    assert!(depth(&headers(&[("depth", "2")]), Depth::Zero).is_err());
    assert!(depth(&headers(&[("depth", "1"), ("depth", "0")]), Depth::Zero).is_err());
    assert_eq!(overwrite(&headers(&[])), Ok(true));
    assert_eq!(overwrite(&headers(&[("overwrite", "F")])), Ok(false));
    assert!(overwrite(&headers(&[("overwrite", "yes")])).is_err());
}

#[test]
fn a_destination_is_ours_by_host_and_port_whatever_the_scheme() {
    let at = |value: &str, own: &str| destination(&headers(&[("destination", value)]), Some(own));
    let here = |text: &str| Ok(Destination::Here(path(text)));
    assert_eq!(at("/data/a%20b/", "any"), here("/a b"));
    assert_eq!(at("/data", "any"), here("/"));
    assert_eq!(at("http://Host:8080/data/x", "host:8080"), here("/x"));
    assert_eq!(at("https://host/data/x", "host"), here("/x"));
    assert_eq!(at("https://host:443/data/x", "host"), here("/x"));
    assert_eq!(at("http://host/data/x", "host:80"), here("/x"));
    assert_eq!(at("davs://[::1]:1/data/x", "[::1]:1"), here("/x"));
    assert!(matches!(at("http://host:81/data/x", "host"), Ok(Destination::Elsewhere(_))));
    assert!(matches!(at("https://host/data/x", "host:80"), Ok(Destination::Elsewhere(_))));
    match at("https://other/x?y=1", "host") {
        Ok(Destination::Elsewhere(uri)) => assert_eq!(uri.query(), Some("y=1")),
        other => panic!("{other:?}"),
    }
    assert_eq!(at("/datax/x", "host"), Ok(Destination::NotData("/datax/x".into())));
    for bad in ["", "x", "data/x", "http:", "/data/../x", "/data/%2e%2e/x", "http://me@host/data/x", "//host/data/x"] {
        assert!(at(bad, "host").is_err(), "{bad}");
    }
    assert!(matches!(destination(&headers(&[]), None), Err(Refusal::MissingHeader { .. })));
    let mut raw = HeaderMap::new();
    raw.insert("destination", HeaderValue::from_bytes("/data/é".as_bytes()).unwrap());
    assert_eq!(destination(&raw, None), here("/é"));
}

#[test]
fn a_lock_lasts_as_asked_but_not_for_ever() {
    let span = |value: &str| LockTimeout::of(&headers(&[("timeout", value)])).0;
    assert_eq!(span("Second-10"), Duration::from_secs(10));
    assert_eq!(span("Infinite"), spec::MAX_LOCK_SPAN);
    assert_eq!(span("Infinite, Second-4100000000"), spec::MAX_LOCK_SPAN);
    assert_eq!(span("Extend, second-99999999999999999999999"), spec::MAX_LOCK_SPAN);
    assert_eq!(span("Second--5, é"), spec::DEFAULT_LOCK_SPAN);
    assert_eq!(LockTimeout::of(&headers(&[])).0, spec::DEFAULT_LOCK_SPAN);
}

#[test]
fn a_lock_token_stands_in_angle_brackets() {
    assert_eq!(lock_token(&headers(&[("lock-token", "<urn:uuid:1>")])), Ok("urn:uuid:1".into()));
    for bad in ["urn:uuid:1", "<>", "<a b>", "<a"] {
        assert!(lock_token(&headers(&[("lock-token", bad)])).is_err(), "{bad}");
    }
}

/// The examples of RFC 4918 §10.4.6 to §10.4.10 and what litmus sends.
#[test]
fn conditions_hold_as_the_document_says() {
    let state = |etag: Option<&str>, tokens: &[&str]| ResourceState {
        etag: etag.map(str::to_owned),
        tokens: tokens.iter().map(|&token| token.to_owned()).collect(),
    };
    let holds = |header: &str, of_request: &ResourceState| {
        let parsed = IfHeader::parse(header).unwrap_or_else(|refusal| panic!("{header}: {refusal}"));
        parsed.holds(Some("www.example.com"), |place| match place {
            None => of_request.clone(),
            Some(place) if *place == path("/resource1") => of_request.clone(),
            Some(_) => ResourceState::default(),
        })
    };
    let locked = state(Some("\"I am an ETag\""), &["urn:uuid:181d4fae"]);
    let free = state(Some("\"I am another ETag\""), &[]);
    let no_tag_list = "(<urn:uuid:181d4fae> [\"I am an ETag\"]) ([\"I am another ETag\"])";
    assert!(holds(no_tag_list, &locked) && holds(no_tag_list, &free));
    assert!(!holds(no_tag_list, &state(Some("\"I am an ETag\""), &[])));
    let not = "(Not <urn:uuid:181d4fae> <urn:uuid:58f202ac>)";
    assert!(holds(not, &state(None, &["urn:uuid:58f202ac"])));
    assert!(!holds(not, &state(None, &["urn:uuid:58f202ac", "urn:uuid:181d4fae"])));
    assert!(holds("(<urn:uuid:181d4fae>) (Not <DAV:no-lock>)", &free));
    let tagged = "</data/resource1> (<urn:uuid:181d4fae> [W/\"I am an ETag\"]) ([\"strong\"])";
    assert!(holds(tagged, &locked) && !holds(tagged, &free));
    let absolute =
        "<http://www.example.com/data/resource1>(<urn:uuid:181d4fae>)<http://www.example.com/data/x>([\"4217\"])";
    assert!(holds(absolute, &locked) && !holds(absolute, &free));
    assert!(holds("</data/unmapped> (Not [\"4217\"])", &free));
    assert!(holds("<http://elsewhere.example/a> (Not <urn:uuid:1>)", &free));
    assert!(!holds("<http://elsewhere.example/a> (<urn:uuid:181d4fae>)", &locked));
    assert!(holds("([\"]\"])", &state(Some("\"]\""), &[])));
}

#[test]
fn tokens_are_submitted_by_standing_in_the_header() {
    let parsed = IfHeader::parse("(<a:1> [\"x\"]) (Not <b:2>)").unwrap();
    assert_eq!(parsed.tokens().collect::<Vec<_>>(), ["a:1", "b:2"]);
    let parsed = IfHeader::parse("</data/a> (<a:1>) <http://other/> (<b:2>)").unwrap();
    assert_eq!(parsed.resources(Some("host")).collect::<Vec<_>>(), [Some(path("/a"))]);
}

#[test]
fn what_is_no_condition_is_refused() {
    for bad in [
        "",
        " ",
        "()",
        "(",
        "(<>)",
        "(<a)",
        "([x])",
        "([\"x\")",
        "<a>",
        "(<a:1>) <b> ",
        "(<a:1>) <b> (<c:1>)",
        "(Not)",
        "x",
    ] {
        assert!(IfHeader::parse(bad).is_err(), "{bad:?}");
    }
    let long = "(<a:1>)".repeat(spec::MAX_CONDITIONS + 1);
    assert!(IfHeader::parse(&long).is_err());
    assert!(IfHeader::parse(&long[7..]).is_ok());
}

proptest! {
    #[test]
    fn the_reader_of_conditions_never_panics(text in "[()<>\\[\\]\"NotW/ a:é]{0,60}") {
        if let Ok(parsed) = IfHeader::parse(&text) {
            parsed.holds(None, |_| ResourceState::default());
        }
    }

    #[test]
    fn destinations_never_panic(text in "(http://|/data/|[a-z%é/:@?#.]){0,6}") {
        let mut map = HeaderMap::new();
        map.insert("destination", HeaderValue::from_bytes(text.as_bytes()).unwrap());
        let _ = destination(&map, Some("host"));
    }
}
