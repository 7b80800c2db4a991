//! The states: the right order, every wrong one, and every deadline.

use super::words::every;
use crate::throughput::series::{End, Sample, StreamEnd};
use crate::throughput::session::{Client, Heard, Responder, Told};
use crate::throughput::spec::*;
use crate::throughput::wire::*;
use std::time::Duration;

const ZERO: Duration = Duration::ZERO;

fn hello() -> Message {
    Message::Hello(Hello { versions: vec![VERSION, 9], ..Hello::default() })
}

fn asked() -> Request {
    Request { duration_seconds: Some(1.0), ..Request::default() }
}

fn grant() -> Message {
    Message::Grant(Grant { cookie: "a".repeat(36), ..Grant::default() })
}

fn stream() -> Message {
    Message::Stream(StreamEnd { number: 0, ..StreamEnd::default() })
}

fn results() -> Message {
    Message::Results(End::default())
}

/// The responder in each of its states, with what it takes there besides a refusal and words of later versions.
fn responders() -> Vec<(&'static str, Responder, Vec<&'static str>)> {
    let mut all = Vec::new();
    let mut session = Responder::new(ZERO);
    all.push(("hello", session.clone(), vec!["hello"]));
    assert!(matches!(session.handle(ZERO, hello()).unwrap(), Heard::Caller(_)));
    all.push(("caller", session.clone(), vec![]));
    session.admit(ZERO);
    all.push(("request", session.clone(), vec!["request"]));
    assert!(matches!(session.handle(ZERO, Message::Request(asked())).unwrap(), Heard::Request(_)));
    all.push(("turn", session.clone(), vec![]));
    session.grant(ZERO, Duration::from_secs(1));
    all.push(("streams", session.clone(), vec![]));
    session.ready(ZERO);
    all.push(("start", session.clone(), vec!["start"]));
    assert_eq!(session.handle(ZERO, Message::Start).unwrap(), Heard::Start);
    all.push(("running", session.clone(), vec!["progress", "stream", "results"]));
    let mut quicker = session.clone();
    assert!(matches!(quicker.handle(ZERO, results()).unwrap(), Heard::Results(_)));
    all.push(("running, client done", quicker.clone(), vec!["progress"]));
    quicker.finished(ZERO);
    all.push(("bye, client quicker", quicker, vec!["bye"]));
    session.finished(ZERO);
    all.push(("results", session.clone(), vec!["progress", "stream", "results"]));
    assert_eq!(session.handle(ZERO, stream()).unwrap(), Heard::Nothing);
    all.push(("results of a stream", session.clone(), vec!["progress", "series", "results"]));
    assert!(matches!(session.handle(ZERO, results()).unwrap(), Heard::Results(_)));
    all.push(("bye", session.clone(), vec!["bye"]));
    assert_eq!(session.handle(ZERO, Message::Bye).unwrap(), Heard::Bye);
    assert!(session.is_over());
    all
}

fn clients() -> Vec<(&'static str, Client, Vec<&'static str>)> {
    let mut all = Vec::new();
    let mut session = Client::new(ZERO, asked());
    all.push(("welcome", session.clone(), vec!["welcome"]));
    let welcome = Welcome { version: VERSION, ..Welcome::default() };
    assert_eq!(session.handle(ZERO, Message::Welcome(welcome)).unwrap(), Told::Welcome);
    all.push(("grant", session.clone(), vec!["wait", "grant"]));
    assert!(matches!(session.handle(ZERO, Message::Wait(Wait::default())).unwrap(), Told::Wait(_)));
    all.push(("grant after a wait", session.clone(), vec!["wait", "grant"]));
    assert!(matches!(session.handle(ZERO, grant()).unwrap(), Told::Grant(_)));
    all.push(("ready", session.clone(), vec!["ready"]));
    assert_eq!(session.handle(ZERO, Message::Ready).unwrap(), Told::Ready);
    all.push(("running", session.clone(), vec!["progress", "stream", "results"]));
    session.finished(ZERO);
    all.push(("results", session.clone(), vec!["progress", "stream", "results"]));
    assert_eq!(session.handle(ZERO, stream()).unwrap(), Told::Nothing);
    assert!(matches!(session.handle(ZERO, results()).unwrap(), Told::Results(_)));
    assert!(session.is_over());
    all
}

/// Messages that would be right somewhere, by name.
fn messages() -> Vec<(String, Message)> {
    let right = [hello(), Message::Request(asked()), grant(), stream()];
    let right = right.into_iter().chain([Message::Welcome(Welcome { version: VERSION, ..Welcome::default() })]);
    let series = Message::Series(Series { stream: 0, samples: vec![Sample::default()] });
    let mut all: Vec<Message> = right.chain([series]).collect();
    for message in every() {
        if !all.iter().any(|other| name(other) == name(&message)) {
            all.push(message);
        }
    }
    all.into_iter().map(|message| (name(&message), message)).collect()
}

fn name(message: &Message) -> String {
    let value = serde_json::to_value(message).unwrap();
    value["type"].as_str().unwrap().to_owned()
}

/// In every state each message but the right ones is refused, with its name.
#[test]
fn every_wrong_order_is_refused() {
    let free = |name: &str| name == "refusal";
    for (name, message) in messages() {
        for (state, session, takes) in responders() {
            let taken = session.clone().handle(ZERO, message.clone());
            let right = takes.contains(&name.as_str()) || free(&name);
            assert_eq!(taken.is_ok(), right, "responder, {state}, {name}: {taken:?}");
            assert!(taken.is_ok() || taken.unwrap_err().kind == "protocol");
        }
        for (state, session, takes) in clients() {
            let taken = session.clone().handle(ZERO, message.clone());
            let right = takes.contains(&name.as_str()) || free(&name);
            assert_eq!(taken.is_ok(), right, "client, {state}, {name}: {taken:?}");
        }
    }
}

/// What a later version says is passed over in every state.
#[test]
fn later_words_are_passed_over() {
    for (_, mut session, _) in responders() {
        assert_eq!(session.handle(ZERO, Message::Unknown).unwrap(), Heard::Nothing);
    }
    for (_, mut session, _) in clients() {
        assert_eq!(session.handle(ZERO, Message::Unknown).unwrap(), Told::Nothing);
    }
}

/// In every state in which the peer has to speak it has a deadline; after that the session is over.
#[test]
fn every_state_that_waits_for_the_peer_ends() {
    for (state, mut session, _) in responders() {
        let ours = ["caller", "turn"].contains(&state);
        assert_eq!(session.deadline().is_none(), ours, "{state}");
        let Some(deadline) = session.deadline() else { continue };
        assert!(deadline <= STREAMS_LIMIT.max(DRAIN_MAX + SILENCE_MAX), "{state}");
        assert_eq!(session.expire(deadline - Duration::from_nanos(1)), None);
        assert_eq!(session.expire(deadline).unwrap().kind, "peer-silent", "{state}");
        assert!(session.is_over());
        assert!(session.handle(deadline, Message::Bye).is_err());
    }
    for (state, mut session, _) in clients() {
        let deadline = session.deadline().unwrap();
        assert!(deadline <= STREAMS_LIMIT.max(WAIT_EVERY * 4), "{state}");
        assert_eq!(session.expire(deadline).unwrap().kind, "peer-silent", "{state}");
        assert!(session.is_over());
    }
}

/// While a test runs, each sign of life puts the deadline off.
#[test]
fn signs_of_life_count() {
    let (_, mut session, _) = responders().into_iter().find(|(state, ..)| *state == "running").unwrap();
    let now = Duration::from_secs(9);
    session.handle(now, Message::Progress(Progress::default())).unwrap();
    assert_eq!(session.deadline(), Some(now + SILENCE_MAX));
    // The talk after the data has one deadline, which nothing puts off.
    session.finished(now);
    session.handle(now + Duration::from_secs(1), Message::Progress(Progress::default())).unwrap();
    assert_eq!(session.deadline(), Some(now + RESULTS_LIMIT));
}

/// Versions are agreed on, or both are named.
#[test]
fn versions_are_agreed_on() {
    let mut session = Responder::new(ZERO);
    let hello = Hello { versions: vec![7, 8], ..Hello::default() };
    let problem = session.handle(ZERO, Message::Hello(hello)).unwrap_err();
    assert_eq!(problem.kind, "version");
    assert!(problem.detail.contains("7, 8") && problem.detail.contains("speaks 1"), "{problem:?}");
    let mut session = Client::new(ZERO, asked());
    assert!(session.handle(ZERO, Message::Welcome(Welcome { version: 2, ..Welcome::default() })).is_err());
}

/// A request out of bounds, and a cookie that is none, are refused where they come in.
#[test]
fn what_is_out_of_bounds_is_refused() {
    let (_, mut session, _) = responders().into_iter().find(|(state, ..)| *state == "request").unwrap();
    let problem = session.handle(ZERO, Message::Request(Request { streams: 0, ..asked() })).unwrap_err();
    assert_eq!(problem.kind, "option-refused");
    let (_, mut session, _) = clients().into_iter().find(|(state, ..)| *state == "grant").unwrap();
    assert!(session.handle(ZERO, Message::Grant(Grant { cookie: "A".repeat(36), ..Grant::default() })).is_err());
}

/// Figures of streams that are not of the test, twice the same, backwards, or too many, are refused.
#[test]
fn a_peers_figures_are_bounded() {
    let sample = |at_ns, bytes| Sample { at_ns, bytes, ..Sample::default() };
    let part = |stream, samples: Vec<Sample>| Message::Series(Series { stream, samples });
    let numbered = |number| Message::Stream(StreamEnd { number, ..StreamEnd::default() });
    let cases: Vec<Vec<Message>> = vec![
        vec![numbered(1)],
        vec![numbered(0), numbered(0)],
        vec![part(0, vec![])],
        vec![numbered(0), part(0, vec![sample(2, 0), sample(1, 0)])],
        vec![numbered(0), part(0, vec![sample(1, 5), sample(2, 4)])],
        vec![numbered(0), part(0, vec![sample(2, 0)]), part(0, vec![sample(1, 0)])],
        vec![numbered(0), part(0, vec![sample(0, 0); SAMPLES_MAX]), part(0, vec![sample(0, 0)])],
    ];
    for case in cases {
        let (_, mut session, _) = clients().into_iter().find(|(state, ..)| *state == "results").unwrap();
        let last = case.len() - 1;
        for (index, message) in case.into_iter().enumerate() {
            assert_eq!(session.handle(ZERO, message.clone()).is_ok(), index < last, "{message:?}");
        }
    }
}

/// The parts of the peer's figures come together, in the order of their numbers.
#[test]
fn the_parts_come_together() {
    let request = Request { streams: 2, ..asked() };
    let mut session = Client::new(ZERO, request);
    let welcome = Welcome { version: VERSION, ..Welcome::default() };
    for message in [Message::Welcome(welcome), grant(), Message::Ready] {
        session.handle(ZERO, message).unwrap();
    }
    let stream = |number, at_ns| StreamEnd {
        number,
        samples: vec![Sample { at_ns, ..Sample::default() }; 100],
        ..StreamEnd::default()
    };
    let end = End { streams: vec![stream(0, 3), stream(1, 4)], ..End::default() };
    let swapped = End { streams: vec![stream(1, 4), stream(0, 3)], ..End::default() };
    let mut told = Vec::new();
    for message in crate::throughput::wire::results(&swapped) {
        told.push(session.handle(ZERO, message).unwrap());
    }
    assert_eq!(told.pop(), Some(Told::Results(end)));
}
