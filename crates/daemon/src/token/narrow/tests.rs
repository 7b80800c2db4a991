//! That nobody can fill the archive with what is made of one token.

use super::*;
use crate::testing::World;
use std::time::SystemTime;

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn record(parent: Option<TokenId>, created: Timestamp, lifetime: Option<Duration>) -> TokenRecord {
    let (verbs, path) = ("read".parse().expect("a verb"), LogicalPath::root());
    let request = TokenRequest { name: "t".to_owned(), verbs, path, lifetime, account: None };
    let (record, _) = mint(request, created).expect("a token");
    TokenRecord { parent, ..record }
}

#[test]
fn the_descendants_of_one_token_are_bounded_and_those_of_others_do_not_count() {
    let (first, other) = (record(None, now(), None), record(None, now(), None));
    let child = record(Some(first.id), now(), Some(LIFETIME));
    let mut all: HashMap<_, _> = [&first, &other, &child].map(|token| (token.id, token.clone())).into_iter().collect();
    assert_eq!(check_room(&all, &first), Ok(()));
    while all.len() < DESCENDANTS_MAX + 2 {
        let token = record(Some(child.id), now(), Some(LIFETIME));
        all.insert(token.id, token);
    }
    for token in [&first, &child] {
        assert_eq!(check_room(&all, token).map_err(|problem| problem.kind), Err("too-many-tokens"));
    }
    assert_eq!(check_room(&all, &other), Ok(()));
}

#[tokio::test]
async fn narrowed_tokens_are_forgotten_some_time_after_their_end() {
    let world = World::new().await;
    let archive = &world.port.archive;
    let parent = record(None, now(), None);
    let long_ago = Timestamp::from_seconds(1_000_000_000);
    let (old, lone) = (record(Some(parent.id), long_ago, Some(LIFETIME)), record(None, long_ago, Some(LIFETIME)));
    for token in [&parent, &old, &lone] {
        archive.record_token(token).await.expect("recorded");
    }
    let (made, _) = narrow(archive, parent.id, Narrowing::default(), now()).await.expect("room for one");
    let left: Vec<_> = archive.tokens().await.expect("tokens").iter().map(|token| token.id).collect();
    assert!(!left.contains(&old.id), "its end is long past");
    for kept in [parent.id, lone.id, made.id] {
        assert!(left.contains(&kept), "{kept}");
    }
}
