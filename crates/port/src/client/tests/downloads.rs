//! From a server, whatever it does.

use super::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const LARGE: usize = 3_000_000;

/// A server with one large file, and where to fetch it to.
async fn with_large(judge: impl Fn(&Seen, usize) -> Option<Fault> + Send + Sync + 'static) -> (Server, Vec<u8>) {
    let server = Server::misbehaving(judge).await;
    let content = noise(1, LARGE);
    server.keep("large", &content);
    (server, content)
}

fn is_get(seen: &Seen) -> bool {
    seen.method == "GET"
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_all_sizes_arrive_proven_with_their_times() {
    let server = Server::start().await;
    let scratch = server.scratch();
    for (name, size) in [("empty", 0), ("one", 1), ("small", 100_000), ("blocks", 256 * 1024), ("large", LARGE)] {
        let content = noise(size as u64, size);
        server.keep(name, &content);
        let stored = std::fs::File::options().write(true).open(server.store().join(name)).unwrap();
        stored.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        let target = scratch.join(name);
        let summary =
            copy(&session(), &server.address(&format!("/{name}")), &local(&target), &settings(&scratch)).await;
        assert_eq!((summary.files, summary.failed, summary.unproven), (1, 0, 0), "{name}: {summary:?}");
        assert_eq!(summary.bytes, size as u64);
        assert!(std::fs::read(&target).unwrap() == content, "{name}");
        let modified = std::fs::metadata(&target).unwrap().modified().unwrap();
        assert_eq!(modified, std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    }
    assert_eq!(names(&scratch), ["blocks", "empty", "large", "one", "small"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_comes_by_several_ranges_of_one_state() {
    let (server, content) = with_large(|_, _| None).await;
    let target = server.scratch().join("large");
    copy(&session(), &server.address("/large"), &local(&target), &settings(&server.scratch())).await;
    assert!(std::fs::read(target).unwrap() == content);
    let seen = server.seen();
    let gets: Vec<_> = seen.iter().filter(|seen| is_get(seen)).collect();
    assert!(gets.len() > 4, "{} requests", gets.len());
    assert!(gets.iter().all(|get| get.header("range").starts_with("bytes=") && !get.header("if-match").is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_and_fetched_again() {
    for size in [100_000, LARGE] {
        let flipped = AtomicBool::new(false);
        let server = Server::misbehaving(move |seen, _| {
            (is_get(seen) && !flipped.swap(true, Ordering::Relaxed)).then_some(Fault::Flip(50_000))
        });
        let (server, content) = (server.await, noise(3, size));
        server.keep("f", &content);
        let target = server.scratch().join("f");
        let summary = copy(&session(), &server.address("/f"), &local(&target), &settings(&server.scratch())).await;
        assert_eq!((summary.files, summary.failed), (1, 0), "{summary:?}");
        assert!(std::fs::read(&target).unwrap() == content);

        server.judge(|seen, _| is_get(seen).then_some(Fault::Flip(50_000)));
        std::fs::remove_file(&target).unwrap();
        let summary = copy(&session(), &server.address("/f"), &local(&target), &settings(&server.scratch())).await;
        assert_eq!(only_failure(&summary).kind, fault::kind::DIGEST_MISMATCH);
        assert_eq!(names(&server.scratch()), [""; 0], "nothing is left of wrong bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_cost_only_what_they_broke() {
    let cuts = AtomicUsize::new(0);
    let (server, content) = with_large(move |seen, _| {
        (is_get(seen) && cuts.fetch_add(1, Ordering::Relaxed) < 6).then_some(Fault::Cut(100_000))
    })
    .await;
    let target = server.scratch().join("large");
    let summary = copy(&session(), &server.address("/large"), &local(&target), &settings(&server.scratch())).await;
    assert_eq!((summary.files, summary.unproven), (1, 0), "{summary:?}");
    assert!(std::fs::read(&target).unwrap() == content);
    // Each broken answer brought one block whole, and half of another that came again.
    assert!(summary.bytes < LARGE as u64 + 6 * 64 * 1024, "{} bytes", summary.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_here_does_not_travel_again() {
    for streams in [1, 4] {
        let (server, content) = with_large(|seen, _| is_get(seen).then_some(Fault::Cut(200_000))).await;
        let target = server.scratch().join("large");
        let settings = CopySettings { streams, ..settings(&server.scratch()) };
        let impatient = session_with(|settings| settings.retries = 0);
        let first = copy(&impatient, &server.address("/large"), &local(&target), &settings).await;
        assert_eq!(only_failure(&first).kind, fault::kind::CUT_SHORT);
        assert_eq!(names(&server.scratch()), [".large.portolan-part", ".large.portolan-part.json"]);
        server.behave();
        let second = copy(&session(), &server.address("/large"), &local(&target), &settings).await;
        assert_eq!((second.files, second.unproven), (1, 0), "{second:?}");
        assert!(std::fs::read(&target).unwrap() == content);
        assert!(second.bytes < LARGE as u64 && second.bytes + second.bytes_skipped == LARGE as u64, "{second:?}");
        assert_eq!(names(&server.scratch()), ["large"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_on_the_way_is_fetched_anew() {
    let server = Server::start().await;
    server.keep("f", &noise(4, LARGE));
    let (path, changed) = (server.store().join("f"), AtomicBool::new(false));
    server.judge(move |seen, _| {
        if is_get(seen) && !changed.swap(true, Ordering::Relaxed) {
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, noise(5, LARGE)).unwrap();
        }
        None
    });
    let target = server.scratch().join("f");
    let summary = copy(&session(), &server.address("/f"), &local(&target), &settings(&server.scratch())).await;
    assert_eq!((summary.files, summary.unproven), (1, 0), "{summary:?}");
    assert!(std::fs::read(target).unwrap() == noise(5, LARGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_sends_the_whole() {
    let (server, content) = with_large(|seen, _| is_get(seen).then_some(Fault::NoRanges)).await;
    let target = server.scratch().join("large");
    let summary = copy(&session(), &server.address("/large"), &local(&target), &settings(&server.scratch())).await;
    assert_eq!((summary.files, summary.unproven), (1, 0), "{summary:?}");
    assert!(std::fs::read(target).unwrap() == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_digests_is_told_of_unless_one_is_demanded() {
    let (server, content) = with_large(|_, _| Some(Fault::NoDigests)).await;
    server.keep("small", b"hello");
    for name in ["large", "small"] {
        let target = server.scratch().join(name);
        let source = server.address(&format!("/{name}"));
        let summary = copy(&session(), &source, &local(&target), &settings(&server.scratch())).await;
        assert_eq!((summary.files, summary.unproven), (1, 1), "{summary:?}");
        let demanding = CopySettings {
            digest: Some(Algorithm::Sha256),
            overwrite: Overwrite::Always,
            ..settings(&server.scratch())
        };
        let summary = copy(&session(), &source, &local(&target), &demanding).await;
        assert_eq!(only_failure(&summary).kind, fault::kind::NO_DIGEST);
    }
    assert!(std::fs::read(server.scratch().join("large")).unwrap() == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_that_do_not_combine_are_compared_too() {
    let (server, _) = with_large(|_, _| None).await;
    let target = server.scratch().join("large");
    let demanding = CopySettings { digest: Some(Algorithm::Sha256), ..settings(&server.scratch()) };
    let summary = copy(&session(), &server.address("/large"), &local(&target), &demanding).await;
    assert_eq!((summary.files, summary.unproven), (1, 0), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up() {
    for size in [100_000, LARGE] {
        let server = Server::misbehaving(|seen, _| is_get(seen).then_some(Fault::Stall(10_000))).await;
        server.keep("f", &noise(6, size));
        let session = session_with(|settings| {
            settings.retries = 0;
            settings.stall_timeout = Duration::from_millis(300);
        });
        let target = server.scratch().join("f");
        let summary = copy(&session, &server.address("/f"), &local(&target), &settings(&server.scratch())).await;
        assert_eq!(only_failure(&summary).kind, fault::kind::STALLED);
        assert!(!target.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_names_find_room_for_their_parts() {
    let server = Server::start().await;
    let name = "é".repeat(127);
    server.keep(&name, b"hello");
    let target = server.scratch().join(&name);
    let summary =
        copy(&session(), &server.address("/").join(&name), &local(&target), &settings(&server.scratch())).await;
    assert_eq!(summary.files, 1, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_fetches_is_left_to_it() {
    let server = Server::start().await;
    server.keep("f", b"hello");
    let target = server.scratch().join("f");
    let other = std::fs::File::create(server.scratch().join(".f.portolan-part")).unwrap();
    other.lock().unwrap();
    let settings = settings(&server.scratch());
    let summary = copy(&session(), &server.address("/f"), &local(&target), &settings).await;
    assert_eq!(only_failure(&summary).kind, fault::kind::BUSY);
    drop(other);
    assert_eq!(copy(&session(), &server.address("/f"), &local(&target), &settings).await.files, 1);
}
