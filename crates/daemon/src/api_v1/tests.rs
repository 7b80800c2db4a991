//! The endpoints as programs meet them, and the committed contract.

use crate::golden;
use crate::testing::World;

const ALL: &str = "list,stat,read,create,modify,delete,admin";

#[test]
fn reference_of_the_interface_is_current() {
    golden::check("docs/reference/openapi.json", &super::openapi_json());
}

#[test]
fn the_contract_is_openapi_3_1_and_documents_failures() {
    let document: serde_json::Value = serde_json::from_str(&super::openapi_json()).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["components"]["schemas"]["ProblemDocument"]["properties"]["next"].is_object());
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            assert!(operation["responses"]["401"].is_object(), "{method} {path} says nothing of sign-in");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        }
    }
}

#[tokio::test]
async fn problems_are_the_documented_ones() {
    let world = World::new().await;
    for path in ["/api/v1/status", "/data/x"] {
        let answer = world.get(path, None).await;
        let document: api::ProblemDocument = serde_json::from_str(&answer.text).expect("the documented members");
        assert_eq!((document.status, document.fault), (401, api::Fault::Caller), "{path}");
    }
}

#[tokio::test]
async fn status_tells_state_space_and_traffic() {
    let world = World::new().await;
    let token = world.token(ALL, "/").await;
    world.ask("PUT", "/data/a.txt", Some(&token), "12345").await;
    let status: api::StatusAnswer =
        serde_json::from_str(&world.get("/api/v1/status", Some(&token)).await.text).expect("a status");
    assert_eq!((status.state, status.archive_engine.as_str()), (api::State::Serving, "sqlite"));
    assert_eq!((status.totals.files, status.totals.bytes, status.received_bytes), (1, 5, 5));
    assert!(status.namespaces[0].free_bytes.is_some_and(|free| free > 0));
}

#[tokio::test]
async fn a_file_is_told_with_its_digests() {
    let world = World::new().await;
    let token = world.token(ALL, "/").await;
    world.ask("PUT", "/data/a%20b.txt", Some(&token), "12345").await;
    let answer = world.get("/api/v1/files?path=/a%20b.txt", Some(&token)).await;
    let file: api::FileAnswer = serde_json::from_str(&answer.text).expect("a file");
    assert_eq!((file.path.as_str(), file.href.as_str(), file.size_bytes), ("/a b.txt", "/data/a%20b.txt", 5));
    assert_eq!(file.digests["adler32"], "02f80100");
    assert!(file.publisher.is_some_and(|publisher| publisher.starts_with("token test (")));
    for (query, status) in [("?path=/none", 404), ("?path=/", 400), ("?path=a", 400), ("", 400), ("?path=/../a", 400)] {
        let answer = world.get(&format!("/api/v1/files{query}"), Some(&token)).await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text);
    }
    let narrow = world.token("stat", "/other").await;
    assert_eq!(world.get("/api/v1/files?path=/a%20b.txt", Some(&narrow)).await.status, 403);
}

#[tokio::test]
async fn the_last_transfers_are_told() {
    let world = World::new().await;
    let token = world.token(ALL, "/").await;
    world.ask("PUT", "/data/a.txt", Some(&token), "12345").await;
    world.get("/data/a.txt", Some(&token)).await;
    let answer = world.get("/api/v1/traffic", Some(&token)).await;
    let traffic: api::TrafficAnswer = serde_json::from_str(&answer.text).expect("the traffic");
    let moved: Vec<_> = traffic.recent.iter().map(|t| (t.direction, t.path.as_str(), t.bytes, t.complete)).collect();
    assert_eq!(moved, [(api::Direction::Out, "/a.txt", 5, true), (api::Direction::In, "/a.txt", 5, true)]);
}

#[tokio::test]
async fn tokens_are_made_listed_used_and_revoked_by_administrators_only() {
    let world = World::new().await;
    let (admin, plain) = (world.token("admin", "/").await, world.token("list,stat", "/").await);
    let wanted = r#"{"name":"night","allow":["list"],"path":"/","expires_in":"30 d"}"#;
    assert_eq!(world.ask("POST", "/api/v1/tokens", Some(&plain), wanted).await.status, 403);
    assert_eq!(world.ask("POST", "/api/v1/tokens", None, wanted).await.status, 401);
    let made = world.ask("POST", "/api/v1/tokens", Some(&admin), wanted).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made: api::NewTokenAnswer = serde_json::from_str(&made.text).expect("a token");
    assert_eq!(world.get("/data/", Some(&made.token)).await.status, 200);
    let listed = world.get("/api/v1/tokens", Some(&admin)).await;
    assert!(listed.text.contains(&made.made.id) && !listed.text.contains(&made.token[37..]));
    let address = format!("/api/v1/tokens/{}", made.made.id);
    assert_eq!(world.ask("DELETE", &address, Some(&plain), "").await.status, 403);
    assert_eq!(world.ask("DELETE", &address, Some(&admin), "").await.status, 204);
    assert_eq!(world.get("/data/", Some(&made.token)).await.kind(), "token-revoked");
    assert_eq!(world.ask("DELETE", &address, Some(&admin), "").await.status, 404);
    for bad in [
        "{}",
        "no",
        r#"{"name":"","allow":["list"]}"#,
        r#"{"name":"x","allow":["fly"]}"#,
        r#"{"name":"x","allow":[]}"#,
        r#"{"name":"x","allow":["list"],"expires_in":"30"}"#,
        r#"{"name":"x","allow":["list"],"path":"a"}"#,
        r#"{"name":"x","allow":["list"],"wat":1}"#,
    ] {
        let answer = world.ask("POST", "/api/v1/tokens", Some(&admin), bad).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_is_said_of_a_file_is_changed_by_those_who_may_modify_it() {
    let world = World::with(|settings| {
        settings.namespaces = settings.namespaces_or_default();
        settings.namespaces[0].attributes = "group=\"/site\"".parse().expect("attributes");
    })
    .await;
    let (all, reader, editor) =
        (world.token(ALL, "/").await, world.token("stat,read", "/").await, world.token("modify", "/").await);
    world.ask("PUT", "/data/f", Some(&all), "12345").await;
    let address = "/api/v1/files?path=/f";
    let said = async || {
        let answer = world.get(address, Some(&reader)).await;
        let file: api::FileAnswer = serde_json::from_str(&answer.text).expect("a file");
        file.attributes.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(said().await, "group=/site");
    let change = r#"{"attributes":{"release":"dr1","group":null,"embargo-until":"2027-01-01"}}"#;
    assert_eq!(world.ask("PATCH", address, Some(&reader), change).await.status, 403);
    assert_eq!(world.ask("PATCH", address, None, change).await.status, 401);
    let changed = world.ask("PATCH", address, Some(&all), change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert!(changed.text.contains("\"embargo-until\":\"2027-01-01T00:00:00Z\""), "{}", changed.text);
    assert_eq!(said().await, "embargo-until=2027-01-01T00:00:00Z release=dr1");
    // Who may change it and not look at it is told nothing of it.
    let blind = world.ask("PATCH", address, Some(&editor), r#"{"attributes":{"release":"dr2"}}"#).await;
    assert_eq!((blind.status.as_u16(), blind.text.as_str()), (204, ""));
    assert_eq!(said().await, "embargo-until=2027-01-01T00:00:00Z release=dr2");
    for (path, body, status) in [
        ("/f", r#"{"attributes":{"imported":"2001-01-01"}}"#, 400),
        ("/f", r#"{"attributes":{"embargo-until":"noon"}}"#, 400),
        ("/f", r#"{"owner":"me"}"#, 400),
        ("/", r#"{"attributes":{"a":"1"}}"#, 405),
        ("/none", r#"{"attributes":{"a":"1"}}"#, 404),
    ] {
        let answer = world.ask("PATCH", &format!("/api/v1/files?path={path}"), Some(&all), body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_file_that_is_hidden_by_what_is_said_of_it_is_on_no_page() {
    const RULES: &str = r#"
[[rule]]
name = "open"
verbs = ["list", "stat", "read"]
paths = ["/"]
to = ["everyone"]

[[rule]]
name = "but for these"
effect = "forbid"
verbs = ["list", "stat", "read"]
paths = ["/"]
to = ["anonymous"]
attributes = ["secret=yes"]
"#;
    let read = crate::settings::Settings::parse(RULES, std::path::Path::new("p.toml")).expect("rules");
    let world = World::with(|settings| settings.rules = read.rules).await;
    let token = world.token("create,list,stat,read", "/").await;
    for (name, said) in [("shown-file", ""), ("hidden-file", "secret=\"yes\"")] {
        let request = http::Request::builder().method("PUT").uri(format!("/data/{name}"));
        let request = request.header("authorization", format!("Bearer {token}")).header("content-length", "1");
        let request = request.header("portolan-attributes", said);
        let request = request.body(net::RequestBody::from(bytes::Bytes::from_static(b"x"))).expect("a request");
        assert_eq!(world.send(request).await.status, 201);
    }
    for page in ["/", "/api/v1/traffic", "/data/"] {
        let told = world.get(page, None).await.text;
        assert!(told.contains("shown-file") && !told.contains("hidden-file"), "{page}: {told}");
        let told = world.get(page, Some(&token)).await.text;
        assert!(told.contains("hidden-file"), "{page}: {told}");
    }
    let explain = |name: &str| format!("/api/v1/policy/explain?verb=read&path=/{name}");
    let hidden = world.get(&explain("hidden-file"), None).await.text.replace("hidden-file", "@");
    assert_eq!(hidden, world.get(&explain("no-file"), None).await.text.replace("no-file", "@"));
}
