//! Trees, from anywhere to anywhere.

use super::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

const NAMES: [&str; 7] = ["plain", "with space", "100% 25%25", "Größe-測", "a?b#c", "deep/er/file", "deep/[x]"];

/// Files with awkward names.
fn plant(folder: &Path) {
    for (at, name) in NAMES.iter().enumerate() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, noise(at as u64, at * 1_000)).unwrap();
    }
    std::fs::create_dir_all(folder.join("empty")).unwrap();
}

/// Every file and folder below, with its content.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if path.is_dir() {
                found.insert(name, None);
                open.push(path);
            } else {
                found.insert(name, Some(std::fs::read(path).unwrap()));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_goes_round_and_does_not_go_again() {
    let (server, other) = (Server::start().await, Server::start().await);
    let (source, back) = (server.scratch().join("source"), server.scratch().join("back"));
    plant(&source);
    let places = [
        local(&source),
        server.address("/tree"),
        other.address("/deep/tree"),
        local(&back),
        local(server.scratch().join("third")),
    ];
    for step in places.windows(2) {
        let (session, settings) = (session(), settings(&server.scratch()));
        let first = copy(&session, &step[0], &step[1], &settings).await;
        assert_eq!((first.files, first.failed, first.unproven), (7, 0, 0), "{step:?} {first:?}");
        let second = copy(&session, &step[0], &step[1], &settings).await;
        assert_eq!((second.files, second.skipped, second.failed, second.bytes), (0, 7, 0, 0), "{step:?} {second:?}");
    }
    for place in [server.store().join("tree"), other.store().join("deep/tree"), back] {
        assert_eq!(tree(&place), tree(&source), "{}", place.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_replaced_and_what_is_the_same_is_not() {
    let server = Server::start().await;
    let source = server.scratch().join("source");
    plant(&source);
    let (session, settings) = (session(), settings(&server.scratch()));
    copy(&session, &local(&source), &server.address("/tree"), &settings).await;
    // Another time with the same bytes, the same size with other bytes, another size.
    std::fs::File::options()
        .write(true)
        .open(source.join("plain"))
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    std::fs::write(source.join("with space"), noise(50, 1_000)).unwrap();
    let changed = std::fs::File::options().write(true).open(source.join("with space")).unwrap();
    changed.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(5)).unwrap();
    std::fs::write(source.join("Größe-測"), b"short").unwrap();
    let summary = copy(&session, &local(&source), &server.address("/tree"), &settings).await;
    assert_eq!((summary.files, summary.skipped), (2, 5), "{summary:?}");
    assert_eq!(tree(&server.store().join("tree")), tree(&source));

    std::fs::write(source.join("plain"), b"newer").unwrap();
    let never = CopySettings { overwrite: Overwrite::Never, ..settings.clone() };
    assert_eq!(copy(&session, &local(&source), &server.address("/tree"), &never).await.skipped, 7);
    let always = CopySettings { overwrite: Overwrite::Always, ..settings };
    assert_eq!(copy(&session, &local(&source), &server.address("/tree"), &always).await.files, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_does_not_stop_the_others() {
    let server = Server::misbehaving(|seen, _| {
        (seen.method == "PUT" && seen.path.ends_with("plain")).then_some(Fault::Status(403))
    });
    let server = server.await;
    let source = server.scratch().join("source");
    plant(&source);
    std::os::unix::fs::symlink("nowhere", source.join("dangling")).unwrap();
    let summary = copy(&session(), &local(&source), &server.address("/tree"), &settings(&server.scratch())).await;
    assert_eq!((summary.files, summary.failed), (6, 2), "{summary:?}");
    let mut kinds: Vec<_> = summary.failures.iter().map(|(_, problem)| problem.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [fault::kind::NOT_FOUND, fault::kind::REFUSED]);
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_found_as_cp_finds_them() {
    let server = Server::start().await;
    let scratch = server.scratch();
    std::fs::write(scratch.join("f"), b"hello").unwrap();
    let (session, settings) = (session(), settings(&scratch));
    let f = local(scratch.join("f"));
    // Under a new name, into a folder that is there, into one that is written as one.
    copy(&session, &f, &server.address("/g"), &settings).await;
    session.make_folder(&server.address("/there"), false).await.unwrap();
    copy(&session, &f, &server.address("/there"), &settings).await;
    copy(&session, &f, &server.address("/new/"), &settings).await;
    for name in ["g", "there/f", "new/f"] {
        assert_eq!(std::fs::read(server.store().join(name)).unwrap(), b"hello", "{name}");
    }
    // A folder becomes its target, or goes into what is written as a folder.
    plant(&scratch.join("source"));
    let source = local(scratch.join("source"));
    copy(&session, &source, &server.address("/into/"), &settings).await;
    assert!(server.store().join("into/source/plain").is_file());
    // Folders only when asked for.
    let flat = CopySettings { recursive: false, ..settings.clone() };
    let summary = copy(&session, &source, &server.address("/flat"), &flat).await;
    assert_eq!(only_failure(&summary).kind, fault::kind::USAGE);
    let summary = copy(&session, &server.address("/nothing"), &local(scratch.join("x")), &settings).await;
    assert_eq!(only_failure(&summary).kind, fault::kind::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_finds_wrong_bytes_of_either_side() {
    let (server, other) = (Server::start().await, Server::start().await);
    server.keep("f", &noise(1, 300_000));
    let settings = settings(&server.scratch());
    server.judge(|seen, _| (seen.method == "GET").then_some(Fault::Flip(100)));
    let summary = copy(&session(), &server.address("/f"), &other.address("/f"), &settings).await;
    assert_eq!(only_failure(&summary).kind, fault::kind::DIGEST_MISMATCH);
    assert!(!other.store().join("f").exists());
    server.judge(|seen, _| (seen.method == "GET").then_some(Fault::Cut(1_000)));
    let impatient = session_with(|settings| settings.retries = 0);
    let summary = copy(&impatient, &server.address("/f"), &other.address("/f"), &settings).await;
    assert!(fault::is_broken_off(only_failure(&summary)), "{summary:?}");
    assert!(!other.store().join("f").exists());
    server.behave();
    other.judge(|seen, _| (seen.method == "PUT").then_some(Fault::WrongDigests));
    let summary = copy(&session(), &server.address("/f"), &other.address("/f"), &settings).await;
    assert_eq!(only_failure(&summary).kind, fault::kind::DIGEST_MISMATCH);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_ends_the_copy_soon() {
    let server = Server::start().await;
    let source = server.scratch().join("source");
    std::fs::create_dir(&source).unwrap();
    for number in 0..200 {
        std::fs::write(source.join(number.to_string()), b"x").unwrap();
    }
    // Folders can be made, but each file meets a host that does not exist.
    let nowhere = "http://127.0.0.1:1/data/f".to_owned();
    server.judge(move |seen, _| (seen.method == "PUT").then(|| Fault::Redirect(nowhere.clone())));
    let impatient = session_with(|settings| settings.retries = 0);
    let summary = copy(&impatient, &local(&source), &server.address("/tree"), &settings(&server.scratch())).await;
    assert!(summary.failed >= 8 && summary.files == 0, "{summary:?}");
    assert!(server.count("PUT") < 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_times_and_digests_is_believed_as_make_would() {
    let server = Server::start().await;
    let (session, settings) = (session(), settings(&server.scratch()));
    server.judge(|_, _| Some(Fault::NoDigests));
    let file = server.scratch().join("f");
    std::fs::write(&file, b"hello").unwrap();
    server.keep("f", b"hello");
    let old = std::time::UNIX_EPOCH + Duration::from_secs(10);
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    let summary = copy(&session, &local(&file), &server.address("/f"), &settings).await;
    assert_eq!(summary.skipped, 1, "what came there later is taken for a copy: {summary:?}");
    std::fs::File::options()
        .write(true)
        .open(server.store().join("f"))
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    let summary = copy(&session, &local(&file), &server.address("/f"), &settings).await;
    assert_eq!(summary.files, 1, "what came there before is not: {summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_not_copied_into_itself() {
    let server = Server::start().await;
    let (scratch, session) = (server.scratch(), session());
    plant(&scratch.join("source"));
    plant(&server.store().join("source"));
    let settings = settings(&scratch);
    for (source, target) in [
        (local(scratch.join("source")), local(scratch.join("source/new/deeper"))),
        (local(scratch.join("source")), local(scratch.join("source"))),
        (server.address("/source"), server.address("/source/new")),
    ] {
        let summary = copy(&session, &source, &target, &settings).await;
        assert_eq!(only_failure(&summary).kind, fault::kind::USAGE, "{source} {target}");
    }
    // A name that only begins alike is another folder.
    assert_eq!(copy(&session, &server.address("/source"), &server.address("/source2"), &settings).await.failed, 0);
}
