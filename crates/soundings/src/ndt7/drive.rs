//! One test on one socket: the session says what to do, this does it. Server and client are driven alike.

use super::gathered::Gathered;
use bytes::Bytes;
use net::Upgraded;
use net::websocket::{Failure, Limits, Received, Role, WebSocket};
use soundings_core::ndt7::spec::{MESSAGE_BYTES_MAX, MESSAGE_BYTES_OURS, TEXT_BYTES_MAX};
use soundings_core::ndt7::{Ending, Session, Side, Step};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use terms::Rate;
use tokio::time::Sleep;

/// What a peer may send.
const LIMITS: Limits = Limits { binary_bytes_max: MESSAGE_BYTES_MAX as u64, text_bytes_max: TEXT_BYTES_MAX };

/// Least that may wait unsent in the kernel; below it a fast path would run dry between two wake-ups.
const UNSENT_BYTES_MIN: f64 = 256e3;

/// Most, whatever the rate.
const UNSENT_BYTES_MAX: f64 = 8e6;

/// What waits unsent is sent in about this time: so the last words follow the data soon, also on a slow path.
const UNSENT_SECONDS: f64 = 0.1;

/// What may come at once, however slowly it may come on average: a message and what the kernel had.
const BURST_BYTES: f64 = 1e6;

/// Happenings taken together before anything else is looked at.
const HAPPENINGS_MAX: usize = 64;

/// How long the peer may take to let the connection end in order.
const FAREWELL: Duration = Duration::from_secs(1);

/// A test that runs.
pub(super) struct Drive {
    pub(super) socket: WebSocket<Upgraded>,
    pub(super) session: Session,
    pub(super) gathered: Gathered,
    begun: Instant,
    /// Bytes per second that are taken of an upload.
    pace: Option<f64>,
    /// All that came, also after the test's time.
    received: u64,
}

/// What its owner does at certain steps.
pub(super) trait Owner {
    /// A measurement is due: what is said, or nothing.
    fn measure(&mut self, drive: &mut Drive, now: Duration) -> Option<String>;
    /// The last word, before the end is told.
    fn conclude(&mut self, drive: &mut Drive, now: Duration) -> Option<String>;
    /// Returns when the test must end.
    fn must_end(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Drive {
    /// Begins now. `allowed` holds both directions: what we send is paced by the kernel, what we receive is read no faster.
    pub(super) fn new(stream: Upgraded, side: Side, session: Session, allowed: Option<Rate>) -> Self {
        let role = if side == Side::Server { Role::Server } else { Role::Client };
        let pace = allowed.map(|rate| rate.0 as f64 / 8.0);
        if let Some(pace) = pace
            && session.sends()
        {
            // A kernel without it sends unpaced for ten seconds; the log tells.
            if let Err(error) = net::pace(&stream, pace as u64) {
                tracing::warn!(%error, "the kernel does not pace this test to what its caller may have");
            }
        }
        let _ = net::keep_unsent_below(&stream, UNSENT_BYTES_MIN as u32);
        let socket = WebSocket::new(stream, role, LIMITS);
        let gathered = Gathered::new(side, session.test(), &socket);
        let pace = pace.filter(|_| !session.sends());
        Self { socket, session, gathered, begun: Instant::now(), pace, received: 0 }
    }

    /// Runs to the end.
    pub(super) async fn run(&mut self, owner: &mut impl Owner) -> (Ending, Duration) {
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        // How long data flowed.
        let mut flowed = None;
        loop {
            let now = self.begun.elapsed();
            if flowed.is_none() && !self.session.is_running() {
                flowed = Some(now);
            }
            match self.session.poll(now, self.socket.is_idle()) {
                Step::Send(bytes) => {
                    self.socket.queue_random(payload().slice(..bytes));
                    self.session.handle_queued(bytes);
                }
                Step::Measure => self.measure(owner, now),
                Step::Conclude(code) => {
                    flowed.get_or_insert(now);
                    self.gathered.look(&self.socket, now);
                    if let Some(text) = owner.conclude(self, now) {
                        self.socket.queue_text(&text);
                    }
                    self.socket.queue_close(code, reason(code));
                }
                Step::Answer => {
                    self.socket.queue_close(1000, "");
                }
                Step::Wait(until) => self.wait(&mut timer, until, owner).await,
                Step::Leave(ending) => return (ending, flowed.unwrap_or(now)),
            }
        }
    }

    /// Sends what is left and lets the connection end in order, for a moment.
    pub(super) async fn farewell(mut self) {
        let end = async {
            std::future::poll_fn(|cx| self.socket.poll_send(cx)).await?;
            let mut stream = self.socket.into_stream();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await
        };
        // The peer may be gone: then there is nobody to be polite to.
        let _ = tokio::time::timeout(FAREWELL, end).await;
    }

    fn measure(&mut self, owner: &mut impl Owner, now: Duration) {
        self.gathered.look(&self.socket, now);
        if let Some(acknowledged) = self.gathered.acknowledged().filter(|_| self.session.sends()) {
            self.session.handle_acknowledged(acknowledged);
            let a_while = acknowledged as f64 / now.as_secs_f64().max(1e-3) * UNSENT_SECONDS;
            let bytes = a_while.clamp(UNSENT_BYTES_MIN, UNSENT_BYTES_MAX);
            let _ = net::keep_unsent_below(self.socket.stream(), bytes as u32);
        }
        if let Some(text) = owner.measure(self, now) {
            self.socket.queue_text(&text);
        }
    }

    /// Waits until something happens, or until then.
    async fn wait(&mut self, timer: &mut Pin<&mut Sleep>, until: Duration, owner: &mut impl Owner) {
        let until = self.paused_until().map_or(until, |paused| until.min(paused));
        timer.as_mut().reset((self.begun + until).into());
        std::future::poll_fn(|cx| {
            let mut happened = self.poll_received(cx);
            let waited = !self.socket.is_idle();
            match self.socket.poll_send(cx) {
                Poll::Ready(Ok(())) => happened |= waited,
                Poll::Ready(Err(_)) => {
                    self.session.handle_end();
                    happened = true;
                }
                Poll::Pending => {}
            }
            if self.session.is_running() && owner.must_end(cx).is_ready() {
                self.session.handle_cut();
                happened = true;
            }
            if happened || timer.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// When the next bytes may be taken, if not now.
    fn paused_until(&self) -> Option<Duration> {
        let ahead = self.received as f64 - BURST_BYTES;
        let due = Duration::from_secs_f64((ahead / self.pace?).max(0.0));
        (due > self.begun.elapsed()).then_some(due)
    }

    fn poll_received(&mut self, cx: &mut Context<'_>) -> bool {
        let mut happened = false;
        for _ in 0..HAPPENINGS_MAX {
            if self.paused_until().is_some() {
                return happened;
            }
            match self.socket.poll_receive(cx) {
                Poll::Pending => return happened,
                Poll::Ready(received) => {
                    happened = true;
                    if !self.handle(received) {
                        return true;
                    }
                }
            }
        }
        happened
    }

    /// False when nothing more is to be heard.
    fn handle(&mut self, received: Result<Option<Received>, Failure>) -> bool {
        let now = self.begun.elapsed();
        match received {
            Ok(Some(Received::Data(bytes))) => {
                self.received += bytes as u64;
                self.session.handle_data(bytes);
            }
            Ok(Some(Received::Binary(bytes))) => self.session.handle_binary(now, bytes),
            Ok(Some(Received::Text(text))) => {
                self.session.handle_text(now, &text);
                if let Some(heard) = self.session.heard() {
                    self.gathered.hear(heard, now);
                }
            }
            Ok(Some(Received::Ping(_) | Received::Pong)) => self.session.handle_chatter(now),
            Ok(Some(Received::Close(_))) => self.session.handle_close(),
            Ok(None) | Err(Failure::Io(_)) => {
                self.session.handle_end();
                return false;
            }
            Err(Failure::Violation(violation)) => {
                self.session.handle_violation(violation.code());
                return false;
            }
        }
        true
    }
}

/// Random octets, made once; messages are parts of them.
fn payload() -> &'static Bytes {
    static PAYLOAD: OnceLock<Bytes> = OnceLock::new();
    PAYLOAD.get_or_init(|| {
        let mut octets = vec![0; MESSAGE_BYTES_OURS];
        net::fill_random(&mut octets);
        octets.into()
    })
}

/// Said with a code of closing.
fn reason(code: u16) -> &'static str {
    match code {
        1001 => "this host is stopping",
        1002 => "a WebSocket frame breaks RFC 6455",
        1003 => "data came where the ndt7 document allows none",
        1007 => "a text is not UTF-8",
        1008 => "too many messages that are no data",
        1009 => "a message is too long",
        _ => "",
    }
}
