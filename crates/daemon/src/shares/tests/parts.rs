//! Addresses, accounts and the rewriting of XML, each by itself.

use super::super::account::Account;
use super::super::address::{Address, mint, redacted, upload};
use super::super::hrefs::Rewriter;
use super::super::is_from;
use std::time::Instant;
use terms::LogicalPath;

#[test]
fn addresses_are_taken_apart_by_their_form_alone() {
    let (id, hash, prefix) = mint().expect("random bytes");
    for (behind, of_upload, rest) in
        [("", false, ""), ("/", false, "/"), ("/dr1/x", false, "/dr1/x"), (".uploads/1", true, "/1")]
    {
        let path = format!("{}{behind}", *prefix);
        let address = Address::take_apart(&path).expect("an address");
        assert_eq!((address.id, address.prefix), (id, prefix.as_str()));
        assert_eq!((address.of_upload, address.rest), (of_upload, rest));
    }
    assert_eq!(upload(&prefix, "1"), format!("{}.uploads/1", *prefix));
    let secret = &prefix[3 + 33..];
    assert_eq!(secret.len(), 43);
    assert_ne!(hash, [0; 32]);
    let wrong = [
        "/s".to_owned(),
        "/s/".to_owned(),
        format!("/s/{id}"),
        format!("/s/{id}_"),
        format!("/s/{id}-{secret}"),
        format!("/s/{id}_{}", &secret[1..]),
        format!("/s/{id}_{secret}x"),
        format!("/s/{id}_{}!", &secret[1..]),
        format!("/s/{id}_{}ä", &secret[2..]),
        format!("/s/{}_{secret}", "x".repeat(32)),
        format!("/t/{id}_{secret}"),
        format!("/data/s/{id}_{secret}"),
    ];
    for path in wrong {
        assert!(Address::take_apart(&path).is_none(), "{path}");
    }
}

#[test]
fn logs_show_no_secret_wherever_it_stands() {
    let (id, _, prefix) = mint().expect("random bytes");
    for path in
        [format!("{}/dr1/a_b", *prefix), format!("//{}//dr1", &prefix[1..]), format!("/S{}.uploads/1", &prefix[2..])]
    {
        let shown = redacted(&path);
        assert!(shown.contains(&format!("{id}_…")) && !shown.contains(&prefix[3 + 33..]), "{shown}");
    }
    assert_eq!(redacted("/data/a_b/c"), "/data/a_b/c");
    assert_eq!(redacted(&format!("/data/{id}")), format!("/data/{id}"));
}

#[test]
fn a_download_is_as_many_bytes_as_the_file_has() {
    const SIZE: u64 = 16 << 30;
    let now = Instant::now();
    let mut account = Account::new(SIZE, now);
    let begin = |account: &mut Account, bytes| {
        let wants = account.wants(bytes);
        account.begin(wants, bytes, now);
        wants
    };
    assert_eq!((0..16).map(|_| begin(&mut account, SIZE / 16)).sum::<u64>(), 1, "sixteen ranges");
    assert_eq!(begin(&mut account, SIZE / 100), 0, "a little was lost on the way");
    assert_eq!(begin(&mut account, SIZE), 1, "the second");
    assert_eq!(begin(&mut account, SIZE / 16), 1, "what may be lost does not grow");
    assert_eq!(begin(&mut account, SIZE / 2), 0, "the rest of the third");
    assert_eq!(account.end(SIZE / 2), 0, "something of it was sent");
    assert_eq!(account.end(SIZE / 16), 1, "nothing of it was");
    assert_eq!(account.end(SIZE), 1);
    assert!(account.is_open());
}

#[test]
fn a_download_of_which_nothing_was_sent_is_none() {
    let now = Instant::now();
    for (size, bytes) in [(0, 0), (1, 1), (1000, 1000), (1000, 1)] {
        let mut account = Account::new(size, now);
        assert_eq!(account.wants(bytes), 1, "{size} {bytes}");
        account.begin(1, bytes, now);
        assert_eq!(account.end(bytes.max(1)), 1, "{size} {bytes}");
        assert!(!account.is_open());
        assert_eq!(account.wants(bytes), 1, "{size} {bytes}");
    }
    let mut empty = Account::new(0, now);
    empty.begin(1, 0, now);
    assert_eq!((empty.end(0), empty.wants(0)), (0, 1), "an empty file is downloaded as well");
}

#[test]
fn addresses_in_xml_are_replaced_however_it_is_cut() {
    let home: LogicalPath = "/sur&vey/dr1".parse().expect("a path");
    let text = "<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>/data/sur&amp;vey/dr1/</D:href>\
                <D:href>/data/sur&amp;vey/dr1/a%20b</D:href><D:locktoken><D:href>urn:uuid:1</D:href></D:locktoken>\
                <D:href>/data/other/x</D:href><D:href>/data</D:href><D:href>/database</D:href>\
                <x>/data/sur&amp;vey/dr1</x><D:href></D:href></D:multistatus><D:hre";
    let expected = text
        .replace("<D:href>/data/sur&amp;vey/dr1", "<D:href>/s/x/dr1")
        .replace("/data/other/x", "/s/x/")
        .replace("<D:href>/data<", "<D:href>/s/x/<");
    for size in 1..text.len() {
        let mut rewriter = Rewriter::new(&home, "/s/x");
        let mut out = Vec::new();
        text.as_bytes().chunks(size).for_each(|piece| out.extend(rewriter.take(piece)));
        out.extend(rewriter.finish());
        assert_eq!(String::from_utf8(out).expect("a text"), expected, "in pieces of {size}");
    }
}

#[test]
fn networks_let_in_those_in_them() {
    let from = |networks: &str, address: &str| is_from(networks, address.parse().expect("an address"));
    assert!(from("", "192.0.2.1") && from("192.0.2.0/24", "192.0.2.9") && from("192.0.2.0/24", "::ffff:192.0.2.9"));
    assert!(from("198.51.100.7,2001:db8::/32", "2001:db8:1::1") && from("198.51.100.7,2001:db8::/32", "198.51.100.7"));
    assert!(
        !from("192.0.2.0/24", "192.0.3.1") && !from("2001:db8::/32", "192.0.2.1") && !from("nonsense", "192.0.2.1")
    );
}
