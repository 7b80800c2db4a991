//! Loads, asked for without sockets of ours: what is refused, what runs, what can be ended.

use crate::testing::World;
use serde_json::{Value, json};
use std::time::Duration;

const MEASURE: &str = "stat,measure";

async fn ask(world: &World, token: &str, body: &Value) -> (u16, Value) {
    let answer = world.ask("POST", "/api/v1/loads", Some(token), &body.to_string()).await;
    (answer.status.as_u16(), serde_json::from_str(&answer.text).unwrap_or_default())
}

fn load(url: &str) -> Value {
    json!({ "targets": [{ "url": url }], "seconds": 0.2 })
}

#[tokio::test]
async fn loads_are_for_those_who_may_measure() {
    let world = World::new().await;
    assert_eq!(world.get("/api/v1/loads", None).await.status, 401);
    let reader = world.token("read", "/").await;
    assert_eq!(world.get("/api/v1/loads", Some(&reader)).await.status, 403);
    assert_eq!(ask(&world, &reader, &load("http://8.8.8.8/")).await.0, 403);
}

#[tokio::test]
async fn loads_that_cannot_be_are_refused() {
    let world = World::new().await;
    let token = world.token(MEASURE, "/").await;
    let refused = [
        (json!({ "targets": [], "seconds": 1 }), 400, "load-unusable"),
        (json!({ "targets": [{ "url": "ftp://x/" }], "seconds": 1 }), 400, "url-unusable"),
        (json!({ "targets": [{ "url": "http://x.invalid/" }], "seconds": 1 }), 400, "host-unknown"),
        (json!({ "targets": [{ "url": "http://8.8.8.8/" }], "seconds": 4000 }), 400, "load-unusable"),
        (json!({ "targets": [{ "url": "http://8.8.8.8/" }], "seconds": -1 }), 400, "bad-request"),
        (json!({ "targets": [{ "url": "http://8.8.8.8/" }], "seconds": 1, "http": 3 }), 400, "bad-request"),
        (json!({ "targets": [{ "url": "http://8.8.8.8/" }], "seconds": 1, "connections": 257 }), 400, "load-unusable"),
        (
            json!({ "targets": [{ "url": "http://8.8.8.8/" }], "seconds": 1, "begin_in_seconds": 601 }),
            400,
            "load-unusable",
        ),
        (json!({ "targets": [{ "url": "http://8.8.8.8/" }], "seconds": 1, "unknown": 1 }), 400, "bad-request"),
        // Names are looked up before they are judged.
        (load("http://127.0.0.1/"), 403, "target-inside"),
        (load("http://localhost:22/"), 403, "target-inside"),
        (load("http://[::ffff:10.0.0.1]/"), 403, "target-inside"),
        (load("http://169.254.169.254/latest/meta-data/"), 403, "target-inside"),
        (load("http://[fe80::1]/"), 403, "target-inside"),
    ];
    for (body, status, kind) in refused {
        let (found, answer) = ask(&world, &token, &body).await;
        assert_eq!((found, answer["kind"].as_str()), (status, Some(kind)), "{body}: {answer}");
    }
    let none: Value = serde_json::from_str(&world.get("/api/v1/loads", Some(&token)).await.text).unwrap();
    assert_eq!(none, json!({ "loads": [] }));
}

#[tokio::test]
async fn a_load_runs_is_told_and_is_forgotten() {
    let world = World::with(|settings| settings.responder.loads_inside = true).await;
    let token = world.token(MEASURE, "/").await;
    // Nobody listens there: every connection fails, and the load ends in its time all the same.
    let (status, made) = ask(&world, &token, &load("http://127.0.0.1:9/")).await;
    assert_eq!((status, made["state"].as_str()), (201, Some("waiting")), "{made}");
    let path = format!("/api/v1/loads/{}", made["id"].as_str().unwrap());
    let ended = loop {
        let now: Value = serde_json::from_str(&world.get(&path, Some(&token)).await.text).unwrap();
        if now["state"] == "finished" {
            break now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let report = &ended["results"][0]["report"];
    assert_eq!(report["failures"][0]["kind"], "peer-unreachable", "{ended}");
    assert_eq!(report["requests"], 0);
    assert_eq!(world.ask("DELETE", &path, Some(&token), "").await.status, 204);
    assert_eq!(world.get(&path, Some(&token)).await.status, 404);
}

#[tokio::test]
async fn a_load_can_be_ended_and_only_so_many_run() {
    let world = World::with(|settings| settings.responder.loads_inside = true).await;
    let token = world.token(MEASURE, "/").await;
    let later = json!({ "targets": [{ "url": "http://127.0.0.1:9/" }], "seconds": 1, "begin_in_seconds": 500 });
    let mut made = Vec::new();
    for _ in 0..4 {
        let (status, answer) = ask(&world, &token, &later).await;
        assert_eq!(status, 201);
        made.push(answer["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ask(&world, &token, &later).await.0, 429);
    let path = format!("/api/v1/loads/{}", made[0]);
    assert_eq!(world.ask("DELETE", &path, Some(&token), "").await.status, 204);
    let ended: Value = serde_json::from_str(&world.get(&path, Some(&token)).await.text).unwrap();
    assert_eq!(ended["state"], "cancelled");
    assert_eq!(ask(&world, &token, &later).await.0, 201);
}
