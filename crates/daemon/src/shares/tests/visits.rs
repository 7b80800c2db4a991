//! What whoever holds an address can do with it, and what not.

use super::*;
use crate::auth::REVOCATION_DELAY;
use http::Request;
use std::time::SystemTime;
use terms::ShareId;

#[tokio::test]
async fn a_folder_is_listed_and_read_under_its_own_address() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "").await);
    assert!(home.starts_with("/s/") && home.ends_with("/dr1/"), "{home}");
    let file = world.get(&format!("{home}a.txt"), None).await;
    assert_eq!((file.status.as_u16(), file.text.as_str()), (200, "0123456789"));
    assert_eq!(file.header("referrer-policy"), "no-referrer");
    assert_eq!(file.header("cache-control"), "private, no-cache");
    assert_eq!(world.get(&format!("{home}night/b%20c.txt"), None).await.text, "0123456789");
    let range = Request::get(format!("{home}a.txt")).header("range", "bytes=2-3").body(Default::default());
    let range = world.send(range.expect("a request")).await;
    assert_eq!((range.status.as_u16(), range.text.as_str()), (206, "23"));
    assert_eq!(world.ask("HEAD", &format!("{home}a.txt"), None, "").await.header("content-length"), "10");
    let page = world.get(&home, None).await;
    assert!(page.text.contains("href=\"a.txt\"") && page.text.contains("href=\"night/\""), "{}", page.text);
    let json = Request::get(&home).header("accept", "application/json").body(Default::default()).expect("a request");
    let json = world.send(json).await;
    assert_eq!((&json.json()["path"], json.json()["entries"].as_array().map(Vec::len)), (&"/dr1".into(), Some(2)));
    let browser = |path: &str| Request::get(path).header("accept", "text/html").body(Default::default()).expect("it");
    let bare = world.send(browser(home.trim_end_matches('/'))).await;
    assert_eq!((bare.status.as_u16(), bare.header("location")), (301, home.as_str()));
    let cut = world.get(&home[..home.len() - "dr1/".len()], None).await;
    assert_eq!((cut.status.as_u16(), cut.header("location")), (302, home.trim_end_matches('/')));
}

#[tokio::test]
async fn answers_name_nothing_above_what_is_shared() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "").await);
    let mut answers = Vec::new();
    for path in ["", "night/", "nothing", "a.txt/x", "../hidden.txt", "%2e%2e/hidden.txt", "a%2Fb", "%ff"] {
        for accept in ["text/html", "application/json", "text/plain"] {
            let request = Request::get(format!("{home}{path}")).header("accept", accept).body(Default::default());
            answers.push((path, world.send(request.expect("a request")).await));
        }
    }
    for (method, depth) in [("PROPFIND", "0"), ("PROPFIND", "1"), ("PUT", "0"), ("DELETE", "0"), ("MKCOL", "0")] {
        for path in ["", "a.txt", "new", "nothing/new"] {
            let request = Request::builder().method(method).uri(format!("{home}{path}")).header("depth", depth);
            answers.push((method, world.send(request.body(Default::default()).expect("a request")).await));
        }
    }
    for (what, answer) in answers {
        let all = format!("{:?} {}", answer.headers, answer.text);
        assert!(!all.contains("survey") && !all.contains("hidden"), "{what}: {} {all}", answer.status);
    }
}

#[tokio::test]
async fn nothing_but_what_is_shared_can_be_reached() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "").await);
    let prefix = home.trim_end_matches("dr1/").to_owned();
    let table = [
        ("GET", format!("{prefix}dr10/hidden.txt"), 404),
        ("GET", format!("{prefix}hidden.txt"), 404),
        ("GET", format!("{prefix}dr1/../hidden.txt"), 404),
        ("GET", format!("{prefix}dr1%2F..%2Fhidden.txt"), 404),
        ("PROPFIND", prefix.clone(), 404),
        ("PUT", format!("{prefix}new"), 404),
        ("PUT", format!("{home}new"), 403),
        ("PUT", format!("{home}a.txt"), 403),
        ("DELETE", format!("{home}a.txt"), 403),
        ("MKCOL", format!("{home}new"), 403),
        ("MOVE", format!("{home}a.txt"), 405),
        ("COPY", format!("{home}a.txt"), 405),
        ("LOCK", format!("{home}a.txt"), 405),
        ("PROPPATCH", format!("{home}a.txt"), 405),
        ("POST", format!("{home}a.txt"), 405),
        ("GET", "/data/survey/dr1/a.txt".to_owned(), 401),
    ];
    for (method, path, expected) in table {
        let answer = world.ask(method, &path, None, "").await;
        assert_eq!(answer.status.as_u16(), expected, "{method} {path}: {}", answer.text);
    }
    let mine = world.ask("PUT", &format!("{home}new"), Some(&token), "x").await;
    assert_eq!(mine.status, 403, "a token beside it does not count");
    let options = world.ask("OPTIONS", &home, None, "").await;
    assert_eq!((options.header("allow"), options.header("dav")), ("OPTIONS, GET, HEAD, PROPFIND", "1"));
}

#[tokio::test]
async fn a_file_is_shared_by_its_own_name() {
    let (world, token) = world().await;
    let shared = share(&world, &token, "/survey/dr1/night/b c.txt", "").await;
    let path = path_of(&shared);
    assert!(path.ends_with("/b%20c.txt"), "{path}");
    assert_eq!(world.get(&path, None).await.text, "0123456789");
    let find = Request::builder().method("PROPFIND").uri(&path).header("depth", "0").body(Default::default());
    let find = world.send(find.expect("a request")).await;
    assert!(find.status == 207 && find.text.contains(&format!("<D:href>{path}</D:href>")), "{}", find.text);
    assert!(!find.text.contains("survey"), "{}", find.text);
}

#[tokio::test]
async fn a_drop_box_takes_files_and_shows_none() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "\"allow\": [\"create\"]").await);
    assert_eq!(world.ask("PUT", &format!("{home}new.txt"), None, "12345").await.status, 201);
    assert_eq!(world.get("/data/survey/dr1/new.txt", Some(&token)).await.text, "12345");
    for (method, path) in [("GET", "new.txt"), ("HEAD", "new.txt"), ("PUT", "new.txt"), ("GET", ""), ("PROPFIND", "")] {
        assert_eq!(world.ask(method, &format!("{home}{path}"), None, "x").await.status, 403, "{method} {path}");
    }
    let begun = Request::put(format!("{home}long.txt"))
        .header("upload-complete", "?0")
        .header("upload-draft-interop-version", "8")
        .header("content-length", "3")
        .body(bytes::Bytes::from_static(b"abc").into());
    let begun = world.send(begun.expect("a request")).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    let address = begun.header("location").to_owned();
    assert!(address.starts_with(home.trim_end_matches("/dr1/")) && address.contains(".uploads/"), "{address}");
    assert_eq!(world.ask("HEAD", &address, None, "").await.header("upload-offset"), "3");
    let rest = Request::patch(&address)
        .header("content-type", "application/partial-upload")
        .header("upload-draft-interop-version", "8")
        .header("upload-offset", "3")
        .header("upload-complete", "?1")
        .header("content-length", "2")
        .body(bytes::Bytes::from_static(b"de").into());
    let rest = world.send(rest.expect("a request")).await;
    assert!(rest.status.is_success(), "{}", rest.text);
    assert_eq!(world.get("/data/survey/dr1/long.txt", Some(&token)).await.text, "abcde");
    assert_eq!(told(&world, &token).await[0].bytes, 10, "5 and 3 and 2; what was refused was not read");
}

#[tokio::test]
async fn a_share_ends_when_it_should_and_says_so() {
    let (world, token) = world().await;
    let made = share(&world, &token, "/survey/dr1", "").await;
    let home = path_of(&made);
    let (id, secret) = (made.made.id.as_str(), &home[3 + 33..3 + 33 + 43]);
    assert_eq!(world.get(&home, None).await.status, 200);
    let other = if secret.starts_with('A') { 'B' } else { 'A' };
    for wrong in [format!("/s/{id}_{other}{}/dr1/", &secret[1..]), format!("/s/{}_{secret}/dr1/", "0".repeat(32))] {
        let answer = world.get(&wrong, None).await;
        assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (404, "share-unknown"));
    }
    assert_eq!(world.ask("DELETE", &format!("/api/v1/shares/{id}"), Some(&token), "").await.status, 204);
    let over = world.get(&home, None).await;
    assert_eq!((over.status.as_u16(), over.kind().as_str()), (410, "share-revoked"));
    assert!(over.json()["detail"].as_str().is_some_and(|text| text.contains(" at 20")), "{}", over.text);
    assert_eq!(world.ask("DELETE", &format!("/api/v1/shares/{id}"), Some(&token), "").await.status, 404);
    let short = path_of(&share(&world, &token, "/survey/dr1", "\"expires_in\": \"1 ns\"").await);
    assert_eq!(world.get(&short, None).await.kind(), "share-expired");
    let elsewhere = path_of(&share(&world, &token, "/survey/dr1", "\"networks\": [\"192.0.2.0/24\"]").await);
    assert_eq!(world.get(&elsewhere, None).await.kind(), "share-elsewhere");
    let states: Vec<String> = told(&world, &token).await.iter().map(|share| format!("{:?}", share.state)).collect();
    assert_eq!(states, ["Revoked", "Expired", "Good"]);
}

#[tokio::test]
async fn a_revocation_by_another_process_is_in_force_soon() {
    let (world, token) = world().await;
    let made = share(&world, &token, "/survey/dr1", "").await;
    let id: ShareId = made.made.id.parse().expect("an id");
    let guard = &world.port.gate.guard;
    let path = path_of(&made);
    let address = super::super::Address::take_apart(&path).expect("an address");
    let mut visitor = super::super::Visitor {
        from: std::net::Ipv4Addr::LOCALHOST.into(),
        now: std::time::Instant::now(),
        wall: SystemTime::now().into(),
    };
    let shares = &world.port.shares;
    assert!(shares.find(&address, guard, visitor).await.is_ok());
    assert!(world.port.archive.revoke_share(id, visitor.wall).await.expect("it is there"));
    assert!(shares.find(&address, guard, visitor).await.is_ok(), "known for some seconds");
    visitor.now += REVOCATION_DELAY;
    assert_eq!(shares.find(&address, guard, visitor).await.expect_err("revoked").kind, "share-revoked");
}

#[tokio::test]
async fn guesses_are_limited_like_failed_sign_ins() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "").await);
    assert_eq!(world.get(&home, None).await.status, 200);
    let wrong = format!("/s/{}_{}/x", "0".repeat(32), "A".repeat(43));
    let mut last = 404;
    for _ in 0..=world.port.settings.limits.failed_sign_ins {
        last = world.get(&wrong, None).await.status.as_u16();
    }
    assert_eq!(last, 429);
    assert_eq!(world.get(&home, None).await.status, 200, "a share in use goes on");
}

#[tokio::test]
async fn nobody_shares_what_they_may_not_do() {
    let (world, token) = world().await;
    let reader = world.token("list,stat,read,share", "/survey/dr1").await;
    let plain = world.token("list,stat,read", "/").await;
    let cases = [
        (Some(&token), "/survey/dr1", "\"allow\": [\"share\"]", 400, "bad-request"),
        (Some(&token), "/survey/dr1", "\"allow\": []", 400, "bad-request"),
        (Some(&token), "/survey/dr1", "\"max_downloads\": 0", 400, "bad-request"),
        (Some(&token), "/survey/dr1", "\"networks\": [\"here\"]", 400, "bad-request"),
        (Some(&token), "/survey/dr1", "\"expires_in\": \"soon\"", 400, "bad-request"),
        (Some(&token), "/survey/dr1", "\"unknown\": 1", 400, "bad-request"),
        (Some(&token), "/survey/nothing", "", 404, "not-found"),
        (Some(&reader), "/survey/dr1", "\"allow\": [\"read\", \"modify\"]", 403, "cannot-share"),
        (Some(&reader), "/survey/dr1", "\"allow\": [\"create\"]", 403, "cannot-share"),
        (Some(&reader), "/survey", "", 403, "not-allowed"),
        (Some(&plain), "/survey/dr1", "", 403, "not-allowed"),
        (None, "/survey/dr1", "", 401, "token-needed"),
    ];
    for (who, path, fields, status, kind) in cases {
        let answer = try_share(&world, who.map(String::as_str), path, fields).await;
        assert_eq!(
            (answer.status.as_u16(), answer.kind().as_str()),
            (status, kind),
            "{path} {fields}: {}",
            answer.text
        );
    }
    let note = format!("\"note\": \"{}\"", "x".repeat(201));
    assert_eq!(try_share(&world, Some(&token), "/survey/dr1", &note).await.status, 400);
    let own = path_of(&share(&world, &reader, "/survey/dr1/night", "\"note\": \"for Ännchen\"").await);
    assert_eq!(world.get(&own, None).await.status, 200);
}

#[tokio::test]
async fn a_share_does_not_outlive_the_token_that_it_comes_from() {
    let (world, _) = world().await;
    let hour = world.token_for(ALL, "/", Some(std::time::Duration::from_secs(3600))).await;
    let longer = try_share(&world, Some(&hour), "/survey/dr1", "\"expires_in\": \"2 h\"").await;
    assert_eq!(longer.status, 400, "{}", longer.text);
    assert!(share(&world, &hour, "/survey/dr1", "").await.made.expires.is_some());
}

#[tokio::test]
async fn nor_one_that_was_narrowed_to_a_time_although_rules_grant() {
    const RULES: &str = r#"
[[account]]
name = "alice"

[[rule]]
name = "alice shares"
verbs = ["list", "stat", "read", "share"]
paths = ["/"]
to = ["user:alice"]
"#;
    let read = crate::settings::Settings::parse(RULES, std::path::Path::new("p.toml")).expect("rules");
    let world = World::with(|settings| {
        (settings.accounts, settings.rules) = (read.accounts, read.rules);
        settings.shares.public_url = Some("https://data.example".to_owned());
    })
    .await;
    let admin = world.token("admin", "/").await;
    let made = |answer: crate::testing::Answer| answer.json()["token"].as_str().expect("a token").to_owned();
    let alice = r#"{"name":"a","allow":["list","stat","read","share"],"account":"alice"}"#;
    let alice = made(world.ask("POST", "/api/v1/tokens", Some(&admin), alice).await);
    let brief = made(world.ask("POST", "/api/v1/tokens/narrow", Some(&alice), r#"{"expires_in":"60 s"}"#).await);
    let share = r#"{"path":"/","allow":["read"]}"#;
    let shared = world.ask("POST", "/api/v1/shares", Some(&alice), share).await.json();
    assert!(shared["made"]["expires"].is_null(), "{shared}");
    let shared = world.ask("POST", "/api/v1/shares", Some(&brief), share).await.json();
    assert!(shared["made"]["expires"].is_string(), "{shared}");
    let longer = r#"{"path":"/","allow":["read"],"expires_in":"1 h"}"#;
    assert_eq!(world.ask("POST", "/api/v1/shares", Some(&brief), longer).await.status, 400);
}

#[tokio::test]
async fn the_share_of_a_file_under_embargo_does_not_open_it() {
    let world = World::with(|settings| {
        settings.embargoes.push(policy::Embargo {
            name: "pixels".to_owned(),
            paths: vec!["/dr1/pixels".parse().expect("a path")],
            readers: Vec::new(),
            lasts: Some(std::time::Duration::from_secs(86_400)),
        });
    })
    .await;
    let token = world.token(ALL, "/").await;
    for folder in ["/data/dr1", "/data/dr1/pixels"] {
        assert_eq!(world.ask("MKCOL", folder, Some(&token), "").await.status, 201);
    }
    for file in ["/data/dr1/catalogue", "/data/dr1/pixels/image"] {
        assert_eq!(world.ask("PUT", file, Some(&token), "bytes").await.status, 201);
    }
    let direct = try_share(&world, Some(&token), "/dr1/pixels/image", "").await;
    assert_eq!(direct.kind(), "cannot-share", "nobody reads it now: {}", direct.text);
    assert!(direct.text.contains("under embargo (rule: pixels)"), "and it says why: {}", direct.text);
    let home = path_of(&share(&world, &token, "/dr1", "").await);
    assert_eq!(world.get(&format!("{home}catalogue"), None).await.status, 200);
    let closed = world.get(&format!("{home}pixels/image"), None).await;
    assert!(matches!(closed.status.as_u16(), 403 | 404), "{} {}", closed.status, closed.text);
    assert_eq!(told(&world, &token).await[0].downloads, 1);
}

#[tokio::test]
async fn everybody_sees_and_revokes_their_own() {
    let (world, alice) = world().await;
    let bob = world.token(ALL, "/").await;
    let admin = world.token("list-shares,revoke-share", "/").await;
    let of_alice = share(&world, &alice, "/survey/dr1", "").await.made.id;
    let of_bob = share(&world, &bob, "/survey/dr1", "").await.made.id;
    let ids = |shares: Vec<ShareAnswer>| shares.into_iter().map(|share| share.id).collect::<Vec<_>>();
    assert_eq!(ids(told(&world, &alice).await), std::slice::from_ref(&of_alice));
    assert_eq!(ids(told(&world, &admin).await), [of_alice.clone(), of_bob.clone()]);
    assert_eq!(world.get("/api/v1/shares", None).await.status, 401);
    let revoke = async |token: &str, id: &str| {
        world.ask("DELETE", &format!("/api/v1/shares/{id}"), Some(token), "").await.status.as_u16()
    };
    assert_eq!(revoke(&alice, &of_bob).await, 404, "not hers, and not hers to know");
    assert_eq!(revoke(&alice, "nonsense").await, 404);
    assert_eq!(revoke(&bob, &of_bob).await, 204);
    assert_eq!(revoke(&admin, &of_alice).await, 204);
}

#[tokio::test]
async fn one_creator_has_so_many_and_no_more() {
    let world = World::with(|settings| {
        settings.shares.per_creator = 2;
        settings.shares.public_url = Some("https://data.example".to_owned());
        settings.shares.longest = Some(terms::Span(std::time::Duration::from_secs(86_400)));
    })
    .await;
    let token = world.token(ALL, "/").await;
    let first = share(&world, &token, "/", "").await;
    assert!(first.address.starts_with("https://data.example/s/") && first.address.ends_with('/'), "{}", first.address);
    assert!(first.made.expires.is_some(), "as long as the settings let it");
    assert_eq!(try_share(&world, Some(&token), "/", "\"expires_in\": \"2 d\"").await.status, 400);
    share(&world, &token, "/", "").await;
    assert_eq!(try_share(&world, Some(&token), "/", "").await.kind(), "too-many-shares");
    assert_eq!(world.ask("DELETE", &format!("/api/v1/shares/{}", first.made.id), Some(&token), "").await.status, 204);
    share(&world, &token, "/", "").await;
}

#[tokio::test]
async fn traffic_tells_the_share_and_not_its_secret() {
    let (world, token) = world().await;
    let made = share(&world, &token, "/survey/dr1", "").await;
    let home = path_of(&made);
    world.get(&format!("{home}a.txt"), None).await;
    let recent = world.port.door.traffic().recent();
    assert_eq!(
        (recent[0].who.clone(), recent[0].path.to_string()),
        (format!("share {}", made.made.id), "/survey/dr1/a.txt".to_owned())
    );
    assert!(recent.iter().all(|transfer| !format!("{transfer:?}").contains(&home[3 + 33..3 + 33 + 43])));
}

/// A limit of size is one of files: folders have no bytes.
#[tokio::test]
async fn a_rule_with_a_limit_of_size_covers_folders() {
    let world = World::with(|settings| {
        settings.rules.push(policy::Rule {
            name: "drop box".to_owned(),
            effect: policy::RuleEffect::Allow,
            verbs: "create".parse().expect("a verb"),
            paths: vec!["/".parse().expect("a path")],
            subjects: vec![policy::Subject::Everyone],
            conditions: policy::Conditions { size_max_bytes: Some(4), ..policy::Conditions::default() },
        });
    })
    .await;
    assert_eq!(world.ask("MKCOL", "/data/box", None, "").await.status, 201);
    assert_eq!(world.ask("PUT", "/data/box/a", None, "four").await.status, 201);
    assert_eq!(world.ask("PUT", "/data/box/b", None, "five!").await.status, 401);
}
