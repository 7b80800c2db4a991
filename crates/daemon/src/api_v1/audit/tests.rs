//! Pages, filters and streams as programs meet them.

use crate::testing::World;
use http_body_util::BodyExt as _;
use net::{Handler as _, RequestBody};

/// Six lines and the one of asking itself.
async fn world() -> (World, String) {
    let world = World::new().await;
    let (admin, reader) = (world.token("read-audit", "/").await, world.token("read", "/open").await);
    for path in ["/data/a", "/data/b", "/data/c"] {
        assert_eq!(world.get(path, None).await.status, 401);
        assert_eq!(world.get(path, Some(&reader)).await.status, 403);
    }
    world.port.audit.settled().await.expect("durable");
    (world, admin)
}

async fn page(world: &World, admin: &str, query: &str) -> api::AuditAnswer {
    let answer = world.get(&format!("/api/v1/audit?{query}"), Some(admin)).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    serde_json::from_str(&answer.text).expect("a page")
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let (world, admin) = world().await;
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = page(&world, &admin, &format!("limit=2&verb=read&after={after}")).await;
        seen.extend(page.records.iter().map(|record| record.sequence));
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    assert_eq!(page(&world, &admin, "decision=unauthenticated").await.records.len(), 3);
    assert_eq!(page(&world, &admin, "decision=refused&path=/a").await.records.len(), 2);
    assert_eq!(page(&world, &admin, "who=test&verb=read").await.records.len(), 3);
    assert_eq!(page(&world, &admin, "since=2200-01-01").await.records.len(), 0);
}

#[tokio::test]
async fn only_those_who_may_read_it_do_and_what_means_nothing_is_refused() {
    let (world, admin) = world().await;
    let plain = world.token("list,stat,read,create,modify,delete,stage,share", "/").await;
    assert_eq!(world.get("/api/v1/audit", None).await.status, 401);
    assert_eq!(world.get("/api/v1/audit", Some(&plain)).await.status, 403);
    let wrong =
        ["limit=0", "limit=1001", "after=-1", "verb=fly", "decision=no", "from=here", "since=then", "path=a", "what=x"];
    for query in wrong {
        assert_eq!(world.get(&format!("/api/v1/audit?{query}"), Some(&admin)).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_stream_tells_each_line_and_ends_with_the_port() {
    let (world, admin) = world().await;
    let request = http::Request::get("/api/v1/audit?follow=true&after=0&verb=read")
        .header("authorization", format!("Bearer {admin}"))
        .body(RequestBody::empty())
        .expect("a request");
    let answer = world.router.handle(request).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    world.port.drain.begin();
    let text = answer.into_body().collect().await.expect("it ends").to_bytes();
    let text = String::from_utf8_lossy(&text).into_owned();
    // It ends at the next look: what it had read until then is told whole.
    assert!(text.is_empty() || text.ends_with("\n\n"), "{text}");
}
