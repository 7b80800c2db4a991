use super::*;

fn claim(who: &str) -> Claim {
    Claim { what: "throughput", who: who.to_owned(), longest: Duration::from_secs(10) }
}

/// A name of this test alone.
fn name() -> String {
    format!("portolan-test-{}", secret())
}

/// One holds it, the next is told for whom it waits, and has it as soon as the first gives it back.
#[tokio::test]
async fn a_host_has_one_turn() {
    let name = name();
    let none = |_: &Waiting| {};
    let first = take(&name, &claim("one"), "a", None, Duration::ZERO, none).await.unwrap();
    assert!(first.is_some());
    let refused = take(&name, &claim("two"), "b", None, Duration::ZERO, none).await.unwrap_err();
    let NoTurn::TooLong(waiting) = refused else { panic!("{refused:?}") };
    assert_eq!((waiting.running[0].0.what, waiting.running[0].0.who.as_str()), ("throughput", "one"));
    assert!(waiting.at_most > Duration::from_secs(5) && waiting.at_most <= Duration::from_secs(10));
    let mut told = Vec::new();
    let two = claim("two");
    let second = take(&name, &two, "b", None, Duration::from_secs(20), |waiting| told.push(waiting.clone()));
    let give_back = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(first);
    };
    let (second, ()) = tokio::join!(second, give_back);
    assert!(second.unwrap().is_some());
    assert_eq!(told.len(), 1, "{told:?}");
}

/// The other end of the same test, on the same host, knows the secret and needs no turn of its own.
#[tokio::test]
async fn both_ends_of_a_test_share_it() {
    let name = name();
    let own = secret();
    let none = |_: &Waiting| {};
    let _held = take(&name, &claim("one"), &own, None, Duration::ZERO, none).await.unwrap().unwrap();
    assert!(take(&name, &claim("one"), "", Some(&own), Duration::ZERO, none).await.unwrap().is_none());
    assert!(take(&name, &claim("one"), "", Some("guessed"), Duration::ZERO, none).await.is_err());
    assert!(take(&name, &claim("one"), "", Some(""), Duration::ZERO, none).await.is_err());
}
