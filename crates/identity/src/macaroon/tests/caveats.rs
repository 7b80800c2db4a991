//! Each caveat: what it lets through, what not, and how several go together.

use super::*;

#[track_caller]
fn table(caveats: &[&str], rows: &[(&str, &str, bool)]) {
    let identity = used(&with(caveats), 0, "192.0.2.7").unwrap();
    for (verb, path, expected) in rows {
        assert_eq!(allows(&identity, verb, path), *expected, "{verb} {path} with {caveats:?}");
    }
}

/// Which verbs for files remain at a path.
fn verbs(caveats: &[&str]) -> String {
    let identity = used(&with(caveats), 0, "192.0.2.7").unwrap();
    let left = Verb::ALL.iter().filter(|verb| allows(&identity, verb.name(), "/a/b"));
    left.map(|verb| verb.name()).collect::<Vec<_>>().join(",")
}

#[test]
fn activities_in_our_verbs() {
    for (caveat, expected) in [
        ("activity:DOWNLOAD", "stat,read"),
        ("activity:LIST", "list,stat"),
        ("activity:READ_METADATA", "stat"),
        ("activity:UPLOAD", "stat,create"),
        ("activity:DELETE", "stat,delete"),
        ("activity:UPLOAD,DELETE", "stat,create,modify,delete"),
        ("activity:MANAGE", "stat"),
        ("activity:UPDATE_METADATA", "stat"),
        ("activity:STAGE", "stat,stage"),
        ("activity:LIST,DOWNLOAD, MANAGE ,UPLOAD,DELETE", "list,stat,read,create,modify,delete"),
        ("verbs:read,list", "list,read"),
        ("home:/a", "list,stat,read,create,modify,delete,stage"),
        ("name:alice", "list,stat,read,create,modify,delete,stage"),
        ("id:1000;100,101;alice", "list,stat,read,create,modify,delete,stage"),
        ("max-upload:10", "list,stat,read,create,modify,delete,stage"),
    ] {
        assert_eq!(verbs(&[caveat]), expected, "{caveat}");
    }
}

#[test]
fn what_is_split_over_two_caveats_is_not_put_together() {
    assert_eq!(verbs(&["activity:UPLOAD", "activity:DELETE"]), "stat");
    assert_eq!(verbs(&["activity:UPLOAD,DELETE", "activity:UPLOAD,LIST"]), "stat,create");
    assert_eq!(
        verbs(&["activity:DOWNLOAD", "activity:DOWNLOAD,UPLOAD,DELETE,MANAGE,LIST"]),
        "stat,read",
        "no widening"
    );
    assert_eq!(verbs(&["verbs:read", "activity:DOWNLOAD"]), "read");
}

#[test]
fn a_path_is_kept_by_whole_names() {
    table(
        &["path:/foo/bar/"],
        &[
            ("read", "/foo/bar", true),
            ("read", "/foo/bar/x", true),
            ("read", "/foo/bargain", false),
            ("read", "/foo", false),
            ("list", "/", false),
        ],
    );
    table(&["root:/foo"], &[("read", "/foo/x", true), ("read", "/fo", false), ("read", "/food", false)]);
}

#[test]
fn a_second_path_narrows_and_never_widens() {
    table(&["path:/a", "path:/a/b"], &[("read", "/a/b/c", true), ("read", "/a/x", false)]);
    table(&["path:/a/b", "path:/a"], &[("read", "/a/b/c", true), ("read", "/a/x", false)]);
    table(&["path:/a/b", "path:/"], &[("read", "/a/b", true), ("read", "/x", false)]);
    table(&["path:/a", "path:/b"], &[("read", "/a/b", false), ("read", "/b", false), ("read", "/a", false)]);
}

#[test]
fn folders_may_be_made_on_the_way_to_the_path_only() {
    let identity = used(&with(&["path:/a/b/c"]), 0, "::1").unwrap();
    let made = |path: &str, folder| {
        let path = path.parse().unwrap();
        identity.bounds.iter().all(|bound| bound.grants.iter().any(|grant| grant.covers(Verb::Create, &path, folder)))
    };
    assert!(made("/a/b", true) && made("/a/b/c/d", true) && !made("/a/b", false) && !made("/a/x", true));
}

#[test]
fn manage_moves_to_names_that_are_free() {
    let may = |caveats: &[&str]| {
        let identity = used(&with(caveats), 0, "::1").unwrap();
        identity.bounds.iter().all(|bound| bound.grants.iter().any(|grant| grant.may_rename))
    };
    assert!(may(&["activity:MANAGE", "path:/a"]) && !may(&["activity:UPLOAD"]) && !may(&["verbs:create,delete"]));
}

#[test]
fn scopes_have_a_path_each() {
    table(
        &["scope:DOWNLOAD:/a LIST:/a UPLOAD:/b DELETE:/b/c storage.read:/with%20space"],
        &[
            ("read", "/a/x", true),
            ("list", "/a", true),
            ("create", "/a/x", false),
            ("create", "/b/x", true),
            ("modify", "/b/x", false),
            ("modify", "/b/c/x", true),
            ("delete", "/b/x", false),
            ("read", "/with space/x", true),
            ("read", "/c", false),
        ],
    );
    assert_eq!(verbs(&["scope:storage.modify:/a"]), "stat,create,modify,delete");
    assert_eq!(verbs(&["scope:storage.create:/a"]), "stat,create");
    assert_eq!(verbs(&["scope:storage.stage:/a"]), "stat,stage");
}

#[test]
fn scopes_are_told_in_words_that_others_know_where_those_suffice() {
    let told = |text: &str| {
        let scopes = Scopes::parse(text).unwrap();
        (scopes.caveat(), scopes.place().to_string())
    };
    let pair = |caveat: &str, place: &str| (caveat.to_owned(), place.to_owned());
    assert_eq!(told("LIST:/a%20b DOWNLOAD:/a%20b"), pair("activity:DOWNLOAD,LIST", "/a b"));
    assert_eq!(told("LIST:/a UPLOAD:/b"), pair("scope:UPLOAD:/b LIST:/a", "/"));
    assert_eq!(told("LIST:/a/b/c UPLOAD:/a/bc"), pair("scope:UPLOAD:/a/bc LIST:/a/b/c", "/a"));
    assert_eq!(told("LIST:/a/b UPLOAD:/a"), pair("scope:UPLOAD:/a LIST:/a/b", "/a"));
    assert_eq!(told("storage.read:/a%20b"), pair("scope:storage.read:/a%20b", "/a b"));
    for bad in ["", "LIST", "LIST:", "LIST:a", "EAT:/a", "LIST:/a/../b", "storage.poll:/"] {
        assert!(Scopes::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn before_is_over_at_its_instant() {
    // NOW is 2027-01-15T08:00:00Z.
    let ends = |text: &str| with(&[text]);
    for text in ["before:2027-01-15T08:00:10Z", "before:2027-01-15T08:00:10.000Z", "before:2027-01-15T09:00:10+01:00"] {
        assert!(used(&ends(text), 9, "::1").is_ok(), "{text}");
        assert_eq!(used(&ends(text), 10, "::1"), Err(Refusal::Over(Timestamp::from_seconds(1_800_000_010))), "{text}");
    }
    let twice = with(&["before:2027-01-15T08:00:10Z", "before:2099-01-01T00:00:00Z"]);
    assert!(used(&twice, 11, "::1").is_err(), "a later one does not prolong");
    assert_eq!(key().verify(&twice).unwrap().expires(), Some(Timestamp::from_seconds(1_800_000_010)));
}

#[test]
fn ip_names_where_it_may_be_used() {
    let rows = [
        ("ip:192.0.2.0/24", "192.0.2.7", true),
        ("ip:192.0.2.0/24", "192.0.3.7", false),
        ("ip:192.0.2.0/24", "::ffff:192.0.2.7", true),
        ("ip:192.0.2.9/24", "192.0.2.7", true),
        ("ip:192.0.2.7", "192.0.2.7", true),
        ("ip:192.0.2.7", "192.0.2.8", false),
        ("ip:198.51.100.0/24, 192.0.2.0/25", "192.0.2.7", true),
        ("ip:192.0.2.0/25", "192.0.2.128", false),
        ("ip:0.0.0.0/0", "192.0.2.7", true),
        ("ip:0.0.0.0/0", "2001:db8::1", false),
        ("ip:::/0", "2001:db8::1", true),
        ("ip:::/0", "192.0.2.7", false),
        ("ip:2001:db8::/32", "2001:db8:1::1", true),
        ("ip:2001:db8::/32", "2001:db9::1", false),
        ("ip:::ffff:192.0.2.0/120", "192.0.2.7", true),
        ("ip:::ffff:192.0.2.0/120", "192.0.3.7", false),
    ];
    for (caveat, from, expected) in rows {
        assert_eq!(used(&with(&[caveat]), 0, from).is_ok(), expected, "{caveat} from {from}");
    }
    let both = with(&["ip:192.0.2.0/24", "ip:192.0.2.0/28"]);
    assert!(used(&both, 0, "192.0.2.7").is_ok() && used(&both, 0, "192.0.2.77").is_err());
    let refused = used(&with(&["ip:192.0.2.7"]), 0, "192.0.2.8").unwrap_err().to_string();
    assert!(refused.contains("192.0.2.8") && refused.contains("ip:192.0.2.7"), "{refused}");
    let nowhere = key().verify(&with(&["ip:::/0"])).unwrap().identify(Presented { now: NOW, from: None });
    assert!(nowhere.is_err());
}

#[test]
fn the_smallest_upload_limit_counts() {
    let limit = |caveats: &[&str]| used(&with(caveats), 0, "::1").unwrap().upload_max_bytes;
    assert_eq!(limit(&[]), None);
    assert_eq!(limit(&["max-upload:10"]), Some(10));
    assert_eq!(limit(&["max-upload:10", "max-upload:100"]), Some(10));
    let narrowed = mint_for(&alice()).add_caveat("max-upload:2000").unwrap();
    assert_eq!(used(&narrowed, 0, "::1").unwrap().upload_max_bytes, Some(1_000));
}

#[test]
fn what_is_not_understood_refuses_the_whole() {
    for unknown in ["", "colour:red", "activity", "ACTIVITY:LIST", " path:/a", "path", "time < 2030", "verb:read"] {
        let refused = used(&with(&[unknown]), 0, "::1");
        assert!(matches!(refused, Err(Refusal::UnknownCaveat(_))), "{unknown}: {refused:?}");
    }
    for unreadable in [
        "activity:",
        "activity:DOWNLOAD,EAT",
        "activity:download",
        "activity:storage.read",
        "path:",
        "path:a",
        "path:/a/../b",
        "path:/a/./b",
        "root:b",
        "home:b",
        "before:",
        "before:tomorrow",
        "before:2027-01-15T08:00:10",
        "before:2027-01-15",
        "before:9999-01-01T00:00:00Z",
        "ip:",
        "ip:localhost",
        "ip:192.0.2.0/33",
        "ip:192.0.2.0/24,x",
        "max-upload:",
        "max-upload:0",
        "max-upload:-1",
        "max-upload:+1",
        "max-upload:99999999999999999999",
        "verbs:",
        "verbs:eat",
        "scope:",
    ] {
        let refused = used(&with(&[unreadable]), 0, "::1");
        assert!(matches!(refused, Err(Refusal::UnreadableCaveat { .. })), "{unreadable}: {refused:?}");
    }
    let long = format!("colour:{}\n", "é".repeat(500));
    let told = used(&with(&[&long]), 0, "::1").unwrap_err().to_string();
    assert!(told.contains("colour:é") && told.contains('…') && told.len() < 500, "{told}");
}

#[test]
fn validity_is_a_duration_of_iso_8601() {
    let seconds = |text: &str| validity(text).map(|span| span.as_secs());
    assert_eq!(seconds("PT60M"), Some(3_600));
    assert_eq!(seconds("PT1H30M"), Some(5_400));
    assert_eq!(seconds("P1DT1S"), Some(86_401));
    for bad in ["", "60", "1 hour", "PT", "PT0S", "-PT1H", "PT-1H", "P1M", "P1Y", "PT99999999999999999999H"] {
        assert_eq!(seconds(bad), None, "{bad}");
    }
}
