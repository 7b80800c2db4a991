//! The server's end of the control connection.

use super::{Ending, Events, Line};
use crate::iperf3::spec::{Deadlines, ErrorNumber, PARAMETERS_BYTES_MAX, RESULTS_BYTES_MAX, State};
use crate::iperf3::wire::{Malformed, Parameters, Results, frame};
use std::time::Duration;

/// What the server's program has to do next.
#[derive(Clone, PartialEq, Debug)]
pub enum ServerEvent {
    /// This is asked for: answer with [`ServerSession::accept`] or [`ServerSession::refuse`].
    Asked(Box<Parameters>),
    /// All streams are there: let data flow.
    Run,
    /// The client has ended the test: stop, count, and tell [`ServerSession::results`].
    Stop,
    /// What the client measured.
    PeerResults(Box<Results>),
    /// Nothing more will happen; send what is still to be sent, and close.
    Over(Ending),
}

#[derive(Debug)]
enum Stage {
    /// Before anything was asked.
    New,
    Parameters,
    Judging,
    Streams {
        left: u32,
        longest: Duration,
    },
    Running,
    Stopping,
    Results {
        ours: Vec<u8>,
    },
    GoodBye,
    Over,
}

impl Stage {
    fn during(&self) -> &'static str {
        match self {
            Self::New => "nothing was asked yet",
            Self::Parameters => "telling its parameters",
            Self::Judging => "waiting for its turn",
            Self::Streams { .. } => "opening its streams",
            Self::Running => "the test ran",
            Self::Stopping => "the test was stopped",
            Self::Results { .. } => "telling its results",
            Self::GoodBye => "saying good-bye",
            Self::Over => "nothing was under way",
        }
    }
}

/// One test of one client, after its cookie was read.
#[derive(Debug)]
pub struct ServerSession {
    stage: Stage,
    line: Line,
    events: Events<ServerEvent>,
    deadlines: Deadlines,
}

impl ServerSession {
    /// Of a client that has shown its cookie. Until it is asked for its parameters there is no deadline.
    pub fn new(deadlines: Deadlines) -> Self {
        Self { stage: Stage::New, line: Line::default(), events: Events::new(), deadlines }
    }

    /// Asks it for its parameters. From then until they are accepted it waits, in silence, for its turn: 3.12 has no limit
    /// there, and takes a refusal at any time.
    pub fn ask(&mut self, now: Duration) {
        if matches!(self.stage, Stage::New) {
            self.line.state(State::ParamExchange);
            self.go(now, Stage::Parameters, self.deadlines.parameters);
            self.read(now);
        }
    }

    /// There is no turn for it.
    pub fn deny(&mut self) {
        if !matches!(self.stage, Stage::Over) {
            self.line.state(State::AccessDenied);
            self.end(Ending::Denied);
        }
    }

    /// Its parameters are taken: so many streams will come, and no test lasts longer than this.
    pub fn accept(&mut self, now: Duration, streams: u32, longest: Duration) {
        if matches!(self.stage, Stage::Judging) {
            self.line.state(State::CreateStreams);
            self.go(now, Stage::Streams { left: streams, longest }, self.deadlines.streams);
        }
    }

    /// The test cannot be, or cannot go on.
    pub fn refuse(&mut self, number: ErrorNumber, errno: i32) {
        if !matches!(self.stage, Stage::Over) {
            self.line.state(State::ServerError);
            self.line.outgoing.extend(number.0.to_be_bytes());
            self.line.outgoing.extend(errno.to_be_bytes());
            self.end(Ending::Refused { number, errno });
        }
    }

    /// The server's user, or its time limit, ends the test.
    pub fn terminate(&mut self) {
        if !matches!(self.stage, Stage::Over) {
            self.line.state(State::ServerTerminate);
            self.end(Ending::Ended);
        }
    }

    /// One of its streams is there.
    pub fn stream_arrived(&mut self, now: Duration) {
        let Stage::Streams { left, longest } = &mut self.stage else { return };
        *left = left.saturating_sub(1);
        let longest = *longest;
        if *left == 0 {
            self.line.state(State::TestStart);
            self.line.state(State::TestRunning);
            self.go(now, Stage::Running, longest.saturating_add(self.deadlines.overtime));
            self.events.push_back(ServerEvent::Run);
        }
    }

    /// The streams stand still, and this is what was measured.
    pub fn results(&mut self, now: Duration, results: &Results) {
        if matches!(self.stage, Stage::Stopping) {
            self.line.state(State::ExchangeResults);
            self.go(now, Stage::Results { ours: results.to_json() }, self.deadlines.results);
            self.read(now);
        }
    }

    /// Octets from the client.
    pub fn handle_bytes(&mut self, now: Duration, octets: &[u8]) {
        if !matches!(self.stage, Stage::Over) {
            self.line.incoming.extend(octets);
            self.read(now);
        }
    }

    /// The client closed the connection, or it broke.
    pub fn handle_closed(&mut self) {
        // iperf3 closes right after its last octet; what we want to know is known before that.
        let ending = match self.stage {
            Stage::GoodBye => Ending::Done,
            _ => Ending::Vanished { during: self.stage.during() },
        };
        self.end(ending);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        let Some(after) = self.line.late(now) else { return };
        match self.stage {
            // The client's clock should have ended it; ours does, and it gets what it has so far.
            Stage::Running => self.terminate(),
            Stage::GoodBye => self.end(Ending::Done),
            _ => self.end(Ending::Silent { during: self.stage.during(), after }),
        }
    }

    /// Octets for the client.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.line.transmit()
    }

    /// When [`ServerSession::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.line.deadline.map(|(at, _)| at)
    }

    /// What is to be done.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    fn go(&mut self, now: Duration, stage: Stage, span: Duration) {
        self.stage = stage;
        self.line.until(now, span);
    }

    fn end(&mut self, ending: Ending) {
        if !matches!(self.stage, Stage::Over) {
            self.stage = Stage::Over;
            self.line.deadline = None;
            self.line.incoming = Vec::new();
            self.events.push_back(ServerEvent::Over(ending));
        }
    }

    fn read(&mut self, now: Duration) {
        let fault = loop {
            match self.step(now) {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => break fault,
            }
        };
        if matches!(self.stage, Stage::Parameters) {
            self.line.state(State::ServerError);
            self.line.outgoing.extend(ErrorNumber::RECEIVE_PARAMETERS.0.to_be_bytes());
            self.line.outgoing.extend([0; 4]);
        }
        self.end(Ending::Malformed(fault));
    }

    /// Takes one thing from what came in; whether there may be more.
    fn step(&mut self, now: Duration) -> Result<bool, Malformed> {
        match &mut self.stage {
            Stage::Parameters => {
                let Some(message) = self.line.message(PARAMETERS_BYTES_MAX)? else { return Ok(false) };
                let parameters = Parameters::from_json(&message)?;
                self.stage = Stage::Judging;
                self.line.deadline = None;
                self.events.push_back(ServerEvent::Asked(Box::new(parameters)));
                Ok(true)
            }
            Stage::Results { ours } => {
                let Some(message) = self.line.message(RESULTS_BYTES_MAX)? else { return Ok(false) };
                let results = Results::from_json(&message)?;
                self.line.outgoing.extend(frame(ours));
                self.line.state(State::DisplayResults);
                self.go(now, Stage::GoodBye, self.deadlines.results);
                self.events.push_back(ServerEvent::PeerResults(Box::new(results)));
                Ok(true)
            }
            Stage::Over => Ok(false),
            // The results may already be on their way when the end is being worked at.
            Stage::Stopping => self.bounded(RESULTS_BYTES_MAX + 4),
            Stage::New => self.bounded(PARAMETERS_BYTES_MAX + 4),
            Stage::Judging | Stage::Streams { .. } | Stage::Running | Stage::GoodBye => self.state(now),
        }
    }

    fn bounded(&self, limit: usize) -> Result<bool, Malformed> {
        let bytes = self.line.incoming.len();
        if bytes > limit { Err(Malformed::TooLong { bytes, limit }) } else { Ok(false) }
    }

    fn state(&mut self, now: Duration) -> Result<bool, Malformed> {
        let Some(octet) = self.line.octet() else { return Ok(false) };
        match (State::from_octet(octet), &self.stage) {
            (Some(State::TestEnd), Stage::Running) => {
                self.go(now, Stage::Stopping, self.deadlines.results);
                self.events.push_back(ServerEvent::Stop);
            }
            (Some(State::ClientTerminate), _) => self.end(Ending::Interrupted),
            (Some(State::IperfDone), Stage::GoodBye) => self.end(Ending::Done),
            _ => return Err(Malformed::State { octet, during: self.stage.during() }),
        }
        Ok(true)
    }
}
