//! What addresses mean.

use super::*;
use crate::client::address::decode_name;
use std::path::PathBuf;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn arguments_are_told_apart() {
    assert_eq!(Address::parse("-").unwrap(), Address::Standard);
    assert_eq!(Address::parse("a/b").unwrap(), local("a/b"));
    assert_eq!(Address::parse("file:///a%20b").unwrap(), local("/a b"));
    assert_eq!(Address::parse("with:colon").unwrap(), local("with:colon"));
    assert!(
        matches!(Address::parse("DAVS://Host/a").unwrap(), Address::Remote(url) if url.to_string() == "https://host/a")
    );
    for bad in ["ftp://host/a", "https://", "https:///a", "http://host:port/", "file://elsewhere/a"] {
        assert!(Address::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_typed_is_escaped_once() {
    assert_eq!(url("http://h/a b/ä#?x=1").to_string(), "http://h/a%20b/%C3%A4%23?…");
    assert_eq!(url("http://h/100%25/50%").path(), "/100%25/50%25");
    assert_eq!(url("http://h").path(), "/");
    assert_eq!(url("http://h?q").path(), "/");
}

#[test]
fn names_join_and_come_back() {
    for name in ["a", "a b", "100%", "ä", "a?b#c", "[x]", "a+b", "%2e"] {
        assert_eq!(url("http://h/folder").join(name).name().as_deref(), Some(name));
        assert_eq!(url("http://h/folder/").join(name).name().as_deref(), Some(name));
    }
    assert_eq!(url("http://h/").name(), None);
    assert_eq!(url("http://h/a/b/").parent(), Some(url("http://h/a/")));
    assert_eq!(url("http://h/").parent(), None);
}

#[test]
fn names_of_servers_cannot_lead_elsewhere() {
    for bad in ["..", ".", "", "%2e%2e", "a%2Fb", "a%00", "%ff"] {
        assert_eq!(decode_name(bad), None, "{bad}");
    }
    assert_eq!(decode_name("a%20b").as_deref(), Some("a b"));
}

#[test]
fn passwords_stay_with_their_server_and_are_not_shown() {
    let secret = url("https://user:pass%40word@host:8443/a");
    assert_eq!(secret.user(), Some("user:pass@word"));
    assert_eq!(secret.to_string(), "https://host:8443/a");
    assert_eq!(secret.resolve("/b").unwrap().user(), Some("user:pass@word"));
    assert_eq!(secret.resolve("https://host:8443/b").unwrap().user(), Some("user:pass@word"));
    assert_eq!(secret.resolve("https://other/b").unwrap().user(), None);
    assert_eq!(secret.resolve("http://host:8443/b").unwrap().user(), None);
    let problem = Url::parse("https://user:secret@/a").unwrap_err();
    assert!(!problem.to_line().contains("secret"), "{}", problem.to_line());
}

#[test]
fn references_are_resolved_as_browsers_do() {
    let base = url("https://host/a/b?q");
    for (reference, resolved) in [
        ("/x/y", "https://host/x/y"),
        ("x", "https://host/a/x"),
        ("//other/x", "https://other/x"),
        ("http://third:80/x", "http://third:80/x"),
    ] {
        assert_eq!(base.resolve(reference).unwrap().to_string(), resolved);
    }
    assert_eq!(url("https://host:443/").origin(), url("https://host/").origin());
    assert!(url("http://h/a%20b/").is_same_place(&url("http://h/a b")));
    assert!(!url("http://h/a").is_same_place(&url("https://h/a")));
}

#[test]
fn loopback_is_this_machine() {
    assert!(url("http://localhost:1/").is_loopback());
    assert!(url("http://127.0.0.2/").is_loopback());
    assert!(url("http://[::1]:80/").is_loopback());
    assert!(!url("http://localhost.example/").is_loopback());
}

#[test]
fn folders_can_be_seen_by_their_spelling() {
    for (text, is_folder) in [("a/", true), (".", true), ("a/..", true), ("a/.", true), ("a", false), ("/", true)] {
        assert_eq!(Address::Local(PathBuf::from(text)).looks_like_folder(), is_folder, "{text}");
    }
}
