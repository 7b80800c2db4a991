//! Budgets: exact, whoever comes when, and in whatever pieces.

use super::*;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use net::{Body, Handler as _};

/// An answer whose body nobody has read yet.
async fn begin(world: &World, path: &str, range: Option<&str>) -> Response<Body> {
    let mut request = Request::get(path);
    if let Some(range) = range {
        request = request.header("range", range);
    }
    world.router.handle(request.body(Default::default()).expect("a request")).await
}

async fn read(response: Response<Body>) -> usize {
    response.into_body().collect().await.expect("a body").to_bytes().len()
}

/// Downloads and bytes as they are counted now.
async fn counted(world: &World, token: &str) -> (u64, u64) {
    let share = &told(world, token).await[0];
    (share.downloads, share.bytes)
}

#[tokio::test]
async fn a_hundred_at_once_get_what_there_is_and_no_more() {
    for (fields, expected) in [("\"max_downloads\": 7", (7, 70)), ("\"max_bytes\": 75", (7, 70))] {
        let (world, token) = world().await;
        let home = path_of(&share(&world, &token, "/survey/dr1", fields).await);
        let world = std::sync::Arc::new(world);
        let callers: Vec<_> = (0..100)
            .map(|number| {
                let (world, name) = (std::sync::Arc::clone(&world), ["a.txt", "night/b%20c.txt"][number % 2]);
                let path = format!("{home}{name}");
                tokio::spawn(async move {
                    let answer = begin(&world, &path, None).await;
                    let status = answer.status().as_u16();
                    (status, read(answer).await)
                })
            })
            .collect();
        let mut served = 0;
        for caller in callers {
            let (status, bytes) = caller.await.expect("it ends");
            assert!(matches!((status, bytes), (200, 10) | (403 | 429, _)), "{status} {bytes}");
            served += u64::from(status == 200);
        }
        assert_eq!((served, counted(&world, &token).await), (expected.0, expected), "{fields}");
        let over = world.get(&format!("{home}a.txt"), None).await;
        assert_eq!((over.status.as_u16(), over.kind().as_str()), (403, "share-used-up"));
        assert_eq!(world.get(&home, None).await.status, 200, "looking costs nothing");
        assert_eq!(world.ask("HEAD", &format!("{home}a.txt"), None, "").await.status, 200);
        assert_eq!(counted(&world, &token).await, expected);
    }
}

#[tokio::test]
async fn ranges_of_one_file_are_one_download() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "\"max_downloads\": 1").await);
    let path = format!("{home}a.txt");
    for range in ["bytes=0-2", "bytes=3-5", "bytes=6-9"] {
        assert_eq!(begin(&world, &path, Some(range)).await.status(), 206, "{range}");
    }
    for range in ["bytes=0-2", "bytes=3-5", "bytes=6-9"] {
        let answer = begin(&world, &path, Some(range)).await;
        assert_eq!(answer.status(), 206, "{range}: those before were never read");
        assert!(read(answer).await >= 3);
    }
    assert_eq!(counted(&world, &token).await, (1, 10));
    let again = begin(&world, &path, Some("bytes=0-9")).await;
    assert_eq!(again.status(), 403, "that would be the second");
    let other = begin(&world, &format!("{home}night/b%20c.txt"), Some("bytes=0-0")).await;
    assert_eq!(other.status(), 403, "so would a byte of another file");
}

#[tokio::test]
async fn what_was_not_sent_is_given_back_to_who_waits() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "\"max_downloads\": 1, \"max_bytes\": 10").await);
    let path = format!("{home}a.txt");
    let first = begin(&world, &path, None).await;
    assert_eq!(first.status(), 200);
    let record = world.port.archive.shares().await.expect("shares").remove(0);
    assert_eq!((record.downloads, record.bytes), (1, 10), "taken before the first byte is sent");
    let second = world.get(&path, None).await;
    assert_eq!((second.status.as_u16(), second.kind().as_str()), (429, "share-busy"));
    assert!(!second.header("retry-after").is_empty());
    drop(first);
    assert_eq!(read(begin(&world, &path, None).await).await, 10, "the first was given up");
    assert_eq!(counted(&world, &token).await, (1, 10));
}

#[tokio::test]
async fn what_has_no_limit_is_counted() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "").await);
    for _ in 0..3 {
        assert_eq!(read(begin(&world, &format!("{home}a.txt"), None).await).await, 10);
    }
    drop(begin(&world, &format!("{home}a.txt"), None).await);
    assert_eq!(read(begin(&world, &format!("{home}a.txt"), Some("bytes=0-5")).await).await, 6);
    assert_eq!(counted(&world, &token).await, (4, 36));
    let several = begin(&world, &format!("{home}a.txt"), Some("bytes=0-1,0-1,0-1")).await;
    assert_eq!(several.status(), 200, "several ranges are answered by the whole");
}

#[tokio::test]
async fn uploads_are_bounded_in_bytes() {
    let (world, token) = world().await;
    let home = path_of(&share(&world, &token, "/survey/dr1", "\"allow\": [\"create\"], \"max_bytes\": 12").await);
    assert_eq!(world.ask("PUT", &format!("{home}1"), None, "12345").await.status, 201);
    assert_eq!(world.ask("PUT", &format!("{home}1"), None, "12345").await.status, 403, "it is there already");
    assert_eq!(counted(&world, &token).await, (0, 5), "of a body that was refused nothing was read");
    assert_eq!(world.ask("PUT", &format!("{home}2"), None, "123456789").await.kind(), "share-used-up");
    let unknown = Request::put(format!("{home}3")).body(bytes::Bytes::from_static(b"1").into()).expect("a request");
    assert_eq!(world.send(unknown).await.status, 411);
    assert_eq!(world.ask("PUT", &format!("{home}4"), None, "1234567").await.status, 201);
    assert_eq!(world.ask("PUT", &format!("{home}5"), None, "1").await.kind(), "share-used-up");
    assert_eq!(counted(&world, &token).await, (0, 12));
}
