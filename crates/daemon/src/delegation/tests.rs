//! Macaroons from their request to their use, through the whole router.

use crate::auth::{Gate, Presented};
use crate::settings::Settings;
use crate::testing::{Answer, World};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{Extensions, HeaderMap, Method, Request, StatusCode};
use identity::macaroon::{Format, Macaroon};
use net::{Peer, RequestBody, TlsFacts};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

const MACAROON: &str = "application/macaroon-request";
const FORM: &str = "application/x-www-form-urlencoded";

/// A request as it comes over TLS, or not.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    token: Option<&'a str>,
    media_type: &'a str,
    body: &'a str,
    tls: bool,
}

impl<'a> Call<'a> {
    fn new(method: &'a str, path: &'a str, token: Option<&'a str>) -> Self {
        Self { method, path, token, media_type: "", body: "", tls: true }
    }

    fn minting(path: &'a str, token: &'a str, body: &'a str) -> Self {
        Self { media_type: MACAROON, body, ..Self::new("POST", path, Some(token)) }
    }

    async fn send(self, world: &World) -> Answer {
        let mut request = Request::builder().method(self.method).uri(self.path).header(HOST, "port.example:8443");
        if let Some(token) = self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !self.media_type.is_empty() {
            request = request.header(CONTENT_TYPE, self.media_type);
        }
        let body = Bytes::from(self.body.to_owned());
        let mut request = request.header(CONTENT_LENGTH, body.len()).body(RequestBody::from(body)).unwrap();
        let address: SocketAddr = "192.0.2.7:40000".parse().unwrap();
        let tls = TlsFacts { version: "TLSv1.3", cipher: "TLS13_AES_128_GCM_SHA256", alpn: None };
        request.extensions_mut().insert(Peer { address, local: address, tls: self.tls.then_some(tls) });
        world.send(request).await
    }
}

async fn get(world: &World, path: &str, token: &str) -> Answer {
    Call::new("GET", path, Some(token)).send(world).await
}

async fn put(world: &World, path: &str, token: &str, body: &str) -> Answer {
    Call { body, ..Call::new("PUT", path, Some(token)) }.send(world).await
}

async fn mint(world: &World, path: &str, token: &str, body: &str) -> String {
    let answer = Call::minting(path, token, body).send(world).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["macaroon"].as_str().unwrap().to_owned()
}

fn narrow(macaroon: &str, caveat: &str) -> String {
    Macaroon::parse(macaroon).unwrap().add_caveat(caveat).unwrap().serialize(Format::V1).to_string()
}

/// A world with two files, and a token that may do everything with files below /a.
async fn world() -> (World, String) {
    let world = World::new().await;
    let all = world.token("list,stat,read,create,modify,delete", "/").await;
    for path in ["/data/a/", "/data/ab/"] {
        assert_eq!(Call::new("MKCOL", path, Some(&all)).send(&world).await.status, 201);
    }
    for path in ["/data/a/f", "/data/ab/f"] {
        assert_eq!(put(&world, path, &all, "some bytes").await.status, 201);
    }
    let token = world.token("list,stat,read,create,modify,delete", "/a").await;
    (world, token)
}

#[tokio::test]
async fn a_macaroon_does_what_its_caveats_leave_of_what_its_caller_may() {
    let (world, token) = world().await;
    let body = r#"{"caveats": ["activity:DOWNLOAD,LIST"], "validity": "PT30M"}"#;
    let answer = Call::minting("/data/a/", &token, body).send(&world).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
    let told = answer.json();
    let macaroon = told["macaroon"].as_str().unwrap();
    assert!((1_790..=1_800).contains(&told["expires_in"].as_u64().unwrap()), "{told}");
    assert_eq!(told["uri"]["target"], "https://port.example:8443/data/a/");
    assert_eq!(told["uri"]["base"], "https://port.example:8443/");
    assert_eq!(told["uri"]["targetWithMacaroon"], format!("https://port.example:8443/data/a/?authz={macaroon}"));
    assert_eq!(told["uri"]["baseWithMacaroon"], format!("https://port.example:8443/?authz={macaroon}"));
    let caveats: Vec<_> = Macaroon::parse(macaroon).unwrap().caveats().collect();
    assert!(caveats[0].starts_with("before:20"), "{caveats:?}");
    assert_eq!(caveats[1..], ["path:/a", "activity:DOWNLOAD,LIST"]);

    assert_eq!(get(&world, "/data/a/f", macaroon).await.text, "some bytes");
    assert_eq!(get(&world, "/data/a/", macaroon).await.status, 200);
    assert_eq!(get(&world, "/data/ab/f", macaroon).await.status, 403);
    assert_eq!(put(&world, "/data/a/g", macaroon, "x").await.status, 403);
    assert_eq!(Call::new("DELETE", "/data/a/f", Some(macaroon)).send(&world).await.status, 403);
}

#[tokio::test]
async fn it_never_exceeds_its_caller() {
    let (world, _) = world().await;
    let reader = world.token("read", "/a").await;
    let macaroon =
        mint(&world, "/data/", &reader, r#"{"caveats": ["activity:DOWNLOAD,UPLOAD,DELETE,MANAGE,LIST"]}"#).await;
    assert_eq!(get(&world, "/data/a/f", &macaroon).await.status, 200);
    assert_eq!(get(&world, "/data/ab/f", &macaroon).await.status, 403);
    assert_eq!(put(&world, "/data/a/f", &macaroon, "x").await.status, 403);
    let operator = world.token("admin,read,share", "/").await;
    let macaroon = mint(&world, "/data/", &operator, "{}").await;
    assert_eq!(get(&world, "/data/a/f", &macaroon).await.status, 200);
    assert_eq!(get(&world, "/api/v1/tokens", &macaroon).await.status, 403, "no administration");
}

#[tokio::test]
async fn its_holder_narrows_it_and_cannot_widen_it() {
    let (world, token) = world().await;
    let macaroon = mint(&world, "/data/a", &token, r#"{"caveats": ["activity:DOWNLOAD"]}"#).await;
    let cases = [
        ("path:/a/f", 200),
        ("path:/ab", 403),
        ("path:/", 200),
        ("activity:LIST", 403),
        ("activity:DOWNLOAD,UPLOAD", 200),
        ("ip:192.0.2.0/24", 200),
        ("ip:198.51.100.1", 401),
        ("before:2020-01-01T00:00:00Z", 401),
        ("before:2099-01-01T00:00:00Z", 200),
        ("colour:red", 401),
    ];
    for (caveat, status) in cases {
        assert_eq!(get(&world, "/data/a/f", &narrow(&macaroon, caveat)).await.status, status, "{caveat}");
    }
    let widened = narrow(&narrow(&macaroon, "path:/a/f"), "activity:DOWNLOAD,UPLOAD,DELETE");
    assert_eq!(put(&world, "/data/a/f", &widened, "x").await.status, 403);
    let told = get(&world, "/data/a/f", &narrow(&macaroon, "colour:red")).await;
    assert_eq!(told.kind(), "macaroon-not-understood");
    assert!(told.text.contains("colour:red"), "{}", told.text);
}

#[tokio::test]
async fn a_limit_of_uploads_is_kept() {
    let (world, token) = world().await;
    let macaroon = mint(&world, "/data/a", &token, r#"{"caveats": ["max-upload:5"]}"#).await;
    assert_eq!(put(&world, "/data/a/small", &macaroon, "12345").await.status, 201);
    let refused = put(&world, "/data/a/large", &macaroon, "123456").await;
    assert!(refused.status.is_client_error(), "{}", refused.text);
    assert_eq!(get(&world, "/data/a/large", &token).await.status, 404);
}

#[tokio::test]
async fn it_ends_with_the_token_that_it_was_asked_for_with() {
    let (world, token) = world().await;
    let macaroon = mint(&world, "/data/a", &token, "").await;
    assert_eq!(get(&world, "/data/a/f", &macaroon).await.status, 200);
    let (id, _) = crate::token::take_apart(&token).unwrap();
    world.port.archive.revoke_token(id, SystemTime::now().into()).await.unwrap();
    world.port.gate.local.forget(id);
    let over = get(&world, "/data/a/f", &macaroon).await;
    assert_eq!((over.status.as_u16(), over.kind().as_str()), (401, "token-revoked"));

    let brief = world.token_for("read", "/a", Some(Duration::from_secs(600))).await;
    let answer = Call::minting("/data/a", &brief, r#"{"validity": "PT10H"}"#).send(&world).await;
    assert!(answer.json()["expires_in"].as_u64().unwrap() <= 600, "{}", answer.text);
}

/// What the site adds to an identity is looked up at each use: names of accounts, and groups.
#[tokio::test]
async fn it_knows_accounts_and_groups_as_they_are_when_it_is_used() {
    const SITE: &str = "[[account]]\nname = \"alice\"\ngroups = [\"readers\"]\n\
        [[rule]]\nname = \"readers\"\nverbs = [\"read\"]\npaths = [\"/\"]\nto = [\"group:readers\"]\n";
    let settings = |text: &str| Settings::parse(text, std::path::Path::new("p.toml")).unwrap();
    let world = World::with(|world| {
        let site = settings(SITE);
        (world.accounts, world.rules) = (site.accounts, site.rules);
    })
    .await;
    let writer = world.token("stat,create", "/").await;
    assert_eq!(put(&world, "/data/f", &writer, "some bytes").await.status, 201);
    let token = world.token("read", "/").await;
    let (id, _) = crate::token::take_apart(&token).unwrap();
    let mut record = world.port.archive.token(id).await.unwrap().unwrap();
    record.account = Some("alice".to_owned());
    world.port.archive.record_token(&record).await.unwrap();
    let macaroon = mint(&world, "/data/", &token, "").await;
    assert_eq!(get(&world, "/data/f", &macaroon).await.text, "some bytes");

    let without_group = SITE.replacen("readers", "others", 1);
    world.port.gate.accounts.reload(&settings(&without_group)).await.unwrap();
    assert_eq!(get(&world, "/data/f", &macaroon).await.status, 403);
    world.port.gate.accounts.reload(&settings("")).await.unwrap();
    let gone = get(&world, "/data/f", &macaroon).await;
    assert_eq!((gone.status.as_u16(), gone.kind().as_str()), (401, "account-unknown"));
}

#[tokio::test]
async fn forgetting_the_keys_takes_all_back_and_others_can_be_made() {
    let (world, token) = world().await;
    let macaroon = mint(&world, "/data/a", &token, "").await;
    let keys = world.port.archive.secrets(crate::MACAROON_KEYS).await.unwrap();
    assert_eq!(keys.len(), 1);
    world.port.archive.forget_secret(keys[0].id).await.unwrap();
    // Other processes see it as soon as they read the keys again, which they do every few seconds.
    world.port.gate.macaroons.reload(&world.port.settings).await.unwrap();
    let over = get(&world, "/data/a/f", &macaroon).await;
    assert_eq!((over.status.as_u16(), over.kind().as_str()), (401, "macaroon-unknown"));
    let another = mint(&world, "/data/a", &token, "").await;
    assert_eq!(get(&world, "/data/a/f", &another).await.status, 200);
}

/// Machines that share an archive: one makes a key, the other hears of it by the first macaroon that names it.
#[tokio::test]
async fn what_one_process_makes_another_knows() {
    let (world, token) = world().await;
    let other = Gate::open(&world.port.settings, world.port.archive.clone()).await.unwrap();
    let macaroon = mint(&world, "/data/a", &token, "").await;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {macaroon}").parse().unwrap());
    let (uri, extensions) = ("/data/a/f".parse().unwrap(), Extensions::new());
    let who = other.who(&Presented::of(&Method::GET, &uri, &headers, &extensions)).await.unwrap();
    assert_eq!(who.identity.credential.form, terms::CredentialForm::Macaroon);
    assert!(who.name().starts_with("token test"), "{who}");
}

#[tokio::test]
async fn the_audit_record_names_it_and_does_not_hold_it() {
    let (world, token) = world().await;
    let macaroon = mint(&world, "/data/a", &token, r#"{"caveats": ["activity:DOWNLOAD"]}"#).await;
    assert_eq!(get(&world, "/data/ab/f", &macaroon).await.status, 403);
    world.port.audit.settled().await.unwrap();
    let mut lines = String::new();
    for entry in std::fs::read_dir(crate::audit::directory(&world.port.settings)).unwrap() {
        lines.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
    }
    let made = lines.lines().find(|line| line.contains("macaroon-made")).unwrap_or_else(|| panic!("{lines}"));
    assert!(made.contains("path:/a; activity:DOWNLOAD") && made.contains("\"who\":\"token test"), "{made}");
    let made: serde_json::Value = serde_json::from_str(made).unwrap();
    let id = made["subject"].as_str().unwrap();
    let refused = lines.lines().any(|line| line.contains("\"refused\"") && line.contains(id));
    assert!(refused && !lines.contains(&macaroon[..40]) && !lines.contains(&token), "{lines}");
}

#[tokio::test]
async fn a_key_that_is_over_verifies_still() {
    let world = World::with(|settings| settings.macaroons.key_lifetime = terms::Span(Duration::ZERO)).await;
    let token = world.token("stat,create,read", "/").await;
    assert_eq!(put(&world, "/data/f", &token, "x").await.status, 201);
    let first = mint(&world, "/data/", &token, "").await;
    let second = mint(&world, "/data/", &token, "").await;
    let key = |text: &str| Macaroon::parse(text).unwrap().key_id().unwrap().to_owned();
    assert_ne!(key(&first), key(&second));
    for macaroon in [&first, &second] {
        assert_eq!(get(&world, "/data/f", macaroon).await.status, 200);
    }
    let keys = world.port.archive.secrets(crate::MACAROON_KEYS).await.unwrap();
    assert_eq!(keys.iter().filter(|key| key.retired.is_some()).count(), 1);
}

#[tokio::test]
async fn it_may_stand_in_the_query_where_the_settings_say_so() {
    let (closed, token) = world().await;
    let macaroon = mint(&closed, "/data/a", &token, "").await;
    let path = format!("/data/a/f?authz={macaroon}");
    assert_eq!(Call::new("GET", &path, None).send(&closed).await.status, 401);
    let open = World::with(|settings| settings.sign_in.query_tokens = true).await;
    let token = open.token("stat,create,read", "/").await;
    assert_eq!(put(&open, "/data/f", &token, "x").await.status, 201);
    let macaroon = mint(&open, "/data/", &token, "").await;
    for scheme in ["", "Bearer%20"] {
        let path = format!("/data/f?authz={scheme}{macaroon}");
        assert_eq!(Call::new("GET", &path, None).send(&open).await.text, "x");
    }
}

#[tokio::test]
async fn how_long_depends_on_the_verb_share() {
    let (world, token) = world().await;
    let sharer = world.token("read,share", "/a").await;
    let expires_in = async |token: &str, path: &str, body: &str| {
        let answer = Call::minting(path, token, body).send(&world).await;
        answer.json()["expires_in"].as_u64().unwrap().div_ceil(60)
    };
    assert_eq!(expires_in(&token, "/data/a", "").await, 60, "the default");
    assert_eq!(expires_in(&token, "/data/a", r#"{"validity": "PT12H"}"#).await, 12 * 60);
    assert_eq!(expires_in(&token, "/data/a", r#"{"validity": "P3D"}"#).await, 12 * 60);
    assert_eq!(expires_in(&sharer, "/data/a", r#"{"validity": "P3D"}"#).await, 3 * 24 * 60);
    assert_eq!(expires_in(&sharer, "/data/a", r#"{"validity": "P30D"}"#).await, 7 * 24 * 60);
    assert_eq!(expires_in(&sharer, "/data/", r#"{"validity": "P3D"}"#).await, 12 * 60, "it may not share there");

    let strict = World::with(|settings| settings.macaroons.lifetime_own = terms::Span(Duration::ZERO)).await;
    let (without, with) = (strict.token("read", "/").await, strict.token("read,share", "/").await);
    assert_eq!(Call::minting("/data/", &without, "").send(&strict).await.status, 403);
    assert_eq!(Call::minting("/data/", &with, "").send(&strict).await.status, 200);
}

#[tokio::test]
async fn requests_that_cannot_be_met_say_why() {
    let (world, token) = world().await;
    let macaroon = mint(&world, "/data/a", &token, "").await;
    let long = format!(r#"{{"caveats": ["path:/{}"]}}"#, "x".repeat(20_000));
    let anonymous = Call { media_type: MACAROON, ..Call::new("POST", "/data/a", None) };
    let plain = Call { tls: false, ..Call::minting("/data/a", &token, "") };
    let typed = Call { media_type: "application/json", ..Call::minting("/data/a", &token, "{}") };
    let chained = Call::minting("/data/a", &macaroon, "");
    for (call, status, kind) in [
        (anonymous, 401, "token-needed"),
        (plain, 400, "bad-request"),
        (typed, 415, "media-type-not-taken"),
        (chained, 403, "not-passed-on"),
        (Call::minting("/data/a", &token, &long), 413, "request-too-large"),
    ] {
        let answer = call.send(&world).await;
        assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (status, kind), "{}", answer.text);
    }
    for body in [
        "[",
        "[]",
        r#"{"caveat": ["path:/a"]}"#,
        r#"{"caveats": "path:/a"}"#,
        r#"{"caveats": ["colour:red"]}"#,
        r#"{"caveats": ["activity:EAT"]}"#,
        r#"{"caveats": ["path:/b"]}"#,
        r#"{"caveats": ["path:/data/a/x"]}"#,
        r#"{"caveats": ["before:2020-01-01T00:00:00Z"]}"#,
        r#"{"validity": "1 hour"}"#,
        r#"{"validity": "PT0S"}"#,
        r#"{"validity": "-PT1H"}"#,
        r#"{"validity": 3600}"#,
    ] {
        let answer = Call::minting("/data/a", &token, body).send(&world).await;
        assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (400, "bad-request"), "{body}: {}", answer.text);
    }
    let dots = Call::minting("/data/a/%2e%2e/b", &token, "").send(&world).await;
    assert_eq!(dots.status, 400, "{}", dots.text);
}

#[tokio::test]
async fn the_token_endpoint_is_found_and_answers_as_oauth_does() {
    let (world, token) = world().await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/data/a",
        "/.well-known/openid-configuration",
    ] {
        let told = Call::new("GET", path, None).send(&world).await.json();
        assert_eq!(told["token_endpoint"], "https://port.example:8443/oauth/token", "{path}");
        assert_eq!(told["issuer"], "https://port.example:8443");
    }
    for body in [
        "grant_type=client_credentials&expire_in=1800&scopes=LIST%3A%2Fdata%2Fa+DOWNLOAD%3A%2Fdata%2Fa",
        "grant_type=client_credentials&lifetime=1800&scope=LIST:/data/a%20DOWNLOAD:/data/a",
        "grant_type=client_credentials&expire_in=1800&lifetime=1800&scope=storage.read%3A%2Fa",
    ] {
        let call = Call { media_type: FORM, body, ..Call::new("POST", "/oauth/token", Some(&token)) };
        let answer = call.send(&world).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let told = answer.json();
        assert_eq!(told["token_type"], "Bearer");
        assert!((1_790..=1_800).contains(&told["expires_in"].as_u64().unwrap()), "{told}");
        assert!(told["scope"].as_str().unwrap().contains("/a"));
        let macaroon = told["access_token"].as_str().unwrap();
        assert_eq!(get(&world, "/data/a/f", macaroon).await.status, 200);
        assert_eq!(get(&world, "/data/ab/f", macaroon).await.status, 403);
        assert_eq!(put(&world, "/data/a/g", macaroon, "x").await.status, 403);
    }
}

#[tokio::test]
async fn the_token_endpoint_refuses_in_the_words_of_rfc_6749() {
    let (world, token) = world().await;
    let scope = "scope=LIST:/data/a";
    let good = format!("grant_type=client_credentials&{scope}");
    let cases = [
        (format!("grant_type=password&{scope}"), "unsupported_grant_type"),
        (scope.to_owned(), "invalid_request"),
        ("grant_type=client_credentials".to_owned(), "invalid_scope"),
        ("grant_type=client_credentials&scope=".to_owned(), "invalid_scope"),
        ("grant_type=client_credentials&scope=LIST".to_owned(), "invalid_scope"),
        ("grant_type=client_credentials&scope=EAT:/data/a".to_owned(), "invalid_scope"),
        ("grant_type=client_credentials&scope=LIST:/a".to_owned(), "invalid_scope"),
        ("grant_type=client_credentials&scope=LIST:/database".to_owned(), "invalid_scope"),
        ("grant_type=client_credentials&scope=LIST:/data/a/../b".to_owned(), "invalid_scope"),
        (format!("{good}&scopes=LIST:/data/b"), "invalid_request"),
        (format!("{good}&{scope}"), "invalid_request"),
        (format!("{good}&expire_in=0"), "invalid_request"),
        (format!("{good}&expire_in=soon"), "invalid_request"),
        (format!("{good}&x=%ff"), "invalid_request"),
    ];
    for (body, error) in &cases {
        let call = Call { media_type: FORM, body, ..Call::new("POST", "/oauth/token", Some(&token)) };
        let answer = call.send(&world).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert_eq!(answer.json()["error"], *error, "{body}: {}", answer.text);
    }
    let anonymous =
        Call { media_type: FORM, body: &good, ..Call::new("POST", "/oauth/token", None) }.send(&world).await;
    assert_eq!((anonymous.status.as_u16(), &anonymous.json()["error"]), (401, &"invalid_client".into()));
    assert!(anonymous.header("www-authenticate").starts_with("Bearer"));
    let plain = Call { media_type: FORM, body: &good, tls: false, ..Call::new("POST", "/oauth/token", Some(&token)) };
    assert_eq!(plain.send(&world).await.json()["error"], "invalid_request");
    assert_eq!(Call::new("GET", "/oauth/token", Some(&token)).send(&world).await.status, 405);
    let discovery = Call { tls: false, ..Call::new("GET", "/.well-known/openid-configuration", None) };
    assert_eq!(discovery.send(&world).await.status, 404);
}

#[test]
fn the_longest_default_is_within_what_keys_are_kept_for() {
    let settings = Settings::built_in().macaroons;
    assert!(settings.lifetime <= settings.lifetime_own && settings.lifetime_own <= settings.lifetime_max);
    assert!(settings.lifetime_max <= crate::settings::Macaroons::LIFETIME_LIMIT);
}
