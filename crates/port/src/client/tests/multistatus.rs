//! Answers to PROPFIND as servers write them.

use super::*;
use crate::client::multistatus::{Found, read};
use bytes::Bytes;

/// Reads an answer that arrives in pieces of this size.
fn found(text: &str, piece: usize) -> Result<Vec<Found>, String> {
    let (pieces, body) = tokio::sync::mpsc::channel(text.len() + 1);
    for piece in text.as_bytes().chunks(piece) {
        pieces.blocking_send(Bytes::copy_from_slice(piece)).unwrap();
    }
    drop(pieces);
    let (sender, mut entries) = tokio::sync::mpsc::channel(10_000);
    read(&Url::parse("http://host/data/folder/").unwrap(), body, &sender)?;
    drop(sender);
    let mut all = Vec::new();
    while let Some(entry) = entries.blocking_recv() {
        all.push(entry);
    }
    Ok(all)
}

/// In the manner of mod_dav: prefixes, properties in two propstats, escaped paths.
const APACHE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
<D:response xmlns:lp1="DAV:">
<D:href>/data/folder/</D:href>
<D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype></D:prop>
<D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>
</D:response>
<D:response xmlns:lp1="DAV:">
<D:href>/data/folder/a%20%26b</D:href>
<D:propstat><D:prop><lp1:resourcetype/><lp1:getcontentlength>12</lp1:getcontentlength>
<lp1:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</lp1:getlastmodified><lp1:getetag>"x&amp;y&#45;"</lp1:getetag></D:prop>
<D:status>HTTP/1.1 200 OK</D:status></D:propstat>
</D:response>
<D:response><D:href>http://host/data/folder/sub/</D:href>
<D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
</D:response>
</D:multistatus>"#;

#[test]
fn entries_are_read_however_the_answer_is_cut() {
    for piece in [1, 7, 1_000_000] {
        let all = found(APACHE, piece).unwrap();
        assert_eq!(all.len(), 3);
        assert!(all[0].is_self && all[0].entry.is_folder());
        let file = &all[1].entry;
        assert_eq!((file.name.as_str(), file.size_bytes, file.kind), ("a &b", Some(12), Kind::File));
        assert_eq!(file.modified, Some(terms::Timestamp::from_seconds(784_111_777)));
        assert_eq!(file.tag.as_ref().unwrap().opaque(), "x&y-");
        assert!(!all[2].is_self && all[2].entry.is_folder());
        assert_eq!(all[2].entry.name, "sub");
    }
}

#[test]
fn names_that_lead_elsewhere_are_dropped() {
    let entry = |href: &str| format!("<r:response xmlns:r='DAV:'><r:href>{href}</r:href></r:response>");
    let hrefs = ["/data/folder/..", "/data/folder/%2e%2e", "/data/folder/a%2fb", "/data/folder/fine"];
    let text = format!("<m xmlns='DAV:'>{}</m>", hrefs.map(entry).concat());
    let names: Vec<String> = found(&text, 100).unwrap().into_iter().map(|found| found.entry.name).collect();
    assert_eq!(names, ["fine"]);
}

#[test]
fn paths_without_escapes_are_taken_as_they_are() {
    let entry = |href: &str| format!("<response><href>/data/folder/{href}</href></response>");
    let names = |hrefs: &[&str]| -> Vec<String> {
        let text = format!("<m xmlns='DAV:'>{}</m>", hrefs.iter().map(|href| entry(href)).collect::<String>());
        found(&text, 100).unwrap().into_iter().map(|found| found.entry.name).collect()
    };
    // As XRootD 5.5 writes them.
    assert_eq!(names(&["100%", "50%25 of", "a?b#c", "%41"]), ["100%", "50%25 of", "a?b#c", "%41"]);
    assert_eq!(names(&["100%25", "Größe%20x", "%41"]), ["100%", "Größe x", "A"]);
}

#[test]
fn hostile_answers_are_refused_within_bounds() {
    let bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]><m xmlns='DAV:'/>";
    assert!(found(bomb, 100).unwrap_err().contains("document type"));
    assert!(found("<m xmlns='DAV:'>&lol;</m>", 100).unwrap_err().contains("entity"));
    let huge = format!("<m xmlns='DAV:'><response><href>{}", "a".repeat(2_000_000));
    assert!(found(&huge, 4_096).unwrap_err().contains("absurdly large"));
    assert!(found("<m></n>", 100).is_err());
}

#[test]
fn many_entries_need_no_more_than_one() {
    let entry = "<response><href>/data/folder/x</href></response>".repeat(9_000);
    assert_eq!(found(&format!("<m xmlns='DAV:'>{entry}</m>"), 4_096).unwrap().len(), 9_000);
}
