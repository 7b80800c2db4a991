use super::*;

fn claim(who: &str, seconds: u64) -> Claim {
    Claim { what: "iperf3", who: who.to_owned(), longest: Duration::from_secs(seconds) }
}

const PATIENT: Duration = Duration::from_secs(600);

#[tokio::test]
async fn one_at_a_time_in_the_order_of_asking() {
    let turns = Turns::new(TurnSettings::default());
    let first = turns.enter(claim("a", 10), PATIENT, |_| ()).await.unwrap();
    let (order, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    for who in ["b", "c"] {
        let (mine, order) = (turns.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            let _turn = mine.enter(claim(who, 20), PATIENT, |_| ()).await.unwrap();
            order.send(who).unwrap();
        }));
        while turns.look().1.len() < tasks.len() {
            tokio::task::yield_now().await;
        }
    }
    assert!(seen.try_recv().is_err());
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((seen.recv().await, seen.recv().await), (Some("b"), Some("c")));
    assert_eq!(turns.look(), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn who_waits_is_told_for_whom_and_how_long() {
    let turns = Turns::new(TurnSettings::default());
    let _first = turns.enter(claim("a", 100), PATIENT, |_| ()).await.unwrap();
    let refusal = turns.enter(claim("b", 1), Duration::from_secs(5), |_| ()).await.err().unwrap();
    let NoTurn::TooLong(waiting) = refusal else { panic!("{refusal:?}") };
    assert_eq!((waiting.running[0].0.who.as_str(), waiting.ahead), ("a", 0));
    assert!(waiting.at_most > Duration::from_secs(90) && waiting.at_most <= Duration::from_secs(100));
    assert_eq!(turns.look().1.len(), 0, "who is refused does not stay in the queue");
}

#[tokio::test]
async fn who_gives_up_leaves_the_queue_and_a_full_queue_says_when_to_come_again() {
    let turns = Turns::new(TurnSettings { at_once: 1, waiting_max: 1 });
    let _first = turns.enter(claim("a", 100), PATIENT, |_| ()).await.unwrap();
    {
        let waiting = turns.enter(claim("b", 50), PATIENT, |_| ());
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let refusal = turns.enter(claim("c", 1), PATIENT, |_| ()).await.err().unwrap();
        let NoTurn::Full { waiting: 1, again } = refusal else { panic!("{refusal:?}") };
        assert!(again > Duration::from_secs(140), "{again:?}");
    }
    assert_eq!(turns.look().1.len(), 0);
}

#[tokio::test]
async fn several_at_once_where_that_is_set() {
    let turns = Turns::new(TurnSettings { at_once: 2, waiting_max: 4 });
    let _a = turns.enter(claim("a", 100), PATIENT, |_| ()).await.unwrap();
    let _b = turns.enter(claim("b", 10), PATIENT, |_| ()).await.unwrap();
    let refusal = turns.enter(claim("c", 1), Duration::from_secs(1), |_| ()).await.err().unwrap();
    let NoTurn::TooLong(waiting) = refusal else { panic!("{refusal:?}") };
    assert!(waiting.at_most <= Duration::from_secs(10), "the first place that gets free counts");
}

/// One that asks for all it can get, by every address of its network, keeps nobody waiting longer than one test of its.
#[tokio::test]
async fn who_asks_for_many_turns_waits_behind_the_others() {
    let turns = Turns::new(TurnSettings { at_once: 1, waiting_max: 64 });
    let mut running = Some(turns.enter(claim("2001:db8::1", 60), PATIENT, |_| ()).await.unwrap());
    let (order, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    let mut ask = async |who: String| {
        let (mine, order) = (turns.clone(), order.clone());
        let waiting = turns.look().1.len();
        let told = who.clone();
        let task = tokio::spawn(async move {
            let turn = mine.enter(claim(&who, 60), Duration::from_secs(86_400), |_| ()).await?;
            order.send(told).unwrap();
            drop(turn);
            Ok::<_, NoTurn>(())
        });
        while turns.look().1.len() == waiting && !task.is_finished() {
            tokio::task::yield_now().await;
        }
        tasks.push(task);
    };
    for host in 2..40 {
        ask(format!("2001:db8::{host:x}")).await;
    }
    assert_eq!(turns.look().1.len(), 16, "a part of the places is for one caller");
    for other in ["192.0.2.7", "a name", "2001:db8:0:1::1", "192.0.2.7"] {
        ask(other.to_owned()).await;
    }
    let next: Vec<String> = turns.look().1.into_iter().map(|claim| claim.who).take(6).collect();
    assert_eq!(next, ["192.0.2.7", "a name", "2001:db8:0:1::1", "2001:db8::2", "192.0.2.7", "2001:db8::3"]);
    running.take();
    let mut refused = 0;
    for task in tasks {
        refused += usize::from(matches!(task.await.unwrap(), Err(NoTurn::Full { .. })));
    }
    assert_eq!(refused, 38 - 16);
    assert_eq!(std::iter::from_fn(|| seen.try_recv().ok()).take(6).collect::<Vec<_>>(), next);
}
