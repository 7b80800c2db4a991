//! Who can make which token: never one that grants more than its maker has; and narrowing.

use crate::settings::Settings;
use crate::testing::{Answer, World};
use std::path::Path;
use std::time::Duration;

const RULES: &str = r#"
[[account]]
name = "robot"

[[account]]
name = "alice"

[[rule]]
name = "alice reads, and makes tokens"
verbs = ["list", "stat", "read", "create-token"]
paths = ["/"]
to = ["user:alice"]
"#;

async fn world() -> World {
    let read = Settings::parse(RULES, Path::new("p.toml")).unwrap_or_else(|findings| panic!("{findings}"));
    World::with(|settings| {
        settings.accounts = read.accounts;
        settings.rules = read.rules;
    })
    .await
}

async fn make(world: &World, token: &str, body: &str) -> Answer {
    world.ask("POST", "/api/v1/tokens", Some(token), body).await
}

/// Status and kind, or the status alone.
fn told(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    if status < 400 { status.to_string() } else { format!("{status} {}", answer.kind()) }
}

fn text_of(answer: &Answer) -> String {
    answer.json()["token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

#[tokio::test]
async fn nobody_makes_a_token_that_grants_more_than_the_maker_has() {
    let world = world().await;
    let admin = world.token("admin", "/").await;
    let maker = world.token("create-token,read,create", "/a").await;
    let short = world.token_for("create-token,read", "/", Some(Duration::from_secs(3_600))).await;
    let alice = text_of(
        &make(
            &world,
            &admin,
            r#"{"name":"a","allow":["list","stat","read","modify","create-token"],"account":"alice"}"#,
        )
        .await,
    );
    let table = [
        // All of administration may anything, but for accounts that are not there.
        (&admin, r#"{"name":"x","allow":["delete"]}"#, "201"),
        (&admin, r#"{"name":"x","allow":["admin"]}"#, "201"),
        (&admin, r#"{"name":"x","allow":["read"],"account":"robot"}"#, "201"),
        (&admin, r#"{"name":"x","allow":["read"],"account":"rabot"}"#, "400 bad-request"),
        // A token that grants by itself can hand on its own, inside its path.
        (&maker, r#"{"name":"x","allow":["read"],"path":"/a/b"}"#, "201"),
        (&maker, r#"{"name":"x","allow":["read","create","create-token"],"path":"/a"}"#, "201"),
        (&maker, r#"{"name":"x","allow":["read"],"path":"/"}"#, "403 cannot-grant"),
        (&maker, r#"{"name":"x","allow":["read"],"path":"/ab"}"#, "403 cannot-grant"),
        (&maker, r#"{"name":"x","allow":["delete"],"path":"/a"}"#, "403 cannot-grant"),
        (&maker, r#"{"name":"x","allow":["reload"],"path":"/a"}"#, "403 cannot-grant"),
        (&maker, r#"{"name":"x","allow":["read"],"path":"/a","account":"alice"}"#, "403 cannot-grant"),
        // Nobody beyond the own end.
        (&short, r#"{"name":"x","allow":["read"],"expires_in":"1 min"}"#, "201"),
        (&short, r#"{"name":"x","allow":["read"],"expires_in":"2 h"}"#, "403 cannot-grant"),
        (&short, r#"{"name":"x","allow":["read"]}"#, "403 cannot-grant"),
        // Rights by rules are not turned into rights without rules.
        (&alice, r#"{"name":"x","allow":["read"]}"#, "403 cannot-grant"),
        (&alice, r#"{"name":"x","allow":["read"],"account":"robot"}"#, "403 cannot-grant"),
        (&alice, r#"{"name":"x","allow":["modify"],"account":"alice"}"#, "403 cannot-grant"),
        (&alice, r#"{"name":"x","allow":["read"],"path":"/b","account":"alice"}"#, "201"),
    ];
    for (token, body, expected) in table {
        let answer = make(&world, token, body).await;
        assert_eq!(told(&answer), expected, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_token_of_an_account_narrows_what_the_rules_give() {
    let world = world().await;
    let admin = world.token("admin", "/").await;
    let owner = world.token("create", "/").await;
    assert_eq!(world.ask("MKCOL", "/data/a", Some(&owner), "").await.status, 201);
    assert_eq!(world.ask("PUT", "/data/a/x", Some(&owner), "12345").await.status, 201);
    let made = make(&world, &admin, r#"{"name":"a","allow":["read","create"],"path":"/a","account":"alice"}"#).await;
    assert_eq!(made.json()["made"]["account"], "alice");
    let alice = text_of(&made);
    assert_eq!(told(&world.get("/data/a/x", Some(&alice)).await), "200");
    assert_eq!(told(&world.get("/data/b", Some(&alice)).await), "403 not-allowed", "outside the token");
    let put = world.ask("PUT", "/data/a/y", Some(&alice), "1").await;
    assert_eq!(told(&put), "403 not-allowed", "the token would allow it, the rules do not");
}

#[tokio::test]
async fn a_holder_narrows_a_token_and_the_child_ends_with_it() {
    let world = world().await;
    let parent = world.token_for("list,stat,read,delete", "/a", Some(Duration::from_secs(7_200))).await;
    let narrow = |token: String, body: &'static str| {
        let world = &world;
        async move { world.ask("POST", "/api/v1/tokens/narrow", Some(&token), body).await }
    };
    for (body, expected) in [
        (r#"{"allow":["create"]}"#, "400 bad-request"),
        (r#"{"allow":["admin"]}"#, "400 bad-request"),
        (r#"{"path":"/"}"#, "400 bad-request"),
        (r#"{"path":"/ab"}"#, "400 bad-request"),
        (r#"{"expires_in":"3 h"}"#, "400 bad-request"),
        (r#"{"allow":[]}"#, "400 bad-request"),
        (r#"{"account":"alice"}"#, "400 bad-request"),
        ("{}", "201"),
    ] {
        let answer = narrow(parent.clone(), body).await;
        assert_eq!(told(&answer), expected, "{body}: {}", answer.text);
    }
    let child =
        narrow(parent.clone(), r#"{"name":"job","allow":["read","stat"],"path":"/a/b","expires_in":"1 h"}"#).await;
    let (id, child) = (child.json()["made"]["parent"].clone(), text_of(&child));
    assert_eq!(id, parent[4..36]);
    assert_eq!(told(&world.get("/data/a/x", Some(&child)).await), "403 not-allowed");
    assert_eq!(told(&world.get("/data/a/b/x", Some(&child)).await), "404 not-found");
    let grandchild = text_of(&narrow(child.clone(), r#"{"allow":["read"]}"#).await);
    assert_eq!(told(&narrow(grandchild.clone(), r#"{"allow":["stat"]}"#).await), "400 bad-request");
    assert_eq!(told(&world.ask("POST", "/api/v1/tokens/narrow", None, "{}").await), "400 bad-request");
    // The holder gives its own back, and all that was made of it ends.
    let others = format!("/api/v1/tokens/{}", &parent[4..36]);
    assert_eq!(told(&world.ask("DELETE", &others, Some(&child), "").await), "403 refused");
    assert_eq!(told(&world.ask("DELETE", &others, Some(&parent), "").await), "204");
    for token in [&parent, &child, &grandchild] {
        assert_eq!(told(&world.get("/data/a/b/x", Some(token)).await), "401 token-revoked");
    }
}

#[tokio::test]
async fn a_line_of_descent_is_bounded() {
    let world = world().await;
    let mut token = world.token("read", "/").await;
    for _ in 1..crate::token::LINEAGE_MAX {
        token = text_of(&world.ask("POST", "/api/v1/tokens/narrow", Some(&token), "{}").await);
    }
    assert_eq!(told(&world.get("/data/x", Some(&token)).await), "404 not-found", "the last one is good");
    assert_eq!(told(&world.ask("POST", "/api/v1/tokens/narrow", Some(&token), "{}").await), "400 bad-request");
}
