//! The states of a test at either end. "Now" is the time since the connection began; nothing here waits or sends.
//!
//! ```text
//! responder: Hello → Request → Turn → Streams → Start → Running → Results → Bye → over
//! client:    Welcome → Grant → Ready → Running → Results → over
//! ```

mod client;
mod responder;

pub use client::{Client, Told};
pub use responder::{Heard, Responder};

use super::series::{End, Sample, StreamEnd};
use super::spec::SAMPLES_MAX;
use super::wire::{Message, Series, plain};
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// Puts the parts of a peer's figures together, within bounds.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Collector {
    streams: Vec<StreamEnd>,
    samples: usize,
}

/// The longest reason of a failed stream that is kept.
const FAILURE_CHARACTERS: usize = 300;

impl Collector {
    /// One of `expected` streams.
    fn stream(&mut self, stream: StreamEnd, expected: usize) -> Result<(), Problem> {
        let known = self.streams.iter().any(|other| other.number == stream.number);
        if known || self.streams.len() >= expected || stream.number as usize >= expected {
            return Err(out_of_order("figures of a stream that is not of this test"));
        }
        let failure = stream.failure.as_deref().map(|failure| plain(failure, FAILURE_CHARACTERS));
        let name = stream.congestion_control.as_deref().map(|name| plain(name, 16));
        self.streams.push(StreamEnd { failure, congestion_control: name, samples: Vec::new(), ..stream });
        Ok(())
    }

    fn series(&mut self, part: Series) -> Result<(), Problem> {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.number == part.stream) else {
            return Err(out_of_order("samples of a stream that it has not named"));
        };
        self.samples += part.samples.len();
        let ordered = |pair: &[Sample]| pair[0].at_ns <= pair[1].at_ns && pair[0].bytes <= pair[1].bytes;
        let joins = match (stream.samples.last(), part.samples.first()) {
            (Some(last), Some(first)) => ordered(&[*last, *first]),
            _ => true,
        };
        if self.samples > SAMPLES_MAX || !joins || !part.samples.windows(2).all(ordered) {
            return Err(out_of_order("samples that are too many, or that run backwards"));
        }
        stream.samples.extend(part.samples);
        Ok(())
    }

    fn end(&mut self, rest: End) -> End {
        let mut streams = std::mem::take(&mut self.streams);
        streams.sort_by_key(|stream| stream.number);
        End { streams, ..rest }
    }
}

/// A state with the time until which it may last.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Timed<S> {
    state: S,
    deadline: Option<Duration>,
}

impl<S: Copy> Timed<S> {
    fn new(state: S, deadline: Option<Duration>) -> Self {
        Self { state, deadline }
    }

    /// The problem, if the time is over.
    fn expire(&self, now: Duration, awaited: &str) -> Option<Problem> {
        self.deadline.filter(|deadline| now >= *deadline).map(|_| silent(awaited))
    }
}

/// The name of a message, for people.
fn name(message: &Message) -> &'static str {
    match message {
        Message::Hello(_) => "a hello",
        Message::Welcome(_) => "a welcome",
        Message::Request(_) => "a request",
        Message::Wait(_) => "a wait",
        Message::Refusal(_) => "a refusal",
        Message::Grant(_) => "a grant",
        Message::Ready => "a ready",
        Message::Start => "a start",
        Message::Progress(_) => "progress",
        Message::Stream(_) => "figures of a stream",
        Message::Series(_) => "samples",
        Message::Results(_) => "results",
        Message::Bye => "a bye",
        Message::Unknown => "a message of a later version",
    }
}

/// The peer says what has no place here.
fn out_of_order(what: &str) -> Problem {
    Problem {
        status: 400,
        kind: "protocol",
        title: "the other host does not keep to the protocol",
        detail: format!("It sent {what}, which has no place there."),
        blame: Blame::Peer,
        retry: Retry::Never,
        next: "Check that both ends are Portolan, and of versions that go together.".to_owned(),
    }
}

/// The peer's request is not within what the protocol allows.
fn unfit(why: &str) -> Problem {
    Problem {
        status: 400,
        kind: "option-refused",
        title: "this cannot be measured",
        detail: format!("The request is not within bounds: {why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Change the option that is named.".to_owned(),
    }
}

/// The peer says nothing.
fn silent(awaited: &str) -> Problem {
    Problem {
        status: 504,
        kind: "peer-silent",
        title: "the other host has fallen silent",
        detail: format!("We waited for {awaited}, and its time is over."),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "See if the other host is up and the way to it open, and try again.".to_owned(),
    }
}
