//! The small sisters of copying.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn looking_up_and_listing() {
    let server = Server::start().await;
    server.keep("folder/a b", b"hello");
    server.keep("folder/sub/deep", b"");
    let session = session();
    let file = session.stat(&server.address("/folder/a b")).await.unwrap();
    assert_eq!((file.name.as_str(), file.kind, file.size_bytes), ("a b", Kind::File, Some(5)));
    assert!(file.modified.is_some() && file.tag.is_some());
    assert!(session.stat(&server.address("/folder")).await.unwrap().is_folder());
    assert_eq!(session.stat(&server.address("/nothing")).await.unwrap_err().kind, fault::kind::NOT_FOUND);
    assert_eq!(session.find(&server.address("/nothing")).await.unwrap(), None);
    let listing = session.list(&server.address("/folder")).await.unwrap().sorted().await.unwrap();
    let names: Vec<_> = listing.iter().map(|entry| (entry.name.as_str(), entry.is_folder())).collect();
    assert_eq!(names, [("a b", false), ("sub", true)]);
    assert!(
        session.list(&server.address("/folder/a b")).await.is_err_and(|p| p.kind != fault::kind::NOT_FOUND) || {
            let listing = session.list(&server.address("/folder/a b")).await.unwrap();
            listing.sorted().await.is_err()
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_webdav_is_looked_up_by_head() {
    let server = Server::misbehaving(|_, _| Some(Fault::PlainWeb)).await;
    server.keep("f", b"hello");
    let file = session().stat(&server.address("/f")).await.unwrap();
    assert_eq!((file.kind, file.size_bytes), (Kind::File, Some(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_made_and_removed() {
    let server = Server::start().await;
    let session = session();
    let deep = server.address("/a/b/c");
    assert!(session.make_folder(&deep, false).await.is_err());
    session.make_folder(&deep, true).await.unwrap();
    session.make_folder(&deep, true).await.unwrap();
    assert_eq!(session.make_folder(&deep, false).await.unwrap_err().kind, fault::kind::EXISTS);
    assert!(server.store().join("a/b/c").is_dir());
    assert_eq!(session.remove(&server.address("/a"), false).await.unwrap_err().kind, fault::kind::USAGE);
    session.remove(&server.address("/a"), true).await.unwrap();
    assert!(!server.store().join("a").exists());
    assert_eq!(session.remove(&server.address("/a"), true).await.unwrap_err().kind, fault::kind::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_removes_empty_folders_alone_is_helped() {
    let server = Server::start().await;
    server.keep("a/b/c", b"1");
    server.keep("a/d e", b"2");
    let store = server.store();
    server.judge(move |seen, _| {
        let folder = store.join(seen.path.trim_start_matches("/data/"));
        let is_full = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        (seen.method == "DELETE" && is_full).then_some(Fault::Status(500))
    });
    session().remove(&server.address("/a"), true).await.unwrap();
    assert!(!server.store().join("a").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_change_on_one_server_alone() {
    let server = Server::start().await;
    server.keep("a", b"1");
    server.keep("b", b"2");
    let session = session();
    let (a, b) = (server.address("/a"), server.address("/b"));
    assert_eq!(session.rename(&a, &b, false).await.unwrap_err().kind, fault::kind::EXISTS);
    assert!(session.rename(&a, &b, true).await.unwrap());
    assert_eq!(std::fs::read(server.store().join("b")).unwrap(), b"1");
    assert!(!session.rename(&b, &local("/tmp/nothing"), true).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_come_from_the_server_or_from_the_bytes() {
    let server = Server::start().await;
    server.keep("f", b"123456789");
    let session = session();
    let sum = session.sum(&server.address("/f"), Algorithm::Adler32).await.unwrap();
    assert_eq!((sum.digest.to_hex().as_str(), sum.source), ("091e01de", SumSource::Server));
    server.judge(|_, _| Some(Fault::NoDigests));
    let sum = session.sum(&server.address("/f"), Algorithm::Crc32c).await.unwrap();
    assert_eq!((sum.digest.to_hex().as_str(), sum.source), ("e3069283", SumSource::Here));
    let here = session.sum(&local(server.store().join("f")), Algorithm::Crc32c).await.unwrap();
    assert_eq!(here.digest, sum.digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_failures_are_tried_again() {
    let server = Server::misbehaving(|_, number| (number < 2).then_some(Fault::Status(503))).await;
    server.keep("f", b"hello");
    session().stat(&server.address("/f")).await.unwrap();
    assert_eq!(server.seen().len(), 3);
    server.judge(|_, _| Some(Fault::Status(403)));
    let problem = session().remove(&server.address("/f"), false).await.unwrap_err();
    assert_eq!((problem.kind, server.seen().len()), (fault::kind::REFUSED, 2), "PROPFIND, then HEAD: {problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_not_follow_to_another_server() {
    let (first, second) = (Server::start().await, Server::start().await);
    second.keep("f", b"hello");
    let elsewhere = second.text_url("/f");
    first.judge(move |_, _| Some(Fault::Redirect(elsewhere.clone())));
    // The second lets nobody in without a token.
    let problem = session().stat(&first.address("/f")).await.unwrap_err();
    assert_eq!(problem.kind, fault::kind::UNAUTHENTICATED);
    assert!(first.seen().iter().all(Seen::has_token));
    let seen = second.seen();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.header("authorization").is_empty()));
    // Within one server it does, and circles end.
    let again = first.text_url("/g");
    first.keep("g", b"hello");
    first.judge(move |seen, _| (seen.path == "/data/f").then(|| Fault::Redirect(again.clone())));
    session().stat(&first.address("/f")).await.unwrap();
    let round = first.text_url("/f");
    first.judge(move |_, _| Some(Fault::Redirect(round.clone())));
    assert_eq!(session().stat(&first.address("/f")).await.unwrap_err().kind, fault::kind::PEER_MISBEHAVED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_kept_from_the_open_network() {
    let session = session();
    assert!(session.withholds_token(&Address::parse("http://host.example/f").unwrap()));
    assert!(!session.withholds_token(&Address::parse("https://host.example/f").unwrap()));
    assert!(!session.withholds_token(&Address::parse("http://localhost/f").unwrap()));
    let open = session_with(|settings| settings.token_in_clear = true);
    assert!(!open.withholds_token(&Address::parse("http://host.example/f").unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_told_as_such() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let session = session_with(|settings| settings.retries = 0);
    let problem = session.stat(&Address::parse(&format!("http://127.0.0.1:{port}/f")).unwrap()).await.unwrap_err();
    assert!(fault::is_unreachable(&problem), "{problem:?}");
}
