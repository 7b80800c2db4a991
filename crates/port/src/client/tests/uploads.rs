//! To a server, whatever it does.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const LARGE: usize = 3_000_000;

/// A file of this size to send, last modified at a time that is not now.
fn file(server: &Server, size: usize) -> (std::path::PathBuf, Vec<u8>) {
    let (path, content) = (server.scratch().join("f"), noise(size as u64, size));
    std::fs::write(&path, &content).unwrap();
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    (path, content)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_all_sizes_arrive_proven_with_their_times() {
    for (size, patches) in [(0, 0), (1, 0), (200_000, 0), (400_000, 0), (LARGE, 1)] {
        let server = Server::start().await;
        let (path, content) = file(&server, size);
        let summary = copy(&session(), &local(&path), &server.address("/f"), &settings(&server.scratch())).await;
        assert_eq!((summary.files, summary.unproven, summary.failed), (1, 0, 0), "{size}: {summary:?}");
        let stored = server.store().join("f");
        assert!(std::fs::read(&stored).unwrap() == content);
        let modified = std::fs::metadata(&stored).unwrap().modified().unwrap();
        assert_eq!(modified, std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000), "{size}");
        let seen = server.seen();
        assert_eq!(seen.iter().filter(|seen| seen.method == "PATCH").count(), patches, "{size}");
        let claims = seen.iter().any(|seen| seen.method == "PUT" && !seen.header("repr-digest").is_empty());
        assert_eq!(claims, size <= 256 * 1024, "{size}");
        assert!(!server.scratch().join("state").exists() || names(&server.scratch().join("state")).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_other_bytes_is_found_out() {
    for size in [1_000, 400_000, LARGE] {
        let server = Server::misbehaving(|seen, _| {
            matches!(seen.method.as_str(), "PUT" | "PATCH" | "HEAD").then_some(Fault::WrongDigests)
        });
        let server = server.await;
        let (path, _) = file(&server, size);
        let summary = copy(&session(), &local(&path), &server.address("/f"), &settings(&server.scratch())).await;
        assert_eq!(only_failure(&summary).kind, fault::kind::DIGEST_MISMATCH, "{size}");
        assert!(!server.store().join("f").exists(), "what is wrong does not stay");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_the_answer_lacks_is_asked_for() {
    let server = Server::misbehaving(|seen, _| (seen.method == "PUT").then_some(Fault::NoDigests)).await;
    let (path, _) = file(&server, 1_000);
    let summary = copy(&session(), &local(&path), &server.address("/f"), &settings(&server.scratch())).await;
    assert_eq!((summary.files, summary.unproven), (1, 0), "{summary:?}");
    assert!(server.count("HEAD") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_server_gets_a_plain_put() {
    let server = Server::misbehaving(|seen, _| (seen.method == "OPTIONS").then_some(Fault::Status(405))).await;
    let (path, content) = file(&server, LARGE);
    let summary = copy(&session(), &local(&path), &server.address("/f"), &settings(&server.scratch())).await;
    assert_eq!((summary.files, summary.unproven), (1, 0), "{summary:?}");
    assert!(std::fs::read(server.store().join("f")).unwrap() == content);
    assert_eq!(server.count("PATCH"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_failures_are_tried_again_and_refusals_are_not() {
    let failures = AtomicUsize::new(0);
    let server = Server::misbehaving(move |seen, _| {
        (seen.method == "PUT" && failures.fetch_add(1, Ordering::Relaxed) < 2).then_some(Fault::Status(503))
    });
    let server = server.await;
    let (path, _) = file(&server, 400_000);
    let summary = copy(&session(), &local(&path), &server.address("/f"), &settings(&server.scratch())).await;
    assert_eq!(summary.files, 1, "{summary:?}");
    server.seen();
    server.judge(|seen, _| (seen.method == "PUT").then_some(Fault::Status(403)));
    let always = CopySettings { overwrite: Overwrite::Always, ..settings(&server.scratch()) };
    let summary = copy(&session(), &local(&path), &server.address("/f"), &always).await;
    assert_eq!(only_failure(&summary).kind, fault::kind::REFUSED);
    assert_eq!(server.count("PUT"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_look_may_still_put() {
    for status in [401, 403] {
        let looks = |method: &str| matches!(method, "PROPFIND" | "HEAD" | "GET");
        let server = Server::misbehaving(move |seen, _| looks(&seen.method).then_some(Fault::Status(status))).await;
        std::fs::create_dir(server.store().join("box")).unwrap();
        let (path, content) = file(&server, 1_000);
        let name = path.file_name().unwrap();
        for target in ["/box/", "/box/named"] {
            let summary = copy(&session(), &local(&path), &server.address(target), &settings(&server.scratch())).await;
            assert_eq!((summary.files, summary.unproven), (1, 0), "{target}: {summary:?}");
        }
        assert!(std::fs::read(server.store().join("box").join(name)).unwrap() == content);
        assert!(std::fs::read(server.store().join("box/named")).unwrap() == content);
    }
}

/// Carries connections to a server, and cuts each of the first `cuts` when so much has gone through.
async fn relay(to: u16, cuts: usize, after: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let carried = Arc::new(AtomicUsize::new(0));
    let (total, cut) = (Arc::clone(&carried), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (total, cut) = (Arc::clone(&total), Arc::clone(&cut));
            tokio::spawn(async move {
                let server = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await.ok() });
                let (mut buffer, mut here) = (vec![0; 64 * 1024], 0);
                while let Ok(got) = from_client.read(&mut buffer).await {
                    here += got;
                    let is_over = here > after && cut.fetch_add(1, Ordering::Relaxed) < cuts;
                    if got == 0 || is_over || to_server.write_all(&buffer[..got]).await.is_err() {
                        break;
                    }
                    total.fetch_add(got, Ordering::Relaxed);
                }
                back.abort();
            });
        }
    });
    (port, carried)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_the_connection_broke() {
    let server = Server::start().await;
    let (path, content) = file(&server, LARGE);
    let (port, carried) = relay(server.port(), 2, 1_000_000).await;
    let target = Address::parse(&format!("http://127.0.0.1:{port}/data/f")).unwrap();
    let summary = copy(&session(), &local(&path), &target, &settings(&server.scratch())).await;
    assert_eq!((summary.files, summary.unproven), (1, 0), "{summary:?}");
    assert!(std::fs::read(server.store().join("f")).unwrap() == content);
    let carried = carried.load(Ordering::Relaxed);
    assert!(carried < LARGE + LARGE / 2, "{carried} bytes for {LARGE}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_in_another_run() {
    let server = Server::start().await;
    let (path, content) = file(&server, LARGE);
    let (port, _) = relay(server.port(), 1, 1_500_000).await;
    let target = Address::parse(&format!("http://127.0.0.1:{port}/data/f")).unwrap();
    let impatient = session_with(|settings| settings.retries = 0);
    let first = copy(&impatient, &local(&path), &target, &settings(&server.scratch())).await;
    assert!(fault::is_broken_off(only_failure(&first)), "{first:?}");
    assert_eq!(names(&server.scratch().join("state")).len(), 1);
    assert!(!server.store().join("f").exists());
    let second = copy(&session(), &local(&path), &target, &settings(&server.scratch())).await;
    assert_eq!((second.files, second.unproven), (1, 0), "{second:?}");
    assert!(second.bytes_skipped >= 1_000_000 && second.bytes < LARGE as u64, "{second:?}");
    assert!(std::fs::read(server.store().join("f")).unwrap() == content);
    assert!(names(&server.scratch().join("state")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_server_forgot_begins_again() {
    let server = Server::start().await;
    let (path, content) = file(&server, LARGE);
    let (port, _) = relay(server.port(), 1, 1_500_000).await;
    let target = Address::parse(&format!("http://127.0.0.1:{port}/data/f")).unwrap();
    let impatient = session_with(|settings| settings.retries = 0);
    copy(&impatient, &local(&path), &target, &settings(&server.scratch())).await;
    let forgotten = std::sync::atomic::AtomicBool::new(false);
    server.judge(move |seen, _| {
        let is_first = seen.method == "HEAD" && !forgotten.swap(true, Ordering::Relaxed);
        is_first.then_some(Fault::Status(404))
    });
    let second = copy(&session(), &local(&path), &target, &settings(&server.scratch())).await;
    assert_eq!((second.files, second.unproven, second.bytes), (1, 0, LARGE as u64), "{second:?}");
    assert!(std::fs::read(server.store().join("f")).unwrap() == content);
}
