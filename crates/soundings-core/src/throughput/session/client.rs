//! The client's states.

use super::super::series::End;
use super::super::spec::{
    DRAIN_MAX, MESSAGE_LIMIT, PREPARE_LIMIT, RESULTS_LIMIT, SILENCE_MAX, STREAMS_LIMIT, VERSION, WAIT_EVERY,
};
use super::super::wire::{FarStore, Grant, Message, Progress, Refusal, Request, Wait};
use super::{Collector, Timed, name, out_of_order};
use std::time::Duration;
use terms::Problem;

/// What a state waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Await {
    /// The answer to our hello. Next: `Grant`.
    Welcome,
    /// The answer to our request, after any number of waits. Next: `Ready`.
    Grant,
    /// The responder, having all streams. Next: `Running`.
    Ready,
    /// The end of the data, at this end. Next: `Results`.
    Running,
    /// The figures of the responder. Next: `Over`.
    Results,
    /// Nothing any more.
    Over,
}

/// What the client's hands do next.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// Send the request.
    Welcome,
    /// Tell the person who waits.
    Wait(Wait),
    /// Open the streams.
    Grant(Grant),
    /// Send [`Message::Start`] and let the streams run; [`Client::finished`] when they have ended.
    Ready,
    /// How far the responder is.
    Progress(Progress),
    /// Its figures.
    Results(End),
    /// It says no, or no more.
    Refused(Refusal),
    /// Nothing to do.
    Nothing,
}

/// One test, at the client. Call [`Client::handle`] for each message, and [`Client::expire`] when [`Client::deadline`] has
/// come.
#[derive(Clone, PartialEq, Debug)]
pub struct Client {
    at: Timed<Await>,
    request: Request,
    collector: Collector,
    results: bool,
}

impl Client {
    /// A connection over which our hello goes now, and this request after it.
    pub fn new(now: Duration, request: Request) -> Self {
        let at = Timed::new(Await::Welcome, Some(now + MESSAGE_LIMIT));
        Self { at, request, collector: Collector::default(), results: false }
    }

    /// Takes a message. A problem ends the session.
    pub fn handle(&mut self, now: Duration, message: Message) -> Result<Told, Problem> {
        match (self.at.state, message) {
            (_, Message::Unknown) => Ok(Told::Nothing),
            (Await::Over, other) => Err(out_of_order(name(&other))),
            (_, Message::Refusal(refusal)) => {
                self.go(Await::Over, None);
                Ok(Told::Refused(refusal))
            }
            (Await::Welcome, Message::Welcome(welcome)) => {
                if welcome.version != VERSION {
                    return Err(out_of_order("a version that was not offered"));
                }
                self.go(Await::Grant, Some(now + MESSAGE_LIMIT));
                Ok(Told::Welcome)
            }
            (Await::Grant, Message::Wait(wait)) => {
                // It says so again and again; three missing in a row are silence.
                self.go(Await::Grant, Some(now + WAIT_EVERY * 4));
                Ok(Told::Wait(wait))
            }
            (Await::Grant, Message::Grant(grant)) => {
                if grant.cookie_octets().is_none() {
                    return Err(out_of_order("a cookie that is none"));
                }
                let preparing = if self.request.store == FarStore::Disk { PREPARE_LIMIT } else { Duration::ZERO };
                self.go(Await::Ready, Some(now + STREAMS_LIMIT + preparing));
                Ok(Told::Grant(grant))
            }
            (Await::Ready, Message::Ready) => {
                self.go(Await::Running, Some(now + SILENCE_MAX));
                Ok(Told::Ready)
            }
            (Await::Running | Await::Results, Message::Progress(progress)) => {
                if self.at.state == Await::Running {
                    self.go(Await::Running, Some(now + SILENCE_MAX));
                }
                Ok(Told::Progress(progress))
            }
            (Await::Running | Await::Results, message) if !self.results => self.collect(now, message),
            (_, other) => Err(out_of_order(name(&other))),
        }
    }

    fn collect(&mut self, now: Duration, message: Message) -> Result<Told, Problem> {
        let expected = self.request.kinds().len();
        match message {
            Message::Stream(stream) => self.collector.stream(stream, expected).map(|()| Told::Nothing),
            Message::Series(part) => self.collector.series(part).map(|()| Told::Nothing),
            Message::Results(rest) => {
                self.results = true;
                if self.at.state == Await::Results {
                    self.go(Await::Over, None);
                } else {
                    self.go(Await::Running, Some(now + DRAIN_MAX + SILENCE_MAX));
                }
                Ok(Told::Results(self.collector.end(rest)))
            }
            other => Err(out_of_order(name(&other))),
        }
    }

    /// Our streams have ended, and our figures are sent.
    pub fn finished(&mut self, now: Duration) {
        if self.results {
            self.go(Await::Over, None);
        } else {
            self.go(Await::Results, Some(now + RESULTS_LIMIT));
        }
    }

    /// Until when the peer must have said something.
    pub fn deadline(&self) -> Option<Duration> {
        self.at.deadline
    }

    /// Is all said?
    pub fn is_over(&self) -> bool {
        self.at.state == Await::Over
    }

    /// The problem, when the deadline has come.
    pub fn expire(&mut self, now: Duration) -> Option<Problem> {
        let awaited = match self.at.state {
            Await::Welcome => "an answer to our hello",
            Await::Grant => "an answer to our request",
            Await::Ready => "the word that all streams are there",
            Await::Running => "a sign of life",
            Await::Results => "its figures",
            Await::Over => return None,
        };
        let problem = self.at.expire(now, awaited)?;
        self.go(Await::Over, None);
        Some(problem)
    }

    fn go(&mut self, state: Await, deadline: Option<Duration>) {
        self.at = Timed::new(state, deadline);
    }
}
