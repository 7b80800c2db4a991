//! Bytes that some may read now, and all others from a moment on: in every way there is to read.

use super::*;
use policy::{Conditions, Embargo, Rule, RuleEffect, RuleSource, Subject};
use std::time::{Duration, SystemTime};
use terms::Timestamp;

fn rights(lasts: Option<Duration>) -> Rights {
    let allow = |verbs: &str, subject| Rule {
        name: verbs.to_owned(),
        effect: RuleEffect::Allow,
        verbs: verbs.parse().unwrap(),
        paths: vec![LogicalPath::root()],
        subjects: vec![subject],
        conditions: Conditions::default(),
    };
    let rules = vec![
        allow("list,stat,read", Subject::Everyone),
        allow("create,modify,delete", Subject::User("writer".to_owned())),
    ];
    let embargo = Embargo {
        name: "pixels".to_owned(),
        paths: vec!["/pixels".parse().unwrap()],
        readers: vec![Subject::Group("/survey".to_owned())],
        lasts,
    };
    let source = RuleSource { rules, embargoes: vec![embargo], ..RuleSource::default() };
    Rights::new(Policy::compile(source).unwrap(), ())
}

async fn house(lasts: Option<Duration>) -> Bench {
    let bench = Bench::ruled(|_| {}, rights(lasts)).await;
    std::fs::create_dir_all(bench.store().join("pixels/tree")).unwrap();
    bench
}

fn user(name: &str, group: Option<&str>) -> Principal {
    let mut identity = terms::Identity::new(terms::Kind::User, name);
    identity.groups = group.map(str::to_owned).into_iter().collect();
    Principal::of(identity)
}

async fn status(bench: &Bench, who: Principal, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    bench.ask_as(who, method, path, headers, "").await.status.as_u16()
}

#[tokio::test]
async fn before_it_ends_members_alone_read_in_any_way_and_all_may_look() {
    let bench = house(Some(Duration::from_hours(24))).await;
    for path in ["/data/pixels/f", "/data/pixels/tree/f", "/data/open"] {
        bench.put(path, "pixels").await;
    }
    let member = || user("anna", Some("/survey"));
    for (who, refused) in [(Principal::anonymous(), 401), (user("bert", None), 403), (user("writer", None), 403)] {
        for headers in [&[][..], &[("range", "bytes=0-0")], &[("if-none-match", "\"x\"")]] {
            assert_eq!(status(&bench, who.clone(), "GET", "/data/pixels/f", headers).await, refused, "{who}");
        }
        // Looking is told by other rules.
        assert_eq!(status(&bench, who.clone(), "HEAD", "/data/pixels/f", &[]).await, 200);
        assert_eq!(status(&bench, who.clone(), "GET", "/data/pixels/", &[]).await, 200);
        assert_eq!(status(&bench, who.clone(), "PROPFIND", "/data/pixels", &[("depth", "1")]).await, 207);
        assert_eq!(status(&bench, who.clone(), "GET", "/data/pixels/none", &[]).await, 404);
        assert_eq!(status(&bench, who, "GET", "/data/open", &[]).await, 200);
    }
    assert_eq!(status(&bench, member(), "GET", "/data/pixels/f", &[]).await, 200);
    // Neither a copy nor a move brings the bytes out.
    for (method, path) in [("COPY", "/data/pixels/f"), ("MOVE", "/data/pixels/f"), ("MOVE", "/data/pixels/tree")] {
        let told = status(&bench, user("writer", None), method, path, &[("destination", "/data/out")]).await;
        assert_eq!(told, 403, "{method} {path}");
    }
    let told = bench.ask_as(user("writer", None), "COPY", "/data/pixels", &[("destination", "/data/out")], "").await;
    assert!([403, 207].contains(&told.status.as_u16()), "{}", told.status);
    for name in ["out", "out/f", "out/tree/f"] {
        assert_ne!(bench.stored(name).as_deref(), Some(&b"pixels"[..]), "{name}");
    }
}

/// The same with credentials that read nothing.
fn narrowed(mut who: Principal, authorises: bool) -> Principal {
    let verbs = "stat,list,create,delete".parse().unwrap();
    let grants = vec![terms::Grant::new(verbs, LogicalPath::root())];
    let identity = std::sync::Arc::make_mut(&mut who.identity);
    identity.bounds = vec![terms::Bound { by: "the token".to_owned(), grants }];
    identity.authorises = authorises;
    who
}

#[tokio::test]
async fn credentials_that_read_nothing_move_nothing_to_where_others_of_theirs_do() {
    let bench = house(Some(Duration::from_hours(24))).await;
    bench.put("/data/pixels/tree/f", "pixels").await;
    bench.put("/data/open", "all").await;
    let mover = || narrowed(user("writer", None), false);
    let capability = || narrowed(user("anybody", None), true);
    for who in [mover(), capability()] {
        for path in ["/data/pixels/tree/f", "/data/pixels/tree"] {
            assert_eq!(status(&bench, who.clone(), "MOVE", path, &[("destination", "/data/out")]).await, 403, "{path}");
        }
    }
    // What all may read anyhow can go anywhere, and who may read a file can let all read it.
    assert_eq!(status(&bench, mover(), "MOVE", "/data/open", &[("destination", "/data/out")]).await, 201);
    let member = user("writer", Some("/survey"));
    assert_eq!(status(&bench, member, "MOVE", "/data/pixels/tree", &[("destination", "/data/free")]).await, 201);
}

#[tokio::test]
async fn a_file_of_which_nothing_is_known_stays_closed() {
    let bench = house(Some(Duration::ZERO)).await;
    std::fs::write(bench.store().join("pixels/theirs"), "pixels").unwrap();
    assert_eq!(status(&bench, Principal::anonymous(), "GET", "/data/pixels/theirs", &[]).await, 401);
    bench.put("/data/pixels/ours", "pixels").await;
    // Rules count in milliseconds, and an embargo never ends early.
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(status(&bench, Principal::anonymous(), "GET", "/data/pixels/ours", &[]).await, 200);
    // Changed behind our back: what the record says is not said of these bytes.
    bench.door.settle_records().await;
    std::fs::write(bench.store().join("pixels/ours"), "other pixels").unwrap();
    assert_eq!(status(&bench, Principal::anonymous(), "GET", "/data/pixels/ours", &[]).await, 401);
}

/// Asks until the moment has passed by this clock; each answer must fit what the clock said.
async fn across(bench: &Bench, path: &str, end: Timestamp) {
    loop {
        let before: Timestamp = SystemTime::now().into();
        let told = status(bench, Principal::anonymous(), "GET", path, &[]).await;
        let after: Timestamp = SystemTime::now().into();
        assert!([200, 401].contains(&told));
        assert!(!(told == 200 && after < end), "{path} was open before its time");
        assert!(!(told == 401 && before >= end), "{path} was shut behind its time");
        if before >= end {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn it_ends_by_itself_at_the_files_own_time_or_so_long_after_its_import() {
    let lasts = Duration::from_secs(2);
    let bench = house(Some(lasts)).await;
    bench.put("/data/pixels/counted", "pixels").await;
    let imported = bench.door.object(&"/pixels/counted".parse().unwrap()).await.unwrap().imported.unwrap();
    let own = Timestamp::from_seconds(Timestamp::from(SystemTime::now()).seconds() + 3);
    let said = format!("embargo-until=\"{own}\"");
    bench.ask("PUT", "/data/pixels/named", &[("portolan-attributes", &said)], "pixels").await;
    let ends = imported.after(lasts);
    // An instant is rounded up to a millisecond by the rules.
    across(&bench, "/data/pixels/counted", Timestamp::from_nanos(ends.nanos() / 1_000_000 * 1_000_000 + 1_000_000))
        .await;
    across(&bench, "/data/pixels/named", own).await;
    let told =
        status(&bench, user("writer", None), "COPY", "/data/pixels/named", &[("destination", "/data/out")]).await;
    assert_eq!(told, 201);
}
