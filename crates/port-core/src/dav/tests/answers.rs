use super::path;
use crate::dav::*;
use terms::{LogicalPath, Timestamp};

fn facts(path: &LogicalPath) -> Facts<'_> {
    Facts {
        path,
        kind: Kind::File,
        size_bytes: 42,
        modified: Timestamp::from_seconds(784_111_777),
        created: None,
        etag: Some("\"1-2a-3\""),
        media_type: Some("image/fits"),
        digests: None,
        attributes: None,
        quota: None,
        locks: &[],
        now: Timestamp::from_seconds(1_000),
        dead: &[],
    }
}

fn answer(ask: &Propfind, facts: &Facts<'_>) -> String {
    let mut out = String::new();
    Answer::properties(ask, facts, &mut out);
    out
}

#[test]
fn all_of_a_file() {
    let path = path("/a b/<é>.fits");
    let dead = [StoredProperty { name: Name::new("u", "p"), xml: "<p xmlns=\"u\">1</p>".into() }];
    let facts = Facts { dead: &dead, ..facts(&path) };
    assert_eq!(
        answer(&Propfind::All { include: vec![Name::new("DAV:", "quota-used-bytes"), Name::new("u", "p")] }, &facts),
        "<D:response><D:href>/data/a%20b/%3C%C3%A9%3E.fits</D:href><D:propstat><D:prop>\
         <D:displayname>&lt;é&gt;.fits</D:displayname>\
         <D:getcontentlength>42</D:getcontentlength><D:getcontenttype>image/fits</D:getcontenttype>\
         <D:getetag>\"1-2a-3\"</D:getetag><D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:getlastmodified>\
         <D:lockdiscovery></D:lockdiscovery><D:resourcetype></D:resourcetype><D:supportedlock>\
         <D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>\
         <D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>\
         </D:supportedlock><p xmlns=\"u\">1</p></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>\
         <D:propstat><D:prop><D:quota-used-bytes/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>\
         </D:response>\n"
    );
}

#[test]
fn asked_properties_are_found_or_named_as_missing() {
    let path = path("/a");
    let digests = "adler32:1,crc32c:2,md5:000102030405060708090a0b0c0d0e0f".parse().unwrap();
    let facts = Facts { digests: Some(&digests), ..facts(&path) };
    let names = vec![Name::new("http://owncloud.org/ns", "checksums"), Name::new("LCGDM:", "mode"), Name::new("", "x")];
    assert_eq!(
        answer(&Propfind::These(names.clone()), &facts),
        "<D:response><D:href>/data/a</D:href><D:propstat><D:prop>\
         <oc:checksums><oc:checksum>MD5:000102030405060708090a0b0c0d0e0f ADLER32:00000001</oc:checksum></oc:checksums>\
         </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>\
         <D:propstat><D:prop><x:mode xmlns:x=\"LCGDM:\"/><x/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>\
         </D:response>\n"
    );
    assert_eq!(
        answer(&Propfind::These(names[2..].to_vec()), &facts),
        "<D:response><D:href>/data/a</D:href>\
         <D:propstat><D:prop><x/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>\n"
    );
    assert!(answer(&Propfind::These(vec![]), &facts).contains("200 OK"));
}

#[test]
fn folders_end_in_a_slash_and_have_no_length() {
    let root = LogicalPath::root();
    let quota = Some(Quota { available_bytes: 10, used_bytes: 5 });
    let text =
        answer(&Propfind::Names, &Facts { kind: Kind::Folder, media_type: None, etag: None, quota, ..facts(&root) });
    assert_eq!(
        text,
        "<D:response><D:href>/data/</D:href><D:propstat><D:prop><D:displayname/><D:getlastmodified/><D:lockdiscovery/>\
         <D:resourcetype/><D:supportedlock/><D:quota-available-bytes/><D:quota-used-bytes/></D:prop>\
         <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>\n"
    );
    assert_eq!(Facts { kind: Kind::Folder, ..facts(&path("/x")) }.href(), "/data/x/");
}

#[test]
fn a_client_may_set_its_own_display_name() {
    let path = path("/a");
    let xml = "<x:displayname xmlns:x=\"DAV:\">mine</x:displayname>".to_owned();
    let dead = [StoredProperty { name: Name::new("DAV:", "displayname"), xml }];
    let facts = Facts { dead: &dead, ..facts(&path) };
    let all = answer(&Propfind::All { include: vec![] }, &facts);
    assert_eq!(all.matches("displayname").count(), 2, "{all}");
    assert!(answer(&Propfind::These(vec![Name::new("DAV:", "displayname")]), &facts).contains("mine"));
    assert!(!Live::DisplayName.is_protected() && Live::GetEtag.is_protected());
}

#[test]
fn locks_are_told_with_what_is_left_of_their_time() {
    let lock = Lock {
        token: "urn:uuid:1".into(),
        path: path("/f"),
        deep: true,
        shared: false,
        owner: "me".into(),
        principal: "anonymous".into(),
        expires: Timestamp::from_seconds(1_600),
    };
    assert_eq!(
        lock_body(&[lock], &path("/f/x"), Kind::File, Timestamp::from_seconds(1_000)),
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:prop xmlns:D=\"DAV:\"><D:lockdiscovery><D:activelock>\
         <D:locktype><D:write/></D:locktype><D:lockscope><D:exclusive/></D:lockscope><D:depth>infinity</D:depth>\
         <D:owner>me</D:owner><D:timeout>Second-600</D:timeout><D:locktoken><D:href>urn:uuid:1</D:href></D:locktoken>\
         <D:lockroot><D:href>/data/f/</D:href></D:lockroot></D:activelock></D:lockdiscovery></D:prop>\n"
    );
}

#[test]
fn a_patch_is_answered_property_by_property() {
    let outcomes =
        [(Name::new("DAV:", "getetag"), Outcome::Protected), (Name::new("u", "p"), Outcome::FailedDependency)];
    let mut out = String::new();
    Answer::patched(&path("/a"), Kind::File, &outcomes, &mut out);
    assert_eq!(
        out,
        "<D:response><D:href>/data/a</D:href><D:propstat><D:prop><D:getetag/></D:prop>\
         <D:status>HTTP/1.1 403 Forbidden</D:status><D:error><D:cannot-modify-protected-property/></D:error></D:propstat>\
         <D:propstat><D:prop><x:p xmlns:x=\"u\"/></D:prop><D:status>HTTP/1.1 424 Failed Dependency</D:status></D:propstat>\
         </D:response>\n"
    );
}

#[test]
fn preconditions_name_the_places() {
    let places = vec![(path("/a b"), Kind::Folder)];
    assert_eq!(
        precondition_body(&Precondition::LockTokenSubmitted(places)),
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\"><D:lock-token-submitted>\
         <D:href>/data/a%20b/</D:href></D:lock-token-submitted></D:error>\n"
    );
    let mut out = String::new();
    Answer::failure(&path("/a"), Kind::File, 423, None, "a < b", &mut out);
    assert_eq!(
        out,
        "<D:response><D:href>/data/a</D:href><D:status>HTTP/1.1 423 Locked</D:status>\
         <D:responsedescription>a &lt; b</D:responsedescription></D:response>\n"
    );
}

/// What we write is read back by our own reader, whatever a name holds.
#[test]
fn answers_are_well_formed() {
    for name in ["a&b", "]]>", "\"'", "\u{FFFE}", "é\u{10FFFF}", "a;b=c"] {
        let path = LogicalPath::root().join(name).unwrap();
        let all = Propfind::All { include: vec![Name::new("u\"<&", "b")] };
        let text = format!("{}{}{}", multistatus_open(), answer(&all, &facts(&path)), multistatus_close());
        crate::dav::xml::read(text.as_bytes(), usize::MAX).unwrap_or_else(|refusal| panic!("{refusal}: {text}"));
    }
}
