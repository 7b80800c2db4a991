//! The ways of requests, without sockets.

use super::*;
use crate::testing::World;
use bytes::Bytes;

#[tokio::test]
async fn each_path_leads_where_it_should_and_strangers_learn_nothing() {
    let world = World::new().await;
    let admin = world.token("list,stat,read,create,modify,delete,admin", "/").await;
    let token = Some(admin.as_str());
    let table = [
        ("GET", "/healthz", None, 200),
        ("GET", "/", None, 200),
        ("GET", "/", token, 200),
        ("HEAD", "/", token, 200),
        ("POST", "/", token, 405),
        ("OPTIONS", "/", None, 200),
        ("OPTIONS", "*", None, 200),
        ("GET", "/sign-in", None, 401),
        ("GET", "/sign-in", token, 303),
        ("GET", "/metrics", None, 200),
        ("GET", "/data/", None, 401),
        ("GET", "/data/", token, 200),
        ("GET", "//data//", token, 200),
        ("GET", "/data/nothing", token, 404),
        ("GET", "/datas", token, 404),
        ("GET", "/api/v1/status", None, 401),
        ("GET", "/api/v1/status", token, 200),
        ("GET", "/api/v1/openapi.json", None, 200),
        ("GET", "//api//v1///status", token, 200),
        ("GET", "/api/v1/nothing", token, 404),
        ("DELETE", "/api/v1/status", token, 405),
        ("HEAD", "/api/v1/uploads/00000000000000000000000000000000", token, 404),
        ("GET", "/s", None, 404),
        ("GET", "/s/nothing/x", None, 404),
        ("GET", "/static", None, 404),
        ("GET", "/robots.txt", None, 404),
    ];
    for (method, path, token, expected) in table {
        let answer = world.ask(method, path, token, "").await;
        assert_eq!(answer.status.as_u16(), expected, "{method} {path}: {}", answer.text);
        assert!(!answer.header("x-request-id").is_empty());
        if expected == 401 {
            let schemes: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
            assert!(schemes.len() == 2, "{method} {path}: {schemes:?}");
        }
        if expected >= 400 && method != "HEAD" {
            assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_first_page_tells_names_only_to_those_who_may_list_them() {
    let world = World::new().await;
    let writer = world.token("list,stat,create", "/").await;
    let put = world.ask("PUT", "/data/secret-name.fits", Some(&writer), "bytes").await;
    assert_eq!(put.status, 201, "{}", put.text);
    let stranger = world.get("/", None).await.text;
    assert!(!stranger.contains("secret-name") && stranger.contains("serving") && stranger.contains("/sign-in"));
    let insider = world.get("/", Some(&writer)).await;
    assert!(insider.text.contains("secret-name.fits"));
    assert!(insider.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(
        !insider.text.contains("<script") && !insider.text.contains("http://") && !insider.text.contains("https://")
    );
    let outsider = world.token("list,stat", "/elsewhere").await;
    assert!(!world.get("/", Some(&outsider)).await.text.contains("secret-name"));
}

#[tokio::test]
async fn metrics_are_for_this_host_or_for_a_token() {
    let world = World::new().await;
    let token = world.token("stat", "/").await;
    let from = |address: &str, token: Option<&str>| {
        let mut request = Request::get("/metrics").body(RequestBody::from(Bytes::new())).expect("a request");
        let address = address.parse().expect("an address");
        request.extensions_mut().insert(net::Peer { address, local: address, tls: None });
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a value");
            request.headers_mut().insert("authorization", value);
        }
        request
    };
    assert_eq!(world.send(from("127.0.0.1:1", None)).await.status, 200);
    assert_eq!(world.send(from("[::ffff:127.0.0.1]:1", None)).await.status, 200);
    assert_eq!(world.send(from("192.0.2.1:1", None)).await.status, 401);
    assert_eq!(world.send(from("192.0.2.1:1", Some(&token))).await.status, 200);
}

#[tokio::test]
async fn a_draining_port_says_so_and_takes_nothing_new() {
    let world = World::new().await;
    let token = world.token("list", "/").await;
    world.port.drain.begin();
    let health = world.get("/healthz", None).await;
    assert_eq!((health.status.as_u16(), health.text.as_str()), (503, "draining\n"));
    let refused = world.get("/data/", Some(&token)).await;
    assert_eq!((refused.status.as_u16(), refused.kind().as_str()), (503, "draining"));
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test]
async fn request_ids_are_taken_over_when_harmless() {
    let world = World::new().await;
    for (given, kept) in [("abc-1.2_3", true), ("", false), ("a b", false), (&*"x".repeat(65), false)] {
        let request =
            Request::get("/healthz").header("x-request-id", given).body(RequestBody::empty()).expect("a request");
        let answer = world.send(request).await;
        assert_eq!(answer.header("x-request-id") == given, kept, "{given:?}");
    }
}

#[tokio::test]
async fn text_is_answered_to_those_who_read_text() {
    let world = World::new().await;
    let request = Request::get("/data/x").header("accept", "text/plain").body(RequestBody::empty()).expect("a request");
    let answer = world.send(request).await;
    assert!(
        answer.header("content-type").starts_with("text/plain") && answer.text.lines().count() == 1,
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn an_open_port_shows_files_to_anybody_but_not_who_moved_them() {
    let world = World::with(|settings| {
        let open = crate::settings::Overrides { anonymous_read: true, ..Default::default() };
        *settings = settings.clone().with(&open);
    })
    .await;
    let writer = world.token("create", "/").await;
    assert_eq!(world.ask("PUT", "/data/a.fits", Some(&writer), "bytes").await.status, 201);
    assert_eq!(world.get("/data/a.fits", None).await.text, "bytes");
    assert_eq!(world.ask("PUT", "/data/b.fits", None, "bytes").await.status, 401);
    let page = world.get("/", None).await.text;
    assert!(page.contains("/data/a.fits") && !page.contains("token test"), "{page}");
    let traffic = world.get("/api/v1/traffic", None).await.json();
    assert_eq!((&traffic["recent"][1]["principal"], &traffic["recent"][1]["peer"]), (&().into(), &().into()));
}
