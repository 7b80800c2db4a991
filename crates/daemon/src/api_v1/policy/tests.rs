//! Everyone may ask for themselves and is told what they may know; `explain-policy` tells all.

use crate::settings::Settings;
use crate::testing::{Answer, World};
use api::{EffectAnswer, ExplanationAnswer};
use std::path::Path;

const RULES: &str = r#"
[[account]]
name = "alice"
is = ["/CN=Alice"]
groups = ["survey"]

[[rule]]
name = "survey reads"
verbs = ["list", "stat", "read"]
paths = ["/survey"]
to = ["group:survey"]
tls = true

[[rule]]
name = "secret brake"
effect = "forbid"
verbs = ["delete"]
paths = ["/survey"]
to = ["everyone"]
until = 2100-01-01
"#;

async fn world() -> World {
    let read = Settings::parse(RULES, Path::new("p.toml")).unwrap_or_else(|findings| panic!("{findings}"));
    World::with(|settings| {
        settings.accounts = read.accounts;
        settings.rules = read.rules;
    })
    .await
}

async fn explain(world: &World, token: Option<&str>, query: &str) -> Answer {
    world.get(&format!("/api/v1/policy/explain?{query}"), token).await
}

fn read(answer: &Answer) -> ExplanationAnswer {
    serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {}", answer.text))
}

#[tokio::test]
async fn everyone_may_ask_for_themselves() {
    let world = world().await;
    let answer = read(&explain(&world, None, "verb=read&path=/survey/x").await);
    assert_eq!((answer.who.as_str(), answer.effect, answer.hidden), ("anonymous", EffectAnswer::Authenticate, true));
    assert_eq!((answer.rule, answer.matching.len() + answer.nearly.len() + answer.changes.len()), (None, 0));
    let token = world.token("read,stat", "/survey").await;
    let answer = read(&explain(&world, Some(&token), "verb=read&path=/survey/x").await);
    assert_eq!((answer.effect, answer.rule.as_deref()), (EffectAnswer::Allow, Some("credential")));
    let answer = read(&explain(&world, Some(&token), "verb=delete&path=/survey/x").await);
    assert_eq!((answer.effect, answer.rule.as_deref()), (EffectAnswer::Refuse, Some("the token 'test'")));
    assert!(answer.nearly.is_empty() && answer.changes.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn for_others_it_takes_the_right_to_explain() {
    let world = world().await;
    let plain = world.token("read,stat", "/").await;
    let query = "verb=read&path=/survey/x&as=%2FCN%3DAlice";
    assert_eq!(explain(&world, None, query).await.status, 401);
    assert_eq!(explain(&world, Some(&plain), query).await.status, 403);
    assert_eq!(explain(&world, Some(&plain), "verb=read&path=/survey/x&tls=true").await.status, 403);
    let admin = world.token("explain-policy", "/").await;
    let answer = read(&explain(&world, Some(&admin), query).await);
    assert_eq!(
        (answer.who.as_str(), &answer.groups[..], answer.effect),
        ("alice", &["survey".to_owned()][..], EffectAnswer::Refuse)
    );
    assert!(answer.changes.iter().any(|change| change.contains("TLS")), "{answer:?}");
    let answer = read(&explain(&world, Some(&admin), &format!("{query}&tls=true")).await);
    assert_eq!((answer.effect, answer.rule.as_deref()), (EffectAnswer::Allow, Some("survey reads")));
    let answer =
        read(&explain(&world, Some(&admin), "verb=read&path=/survey/x&as=anybody&groups=survey,/x&tls=true").await);
    assert_eq!((answer.who.as_str(), answer.effect), ("anybody", EffectAnswer::Allow));
    let answer = read(&explain(&world, Some(&admin), "verb=delete&path=/survey/x&as=alice&at=2100-01-01").await);
    assert_eq!(answer.rule.as_deref(), Some("closed by default"));
    let of_token = format!("verb=read&path=/survey/x&as=token%20{}", &plain[4..36]);
    assert_eq!(read(&explain(&world, Some(&admin), &of_token).await).effect, EffectAnswer::Allow);
}

#[tokio::test]
async fn the_rules_in_force_are_shown_to_who_may_explain_them() {
    let world = world().await;
    let (admin, plain) = (world.token("explain-policy", "/").await, world.token("read,stat", "/").await);
    assert_eq!(world.get("/api/v1/policy", None).await.status, 401);
    assert_eq!(world.get("/api/v1/policy", Some(&plain)).await.status, 403);
    let shown = world.get("/api/v1/policy", Some(&admin)).await.json();
    assert_eq!(shown["rules"], 2);
    assert!(shown["cedar"].as_str().is_some_and(|text| text.contains("secret brake")), "{shown}");
}

#[tokio::test]
async fn questions_that_cannot_be_asked_are_told() {
    let world = world().await;
    let admin = world.token("explain-policy", "/").await;
    for query in [
        "",
        "verb=fly",
        "verb=read&path=x",
        "verb=read&colour=red",
        "verb=read&tls=true",
        "verb=read&as=",
        "verb=read&as=anonymous&groups=x",
        "verb=read&as=token%20x",
        "verb=read&as=token%2001a2017ba2e37618a1d6d2b4857bb73d",
        "verb=read&as=alice&at=soon",
        "verb=read&as=alice&from=here",
    ] {
        let answer = explain(&world, Some(&admin), query).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
    }
}
