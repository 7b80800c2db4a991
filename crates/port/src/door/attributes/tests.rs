//! Who may say what, and what stays said.

use super::*;
use crate::store::Store;
use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
const NOW: Timestamp = Timestamp::from_seconds(1_000_000_000);

fn namespace(mount: &str, attributes: &str, embargo: Option<Duration>) -> Namespace {
    let folder = tempfile::tempdir().unwrap();
    Namespace {
        mount: mount.parse().unwrap(),
        root: PathBuf::new(),
        store: Store::open_root(folder.path()).unwrap(),
        algorithms: Vec::new(),
        attributes: attributes.parse().unwrap(),
        embargo,
    }
}

fn said(asked: &str, may_modify: bool) -> Said {
    Said::Import { asked: asked.parse().unwrap(), may_modify }
}

fn settle(said: &Said, namespace: &Namespace, replaced: Option<&str>) -> String {
    let replaced: Option<Attributes> = replaced.map(|text| text.parse().unwrap());
    said.settle(namespace, replaced.as_ref(), NOW).unwrap().to_string()
}

#[test]
fn what_comes_in_is_said_to_be_what_the_namespace_says_and_the_request_adds() {
    let place = namespace("/", "group=\"/lsst\"", Some(DAY));
    for (asked, may_modify, replaced, expected) in [
        ("", false, None, "embargo-until=\"2001-09-10T01:46:40Z\", group=\"/lsst\""),
        ("group=\"/x\", a=\"1\"", false, None, "a=\"1\", embargo-until=\"2001-09-10T01:46:40Z\", group=\"/x\""),
        // Longer than the namespace wants it.
        ("embargo-until=\"2001-09-11\"", false, None, "embargo-until=\"2001-09-11T00:00:00Z\", group=\"/lsst\""),
        // Shorter: for those alone who may replace files.
        ("embargo-until=\"2001-09-09\"", false, None, "embargo-until=\"2001-09-10T01:46:40Z\", group=\"/lsst\""),
        ("embargo-until=\"2001-09-09\"", true, None, "embargo-until=\"2001-09-09T00:00:00Z\", group=\"/lsst\""),
        // What is replaced keeps what was said of it; the new bytes have an embargo of their own.
        ("", true, Some("b=\"2\", imported=\"2000-01-01\""), "b=\"2\", embargo-until=\"2001-09-10T01:46:40Z\""),
        ("", true, Some("embargo-until=\"2001-09-09\""), "embargo-until=\"2001-09-10T01:46:40Z\""),
        ("", true, Some("embargo-until=\"2020-01-01\""), "embargo-until=\"2020-01-01T00:00:00Z\""),
        ("b=\"3\"", true, Some("b=\"2\", c=\"4\""), "b=\"3\", c=\"4\", embargo-until=\"2001-09-10T01:46:40Z\""),
    ] {
        assert_eq!(settle(&said(asked, may_modify), &place, replaced), expected, "{asked} {replaced:?}");
    }
    let plain = namespace("/", "", None);
    assert_eq!(settle(&said("", false), &plain, None), "");
    assert_eq!(
        settle(&said("", true), &plain, Some("embargo-until=\"2020-01-01\"")),
        "embargo-until=\"2020-01-01T00:00:00Z\""
    );
}

#[test]
fn who_cannot_replace_a_file_can_only_put_off_the_end_of_an_embargo() {
    let path: LogicalPath = "/f".parse().unwrap();
    let far: Attributes = "embargo-until=\"2200-01-01\"".parse().unwrap();
    let near: Attributes = "embargo-until=\"2001-01-01\"".parse().unwrap();
    let kept = namespace("/", "", Some(DAY));
    assert!(check_asked(&far, &kept, &path).is_ok());
    assert_eq!(check_asked(&near, &kept, &path).unwrap_err().kind, "shorter-embargo");
    // The rules may know of a longer one.
    let plain = namespace("/", "", None);
    assert_eq!(check_asked(&far, &plain, &path).unwrap_err().kind, "shorter-embargo");
    assert!(check_asked(&"group=\"/x\"".parse().unwrap(), &plain, &path).is_ok());
}

fn record(attributes: &str) -> FileRecord {
    let identity = archive::Identity { inode: 1, size_bytes: 1, modified: NOW };
    let mut record = found_in_store(&namespace("/", "", None), &"/f".parse().unwrap(), identity);
    record.published = Timestamp::from_nanos(NOW.nanos() - 1);
    record.attributes = attributes.parse().unwrap();
    record
}

#[test]
fn a_copy_opens_and_closes_nothing() {
    let (here, there) =
        (namespace("/", "", Some(DAY)), namespace("/there", "group=\"/x\", embargo-until=\"2002-01-01\"", None));
    let later = NOW.after(DAY * 400);
    let copy = |of: Option<&str>, from: &Namespace, to: &Namespace| {
        of_copy(of.map(record).as_ref(), from, to, later).unwrap().to_string()
    };
    // Imported when the original was, rounded up: the time of the copy does not matter.
    assert_eq!(copy(Some("a=\"1\""), &here, &here), "a=\"1\", imported=\"2001-09-09T01:46:40Z\"");
    assert_eq!(copy(Some("imported=\"2000-01-01\""), &here, &here), "imported=\"2000-01-01T00:00:00Z\"");
    // Elsewhere what is said there of all comes to it.
    assert_eq!(
        copy(Some("group=\"/y\""), &here, &there),
        "embargo-until=\"2002-01-01T00:00:00Z\", group=\"/y\", imported=\"2001-09-09T01:46:40Z\""
    );
    assert_eq!(
        copy(Some("embargo-until=\"2003-01-01\""), &here, &there),
        "embargo-until=\"2003-01-01T00:00:00Z\", group=\"/x\", imported=\"2001-09-09T01:46:40Z\""
    );
    // Of a file without a record nothing is known: it comes in now.
    assert_eq!(copy(None, &there, &here), "embargo-until=\"2002-10-15T01:46:40Z\"");
}

#[test]
fn nobody_can_say_when_a_file_was_imported_or_that_an_embargo_ends_at_noon() {
    let path: LogicalPath = "/f".parse().unwrap();
    for value in
        ["imported=\"2001-01-01\"", "embargo-until=\"noon\"", "embargo-until=\"2300-01-01\"", "Group=\"x\"", "a"]
    {
        let headers = HeaderMap::from_iter([(HEADER, value.parse().unwrap())]);
        assert_eq!(asked(&headers, &path).unwrap_err().kind, "bad-attributes", "{value}");
    }
    let mut headers = HeaderMap::new();
    headers.append(HEADER, "a=\"1\"".parse().unwrap());
    headers.append(HEADER, "embargo-until=\"2027-01-01T01:00:00.5+01:00\"".parse().unwrap());
    assert_eq!(asked(&headers, &path).unwrap().to_string(), "a=\"1\", embargo-until=\"2027-01-01T00:00:01Z\"");
}
