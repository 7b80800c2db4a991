//! curl: HTTP/1.1 and HTTP/2 by hand, to the letter.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::tree::{adler32, bytes, sha256};
use interop::{Port, needs};
use std::fs;

const CURL: &[(&str, &str)] = &[("curl", "curl")];

/// A port with one file of a given content at `/data/f`.
fn port_with(content: &[u8]) -> Option<Port> {
    if !needs(CURL) {
        return None;
    }
    let port = Port::start();
    let file = port.folder().join("f");
    fs::write(&file, content).unwrap();
    let put = port.curl().args(["-w", "%{http_code}", "-T"]).arg(&file).arg(port.url("/data/f")).succeed();
    assert_eq!(put.text(), "201", "{put}");
    Some(port)
}

/// The status code of a request with these arguments.
fn status(port: &Port, path: &str, arguments: &[&str]) -> String {
    let finished =
        port.curl().args(["-o", "/dev/null", "-w", "%{http_code}"]).args(arguments).arg(port.url(path)).succeed();
    finished.text()
}

/// The head of the answer.
fn head(port: &Port, path: &str, arguments: &[&str]) -> String {
    port.curl().args(["-o", "/dev/null", "-D", "-"]).args(arguments).arg(port.url(path)).succeed().text()
}

/// The value of a header in such a head.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let prefix = format!("{name}:");
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&prefix))?;
    Some(line[prefix.len()..].trim())
}

#[test]
fn both_versions_of_http_carry_a_file_there_and_back() {
    if !needs(CURL) {
        return;
    }
    let port = Port::start();
    let content = bytes(1, 3_000_000);
    let file = port.folder().join("f");
    fs::write(&file, &content).unwrap();
    for (version, flag) in [("1.1", "--http1.1"), ("2", "--http2")] {
        let url = port.url(&format!("/data/by-{version}"));
        let put = port.curl().args([flag, "-w", "%{http_code} %{http_version}", "-T"]).arg(&file).arg(&url).succeed();
        assert_eq!(put.text(), format!("201 {version}"), "{put}");
        let get = port.curl().args([flag, &url]).succeed();
        assert_eq!(sha256(&get.stdout), sha256(&content), "HTTP/{version}");
    }
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    let Some(port) = port_with(b"tls") else { return };
    for version in ["1.2", "1.3"] {
        let flag = format!("--tlsv{version}");
        let get = port.curl().args([flag.as_str(), "--tls-max", version]).arg(port.url("/data/f")).succeed();
        assert_eq!(get.stdout, b"tls");
    }
    let old = port.curl().args(["--tlsv1.0", "--tls-max", "1.1"]).arg(port.url("/data/f")).finish();
    assert_ne!(old.code, Some(0), "TLS 1.1 was spoken: {old}");
}

#[test]
fn the_plain_listener_speaks_both_versions() {
    let Some(port) = port_with(&bytes(2, 2_000_000)) else { return };
    for flag in ["--http1.1", "--http2-prior-knowledge"] {
        let get = port.curl().args([flag, &port.plain_url("/data/f")]).succeed();
        assert_eq!(sha256(&get.stdout), sha256(&bytes(2, 2_000_000)), "{flag}");
    }
}

#[test]
fn put_without_a_length_and_with_expect_is_taken() {
    if !needs(CURL) {
        return;
    }
    let port = Port::start();
    let content = bytes(3, 1_500_000);
    for flag in ["--http1.1", "--http2"] {
        let url = port.url(&format!("/data/chunked{flag}"));
        let put = port
            .curl()
            .args([flag, "-H", "Expect: 100-continue", "-w", "%{http_code}", "-T", "-", &url])
            .input(content.clone())
            .succeed();
        assert_eq!(put.text(), "201", "{put}");
        assert_eq!(sha256(&port.curl().arg(&url).succeed().stdout), sha256(&content));
    }
}

#[test]
fn put_answers_201_when_new_and_204_when_it_replaces() {
    let Some(port) = port_with(b"old") else { return };
    let put = |text: &str| {
        port.curl().args(["-w", "%{http_code}", "-T", "-"]).arg(port.url("/data/f")).input(text).succeed().text()
    };
    assert_eq!(put("new"), "204");
    assert_eq!(port.curl().arg(port.url("/data/f")).succeed().text(), "new");
    assert_eq!(status(&port, "/data/missing", &[]), "404");
    assert_eq!(status(&port, "/data/no/parent", &["-T", "/dev/null"]), "409", "RFC 4918 §9.7.1");
}

#[test]
fn expect_is_refused_before_the_body_when_there_is_no_right() {
    if !needs(CURL) {
        return;
    }
    let port = Port::start();
    let file = port.folder().join("big");
    fs::write(&file, bytes(4, 4_000_000)).unwrap();
    let put = interop::Run::new("curl")
        .args(["-sS", "--http1.1", "-H", "Expect: 100-continue", "--expect100-timeout", "20"])
        .args(["-w", "%{http_code} %{size_upload}", "-o", "/dev/null", "--cacert"])
        .arg(port.authority())
        .arg("-T")
        .arg(&file)
        .arg(port.url("/data/big"))
        .succeed();
    assert_eq!(put.text(), "401 0", "{put}");
}

#[test]
fn one_range_several_ranges_and_absurd_ranges() {
    let content = bytes(5, 100_000);
    let Some(port) = port_with(&content) else { return };
    for (range, expected) in
        [("0-0", 0..1), ("99999-", 99_999..100_000), ("-10", 99_990..100_000), ("5-1000000", 5..100_000)]
    {
        let get = port.curl().args(["-r", range]).arg(port.url("/data/f")).succeed();
        assert_eq!(get.stdout, content[expected], "{range}");
        assert_eq!(status(&port, "/data/f", &["-r", range]), "206");
    }
    let answer = head(&port, "/data/f", &["-r", "10-19"]);
    assert_eq!(header(&answer, "content-range"), Some("bytes 10-19/100000"));
    assert_eq!(header(&answer, "accept-ranges"), Some("bytes"));

    let several = port.curl().args(["-i", "-r", "0-9,50000-50009"]).arg(port.url("/data/f")).succeed();
    let text = String::from_utf8_lossy(&several.stdout);
    assert!(text.contains("206") && text.contains("multipart/byteranges; boundary="), "{several}");
    assert!(
        text.contains("ontent-range: bytes 50000-50009/100000")
            || text.contains("ontent-Range: bytes 50000-50009/100000")
    );
    let part = |at: usize| several.stdout.windows(10).any(|window| window == &content[at..at + 10]);
    assert!(part(0) && part(50_000), "both parts are in the body");

    assert_eq!(status(&port, "/data/f", &["-r", "200000-"]), "416");
    assert_eq!(header(&head(&port, "/data/f", &["-r", "200000-"]), "content-range"), Some("bytes */100000"));
    // RFC 9110 §14.2: what is not a range is ignored.
    assert_eq!(status(&port, "/data/f", &["-H", "Range: bytes=9-2"]), "200");
    assert_eq!(status(&port, "/data/f", &["-H", "Range: lines=1-2"]), "200");
}

#[test]
fn digests_have_the_spellings_of_both_rfcs() {
    let content = bytes(6, 12_345);
    let Some(port) = port_with(&content) else { return };
    let ask = |wanted: &str| head(&port, "/data/f", &["-I", "-H", wanted]);

    let adler = format!("adler32={}", adler32(&content));
    for wanted in ["adler32", "ADLER32", "adler32;q=1", "SHA-512;q=1, ADLER32;q=0.3", "unixsum,adler32"] {
        let answer = ask(&format!("Want-Digest: {wanted}"));
        assert_eq!(
            header(&answer, "digest"),
            Some(adler.as_str()),
            "{wanted}: RFC 3230, 8 hexadecimal digits\n{answer}"
        );
    }
    let answer = ask("Want-Digest: adler32,md5");
    let digest = header(&answer, "digest").unwrap_or_default();
    assert!(
        !digest.contains(", ") && digest.contains(&adler) && digest.contains("md5="),
        "davix does not trim: {digest}"
    );
    let md5 = digest.split(',').find_map(|one| one.strip_prefix("md5=")).unwrap_or_default();
    assert!(md5.len() == 24 && md5.ends_with("=="), "md5 is base64 of the binary: {md5}");

    let answer = ask("Want-Repr-Digest: sha-256=9, adler=5");
    let repr = header(&answer, "repr-digest").unwrap_or_default();
    assert!(repr.contains("sha-256=:"), "RFC 9530: base64 between colons: {answer}");

    for wanted in ["Want-Digest: SHA-512;q=1, SHA;q=0.1", "Want-Repr-Digest: sha-512=3", "Want-Digest: ,;q=,"] {
        assert!(ask(wanted).contains(" 200"), "{wanted}: what we lack is ignored, never an error");
    }
    assert_eq!(header(&ask("Want-Digest: md5"), "content-md5"), None, "davix would prefer it and misread it");
}

#[test]
fn a_claimed_digest_is_verified_and_a_wrong_one_leaves_nothing() {
    let content = b"the claimed bytes".as_slice();
    if !needs(CURL) {
        return;
    }
    let port = Port::start();
    let right = adler32(content);
    let put = |name: &str, header: &str| {
        let url = port.url(&format!("/data/{name}"));
        let put = port.curl().args(["-o", "/dev/null", "-w", "%{http_code}", "-H", header, "-T", "-", &url]);
        put.input(content).succeed().text()
    };
    assert_eq!(put("right", &format!("Digest: adler32={right}")), "201");
    assert_eq!(put("upper", &format!("OC-Checksum: ADLER32:{right}")), "201");
    for (name, header) in [
        ("wrong", "Digest: adler32=00000001"),
        ("wrong-md5", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="),
        ("wrong-oc", "OC-Checksum: MD5:00000000000000000000000000000000"),
        ("wrong-sha", "Repr-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"),
    ] {
        assert_eq!(put(name, header), "400", "{header}");
        assert_eq!(status(&port, &format!("/data/{name}"), &[]), "404", "no trace of it");
    }
    assert_eq!(put("unknown", "Digest: sha-512=AAAA"), "201", "what we cannot verify is no mismatch");
}

#[test]
fn conditions_are_kept() {
    let Some(port) = port_with(b"first") else { return };
    let answer = head(&port, "/data/f", &["-I"]);
    let etag = header(&answer, "etag").expect("an ETag").to_owned();
    assert!(etag.starts_with('"'), "strong: {etag}");
    let modified = header(&answer, "last-modified").expect("Last-Modified").to_owned();
    let with = |header: &str| status(&port, "/data/f", &["-H", header]);
    assert_eq!(with(&format!("If-None-Match: {etag}")), "304");
    assert_eq!(with(&format!("If-Modified-Since: {modified}")), "304");
    assert_eq!(with(&format!("If-Match: {etag}")), "200");
    assert_eq!(with("If-Match: \"other\""), "412");
    assert_eq!(with("If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT"), "412");
    let ranged = |tag: &str| status(&port, "/data/f", &["-H", &format!("If-Range: {tag}"), "-r", "0-1"]);
    assert_eq!(ranged(&etag), "206");
    assert_eq!(ranged("\"other\""), "200");

    let put = |header: &str| {
        let url = port.url("/data/f");
        let put = port.curl().args(["-o", "/dev/null", "-w", "%{http_code}", "-H", header, "-T", "-", &url]);
        put.input("second").succeed().text()
    };
    assert_eq!(put("If-None-Match: *"), "412", "create only");
    assert_eq!(put("If-Match: \"other\""), "412");
    assert_eq!(port.curl().arg(port.url("/data/f")).succeed().text(), "first");
    assert_eq!(put(&format!("If-Match: {etag}")), "204");
    assert_eq!(with(&format!("If-None-Match: {etag}")), "200", "another content has another ETag");
}

#[test]
fn the_transfer_status_trailer_tells_the_end() {
    let Some(port) = port_with(&bytes(7, 50_000)) else { return };
    let get = port
        .curl()
        .args(["--http1.1", "--raw", "-i", "-H", "TE: trailers", "-H", "X-Transfer-Status: true"])
        .arg(port.url("/data/f"))
        .succeed();
    let text = String::from_utf8_lossy(&get.stdout).to_ascii_lowercase();
    let end: String = text.chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(text.contains("trailer: x-transfer-status"), "announced in the head");
    assert!(end.contains("x-transfer-status: 200"), "{end:?}");
}

#[test]
fn head_tells_what_get_would_send() {
    let Some(port) = port_with(&bytes(8, 4_321)) else { return };
    let (get, head_only) = (head(&port, "/data/f", &[]), head(&port, "/data/f", &["-I"]));
    for name in ["content-length", "etag", "last-modified", "accept-ranges", "content-type"] {
        assert_eq!(header(&get, name), header(&head_only, name), "{name}");
    }
    assert_eq!(header(&head_only, "content-length"), Some("4321"));
}

#[test]
fn bad_paths_get_clear_refusals() {
    let Some(port) = port_with(b"x") else { return };
    let refused = |path: &str| {
        let status = status(&port, path, &["--path-as-is"]);
        assert!(status.starts_with('4'), "{path}: {status}");
    };
    refused("/data/../../etc/passwd");
    refused("/data/%2e%2e/%2e%2e/etc/passwd");
    refused("/data/a%00b");
    refused("/data/%ff%fe");
    refused(&format!("/data/{}", "n".repeat(300)));
    assert_eq!(port.curl().arg(port.url("/data//f")).succeed().text(), "x", "double slashes are folded");
}

#[test]
fn a_listing_is_a_page_for_people_and_json_for_programs() {
    let Some(port) = port_with(b"x") else { return };
    let page = port.curl().args(["-H", "Accept: text/html"]).arg(port.url("/data/")).succeed().text();
    assert!(page.contains("<html") && page.contains("href=\"f\"") || page.contains("/data/f\""), "{page}");
    let json = port.curl().args(["-H", "Accept: application/json"]).arg(port.url("/data/")).succeed();
    let list: serde_json::Value =
        serde_json::from_slice(&json.stdout).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert!(list.to_string().contains("\"f\""), "{list}");
}

#[test]
fn anonymous_may_read_where_the_settings_say_so_and_nowhere_else() {
    let Some(port) = port_with(b"secret") else { return };
    fs::write(port.open_store().join("public"), "for all").unwrap();
    let anonymous = |path: &str, arguments: &[&str]| {
        let run = interop::Run::new("curl").args(["-sS", "-w", "%{http_code}", "--cacert"]).arg(port.authority());
        run.args(arguments).arg(port.url(path)).succeed().text()
    };
    assert_eq!(anonymous("/data/open/public", &[]), "for all200");
    assert_eq!(anonymous("/data/f", &["-o", "/dev/null"]), "401");
    assert_eq!(anonymous("/data/open/new", &["-o", "/dev/null", "-T", "/dev/null"]), "401");
    assert_eq!(anonymous("/data/open/public", &["-o", "/dev/null", "-X", "DELETE"]), "401");
}
