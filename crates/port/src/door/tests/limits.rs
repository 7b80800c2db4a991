//! What a credential carries at most, and what a caller moved today.

use super::*;
use crate::door::usage::Usage;
use policy::{Conditions, Rule, RuleEffect, RuleSource, Subject};

fn limited(max_bytes: u64) -> Principal {
    let id = TokenId(uuid::Uuid::from_u128(7));
    let mut identity = terms::Identity::token(id, "limited", VerbSet::all(), LogicalPath::root());
    identity.upload_max_bytes = Some(max_bytes);
    Principal::of(identity)
}

#[tokio::test]
async fn what_a_credential_carries_at_most_is_refused_beforehand_or_cut() {
    let bench = Bench::new().await;
    let who = || limited(100_000);
    for length in [101, 100_001, 3 << 20] {
        let (limit, announced) = (if length == 101 { 100 } else { 100_000 }, length.to_string());
        let headers = [("content-length", announced.as_str())];
        let told = bench.ask_as(limited(limit), "PUT", "/data/f", &headers, noise(length)).await;
        assert_eq!(told.status, StatusCode::FORBIDDEN, "{length}: {:?}", told.body);
        let told = bench.ask_as(limited(limit), "PUT", "/data/f", &[], noise(length)).await;
        assert_eq!(told.status, StatusCode::PAYLOAD_TOO_LARGE, "{length}: {:?}", told.body);
    }
    assert_eq!(bench.stored("f"), None);
    assert!(bench.staged().is_empty());
    assert_eq!(bench.ask_as(who(), "PUT", "/data/f", &[], noise(100_000)).await.status, StatusCode::CREATED);
    let told = bench.ask_as(who(), "OPTIONS", "/data/", &[], "").await;
    assert!(told.header("upload-limit").contains("max-size=100000"), "{}", told.header("upload-limit"));
}

#[tokio::test]
async fn resumable_uploads_keep_to_it_too() {
    let bench = Bench::new().await;
    let begin = async |length: &str, body: Vec<u8>| {
        let headers = [("upload-complete", "?0"), ("upload-length", length)];
        let headers = if length.is_empty() { &headers[..1] } else { &headers[..] };
        bench.ask_as(limited(100), "PUT", "/data/f", headers, body).await
    };
    assert_eq!(begin("101", Vec::new()).await.status, StatusCode::FORBIDDEN);
    assert!(begin("", noise(101)).await.status.is_client_error());
    assert!(bench.staged().is_empty());
    let told = begin("", noise(50)).await;
    assert_eq!(told.status, StatusCode::CREATED);
    let address = told.header("location").to_owned();
    let headers = [("upload-complete", "?1"), ("upload-offset", "50"), ("content-type", "application/partial-upload")];
    let told = bench.ask_as(limited(100), "PATCH", &address, &headers, noise(51)).await;
    assert!(told.status.is_client_error(), "{}", told.status);
    assert_eq!(bench.stored("f"), None);
    assert!(bench.staged().is_empty());
}

/// Everyone may do everything while they moved less than 1,000 bytes today.
fn daily() -> Rights {
    let rule = Rule {
        name: "daily".to_owned(),
        effect: RuleEffect::Allow,
        verbs: VerbSet::all(),
        paths: vec![LogicalPath::root()],
        subjects: vec![Subject::Everyone],
        conditions: Conditions { daily_max_bytes: Some(1_000), ..Conditions::default() },
    };
    Rights::new(Policy::compile(RuleSource { rules: vec![rule], ..RuleSource::default() }).unwrap(), ())
}

fn user(name: &str) -> Principal {
    Principal::of(terms::Identity::new(terms::Kind::User, name))
}

#[tokio::test]
async fn what_was_moved_is_counted_on_all_ways_and_known_after_a_restart() {
    let bench = Bench::ruled(|_| {}, daily()).await;
    let ask = async |who: &str, method: &str, headers: &[(&str, &str)], body: Vec<u8>| {
        bench.ask_as(user(who), method, "/data/f", headers, body).await
    };
    assert_eq!(ask("anna", "PUT", &[], noise(400)).await.status, StatusCode::CREATED);
    assert_eq!(ask("anna", "GET", &[("range", "bytes=0-99")], Vec::new()).await.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(bench.door.usage().used_bytes("anna"), 500);
    let headers = [("upload-complete", "?0")];
    let told = ask("anna", "PUT", &headers, noise(300)).await;
    assert_eq!(told.status, StatusCode::CREATED);
    assert_eq!(bench.door.usage().used_bytes("anna"), 800);
    assert_eq!(ask("anna", "GET", &[], Vec::new()).await.status, StatusCode::OK);
    assert_eq!(ask("anna", "GET", &[], Vec::new()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ask("bert", "GET", &[], Vec::new()).await.status, StatusCode::OK);
    let Bench { folder, door, archive } = bench;
    door.close().await;
    drop(door);
    let records = archive.usage_since(0).await.unwrap();
    let counted: Vec<_> = records.iter().map(|record| (record.principal.as_str(), record.bytes)).collect();
    assert_eq!(counted, [("anna", 1_200), ("bert", 400)]);
    let bench = Bench { door: reopened_by(settings_in(&folder), &archive, daily()).await, folder, archive };
    assert_eq!(bench.ask_as(user("anna"), "GET", "/data/f", &[], "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.ask_as(user("bert"), "GET", "/data/f", &[], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_others_moved_who_serve_from_the_same_archive_counts_after_a_while() {
    let bench = Bench::new().await;
    let (one, other) = (Usage::load(&bench.archive).await.unwrap(), Usage::load(&bench.archive).await.unwrap());
    one.add("anna", 100);
    other.add("anna", 10);
    one.save(&bench.archive).await;
    assert_eq!((one.used_bytes("anna"), other.used_bytes("anna")), (100, 10));
    // What the archive does not know yet counts, too, and once.
    other.refresh(&bench.archive).await.unwrap();
    assert_eq!(other.used_bytes("anna"), 110);
    other.save(&bench.archive).await;
    other.save(&bench.archive).await;
    for usage in [&one, &other] {
        usage.refresh(&bench.archive).await.unwrap();
        assert_eq!(usage.used_bytes("anna"), 110);
    }
    assert_eq!(bench.archive.usage_since(0).await.unwrap()[0].bytes, 110);
}
