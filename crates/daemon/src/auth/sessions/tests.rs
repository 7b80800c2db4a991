//! How long sessions last, and which requests count as coming from a page of ours.

use super::*;
use crate::settings::Settings;
use http::{HeaderValue, Uri};
use terms::Kind;

fn sessions() -> Sessions {
    Sessions::new(&Settings::built_in())
}

fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value")))
        .collect()
}

fn look(sessions: &Sessions, cookie: &str, tls: bool, now: Instant) -> Option<Identity> {
    let headers = headers(&[("cookie", format!("a=b; {COOKIE_NAME}={cookie}; c=d"))]);
    let (method, uri) = (Method::GET, Uri::from_static("/"));
    let from = "192.0.2.1".parse().expect("an address");
    let wall = terms::Timestamp::from_seconds(0);
    let at = Presented { method: &method, uri: &uri, headers: &headers, chain: None, from, tls, now, wall };
    sessions.identify(&at).expect("no problem")
}

#[test]
fn a_session_ends_by_age_and_by_silence_and_is_for_tls_alone() {
    let sessions = sessions();
    let now = Instant::now();
    let begin = || sessions.begin(Identity::new(Kind::User, "anna"), now).expect("a session");
    let (silent, busy) = (begin(), begin());
    assert!(look(&sessions, &silent, true, now).is_some());
    assert!(look(&sessions, &silent, false, now).is_none());
    assert!(look(&sessions, &silent[1..], true, now).is_none());
    let step = sessions.idle / 2;
    let mut at = now;
    while at + step < now + sessions.lifetime {
        at += step;
        assert!(look(&sessions, &busy, true, at).is_some(), "used within its idle time");
    }
    assert!(look(&sessions, &silent, true, at).is_none(), "silent for too long");
    assert!(look(&sessions, &busy, true, now + sessions.lifetime).is_none(), "too old, however busy");
}

#[test]
fn a_page_of_ours_is_told_from_others() {
    let own = Uri::from_static("https://port.test:8443/x");
    let plain = Uri::from_static("/x");
    let pair = |name: &'static str, value: &str| (name, value.to_owned());
    let cases = [
        (&plain, vec![pair("sec-fetch-site", "same-origin")], true),
        (&plain, vec![pair("sec-fetch-site", "same-site")], false),
        (
            &plain,
            vec![pair("sec-fetch-site", "cross-site"), pair("origin", "https://port.test"), pair("host", "port.test")],
            false,
        ),
        (&plain, vec![pair("origin", "https://port.test"), pair("host", "PORT.test")], true),
        (&plain, vec![pair("origin", "http://port.test"), pair("host", "port.test")], false),
        (&plain, vec![pair("origin", "https://port.test.evil"), pair("host", "port.test")], false),
        (&plain, vec![pair("origin", "null"), pair("host", "port.test")], false),
        (&plain, vec![pair("host", "port.test")], false),
        (&own, vec![pair("origin", "https://port.test:8443")], true),
        (&own, vec![pair("origin", "https://port.test")], false),
    ];
    for (uri, pairs, expected) in cases {
        assert_eq!(from_own_page(uri, &headers(&pairs)), expected, "{pairs:?}");
    }
}
