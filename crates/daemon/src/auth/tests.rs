//! Every way to say who one is, right and wrong, as one table; then caching, revocation and the limit of failures.

use super::guard::{FAILURE_WINDOW, make_room, source};
use super::*;
use crate::testing::World;
use crate::token;
use http::HeaderValue;
use std::collections::HashMap;
use std::time::Duration;
use terms::Retry;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn headers(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !value.is_empty() {
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    headers
}

/// Asks the gate with these headers, from there, then.
async fn ask(gate: &Gate, headers: &HeaderMap, from: IpAddr, now: Instant) -> Result<Principal, Problem> {
    let (method, uri) = (Method::GET, Uri::from_static("/data/x"));
    let wall = SystemTime::now().into();
    let presented = Presented { method: &method, uri: &uri, headers, chain: None, from, tls: true, now, wall };
    gate.who(&presented).await
}

async fn told(world: &World, value: &str) -> String {
    match ask(&world.port.gate, &headers(value), HERE, Instant::now()).await {
        Ok(who) if who.is_anonymous() => "anonymous".to_owned(),
        Ok(_) => "token".to_owned(),
        Err(problem) => format!("{} {}", problem.status, problem.kind),
    }
}

#[tokio::test]
async fn each_form_of_credentials_is_told_apart() {
    let world = World::new().await;
    let good = world.token("read", "/").await;
    let old = world.token_for("read", "/", Some(Duration::from_nanos(1))).await;
    let revoked = world.token("read", "/").await;
    let id = token::take_apart(&revoked).expect("a token").0;
    world.port.archive.revoke_token(id, SystemTime::now().into()).await.expect("revoked");
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let other = if good.ends_with('A') { "B" } else { "A" };
    let table = [
        (String::new(), "anonymous"),
        (format!("Bearer {good}"), "token"),
        (format!("bearer   {good} "), "token"),
        (basic(&format!("anybody:{good}")), "token"),
        (basic(&format!(":{good}")), "token"),
        (format!("Bearer {}{other}", &good[..good.len() - 1]), "401 token-unknown"),
        (format!("Bearer ptl_{}{}", "0".repeat(32), &good[36..]), "401 token-unknown"),
        (format!("Bearer {old}"), "401 token-expired"),
        (format!("Bearer {revoked}"), "401 token-revoked"),
        ("Bearer".to_owned(), "401 credentials-malformed"),
        ("Bearer ptl_".to_owned(), "401 credentials-malformed"),
        (format!("Bearer {good}x"), "401 credentials-malformed"),
        (format!("Bearer {}", "ü".repeat(40)), "401 credentials-malformed"),
        ("Basic ?".to_owned(), "401 credentials-malformed"),
        (basic("no colon"), "401 credentials-malformed"),
        (basic("user:password"), "401 credentials-malformed"),
        ("Negotiate abc".to_owned(), "401 credentials-malformed"),
    ];
    for (value, expected) in table {
        assert_eq!(told(&world, &value).await, expected, "{value}");
    }
    let mut twice = headers(&format!("Bearer {good}"));
    twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    let problem = ask(&world.port.gate, &twice, HERE, Instant::now()).await;
    assert_eq!(problem.expect_err("two are one too many").kind, "credentials-malformed");
}

#[tokio::test]
async fn a_revoked_token_is_refused_when_its_record_has_aged() {
    let world = World::new().await;
    let text = world.token("read", "/").await;
    let value = headers(&format!("Bearer {text}"));
    let (now, wall) = (Instant::now(), SystemTime::now().into());
    let gate = &world.port.gate;
    ask(gate, &value, HERE, now).await.expect("good");
    let id = token::take_apart(&text).expect("a token").0;
    world.port.archive.revoke_token(id, wall).await.expect("revoked");
    assert!(ask(gate, &value, HERE, now + REVOCATION_DELAY / 2).await.is_ok(), "the cache may answer for so long");
    let late = ask(gate, &value, HERE, now + REVOCATION_DELAY).await;
    assert_eq!(late.expect_err("no longer").kind, "token-revoked");
}

#[tokio::test]
async fn guessing_is_slowed_for_the_guesser_but_not_for_a_token_in_use() {
    let world = World::with(|settings| settings.limits.failed_sign_ins = 3).await;
    let good = headers(&format!("Bearer {}", world.token("read", "/").await));
    let bad = headers(&format!("Bearer {}{}_{}", token::TOKEN_PREFIX, "0".repeat(32), "A".repeat(43)));
    let now = Instant::now();
    let gate = &world.port.gate;
    ask(gate, &good, HERE, now).await.expect("good");
    for _ in 0..3 {
        assert_eq!(ask(gate, &bad, HERE, now).await.expect_err("unknown").status, 401);
    }
    let refused = ask(gate, &bad, HERE, now).await.expect_err("too many");
    assert_eq!((refused.status, refused.retry), (429, Retry::After(FAILURE_WINDOW)));
    ask(gate, &good, HERE, now).await.expect("still good");
    let elsewhere = "192.0.2.1".parse().expect("an address");
    assert_eq!(ask(gate, &bad, elsewhere, now).await.expect_err("unknown").status, 401);
    assert_eq!(ask(gate, &bad, HERE, now + FAILURE_WINDOW).await.expect_err("unknown").status, 401);
}

#[test]
fn tables_stay_within_their_bounds() {
    let now = Instant::now();
    let mut table: HashMap<u32, Instant> = HashMap::new();
    for key in 0..100 {
        make_room(&mut table, 10, |at| *at, now, FAILURE_WINDOW);
        table.insert(key, now + Duration::from_millis(u64::from(key)));
    }
    assert_eq!(table.len(), 10);
    assert!(table.contains_key(&99) && !table.contains_key(&0));
    let (one, other) = ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9");
    assert_eq!(source(one.parse().expect("v6")), source(other.parse().expect("v6")), "one host has a whole /64");
    assert_eq!(source("::ffff:192.0.2.1".parse().expect("v6")), source("192.0.2.1".parse().expect("v4")));
}

/// Once asked for a token, a browser sends it as Basic with all requests, those that other sites cause among them.
#[tokio::test]
async fn other_sites_change_nothing_by_basic() {
    let world = World::new().await;
    let good = world.token("read", "/").await;
    let basic = format!("Basic {}", STANDARD.encode(format!("anybody:{good}")));
    let bearer = format!("Bearer {good}");
    for (value, site, good) in [
        (&basic, "", true),
        (&basic, "same-origin", true),
        (&basic, "same-site", false),
        (&basic, "cross-site", false),
        (&bearer, "cross-site", true),
    ] {
        let mut headers = headers(value);
        if !site.is_empty() {
            headers.insert("sec-fetch-site", HeaderValue::from_static(site));
        }
        let (method, uri) = (Method::POST, Uri::from_static("/api/v1/reload"));
        let (now, wall) = (Instant::now(), SystemTime::now().into());
        let presented =
            Presented { method: &method, uri: &uri, headers: &headers, chain: None, from: HERE, tls: true, now, wall };
        let found = world.port.gate.who(&presented).await;
        match found {
            Ok(who) => assert!(good && !who.is_anonymous(), "{value} {site}"),
            Err(problem) => assert!(!good && problem.status == 403, "{value} {site}: {problem:?}"),
        }
    }
}
