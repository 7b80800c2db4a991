//! The control connection of a throughput test (`docs/reference/throughput-protocol.md`) with one stream to the responder,
//! on which we send as we like.

use super::{News, Settings};
use net::{SocketOptions, connect_tuned};
use soundings_core::throughput::series::{End, StreamEnd};
use soundings_core::throughput::spec;
use soundings_core::throughput::wire::{self, Direction, Grant, Hello, Message, Progress, Request};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use terms::{Blame, Problem, Rate, Retry};

/// A test that runs.
pub(super) struct Session {
    control: TcpStream,
    /// What the responder allows, bits per second.
    pub(super) allowed: Option<u64>,
    /// Why the responder ended it.
    refused: Arc<Mutex<Option<Problem>>>,
    begun: Instant,
}

impl Session {
    /// Asks for a test of so long, waits for its turn, and opens its stream.
    pub(super) fn open(
        settings: &Settings,
        whole: Duration,
        tell: &impl Fn(News),
    ) -> Result<(Self, TcpStream), Problem> {
        let mut control = connect(settings, None)?;
        let program = format!("portolan path-model {}", env!("CARGO_PKG_VERSION"));
        send(&mut control, &Message::Hello(Hello { versions: vec![spec::VERSION], program, ..Hello::default() }))?;
        let Message::Welcome(_) = expect(&mut control)? else { return Err(garbled("no welcome")) };
        let request = Request {
            direction: Direction::To,
            duration_seconds: Some((whole + SLACK).as_secs_f64()),
            wait_seconds: settings.patience.as_secs_f64(),
            ..Request::default()
        };
        request.check().map_err(|why| super::misused(&why))?;
        send(&mut control, &Message::Request(request))?;
        let grant = granted(&mut control, tell)?;
        if let Some(allowed) = grant.rate_bits_per_second
            && allowed < settings.rate.0
        {
            return Err(not_allowed(Rate(allowed), settings));
        }
        let stream = stream(settings, &grant)?;
        while expect(&mut control)? != Message::Ready {}
        send(&mut control, &Message::Start)?;
        let refused = Arc::new(Mutex::new(None));
        let (reader, slot) = (control.try_clone().map_err(|error| lost(&error))?, Arc::clone(&refused));
        // It ends with the connection.
        thread::spawn(move || listen(reader, &slot));
        Ok((Self { control, allowed: grant.rate_bits_per_second, refused, begun: Instant::now() }, stream))
    }

    /// Says how far we are: the responder gives up those that are silent.
    pub(super) fn progress(&self, sent_bytes: u64) -> Result<(), Problem> {
        if let Some(problem) = self.refused() {
            return Err(problem);
        }
        let at_ns = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        send(&mut (&self.control), &Message::Progress(Progress { at_ns, sent_bytes, received_bytes: 0 }))
    }

    /// Why the responder ended the test, if it did.
    pub(super) fn refused(&self) -> Option<Problem> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what was sent, and ends in good order. Nothing that fails here matters to the result.
    pub(super) fn close(&self, sent_bytes: u64) {
        let stream = StreamEnd { number: 0, sending: true, bytes: sent_bytes, ..StreamEnd::default() };
        let end = End { streams: vec![stream], ..End::default() };
        let said = wire::results(&end).try_for_each(|message| send(&mut (&self.control), &message));
        if said.is_ok() {
            let _ = send(&mut (&self.control), &Message::Bye);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The thread that listens ends with it.
        let _ = self.control.shutdown(std::net::Shutdown::Both);
    }
}

fn connect(settings: &Settings, congestion_control: Option<String>) -> Result<TcpStream, Problem> {
    let options = SocketOptions { no_delay: true, congestion_control, ..SocketOptions::default() };
    let stream =
        connect_tuned(settings.address, &options, CONNECT_LIMIT).map_err(|error| unreached(&error, settings))?;
    stream.set_read_timeout(Some(spec::WAIT_EVERY * 4)).map_err(|error| lost(&error))?;
    stream.set_write_timeout(Some(spec::SILENCE_MAX)).map_err(|error| lost(&error))?;
    Ok(stream)
}

/// The stream for data, which says at first to which test it belongs.
fn stream(settings: &Settings, grant: &Grant) -> Result<TcpStream, Problem> {
    let cubic = || net::congestion_controls().into_iter().find(|name| name == "cubic");
    let mut stream = connect(settings, settings.congestion_control.clone().or_else(cubic))?;
    let mut head = grant.cookie_octets().ok_or_else(|| garbled("a cookie that is none"))?.to_vec();
    head.extend(0_u32.to_be_bytes());
    stream.write_all(&head).map_err(|error| lost(&error))?;
    Ok(stream)
}

fn granted(control: &mut TcpStream, tell: &impl Fn(News)) -> Result<Grant, Problem> {
    loop {
        match expect(control)? {
            Message::Grant(grant) => return Ok(grant),
            Message::Wait(wait) => {
                tell(News::Wait(Duration::try_from_secs_f64(wait.at_most_seconds).unwrap_or_default()));
            }
            _ => {}
        }
    }
}

/// Hears what comes while it runs: a refusal counts, or that it is over.
fn listen(mut control: TcpStream, slot: &Mutex<Option<Problem>>) {
    let problem = loop {
        match receive(&mut control) {
            Ok(Message::Refusal(refusal)) => break refusal.into_problem(),
            Ok(_) => {}
            Err(problem) => break problem,
        }
    };
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
}

fn send(control: &mut impl io::Write, message: &Message) -> Result<(), Problem> {
    let bytes = wire::encode(message).map_err(|error| garbled(&error.to_string()))?;
    control.write_all(&bytes).map_err(|error| lost(&error))
}

/// The next message; a refusal is a problem.
fn expect(control: &mut TcpStream) -> Result<Message, Problem> {
    match receive(control)? {
        Message::Refusal(refusal) => Err(refusal.into_problem()),
        message => Ok(message),
    }
}

fn receive(control: &mut TcpStream) -> Result<Message, Problem> {
    let mut head = [0; 4];
    control.read_exact(&mut head).map_err(|error| lost(&error))?;
    let len = wire::length(head).map_err(|error| garbled(&error.to_string()))?;
    let mut body = vec![0; len];
    control.read_exact(&mut body).map_err(|error| lost(&error))?;
    wire::decode(&body).map_err(|error| garbled(&error.to_string()))
}

fn unreached(error: &io::Error, settings: &Settings) -> Problem {
    Problem {
        status: 502,
        kind: "unreachable",
        title: "the responder is not reached",
        detail: format!("Connecting to {} failed: {error}.", settings.address),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "Start 'portolan responder' there, and see that firewalls let its port through: portolan doctor --with HOST."
            .to_owned(),
    }
}

/// The connection ended, or went silent.
pub(super) fn lost(error: &io::Error) -> Problem {
    let silent = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    Problem {
        status: 502,
        kind: if silent { "peer-silent" } else { "peer-gone" },
        title: if silent { "the responder is silent" } else { "the responder is gone" },
        detail: format!("The test ended before it was done: {error}."),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "See what the responder says, and try again.".to_owned(),
    }
}

fn garbled(what: &str) -> Problem {
    Problem {
        status: 502,
        kind: "protocol",
        title: "the other host does not keep to the protocol",
        detail: format!("It sent what is not understood: {what}."),
        blame: Blame::Peer,
        retry: Retry::Never,
        next: "Check that a responder of Portolan runs there, and of a version that goes with this one.".to_owned(),
    }
}

fn not_allowed(allowed: Rate, settings: &Settings) -> Problem {
    Problem {
        status: 403,
        kind: "not-allowed",
        title: "the responder does not allow this rate",
        detail: format!("It lets this caller send {allowed}, and the target is {}.", settings.rate),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Have the responder's operator allow more to this caller, or ask for a rate within it.".to_owned(),
    }
}

/// A handshake across the world takes 0.4 s; this lets the first two packets be lost.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// What is asked for beyond the parts: for what drains between them.
const SLACK: Duration = Duration::from_secs(5);
