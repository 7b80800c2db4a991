//! What the first page warns of, and whom.

use crate::testing::World;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_certificate_that_expires_is_told_on_the_page_and_in_the_status() {
    for (days, warned) in [(3, true), (30, false)] {
        let world = World::with_certificate(DAY * days).await;
        let token = world.token("list,stat", "/").await;
        let page = world.get("/", Some(&token)).await.text;
        assert_eq!(page.contains("The certificate of this host expires on"), warned, "{days} days: {page}");
        assert_eq!(page.contains("role=\"alert\""), warned, "{days} days");
        let status = world.get("/api/v1/status", Some(&token)).await.json();
        assert_eq!(
            status["warnings"].as_array().expect("warnings").len(),
            usize::from(warned),
            "{days} days: {status}"
        );
        let stranger = world.get("/", None).await.text;
        assert!(!stranger.contains("role=\"alert\""), "strangers are told the state only");
    }
}

#[tokio::test]
async fn pages_cannot_be_framed_and_run_nothing() {
    let page = World::new().await.get("/", None).await;
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!((page.header("x-content-type-options"), page.header("cache-control")), ("nosniff", "no-store"));
}
