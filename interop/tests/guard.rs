//! The door against those who mean harm, by sockets and not by hope: requests that two programs read differently, lines
//! smuggled into headers, paths that are not what they seem, guessing, and secrets that must appear nowhere.
//!
//! `/open` may be read by anybody; what lies beside it must neither be read nor be told from what is missing.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::http::{self, Answer};
use interop::port::Setup;
use interop::{Port, Run};
use std::fs;
use std::io::{Read, Write};
use std::time::Duration;

/// What must never leave.
const TREASURE: &str = "the-treasure-of-the-house";

/// A port with an open file, and secrets next to it whose names begin alike.
fn port() -> Port {
    port_with(Setup::default())
}

fn port_with(setup: Setup) -> Port {
    let port = Port::start_with(setup);
    for folder in ["secret", "opensecret", "open-secret", "Open"] {
        fs::create_dir_all(port.store().join(folder)).unwrap();
        fs::write(port.store().join(folder).join("here.txt"), TREASURE).unwrap();
    }
    fs::write(port.store().join("here.txt"), TREASURE).unwrap();
    fs::write(port.open_store().join("known.txt"), "known to all").unwrap();
    port
}

/// Sends these bytes as they are, and reads all that comes until the server closes or has nothing more to say.
fn raw(port: &Port, bytes: &[u8]) -> String {
    raw_until(port, bytes).0
}

/// The same, and whether the server has closed.
fn raw_until(port: &Port, bytes: &[u8]) -> (String, bool) {
    let mut stream = http::connect(port.plain_port()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    // A server may refuse before it has read all.
    let _ = stream.write_all(bytes);
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    let closed = loop {
        match stream.read(&mut chunk) {
            Ok(0) => break true,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
            Err(error) => break error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    };
    (String::from_utf8_lossy(&read).into_owned(), closed)
}

fn statuses(answers: &str) -> Vec<u16> {
    let heads = answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]);
    heads.map(|status| status.parse().unwrap()).collect()
}

fn ask(port: &Port, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    http::request(port.plain_port(), method, path, headers, b"").unwrap()
}

/// Status, headers and body without what differs by nature.
fn essence(answer: &Answer, name: &str) -> String {
    let mut headers: Vec<_> = answer.headers.clone();
    headers.retain(|(name, _)| !["date", "x-request-id", "content-length"].contains(&name.as_str()));
    headers.sort();
    format!("{} {headers:?} {}", answer.status, answer.text()).replace(name, "NAME")
}

/// Requests whose end two programs on the way would see at different places (RFC 9112 §11.2). Each hides a second one,
/// which must not be answered.
#[test]
fn no_request_is_smuggled_behind_another() {
    let port = port();
    let hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = hidden.len();
    let chunked = "Transfer-Encoding: chunked\r\n";
    let auth = port.bearer();
    let put =
        |headers: &str, body: &str| format!("PUT /data/smuggled HTTP/1.1\r\nHost: x\r\n{auth}\r\n{headers}\r\n{body}");
    let table = [
        ("both lengths", put(&format!("Content-Length: 5\r\n{chunked}"), &format!("0\r\n\r\n{hidden}"))),
        (
            "both, the other way",
            put(&format!("{chunked}Content-Length: {}\r\n", 5 + length), &format!("0\r\n\r\n{hidden}")),
        ),
        ("two lengths", put(&format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), hidden)),
        ("two lengths in one", put(&format!("Content-Length: 0, {length}\r\n"), hidden)),
        ("a length with a sign", put(&format!("Content-Length: +{length}\r\n"), hidden)),
        ("a negative length", put("Content-Length: -1\r\n", hidden)),
        ("a length in hexadecimal", put("Content-Length: 0x1\r\n", hidden)),
        ("an empty length", put("Content-Length: \r\n", hidden)),
        ("a length beyond all numbers", put("Content-Length: 99999999999999999999999\r\n", hidden)),
        ("space before the colon", put(&format!("Content-Length : {length}\r\n"), hidden)),
        ("an encoding misspelt", put("Transfer-Encoding: xchunked\r\n", &format!("0\r\n\r\n{hidden}"))),
        ("an encoding not last", put("Transfer-Encoding: chunked, identity\r\n", &format!("0\r\n\r\n{hidden}"))),
        (
            "two encodings",
            put("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", &format!("0\r\n\r\n{hidden}")),
        ),
        (
            "an encoding behind a tab",
            put("Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n", &format!("0\r\n\r\n{hidden}")),
        ),
        (
            "an encoding behind a vertical tab",
            put("Transfer-Encoding: \x0bchunked\r\nContent-Length: 0\r\n", &format!("0\r\n\r\n{hidden}")),
        ),
        (
            "an encoding on a folded line",
            put("Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n", &format!("0\r\n\r\n{hidden}")),
        ),
        ("a folded header", put(&format!("X: y\r\n Content-Length: {length}\r\n"), hidden)),
        ("a name with a space", put(&format!("X Content-Length: {length}\r\n"), hidden)),
        ("a carriage return alone", put(&format!("X: y\rContent-Length: {length}\r\n"), hidden)),
        ("NUL in a header", put(&format!("X: y\0\r\nContent-Length: {length}\r\n"), hidden)),
        ("a chunk ended by a bare line feed", put(chunked, &format!("1\nx\r\n0\r\n\r\n{hidden}"))),
        ("a chunk longer than its size", put(chunked, &format!("1\r\nxxxx\r\n0\r\n\r\n{hidden}"))),
        ("a chunk size with a sign", put(chunked, &format!("+1\r\nx\r\n0\r\n\r\n{hidden}"))),
        ("a chunk size with 0x", put(chunked, &format!("0x1\r\nx\r\n0\r\n\r\n{hidden}"))),
        ("a chunk size beyond all numbers", put(chunked, &format!("fffffffffffffffff1\r\nx\r\n0\r\n\r\n{hidden}"))),
        ("a line feed in a chunk's extension", put(chunked, &format!("1;a\nb\r\nx\r\n0\r\n\r\n{hidden}"))),
        ("an extension without end", put(chunked, &format!("1;{}\r\nx\r\n0\r\n\r\n{hidden}", "a".repeat(100_000)))),
        ("HTTP/1.0 with chunks", put(chunked, &format!("0\r\n\r\n{hidden}")).replacen("HTTP/1.1", "HTTP/1.0", 1)),
        (
            "a version of no protocol",
            put(&format!("Content-Length: {length}\r\n"), hidden).replacen("HTTP/1.1", "HTTP/9.9", 1),
        ),
    ];
    for (what, request) in table {
        let (answers, closed) = raw_until(&port, request.as_bytes());
        let found = statuses(&answers);
        assert!(found.len() <= 1, "{what}: {found:?}\n{answers}");
        assert!(closed, "{what}: the connection stays open: {found:?}");
        assert!(!answers.contains("\r\n\r\nok\n"), "{what}: the hidden request was answered");
        // With both lengths the chunks count, provided that the connection ends with it (RFC 9112 §6.1).
        let chunks_count = what.starts_with("both") || what == "an encoding behind a tab";
        let refused = found.first().is_none_or(|status| (400..=505).contains(status));
        assert!(refused || chunks_count, "{what}: {found:?}");
        let published = fs::remove_file(port.store().join("smuggled")).is_ok();
        assert!(!published || chunks_count, "{what}: something was published");
    }
}

/// What comes back in headers and pages is escaped, whatever a name holds.
#[test]
fn nothing_is_injected_into_answers() {
    let port = port();
    let auth = port.bearer();
    let (_, token) = auth.split_once(": ").unwrap();
    let auth = ("Authorization", token);
    let evil = "a\r\nX-Injected: yes\r\n\r\n<script>alert(1)</script>\"'; filename=b";
    fs::write(port.open_store().join(evil), "x").unwrap_or_else(|_| {
        // A slash cannot be in a name: without it the rest can.
        fs::write(port.open_store().join(evil.replace('/', "_")), "x").unwrap();
    });
    let encoded = "a%0D%0AX-Injected:%20yes%0D%0A%0D%0A%3Cscript%3Ealert(1)%3C_script%3E%22';%20filename=b";
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let table: [(&str, String, Headers<'_>); 9] = [
        ("GET", format!("/data/open/{encoded}"), vec![]),
        ("HEAD", format!("/data/open/{encoded}"), vec![]),
        ("GET", "/data/open/".to_owned(), vec![("Accept", "text/html")]),
        ("PROPFIND", "/data/open/".to_owned(), vec![("Depth", "1")]),
        ("GET", "/data/missing%0d%0aX-Injected:%20yes".to_owned(), vec![auth]),
        ("MKCOL", "/data/folder%0d%0aX-Injected:%20yes".to_owned(), vec![auth]),
        ("MOVE", "/data/here.txt".to_owned(), vec![auth, ("Destination", "/data/x%0d%0aX-Injected:%20yes")]),
        ("GET", "/api/v1/files?path=/x%0d%0aX-Injected:%20yes".to_owned(), vec![auth]),
        ("GET", "/nothing%0d%0aX-Injected:%20yes".to_owned(), vec![auth]),
    ];
    for (method, path, headers) in table {
        let answer = ask(&port, method, &path, &headers);
        assert_eq!(answer.header("x-injected"), None, "{method} {path}: {answer:?}");
        assert!(!answer.text().contains("<script>"), "{method} {path}: {}", answer.text());
        for (name, value) in &answer.headers {
            assert!(!value.bytes().any(|byte| byte < 0x20), "{method} {path}: {name}: {value:?}");
        }
    }
    for line in ["Destination: /data/y\r\nX: 1\rSet-Cookie: a=b", "Destination: /data/y\0z"] {
        let answers = raw(
            &port,
            format!("MOVE /data/secret/here.txt HTTP/1.1\r\nHost: x\r\n{}\r\n{line}\r\n\r\n", port.bearer()).as_bytes(),
        );
        assert!(statuses(&answers).iter().all(|status| *status >= 400), "{answers}");
        assert!(!answers.to_lowercase().contains("\nset-cookie"), "{answers}");
    }
}

/// All the ways to spell a file that one may not read; `FILE` is one that is there, or one that is not.
const SPELLINGS: &[&str] = &[
    "/data/secret/FILE",
    "/data/FILE",
    "/data/opensecret/FILE",
    "/data/open-secret/FILE",
    "/data/Open/FILE",
    "/data/OPEN/../secret/FILE",
    "/data/open/../secret/FILE",
    "/data/open/./../secret/FILE",
    "/data/open/x/../../secret/FILE",
    "/data/open/%2e%2e/secret/FILE",
    "/data/open/%2E%2E/secret/FILE",
    "/data/open/.%2e/secret/FILE",
    "/data/open/..%2fsecret%2fFILE",
    "/data/open/..%2Fsecret/FILE",
    "/data/open%2f..%2fsecret%2fFILE",
    "/data/open/%252e%252e/secret/FILE",
    "/data/open/%252e%252e%252fsecret%252fFILE",
    "/data/open/%c0%ae%c0%ae/secret/FILE",
    "/data/open/%c0%ae%c0%ae%c0%afsecret%c0%afFILE",
    "/data/open/%e0%80%ae%e0%80%ae/secret/FILE",
    "/data/open/%u002e%u002e/secret/FILE",
    "/data/open/..;/secret/FILE",
    "/data/open/..\\secret\\FILE",
    "/data/open/..%5csecret%5cFILE",
    "/data/open//../secret/FILE",
    "/data//secret//FILE",
    "//data/secret/FILE",
    "///data///secret/FILE",
    "/data/secret/FILE/",
    "/data/secret/FILE/.",
    "/data/secret/FILE/known.txt",
    "/data/secret/FILE%00",
    "/data/secret/FILE%00.txt",
    "/data/open/%00/../../secret/FILE",
    "/data/open/known.txt%00/../../secret/FILE",
    "/data/open/known.txt/../../secret/FILE",
    "/data/open/known.txt/../secret/FILE",
    "/data/./secret/FILE",
    "/data/%73ecret/FILE",
    "/data/secret/FILE?x=/data/open/known.txt",
    "/data/secret/FILE#/data/open/known.txt",
    "/data/open/known.txt?/../../secret/FILE",
    "/data/.portolan/FILE",
    "/data/open/.portolan/FILE",
    "/data/open/.portolan-FILE",
    "/data/%2eportolan/FILE",
    "/data/../store/secret/FILE",
    "/data/../../../../../../../../etc/passwd-FILE",
    "/healthz/../data/secret/FILE",
    "/metrics/../data/secret/FILE",
    "/api/../data/secret/FILE",
    "/api/v1/../../data/secret/FILE",
    "/api/v1/files?path=/secret/FILE",
    "/api/v1/files?path=/open/../secret/FILE",
    "/api/v1/files?path=/open/%2e%2e/secret/FILE",
    "/api/v1/files?path=//secret/FILE",
    "/api/v1/files?path=/opensecret/FILE",
    "/api/v1/files?path=secret/FILE",
    "/api/v1/files?path=/open/known.txt%00/secret/FILE",
    "/api/v1/files?path=/open/known.txt&path=/secret/FILE",
    "/api/v1/files?path=/secret/FILE&path=/open/known.txt",
    "http://localhost/data/secret/FILE",
    "http://localhost/data/open/../secret/FILE",
    "http://known@localhost/data/secret/FILE",
    "/s/00000000000000000000000000000000_AAAA/../data/secret/FILE",
    "/s/../data/secret/FILE",
];

/// Nothing of what lies beside an open folder is read, and what is there is answered as what is not.
#[test]
fn no_spelling_of_a_path_leads_out_of_the_open_folder() {
    let port = port();
    assert_eq!(ask(&port, "GET", "/data/open/known.txt", &[]).text(), "known to all");
    let methods: [(&str, &[(&str, &str)]); 9] = [
        ("GET", &[]),
        ("GET", &[("Range", "bytes=0-3")]),
        ("GET", &[("If-None-Match", "*")]),
        ("GET", &[("If-Match", "*")]),
        ("HEAD", &[]),
        ("PROPFIND", &[("Depth", "0")]),
        ("PROPFIND", &[("Depth", "1")]),
        ("DELETE", &[]),
        ("PUT", &[("If-None-Match", "*")]),
    ];
    for spelling in SPELLINGS {
        for (method, headers) in methods {
            if spelling.starts_with("/api") && method != "GET" {
                continue;
            }
            let [here, gone] = ["here.txt", "gone.txt"].map(|name| {
                let answer = ask(&port, method, &spelling.replace("FILE", name), headers);
                let text = format!("{:?} {}", answer.headers, answer.text());
                assert!(!text.contains(TREASURE), "{method} {spelling}: {text}");
                assert!(
                    !(200..300).contains(&answer.status) || spelling.contains("known.txt?"),
                    "{method} {spelling}: {answer:?}"
                );
                essence(&answer, name)
            });
            assert_eq!(here, gone, "{method} {spelling}: what is there differs from what is not");
        }
    }
    for folder in ["secret", "opensecret", "open-secret", "Open"] {
        assert_eq!(fs::read_to_string(port.store().join(folder).join("here.txt")).unwrap(), TREASURE, "{folder}");
    }
}

/// The other places that take a path: where COPY and MOVE lead, and the lists of `If`.
#[test]
fn no_header_leads_out_of_what_a_token_covers() {
    let port = port();
    let made = port
        .curl()
        .args(["-X", "POST", "-H", "Content-Type: application/json", "-d"])
        .arg(r#"{"name":"narrow","allow":["list","stat","read","create","modify","delete"],"path":"/open"}"#)
        .arg(port.url("/api/v1/tokens"))
        .succeed()
        .text();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let auth = ("Authorization", bearer.as_str());
    let before = tree(&port);
    for spelling in SPELLINGS.iter().filter(|spelling| !spelling.starts_with("/api") && !spelling.contains(['?', '#']))
    {
        for method in ["COPY", "MOVE"] {
            let [here, gone] = ["here.txt", "gone.txt"].map(|name| {
                let target = spelling.replace("FILE", name);
                let target = if target.starts_with("http") {
                    target
                } else {
                    format!("http://localhost:{}{target}", port.plain_port())
                };
                let headers = [auth, ("Destination", target.as_str()), ("Overwrite", "F")];
                let answer = ask(&port, method, "/data/open/known.txt", &headers);
                let put = port.open_store().join("new");
                assert!(answer.status >= 400, "{method} to {target}: {answer:?} {}", put.exists());
                essence(&answer, name)
            });
            assert_eq!(here, gone, "{method} to {spelling}: what is there differs from what is not");
        }
        for list in
            ["([\"x\"])", "(Not [\"x\"])", "(<urn:uuid:00000000-0000-0000-0000-000000000000>)", "(Not <DAV:no-lock>)"]
        {
            for method in ["GET", "PUT"] {
                let [here, gone] = ["here.txt", "gone.txt"].map(|name| {
                    let value = format!("<{}> {list}", spelling.replace("FILE", name));
                    let answer = ask(&port, method, "/data/open/known.txt", &[auth, ("If", value.as_str())]);
                    // A PUT that goes through gives a new entity each time.
                    if method == "PUT" { answer.status.to_string() } else { essence(&answer, name) }
                });
                assert_eq!(here, gone, "If of {spelling} {list}: what is there differs from what is not");
            }
        }
    }
    fs::write(port.open_store().join("known.txt"), "known to all").unwrap();
    assert_eq!(tree(&port), before, "nothing was made, moved or removed");
}

/// The address of a share leads nowhere but into what is shared, and says nothing of what lies beside.
#[test]
fn no_spelling_leads_out_of_a_share() {
    // Or most of them would be told to wait.
    let port = port_with(Setup { limits: "failed_sign_ins = 100000".to_owned(), ..Setup::default() });
    fs::create_dir(port.open_store().join("shared")).unwrap();
    fs::write(port.open_store().join("shared/known.txt"), "known to all").unwrap();
    let made = {
        let run = port
            .client()
            .args(["share", "/open/shared", "--public-url", "https://localhost:1", "--config"])
            .arg(port.folder().join("portolan.toml"));
        run.arg("--data-dir").arg(port.data()).succeed().text()
    };
    let secret = made.split("/s/").nth(1).unwrap().split('/').next().unwrap().trim().to_owned();
    let share = format!("/s/{secret}");
    assert_eq!(ask(&port, "GET", &format!("{share}/shared/known.txt"), &[]).text(), "known to all");
    let inside = SPELLINGS.iter().filter_map(|spelling| spelling.strip_prefix("/data/open"));
    let inside = inside
        .flat_map(|spelling| [spelling.to_owned(), format!("/shared{spelling}"), format!("/shared/..{spelling}")]);
    let more = [
        "/../../secret/FILE",
        "/../../../secret/FILE",
        "/%2e%2e/%2e%2e/secret/FILE",
        "/..%2f..%2fsecret%2fFILE",
        "/../known.txt-FILE",
    ];
    for spelling in inside.chain(more.map(str::to_owned)).filter(|spelling| !spelling.contains('?')) {
        for method in ["GET", "HEAD", "PROPFIND", "PUT", "DELETE"] {
            let [here, gone] = ["here.txt", "gone.txt"].map(|name| {
                let answer = ask(&port, method, &format!("{share}{}", spelling.replace("FILE", name)), &[]);
                let text = format!("{:?} {}", answer.headers, answer.text());
                assert!(!text.contains(TREASURE), "{method} {spelling}: {text}");
                assert!(answer.status >= 400, "{method} {spelling}: {answer:?}");
                essence(&answer, name)
            });
            assert_eq!(here, gone, "{method} {spelling}: what is there differs from what is not");
        }
    }
    // A wrong secret is as good as none at all, and differs in nothing from a share that never was.
    let spoilt = format!("{}{}", &secret[..secret.len() - 1], if secret.ends_with('A') { 'B' } else { 'A' });
    let [wrong, never] = [spoilt, format!("{}_{}", "0".repeat(32), "A".repeat(43))]
        .map(|secret| essence(&ask(&port, "GET", &format!("/s/{secret}/shared/known.txt"), &[]), &secret));
    assert_eq!(wrong, never);
}

/// All that lies in the stores.
fn tree(port: &Port) -> String {
    Run::new("find")
        .arg(port.store())
        .arg(port.open_store())
        .args(["-not", "-path", "*/.portolan*"])
        .succeed()
        .text()
        .lines()
        .map(str::to_owned)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join("\n")
}

/// Heads that are too long, doubled, or contradict themselves.
#[test]
fn heads_are_bounded_and_credentials_come_once() {
    let port = port();
    let auth = port.bearer();
    let (_, good) = auth.split_once(": ").unwrap();
    let twice = ask(&port, "GET", "/data/secret/here.txt", &[("Authorization", good), ("Authorization", "Bearer x")]);
    assert_eq!(twice.status, 401, "{twice:?}");
    let twice = ask(&port, "GET", "/data/secret/here.txt", &[("Authorization", good), ("Authorization", good)]);
    assert_eq!(twice.status, 401, "two are one too many, even if they are alike");
    let (_, text) = good.split_once(' ').unwrap();
    let in_query = ask(&port, "GET", &format!("/data/secret/here.txt?authz={text}"), &[]);
    assert_eq!(in_query.status, 401, "no token is taken from the query unless the settings say so");
    assert_eq!(
        ask(&port, "GET", "/data/secret/here.txt?authz=Bearer%20x", &[("Authorization", good)]).text(),
        TREASURE
    );
    for (what, header) in [
        ("a long value", format!("X-Long: {}", "a".repeat(200_000))),
        ("many headers", "X-Many: a\r\n".repeat(20_000).trim_end().to_owned()),
        ("a long token", format!("Authorization: Bearer {}", "a".repeat(200_000))),
        ("a long name", format!("{}: a", "a".repeat(200_000))),
    ] {
        let answers =
            raw(&port, format!("GET /data/open/known.txt HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n").as_bytes());
        assert!(statuses(&answers).iter().all(|status| *status == 431 || *status == 400), "{what}: {answers}");
    }
    let answers = raw(&port, format!("GET /data/{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(300_000)).as_bytes());
    assert!(statuses(&answers).iter().all(|status| [400, 414, 431].contains(status)), "{answers}");
    // One that fits the head and nothing else: refused by its form, without any work.
    for token in ["a".repeat(30_000), format!("{0}.{0}.{0}", "a".repeat(10_000)), "a.".repeat(10_000)] {
        let answer = ask(&port, "GET", "/data/secret/here.txt", &[("Authorization", &format!("Bearer {token}"))]);
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(answer.body.len() < 2_000, "an answer does not repeat what was sent");
    }
}

/// Who guesses is told to wait; whoever has a right to come in does not notice.
#[test]
fn guessing_is_limited_for_each_source() {
    let port = port_with(Setup { limits: "failed_sign_ins = 5".to_owned(), ..Setup::default() });
    let guess = |at: usize| {
        let token = format!("Bearer ptl_{:032x}_{}", at, "A".repeat(43));
        ask(&port, "GET", "/data/secret/here.txt", &[("Authorization", token.as_str())])
    };
    let auth = port.bearer();
    let (_, good) = auth.split_once(": ").unwrap();
    assert_eq!(ask(&port, "GET", "/data/secret/here.txt", &[("Authorization", good)]).text(), TREASURE);
    for at in 0..5 {
        let answer = guess(at);
        assert_eq!(answer.status, 401, "{}", answer.text());
        let schemes: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "www-authenticate").collect();
        assert!(schemes[0].1.starts_with("Bearer"), "{schemes:?}");
    }
    let answer = guess(5);
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // Other forms are limited as well.
    for token in ["Bearer a.b.c", "Bearer MDAxOA"] {
        assert_eq!(ask(&port, "GET", "/data/secret/here.txt", &[("Authorization", token)]).status, 429);
    }
    assert_eq!(
        ask(&port, "GET", "/data/secret/here.txt", &[("Authorization", good)]).text(),
        TREASURE,
        "a token in use goes on"
    );
    assert_eq!(ask(&port, "GET", "/data/open/known.txt", &[]).text(), "known to all");
}

/// Pages can be neither framed nor made to run what others wrote.
#[test]
fn pages_protect_those_who_look_at_them() {
    let port = port();
    for path in ["/", "/data/open/"] {
        let answer = ask(&port, "GET", path, &[("Accept", "text/html")]);
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(policy.contains("form-action") && policy.contains("base-uri 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let referrer = answer.header("referrer-policy");
        assert!(matches!(referrer, Some("no-referrer" | "same-origin")), "{path}: {referrer:?}");
    }
    // What others have put is never run as a page of this port.
    fs::write(port.open_store().join("page.html"), "<script>alert(1)</script>").unwrap();
    let answer = ask(&port, "GET", "/data/open/page.html", &[]);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("sandbox") || policy.contains("default-src 'none'"), "{answer:?}");
}
