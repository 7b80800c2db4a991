//! The states of a test, of both sides: what to send and when, what the peer may do, when it is over.
//!
//! Times are told since the test began. Call what happened (`handle_…`), then [`Session::poll`] until it says to wait.

use super::spec::{
    CHATTER_BURST, CHATTER_PER_SECOND, DEADLINE, MESSAGE_BYTES_FIRST, MESSAGE_BYTES_OURS, PATIENCE, RUN,
    SCALING_FRACTION, SPACING_MAX, SPACING_MEAN, SPACING_MIN,
};
use super::{Measurement, Test};
use serde::Serialize;
use std::time::Duration;

/// How long a peer may take to answer an end before its time.
const GRACE: Duration = Duration::from_secs(1);

/// Whose session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Asked for the test.
    Client,
    /// Grants it, and ends it.
    Server,
}

/// How a test ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It ran its time.
    Complete,
    /// It ended early, as the client wished.
    EarlyExit,
    /// The peer ended it before its time.
    PeerClosed,
    /// The connection broke.
    Broken,
    /// The peer did what it must not.
    Violation,
    /// It did not come to its end in time.
    Deadline,
    /// We had to end it: the host is stopping.
    Cut,
}

/// What to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Send a binary message of so many bytes, and say so by [`Session::handle_queued`].
    Send(usize),
    /// Send a measurement.
    Measure,
    /// The server: send the last measurement, then close with this code (RFC 6455, section 7.4.1).
    Conclude(u16),
    /// The client: answer the close.
    Answer,
    /// Nothing until then, or until something happens.
    Wait(Duration),
    /// It is over: drop the connection.
    Leave(Ending),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Data flows.
    Running,
    /// The time is over, the end is to be told.
    Concluding(Ending, u16),
    /// The end was told, the peer's answer is awaited until then.
    ExpectClose(Ending, Duration),
    /// The client: the end was heard and is to be answered.
    Answering(Ending),
    /// Over.
    Over(Ending),
}

/// One test.
#[derive(Clone, Debug)]
pub struct Session {
    side: Side,
    test: Test,
    run: Duration,
    early_exit_bytes: Option<u64>,
    state: State,
    measure_at: Duration,
    random: u64,
    message_bytes: usize,
    bytes: u64,
    chatter: u64,
    heard: Option<Box<Measurement>>,
}

impl Session {
    /// A test that begins now. It sends for `run` at most; `seed` spaces the measurements.
    pub fn new(side: Side, test: Test, run: Duration, early_exit_bytes: Option<u64>, seed: u64) -> Self {
        let mut session = Self {
            side,
            test,
            run: run.min(RUN),
            early_exit_bytes: early_exit_bytes.filter(|_| test == Test::Download && side == Side::Server),
            state: State::Running,
            measure_at: Duration::ZERO,
            random: seed,
            message_bytes: MESSAGE_BYTES_FIRST,
            bytes: 0,
            chatter: 0,
            heard: None,
        };
        session.measure_at = session.spacing();
        session
    }

    /// Which test.
    pub fn test(&self) -> Test {
        self.test
    }

    /// Does data flow from us?
    pub fn sends(&self) -> bool {
        (self.side == Side::Server) == (self.test == Test::Download)
    }

    /// Bytes of binary messages, queued or received.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The last measurement of the peer.
    pub fn heard(&self) -> Option<&Measurement> {
        self.heard.as_deref()
    }

    /// Is data still flowing?
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// A binary message was queued.
    pub fn handle_queued(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        // "Sender": doubled while it is at most a sixteenth of what was sent.
        if self.message_bytes < MESSAGE_BYTES_OURS && self.message_bytes as u64 <= self.bytes / SCALING_FRACTION {
            self.message_bytes *= 2;
        }
    }

    /// So many bytes of a binary message came.
    pub fn handle_data(&mut self, bytes: usize) {
        if self.sends() {
            // "If a party receives a binary message when that is not expected, it MUST close the connection."
            self.violate(1003);
        } else if self.state == State::Running {
            self.bytes += bytes as u64;
        }
    }

    /// A binary message is complete.
    pub fn handle_binary(&mut self, now: Duration, bytes: u64) {
        if self.sends() {
            self.violate(1003);
        } else if bytes == 0 {
            self.handle_chatter(now);
        }
    }

    /// A text message came. What is no measurement is passed over, as the document allows.
    pub fn handle_text(&mut self, now: Duration, text: &str) {
        self.handle_chatter(now);
        if let Ok(measurement) = Measurement::parse(text) {
            self.heard = Some(Box::new(measurement));
        }
    }

    /// A ping, a pong or something else that is no data came.
    pub fn handle_chatter(&mut self, now: Duration) {
        self.chatter += 1;
        if self.chatter > CHATTER_BURST + CHATTER_PER_SECOND * now.as_secs() {
            self.violate(1008);
        }
    }

    /// The peer broke the framing; close with this code.
    pub fn handle_violation(&mut self, code: u16) {
        self.violate(code);
    }

    /// The peer closes, or answers our close.
    pub fn handle_close(&mut self) {
        self.state = match (self.side, self.state) {
            (_, State::ExpectClose(ending, _)) => State::Over(ending),
            (Side::Client, State::Running) => State::Answering(Ending::Complete),
            (Side::Server, State::Running) => State::Concluding(Ending::PeerClosed, 1000),
            // Both closed at once.
            (_, State::Concluding(ending, code)) => State::Concluding(ending, code),
            (_, state) => state,
        };
    }

    /// The connection ended or broke.
    pub fn handle_end(&mut self) {
        self.state = match self.state {
            State::Running | State::Concluding(Ending::Complete, _) => State::Over(Ending::Broken),
            State::Concluding(ending, _)
            | State::ExpectClose(ending, _)
            | State::Answering(ending)
            | State::Over(ending) => State::Over(ending),
        };
    }

    /// The host is stopping.
    pub fn handle_cut(&mut self) {
        if self.state == State::Running {
            self.state = State::Concluding(Ending::Cut, 1001);
        }
    }

    /// So much is acknowledged of what was sent.
    pub fn handle_acknowledged(&mut self, bytes: u64) {
        if self.state == State::Running && self.early_exit_bytes.is_some_and(|enough| bytes >= enough) {
            self.state = State::Concluding(Ending::EarlyExit, 1000);
        }
    }

    /// What to do now; `idle` says that all that was queued has left.
    pub fn poll(&mut self, now: Duration, idle: bool) -> Step {
        self.state = match self.state {
            State::ExpectClose(ending, until) if now >= until => State::Over(ending),
            State::Running | State::Concluding(..) if now >= self.deadline() => State::Over(Ending::Deadline),
            state => state,
        };
        if self.state == State::Running && self.side == Side::Server && now >= self.run {
            self.state = State::Concluding(Ending::Complete, 1000);
        }
        match self.state {
            State::Running => self.poll_running(now, idle),
            State::Concluding(ending, code) => {
                let until = match ending {
                    Ending::Complete | Ending::EarlyExit => self.deadline(),
                    // Who breaks the rules, or hears of our end, holds the turn no longer than this.
                    _ => self.deadline().min(now + GRACE),
                };
                self.state =
                    if ending == Ending::PeerClosed { State::Over(ending) } else { State::ExpectClose(ending, until) };
                Step::Conclude(code)
            }
            State::Answering(ending) => {
                self.state = State::Over(ending);
                Step::Answer
            }
            State::ExpectClose(_, until) => Step::Wait(until),
            State::Over(ending) => Step::Leave(ending),
        }
    }

    fn poll_running(&mut self, now: Duration, idle: bool) -> Step {
        let measuring = now < self.run;
        if measuring && now >= self.measure_at {
            self.measure_at = now + self.spacing();
            return Step::Measure;
        }
        if self.sends() && idle && measuring {
            return Step::Send(self.message_bytes);
        }
        let next = if measuring { self.measure_at.min(self.run) } else { self.deadline() };
        Step::Wait(next)
    }

    /// The server's is hard; a client has no reason to wait longer than the document says.
    fn deadline(&self) -> Duration {
        match self.side {
            Side::Server => DEADLINE,
            Side::Client => PATIENCE,
        }
    }

    fn violate(&mut self, code: u16) {
        if matches!(self.state, State::Running) {
            self.state = State::Concluding(Ending::Violation, code);
        }
    }

    /// An exponential of the mean, clipped.
    fn spacing(&mut self) -> Duration {
        // SplitMix64: more than good enough to space measurements.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // In (0, 1]: the logarithm is finite.
        let uniform = ((mixed >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        SPACING_MEAN.mul_f64(-uniform.ln()).clamp(SPACING_MIN, SPACING_MAX)
    }
}
