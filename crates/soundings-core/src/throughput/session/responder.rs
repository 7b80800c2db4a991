//! The responder's states.

use super::super::series::End;
use super::super::spec::{DRAIN_MAX, MESSAGE_LIMIT, PREPARE_LIMIT, RESULTS_LIMIT, SILENCE_MAX, STREAMS_LIMIT, VERSION};
use super::super::wire::{FarStore, Hello, Message, Progress, Refusal, Request};
use super::{Collector, Timed, name, out_of_order, unfit};
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// What a state waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Await {
    /// The first word. Next: `Caller`.
    Hello,
    /// Us, judging who asks. Next: `Request`.
    Caller,
    /// What is to be measured. Next: `Turn`.
    Request,
    /// Us, having a turn for it. Next: `Streams`.
    Turn,
    /// The data connections. Next: `Start`.
    Streams,
    /// The word to begin. Next: `Running`.
    Start,
    /// The end of the data, at this end. Next: `Results`.
    Running,
    /// The figures of the client. Next: `Bye`, or `Running` when the client was quicker.
    Results,
    /// The last word. Next: `Over`.
    Bye,
    /// Nothing any more.
    Over,
}

/// What the responder's hands do next.
#[derive(Clone, PartialEq, Debug)]
pub enum Heard {
    /// Judge who this is, then [`Responder::admit`].
    Caller(Hello),
    /// Decide on this, get a turn, then [`Responder::grant`].
    Request(Request),
    /// Let the streams run, then [`Responder::finished`] when they have ended.
    Start,
    /// How far the client is.
    Progress(Progress),
    /// The client's figures.
    Results(End),
    /// The client is content: close.
    Bye,
    /// The client gave up, with this reason.
    GaveUp(Refusal),
    /// Nothing to do.
    Nothing,
}

/// One test, at the responder. Call [`Responder::handle`] for each message, and [`Responder::expire`] when
/// [`Responder::deadline`] has come.
#[derive(Clone, PartialEq, Debug)]
pub struct Responder {
    at: Timed<Await>,
    collector: Collector,
    request: Option<Request>,
    longest: Duration,
    results: bool,
}

impl Responder {
    /// A connection that begins now.
    pub fn new(now: Duration) -> Self {
        Self {
            at: Timed::new(Await::Hello, Some(now + MESSAGE_LIMIT)),
            collector: Collector::default(),
            request: None,
            longest: Duration::ZERO,
            results: false,
        }
    }

    /// Takes a message. A problem ends the session.
    pub fn handle(&mut self, now: Duration, message: Message) -> Result<Heard, Problem> {
        match (self.at.state, message) {
            (_, Message::Unknown) => Ok(Heard::Nothing),
            (Await::Over, other) => Err(out_of_order(name(&other))),
            (_, Message::Refusal(refusal)) => {
                self.go(Await::Over, None);
                Ok(Heard::GaveUp(refusal))
            }
            (Await::Hello, Message::Hello(hello)) => {
                if !hello.versions.contains(&VERSION) {
                    return Err(no_version(&hello.versions));
                }
                self.go(Await::Caller, None);
                Ok(Heard::Caller(hello))
            }
            (Await::Request, Message::Request(request)) => {
                request.check().map_err(|why| unfit(&why))?;
                self.request = Some(request.clone());
                self.go(Await::Turn, None);
                Ok(Heard::Request(request))
            }
            (Await::Start, Message::Start) => {
                self.go(Await::Running, Some(now + SILENCE_MAX));
                Ok(Heard::Start)
            }
            (Await::Running | Await::Results, Message::Progress(progress)) => {
                if self.at.state == Await::Running {
                    self.go(Await::Running, Some(now + SILENCE_MAX));
                }
                Ok(Heard::Progress(progress))
            }
            (Await::Running | Await::Results, message) if !self.results => self.collect(now, message),
            (Await::Bye, Message::Bye) => {
                self.go(Await::Over, None);
                Ok(Heard::Bye)
            }
            (_, other) => Err(out_of_order(name(&other))),
        }
    }

    fn collect(&mut self, now: Duration, message: Message) -> Result<Heard, Problem> {
        let expected = self.request.as_ref().map_or(0, |request| request.kinds().len());
        match message {
            Message::Stream(stream) => self.collector.stream(stream, expected).map(|()| Heard::Nothing),
            Message::Series(part) => self.collector.series(part).map(|()| Heard::Nothing),
            Message::Results(rest) => {
                self.results = true;
                if self.at.state == Await::Results {
                    self.go(Await::Bye, Some(now + MESSAGE_LIMIT));
                } else {
                    // Our streams have little time left: the client has seen the end of all of them.
                    self.go(Await::Running, Some(now + DRAIN_MAX + SILENCE_MAX));
                }
                Ok(Heard::Results(self.collector.end(rest)))
            }
            other => Err(out_of_order(name(&other))),
        }
    }

    /// Who asks is known: a request may come.
    pub fn admit(&mut self, now: Duration) {
        self.go(Await::Request, Some(now + MESSAGE_LIMIT));
    }

    /// The turn is had: streams may come. The test takes at most `longest`.
    pub fn grant(&mut self, now: Duration, longest: Duration) {
        self.longest = longest;
        let disk = self.request.as_ref().is_some_and(|request| request.store == FarStore::Disk);
        let preparing = if disk { PREPARE_LIMIT } else { Duration::ZERO };
        self.go(Await::Streams, Some(now + STREAMS_LIMIT + preparing));
    }

    /// All streams are here: the word to begin may come.
    pub fn ready(&mut self, now: Duration) {
        self.go(Await::Start, Some(now + MESSAGE_LIMIT));
    }

    /// Our streams have ended, and our figures are sent.
    pub fn finished(&mut self, now: Duration) {
        if self.results {
            self.go(Await::Bye, Some(now + MESSAGE_LIMIT));
        } else {
            self.go(Await::Results, Some(now + RESULTS_LIMIT));
        }
    }

    /// The longest that the streams may run.
    pub fn longest(&self) -> Duration {
        self.longest
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
            Await::Hello => "a hello",
            Await::Request => "a request",
            Await::Streams => "its data streams",
            Await::Start => "the word to begin",
            Await::Running => "a sign of life",
            Await::Results => "its figures",
            Await::Bye => "its last word",
            Await::Caller | Await::Turn | Await::Over => return None,
        };
        let problem = self.at.expire(now, awaited)?;
        self.go(Await::Over, None);
        Some(problem)
    }

    fn go(&mut self, state: Await, deadline: Option<Duration>) {
        self.at = Timed::new(state, deadline);
    }
}

fn no_version(theirs: &[u32]) -> Problem {
    let theirs: Vec<String> = theirs.iter().take(8).map(u32::to_string).collect();
    Problem {
        status: 400,
        kind: "version",
        title: "the two ends have no version of the protocol in common",
        detail: format!("The client speaks {}; this end speaks {VERSION}.", theirs.join(", ")),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Bring the older of the two up to date.".to_owned(),
    }
}
