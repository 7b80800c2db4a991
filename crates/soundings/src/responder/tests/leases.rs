//! A budget that two responders share: one keeps it, and one asks.

use super::*;
use crate::guard::turn::{Claim, NoTurn, Turn, Waiting};
use policy::{Conditions, Rule, RuleEffect, RuleSource, Subject};
use soundings_core::lease::spec::FIRST;
use soundings_core::lease::wire::{self, Answer, Ask};
use terms::{Verb, VerbSet};

const LONG: Duration = Duration::from_secs(60);

/// Everybody on this host may measure.
pub(super) fn open_to_members() -> Policy {
    let rule = Rule {
        name: "members".to_owned(),
        effect: RuleEffect::Allow,
        verbs: VerbSet::from_iter([Verb::Measure]),
        paths: Vec::new(),
        subjects: vec![Subject::Everyone],
        conditions: Conditions { networks: vec!["127.0.0.0/8".to_owned()], ..Conditions::default() },
    };
    Policy::compile(RuleSource { rules: vec![rule], ..RuleSource::default() }).unwrap()
}

fn member_of(keeper: SocketAddr, without_keeper: bool) -> Arc<Shared> {
    let budget = Budget { keeper: Some(keeper.to_string()), without_keeper, ..Budget::default() };
    shared(Settings { budget, ..Settings::default() })
}

fn claim(who: &str) -> Claim {
    Claim { what: "iperf3", who: who.to_owned(), longest: LONG }
}

async fn turn(shared: &Shared, who: &str) -> Result<Turn, NoTurn> {
    shared.turn(claim(who), LONG * 2, |_| {}).await
}

async fn until(mut holds: impl FnMut() -> bool) {
    let poll = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), poll).await.expect("it never comes true");
}

fn runs_at(keeper: &Shared) -> usize {
    keeper.guard.turns().look().0.len()
}

/// Two programs of one host, each with a responder: a test of one keeps the other's waiting, and says what it is.
#[tokio::test]
async fn programs_of_a_host_take_turns() {
    let name = format!("portolan-test-{}", crate::guard::host::secret());
    let program = || shared(Settings { host_turn: Some(name.clone()), ..Settings::default() });
    let (one, other) = (program(), program());
    let held = turn(&one, "alice").await.unwrap();
    let refused = other.turn(claim("bob"), Duration::from_millis(50), |_| {}).await;
    let Err(NoTurn::TooLong(waiting)) = refused else { panic!("the turn of the host was given twice") };
    assert_eq!((waiting.running[0].0.what, waiting.running[0].0.who.as_str()), ("iperf3", "alice"));
    assert!(other.guard.turns().look().0.is_empty(), "who is sent away keeps no turn of its own program");
    drop(held);
    turn(&other, "bob").await.unwrap();
}

/// A test at one host keeps the keeper's own waiting and the other way round; who waits is told for whom and how long.
#[tokio::test]
async fn hosts_that_share_a_budget_take_turns() {
    let keeper = shared_under(open_to_members(), Settings::default());
    let (address, running) = start(&keeper);
    let member = member_of(address, false);
    let held = turn(&member, "alice").await.unwrap();
    let (at_keeper, _) = keeper.guard.turns().look();
    assert_eq!(at_keeper[0].0.who, "alice at 127.0.0.1");
    let refused = keeper.turn(claim("bob"), Duration::from_secs(1), |_| {}).await;
    assert!(matches!(refused, Err(NoTurn::TooLong(_))), "the keeper's own tests wait for those of members");
    drop(held);
    until(|| runs_at(&keeper) == 0).await;

    let own = turn(&keeper, "bob").await.unwrap();
    let (tell, mut news) = tokio::sync::mpsc::unbounded_channel();
    let waiting = tokio::spawn(async move {
        let tell = |waiting: &Waiting| tell.send(waiting.clone()).unwrap();
        member.turn(claim("alice"), LONG * 2, tell).await
    });
    let told = news.recv().await.unwrap();
    assert_eq!((told.running[0].0.who.as_str(), told.ahead), ("bob", 0));
    assert!(told.at_most <= LONG && told.at_most > LONG / 2, "{told:?}");
    drop(own);
    drop(waiting.await.unwrap().unwrap());
    until(|| runs_at(&keeper) == 0).await;
    keeper.drain.begin();
    running.await.unwrap();
}

/// Without the verb `measure` nobody takes turns away from others: a lease would cost them nothing.
#[tokio::test]
async fn strangers_get_no_lease() {
    let keeper = shared(Settings::default());
    let (address, running) = start(&keeper);
    let Err(NoTurn::Keeper { why, again }) = turn(&member_of(address, true), "alice").await else {
        panic!("no refusal by the keeper: going on is for a keeper that does not answer");
    };
    assert!(why.contains("measure") && again.is_none(), "{why}");
    assert_eq!((runs_at(&keeper), refused(&keeper, Refusal::Allowance)), (0, 1));
    let other = Budget { name: "other".to_owned(), keeper: Some(address.to_string()), without_keeper: false };
    let member = shared(Settings { budget: other, ..Settings::default() });
    assert!(matches!(turn(&member, "alice").await, Err(NoTurn::Keeper { .. })));
    keeper.drain.begin();
    running.await.unwrap();
}

/// A keeper that does not answer keeps tests from running, or not, as it is set; and a refusal leaves no turn taken.
#[tokio::test]
async fn without_its_keeper_a_test_is_refused_or_goes_on() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let strict = member_of(address, false);
    let Err(NoTurn::Keeper { why, again }) = turn(&strict, "alice").await else { panic!("there is a turn") };
    assert!(why.contains("does not answer") && again.is_some(), "{why}");
    assert_eq!(runs_at(&strict), 0);
    assert!(turn(&member_of(address, true), "alice").await.is_ok());
}

/// A lease ends by itself when its time is over, and when its holder is silent or closes.
#[tokio::test]
async fn a_lease_runs_out() {
    let keeper = shared_under(open_to_members(), Settings::default());
    let (address, running) = start(&keeper);
    let ask = Ask {
        budget: "uplink".to_owned(),
        what: "iperf3".to_owned(),
        who: "alice".to_owned(),
        longest_seconds: 0.2,
        patience_seconds: 1.0,
    };
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&[FIRST]).await.unwrap();
    client.write_all(&wire::encode(&ask).unwrap()).await.unwrap();
    let said = all_of(&mut client).await;
    assert_eq!(wire::decode(&said[4..]), Ok(Answer::Granted { seconds: 0.2 }));
    until(|| runs_at(&keeper) == 0).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&[FIRST, 0, 0, 0, 2, b'{', b'}']).await.unwrap();
    assert!(all_of(&mut client).await.is_empty());
    assert_eq!(refused(&keeper, Refusal::Malformed), 1);
    keeper.drain.begin();
    running.await.unwrap();
}
