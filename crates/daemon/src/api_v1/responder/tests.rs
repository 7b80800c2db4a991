use crate::testing::World;
use soundings::responder::{Protocol, Refusal, Start};
use std::time::Duration;

async fn world() -> World {
    World::with(|settings| settings.responder.listen = Some("[::]:5201".parse().expect("an address"))).await
}

#[tokio::test]
async fn what_runs_is_told_and_whose_it_is_only_to_those_who_may_learn_it() {
    let world = world().await;
    let runs = &world.port.responder.as_ref().expect("a responder").shared.runs;
    let _run = runs.begin(Start {
        protocol: Protocol::Iperf3,
        who: "alice".to_owned(),
        peer: "192.0.2.7:40000".parse().expect("an address"),
        what: "TCP, 4 streams, receiving".to_owned(),
        longest: Duration::from_secs(10),
    });
    runs.refused(None, Refusal::Silent);
    let token = world.token("stat", "/").await;
    let answer = world.get("/api/v1/responder", Some(&token)).await.json();
    assert_eq!(answer["anyone"]["tcp_seconds"], 60.0);
    assert_eq!(answer["anyone"]["tcp_bits_per_second"], 1_000_000_000);
    assert_eq!(answer["you"], answer["anyone"], "`stat` is not `measure`");
    assert_eq!(answer["running"][0]["what"], "TCP, 4 streams, receiving");
    assert!(answer["running"][0]["who"].is_null() && answer["running"][0]["peer"].is_null(), "{answer}");
    assert_eq!(answer["refused"][0]["reason"], "silent");
    let token = world.token("stat,see-transfers,measure", "/").await;
    let answer = world.get("/api/v1/responder", Some(&token)).await.json();
    assert_eq!((&answer["running"][0]["who"], &answer["you"]), (&"alice".into(), &answer["entitled"]));
    assert_eq!(answer["running"][0]["peer"], "192.0.2.7:40000");
    assert_eq!(world.get("/api/v1/responder", None).await.status, 401);
}

#[tokio::test]
async fn a_port_without_a_responder_says_so_and_serves_none_of_its_places() {
    let world = World::new().await;
    let token = world.token("stat,measure", "/").await;
    let answer = world.get("/api/v1/responder", Some(&token)).await;
    assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (404, "not-found"));
    for place in ["/speed", "/ndt/v7/download", "/synthetic/1MB"] {
        let answer = world.get(place, Some(&token)).await;
        assert_eq!(answer.status, 404, "{place}");
        assert!(answer.text.contains("Files are below /data/"), "{}", answer.text);
    }
}
