use super::path;
use crate::dav::*;
use std::time::Duration;
use terms::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn ask(token: &str, place: &str, deep: bool, shared: bool) -> LockAsk {
    LockAsk {
        token: token.into(),
        path: path(place),
        deep,
        shared,
        owner: String::new(),
        principal: "anna".into(),
        span: HOUR,
    }
}

fn table(asks: &[LockAsk]) -> Locks {
    let mut locks = Locks::default();
    for ask in asks {
        let lock = locks.grant(at(0), ask.clone()).expect("granted");
        locks.insert(lock);
    }
    locks
}

fn with<'a>(tokens: &'a [String], principal: &'a str) -> Submitted<'a> {
    Submitted { tokens, principal }
}

const NOBODY: Submitted<'static> = Submitted { tokens: &[], principal: "anna" };

/// RFC 4918 §6.2 and §7.4, as one table: what is held, what is asked, is it granted?
#[test]
fn which_locks_go_together() {
    for (held, asked, granted) in [
        (("/a", false, false), ("/a", false, false), false),
        (("/a", false, false), ("/a", false, true), false),
        (("/a", false, true), ("/a", false, false), false),
        (("/a", false, true), ("/a", false, true), true),
        (("/a", true, false), ("/a/b", false, false), false),
        (("/a", true, true), ("/a/b", false, true), true),
        (("/a", false, false), ("/a/b", false, false), true),
        (("/a/b", false, false), ("/a", true, false), false),
        (("/a/b", false, true), ("/a", true, true), true),
        (("/a/b", false, false), ("/a", false, false), true),
        (("/a", true, false), ("/ab", false, false), true),
        (("/", true, false), ("/a", false, false), false),
        (("/a b", false, false), ("/a", true, false), true),
    ] {
        let locks = table(&[ask("t:1", held.0, held.1, held.2)]);
        let answer = locks.grant(at(1), ask("t:2", asked.0, asked.1, asked.2));
        assert_eq!(answer.is_ok(), granted, "{held:?} then {asked:?}: {answer:?}");
    }
}

#[test]
fn a_conflict_says_where_the_other_lock_is() {
    let locks = table(&[ask("t:1", "/a/b", false, false)]);
    let below = LockRefusal::Conflict(Conflict::Below(vec![path("/a/b")]));
    assert_eq!(locks.grant(at(1), ask("t:2", "/a", true, false)), Err(below));
    let here = LockRefusal::Conflict(Conflict::Here(vec![path("/a/b")]));
    assert_eq!(locks.grant(at(1), ask("t:2", "/a/b", false, false)), Err(here));
}

#[test]
fn a_lock_ends_with_its_time_and_a_refresh_prolongs_it() {
    let mut locks = table(&[ask("t:1", "/a", true, false)]);
    let tokens = ["t:1".to_owned()];
    assert_eq!(locks.covering(at(3_599), &path("/a/b")).count(), 1);
    let renewed = locks.renewed(at(3_599), &path("/a/b"), with(&tokens, "anna"), HOUR).expect("held");
    assert_eq!(renewed.expires, at(7_199));
    locks.insert(renewed);
    assert_eq!(locks.len(), 1);
    assert_eq!(locks.covering(at(7_198), &path("/a")).count(), 1);
    assert_eq!(locks.covering(at(7_199), &path("/a")).count(), 0);
    assert_eq!(locks.renewed(at(7_199), &path("/a"), with(&tokens, "anna"), HOUR), Err(LockRefusal::NotHeld));
    assert!(locks.grant(at(7_199), ask("t:2", "/a", false, false)).is_ok());
    assert_eq!(locks.expired(at(7_199)), ["t:1"]);
    assert!(locks.remove("t:1").is_some() && locks.remove("t:1").is_none() && locks.is_empty());
}

#[test]
fn only_its_maker_uses_a_lock() {
    let locks = table(&[ask("t:1", "/a", false, false)]);
    let tokens = ["t:1".to_owned()];
    let a = path("/a");
    assert_eq!(locks.check_resource(at(1), &a, with(&tokens, "anna")), Ok(()));
    assert_eq!(locks.check_resource(at(1), &a, with(&tokens, "bert")), Err(vec![a.clone()]));
    assert_eq!(locks.check_resource(at(1), &a, NOBODY), Err(vec![a.clone()]));
    assert_eq!(locks.releasable(at(1), &a, "t:1", "bert"), Err(UnlockRefusal::NotYours));
    assert_eq!(locks.releasable(at(1), &a, "t:9", "anna"), Err(UnlockRefusal::NotHere));
    assert_eq!(locks.releasable(at(1), &path("/a/b"), "t:1", "anna"), Err(UnlockRefusal::NotHere));
    assert!(locks.releasable(at(1), &a, "t:1", "anna").is_ok());
}

#[test]
fn a_locked_folder_keeps_its_names() {
    let tokens = ["t:1".to_owned()];
    for deep in [false, true] {
        let locks = table(&[ask("t:1", "/a", deep, false)]);
        assert_eq!(locks.check_membership(at(1), &path("/a/new"), NOBODY), Err(vec![path("/a")]), "{deep}");
        assert_eq!(locks.check_membership(at(1), &path("/a/new"), with(&tokens, "anna")), Ok(()));
        assert_eq!(locks.check_membership(at(1), &path("/other"), NOBODY), Ok(()));
        assert_eq!(locks.check_resource(at(1), &path("/a/old"), NOBODY).is_err(), deep);
    }
}

#[test]
fn removing_a_tree_needs_every_lock_in_it() {
    let mut locks = table(&[
        ask("t:1", "/a/b", false, false),
        ask("t:2", "/a/c/d", false, true),
        ask("t:3", "/a/c/d", false, true),
        ask("t:4", "/b", false, false),
    ]);
    let a = path("/a");
    assert_eq!(locks.check_tree(at(1), &a, NOBODY), Err(vec![path("/a/b"), path("/a/c/d")]));
    let one = ["t:1".to_owned()];
    assert_eq!(locks.check_tree(at(1), &a, with(&one, "anna")), Err(vec![path("/a/c/d")]));
    let both = ["t:1".to_owned(), "t:3".to_owned()];
    assert_eq!(locks.check_tree(at(1), &a, with(&both, "anna")), Ok(()));
    for token in locks.on_or_below(&a) {
        locks.remove(&token);
    }
    assert_eq!(locks.len(), 1);
}

#[test]
fn locks_of_one_resource_are_bounded() {
    let asks: Vec<LockAsk> =
        (0..spec::MAX_LOCKS_PER_RESOURCE).map(|at| ask(&format!("t:{at}"), "/a", false, true)).collect();
    let locks = table(&asks);
    assert_eq!(locks.grant(at(0), ask("t:x", "/a", false, true)), Err(LockRefusal::Full));
    assert!(locks.grant(at(0), ask("t:x", "/b", false, true)).is_ok());
}
