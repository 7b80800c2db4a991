//! Signing in at a small provider that the tests start, over real TLS; then everything that must not work.

mod provider;

use crate::testing::{Answer, World};
use bytes::Bytes;
use http::{HeaderMap, Request};
use net::{Peer, RequestBody, TlsFacts};
use provider::TestProvider;
use serde_json::json;

/// A browser: it keeps cookies, and says what browsers say.
#[derive(Default)]
struct Browser {
    cookies: Vec<(String, String)>,
}

impl Browser {
    async fn visit(&mut self, world: &World, method: &str, path: &str, site: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(path).header("host", "port.test:8443");
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if !site.is_empty() {
            request = request.header("sec-fetch-site", site);
        }
        let mut request = request.body(RequestBody::from(Bytes::new())).expect("a request");
        let address = "192.0.2.7:1".parse().expect("an address");
        let tls = Some(TlsFacts { version: "TLSv1.3", cipher: "TLS13_AES_128_GCM_SHA256", alpn: None });
        request.extensions_mut().insert(Peer { address, local: address, tls });
        let answer = world.send(request).await;
        self.keep(&answer.headers);
        answer
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all("set-cookie") {
            let text = cookie.to_str().expect("a text");
            for needed in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(text.contains(needed), "{text}");
            }
            let (name, rest) = text.split_once('=').expect("a pair");
            assert!(name.starts_with("__Host-") && !text.contains("Domain"), "{text}");
            self.cookies.retain(|(known, _)| known != name);
            if !text.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), rest.split(';').next().unwrap_or("").to_owned()));
            }
        }
    }

    /// Whom the port takes it for.
    fn identity(&self, world: &World) -> terms::Identity {
        let (_, value) = self.cookies.iter().find(|(name, _)| name.ends_with("session")).expect("a session");
        world.port.gate.sessions.of_cookie(value).expect("an identity")
    }

    /// Goes to the provider, and answers with the address to which that sends it back.
    async fn authorised(&mut self, world: &World, provider: &TestProvider, to: &str) -> String {
        let answer = self.visit(world, "GET", &format!("/sign-in/openid?to={to}"), "same-origin").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        provider.authorise(answer.header("location"))
    }
}

async fn world(provider: &TestProvider) -> World {
    let openid = provider.settings();
    World::with(|settings| settings.sign_in.openid = Some(openid)).await
}

#[tokio::test]
async fn somebody_signs_in_is_known_and_signs_out() {
    let provider = TestProvider::start(json!({"groups": ["/lsst", "/lsst/dr1", "/lsstx", "/operators"]})).await;
    let world = world(&provider).await;
    let mut browser = Browser::default();
    let ways = browser.visit(&world, "GET", "/sign-in?to=/data/x", "none").await;
    assert!(ways.status == 200 && ways.text.contains("/sign-in/openid?to=%2Fdata%2Fx"), "{}", ways.text);
    let back = browser.authorised(&world, &provider, "/data/").await;
    let done = browser.visit(&world, "GET", &back, "cross-site").await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/data/"), "{}", done.text);
    let front = browser.visit(&world, "GET", "/", "same-origin").await;
    let name = format!("signed in as 1234@{}", provider.settings().issuer);
    assert!(front.text.replace("&#x2F;", "/").replace("&#47;", "/").contains(&name), "{}", front.text);
    assert!(front.text.contains("/sign-out"));
    let identity = browser.identity(&world);
    assert_eq!(identity.groups.iter().collect::<Vec<_>>(), ["/lsst", "/lsst/dr1"], "not those of others");
    // The code is used up, and so is the state.
    assert_eq!(browser.visit(&world, "GET", &back, "cross-site").await.kind(), "sign-in-not-begun");
    assert_eq!(browser.visit(&world, "POST", "/sign-out", "cross-site").await.status, 403);
    assert_eq!(browser.visit(&world, "POST", "/sign-out", "same-origin").await.status, 303);
    let after = browser.visit(&world, "GET", "/", "same-origin").await;
    assert!(!after.text.contains("signed in as"));
}

#[tokio::test]
async fn another_site_cannot_use_a_session_to_change_something() {
    let provider = TestProvider::start(json!({})).await;
    let world = world(&provider).await;
    let mut browser = Browser::default();
    let back = browser.authorised(&world, &provider, "/").await;
    browser.visit(&world, "GET", &back, "cross-site").await;
    for site in ["cross-site", "same-site", "none", ""] {
        let answer = browser.visit(&world, "PUT", "/data/x", site).await;
        assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (403, "cross-site-request"), "{site}");
    }
    // From a page of ours it is the rules that decide.
    assert_eq!(browser.visit(&world, "PUT", "/data/x", "same-origin").await.kind(), "not-allowed");
}

#[tokio::test]
async fn a_sign_in_belongs_to_the_browser_that_began_it() {
    let provider = TestProvider::start(json!({})).await;
    let world = world(&provider).await;
    let (mut victim, mut attacker) = (Browser::default(), Browser::default());
    let back = attacker.authorised(&world, &provider, "/").await;
    let _ = victim.authorised(&world, &provider, "/").await;
    assert_eq!(victim.visit(&world, "GET", &back, "cross-site").await.kind(), "sign-in-not-begun");
    assert_eq!(Browser::default().visit(&world, "GET", &back, "cross-site").await.kind(), "sign-in-not-begun");
    // It was not used up by that.
    assert_eq!(attacker.visit(&world, "GET", &back, "cross-site").await.status, 303);
}

#[tokio::test]
async fn id_tokens_that_are_not_for_us_or_not_now_are_refused() {
    let wrong = [
        (json!({"aud": "somebody-else"}), "audience"),
        (json!({"aud": ["portolan", "other"]}), "party"),
        (json!({"azp": "other"}), "party"),
        (json!({"iss": "https://elsewhere.test"}), "issuer"),
        (json!({"nonce": "replayed"}), "not for this sign-in"),
        (json!({"nonce": null}), "not for this sign-in"),
        (json!({"exp": 1_000_000_000}), "expired"),
        (json!({"iat": 4_000_000_000_u64}), "to come"),
        (json!({"sub": null}), "sub"),
        (json!({"test-alg": "none"}), "ID token"),
        (json!({"test-alg": "HS256"}), "ID token"),
        (json!({"test-kid": "unknown"}), "ID token"),
        (json!({"test-signature": "broken"}), "ID token"),
    ];
    for (claims, told) in wrong {
        let provider = TestProvider::start(claims.clone()).await;
        let world = world(&provider).await;
        let mut browser = Browser::default();
        let back = browser.authorised(&world, &provider, "/").await;
        let answer = browser.visit(&world, "GET", &back, "cross-site").await;
        assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (403, "sign-in-refused"), "{claims}");
        assert!(answer.text.contains(told), "{claims}: {}", answer.text);
        assert!(!browser.cookies.iter().any(|(name, _)| name.ends_with("session")));
    }
}

#[tokio::test]
async fn a_name_that_people_choose_is_that_of_no_certificate_and_of_no_other_issuer() {
    let alice = ["/DC=org/DC=example/CN=Alice", "1234@https://issuer.example"];
    for chosen in [alice[0], alice[1], "alice", "token night (1)", "share 1", "anonymous", "a\nb"] {
        let provider = TestProvider::start(json!({"preferred_username": chosen})).await;
        let mut openid = provider.settings();
        openid.name_claim = Some("preferred_username".to_owned());
        let identities = alice.map(str::to_owned).to_vec();
        let account = crate::settings::Account { name: "alice".to_owned(), identities, groups: Vec::new() };
        let world = World::with(|settings| {
            settings.sign_in.openid = Some(openid);
            settings.accounts.push(account);
        })
        .await;
        let mut browser = Browser::default();
        let back = browser.authorised(&world, &provider, "/").await;
        let answer = browser.visit(&world, "GET", &back, "cross-site").await;
        assert!([401, 403].contains(&answer.status.as_u16()), "{chosen}: {}", answer.status);
        assert!(!browser.cookies.iter().any(|(name, _)| name.ends_with("session")), "{chosen}");
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_and_where_to_go_stays_here() {
    let provider = TestProvider::start(json!({})).await;
    let world = world(&provider).await;
    let mut browser = Browser::default();
    let back = browser.authorised(&world, &provider, "https://evil.test/").await;
    let denied = back.replace("code=", "error=access_denied&error_description=no%0Aentry&x=");
    let answer = browser.visit(&world, "GET", &denied, "cross-site").await;
    assert!(answer.text.contains("'access_denied': noentry"), "{}", answer.text);
    for to in ["https://evil.test/", "//evil.test/", "/\\evil.test", "evil"] {
        let back = browser.authorised(&world, &provider, to).await;
        assert_eq!(browser.visit(&world, "GET", &back, "cross-site").await.header("location"), "/", "{to}");
    }
    let back = browser.authorised(&world, &provider, "/").await;
    let other = format!("{back}&iss=https%3A%2F%2Fother.test");
    assert_eq!(browser.visit(&world, "GET", &other, "cross-site").await.kind(), "sign-in-refused");
    provider.stop().await;
    let fresh = self::world(&provider).await;
    let answer = Browser::default().visit(&fresh, "GET", "/sign-in/openid", "same-origin").await;
    assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (502, "sign-in-provider-failed"));
}

#[tokio::test]
async fn without_a_provider_a_token_is_asked_for() {
    let world = World::new().await;
    let answer = world.get("/sign-in", None).await;
    assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (401, "token-needed"));
    assert_eq!(world.get("/sign-in/openid", None).await.status, 404);
    let token = world.token("stat", "/").await;
    assert_eq!(world.get("/sign-in/token", Some(&token)).await.status, 303);
}
