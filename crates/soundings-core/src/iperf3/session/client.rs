//! The client's end of the control connection.

use super::{Ending, Events, Line};
use crate::iperf3::spec::{Deadlines, ErrorNumber, RESULTS_BYTES_MAX, State};
use crate::iperf3::wire::{Cookie, Malformed, Parameters, Results, frame};
use std::time::Duration;

/// What the client's program has to do next.
#[derive(Clone, PartialEq, Debug)]
pub enum ClientEvent {
    /// The server has taken the parameters: open the streams, then tell nothing: the server counts them.
    OpenStreams,
    /// The server has all streams: data may flow.
    Run,
    /// The server wants our results: [`ClientSession::results`].
    WantResults,
    /// What the server measured.
    PeerResults(Box<Results>),
    /// Nothing more will happen; send what is still to be sent, and close.
    Over(Ending),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// To be asked for the parameters.
    Waiting,
    /// To be accepted; for its turn, too.
    Parameters,
    Streams,
    Starting,
    Running,
    Ended,
    WantsResults,
    Results,
    Display,
    /// Two numbers follow.
    Error,
    Over,
}

impl Stage {
    fn during(self) -> &'static str {
        match self {
            Self::Waiting => "this client waited to be asked",
            Self::Parameters => "this client waited for its turn",
            Self::Streams => "the streams were opened",
            Self::Starting => "the test was to begin",
            Self::Running => "the test ran",
            Self::Ended => "the server was to stop",
            Self::WantsResults | Self::Results => "results were exchanged",
            Self::Display => "saying good-bye",
            Self::Error => "telling what failed",
            Self::Over => "nothing was under way",
        }
    }
}

/// One test, asked for by us.
#[derive(Debug)]
pub struct ClientSession {
    stage: Stage,
    line: Line,
    events: Events<ClientEvent>,
    parameters: Vec<u8>,
    deadlines: Deadlines,
    patience: Duration,
    longest: Duration,
}

impl ClientSession {
    /// Asks for this test; a server that is busy may let us wait so long for our turn.
    pub fn new(
        now: Duration,
        cookie: Cookie,
        parameters: &Parameters,
        deadlines: Deadlines,
        patience: Duration,
    ) -> Self {
        let mut line = Line { outgoing: cookie.0.to_vec(), ..Line::default() };
        line.until(now, patience);
        let longest = if parameters.bytes > 0 || parameters.blocks > 0 {
            Duration::MAX
        } else {
            Duration::from_secs(parameters.seconds.saturating_add(parameters.omit_seconds))
        };
        let parameters = frame(&parameters.to_json());
        Self { stage: Stage::Waiting, line, events: Events::new(), parameters, deadlines, patience, longest }
    }

    /// The time is over, or all is sent.
    pub fn finish(&mut self, now: Duration) {
        if self.stage == Stage::Running {
            self.line.state(State::TestEnd);
            self.go(now, Stage::Ended, self.deadlines.results.saturating_add(self.deadlines.overtime));
        }
    }

    /// What we measured.
    pub fn results(&mut self, now: Duration, results: &Results) {
        if self.stage == Stage::WantsResults {
            self.line.outgoing.extend(frame(&results.to_json()));
            self.go(now, Stage::Results, self.deadlines.results);
            self.read(now);
        }
    }

    /// Our user has interrupted it.
    pub fn interrupt(&mut self) {
        if self.stage != Stage::Over {
            self.line.state(State::ClientTerminate);
            self.end(Ending::Ended);
        }
    }

    /// Octets from the server.
    pub fn handle_bytes(&mut self, now: Duration, octets: &[u8]) {
        if self.stage != Stage::Over {
            self.line.incoming.extend(octets);
            self.read(now);
        }
    }

    /// The server closed the connection, or it broke.
    pub fn handle_closed(&mut self) {
        self.end(Ending::Vanished { during: self.stage.during() });
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        if let Some(after) = self.line.late(now) {
            self.end(Ending::Silent { during: self.stage.during(), after });
        }
    }

    /// Octets for the server.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.line.transmit()
    }

    /// When [`ClientSession::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.line.deadline.map(|(at, _)| at)
    }

    /// What is to be done.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    fn go(&mut self, now: Duration, stage: Stage, span: Duration) {
        self.stage = stage;
        self.line.until(now, span);
    }

    fn end(&mut self, ending: Ending) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            self.line.deadline = None;
            self.line.incoming = Vec::new();
            self.events.push_back(ClientEvent::Over(ending));
        }
    }

    fn read(&mut self, now: Duration) {
        loop {
            match self.step(now) {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => return self.end(Ending::Malformed(fault)),
            }
        }
    }

    /// Takes one thing from what came in; whether there may be more.
    fn step(&mut self, now: Duration) -> Result<bool, Malformed> {
        match self.stage {
            Stage::Over => Ok(false),
            // What comes before we told ours waits; it is bounded like what it must be.
            Stage::WantsResults => {
                let (bytes, limit) = (self.line.incoming.len(), RESULTS_BYTES_MAX + 4);
                if bytes > limit { Err(Malformed::TooLong { bytes, limit }) } else { Ok(false) }
            }
            Stage::Results => self.peer_results(now),
            Stage::Error => {
                let Some([number, errno]) = self.line.words() else { return Ok(false) };
                self.end(Ending::Refused { number: ErrorNumber(number), errno });
                Ok(true)
            }
            _ => {
                let Some(octet) = self.line.octet() else { return Ok(false) };
                let state = State::from_octet(octet);
                let known = state.is_some_and(|state| self.state(now, state));
                if known { Ok(true) } else { Err(Malformed::State { octet, during: self.stage.during() }) }
            }
        }
    }

    fn peer_results(&mut self, now: Duration) -> Result<bool, Malformed> {
        // A server that fails here says so with a state where a length belongs: no length begins with such an octet.
        if self.line.incoming.first() == Some(&State::ServerError.to_octet()) {
            self.line.incoming.remove(0);
            self.stage = Stage::Error;
            return Ok(true);
        }
        let Some(message) = self.line.message(RESULTS_BYTES_MAX)? else { return Ok(false) };
        let results = Results::from_json(&message)?;
        self.go(now, Stage::Display, self.deadlines.results);
        self.events.push_back(ClientEvent::PeerResults(Box::new(results)));
        Ok(true)
    }

    /// Whether this state belongs here.
    fn state(&mut self, now: Duration, state: State) -> bool {
        match (state, self.stage) {
            (State::ParamExchange, Stage::Waiting) => {
                let parameters = std::mem::take(&mut self.parameters);
                self.line.outgoing.extend(parameters);
                // A server of ours lets us wait for our turn here, one of iperf3 does not let us wait at all.
                self.go(now, Stage::Parameters, self.patience);
            }
            (State::CreateStreams, Stage::Parameters) => {
                self.go(now, Stage::Streams, self.deadlines.streams);
                self.events.push_back(ClientEvent::OpenStreams);
            }
            (State::TestStart, Stage::Streams) => self.go(now, Stage::Starting, self.deadlines.streams),
            (State::TestRunning, Stage::Starting) => {
                let longest = self.longest.saturating_add(self.deadlines.overtime);
                self.go(now, Stage::Running, longest);
                self.events.push_back(ClientEvent::Run);
            }
            (State::ExchangeResults, Stage::Ended) => {
                self.go(now, Stage::WantsResults, self.deadlines.results);
                self.events.push_back(ClientEvent::WantResults);
            }
            (State::DisplayResults, Stage::Display) => {
                self.line.state(State::IperfDone);
                self.end(Ending::Done);
            }
            (State::AccessDenied, _) => self.end(Ending::Denied),
            (State::ServerTerminate, _) => self.end(Ending::Interrupted),
            (State::ServerError, _) => self.stage = Stage::Error,
            _ => return false,
        }
        true
    }
}
