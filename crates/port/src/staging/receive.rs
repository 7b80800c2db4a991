//! Taking the body of a request into a staged file, within bounds of memory and patience.

use super::Writer;
use super::writer::Writing;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use net::RequestBody;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{Blame, ByteSize, Problem, Retry};
use tokio::sync::watch;

/// What arrives is gathered into batches of this size before a thread writes it: few hand-overs, few system calls. While
/// one batch is written the next is gathered, so that an upload holds at most two (and what HTTP itself buffers).
pub const BATCH_BYTES: usize = 1024 * 1024;

/// A body that is whole within so many bytes is written on the spot: a hand-over would cost more than the write.
pub const INLINE_BYTES: usize = 64 * 1024;

/// What bounds one body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The length that the request announced.
    pub announced: Option<u64>,
    /// The most that is taken.
    pub max_bytes: u64,
    /// How long a sender may be idle; also the window of the slowest rate.
    pub idle: Duration,
    /// The slowest rate.
    pub min_rate_bytes_per_second: u64,
}

/// How a body ended.
#[derive(Debug)]
pub enum Ending {
    /// As announced.
    Whole,
    /// Before that, by the sender or on the way.
    Broken(Problem),
    /// More came than is taken.
    TooLong(Problem),
    /// A later request took its place.
    Superseded,
}

/// What a body brought. All of it is written.
#[derive(Debug)]
pub struct Received {
    /// Bytes of this body.
    pub bytes: u64,
    /// How it ended.
    pub ending: Ending,
    /// All of it again, when it is small.
    pub small: Option<Vec<Bytes>>,
    /// Its trailers: digests may come there (RFC 9530 §2).
    pub trailers: Option<HeaderMap>,
}

/// Takes the body into the file. Only a failure of our own disk is an error; how the sender behaved is told in
/// [`Received::ending`], and what came until then is kept.
pub async fn receive(
    writer: &Arc<Writer>,
    body: RequestBody,
    limits: Limits,
    superseded: Option<watch::Receiver<u64>>,
) -> io::Result<Received> {
    let mut gathering = Gathering::new(writer);
    let mut body = pin!(body);
    let mut patience = Patience::new(limits);
    let mut alarm = pin!(tokio::time::sleep(limits.idle));
    let mut give_way = pin!(async {
        match superseded {
            // An error says that the upload is gone altogether.
            Some(mut newest) => drop(newest.changed().await),
            None => std::future::pending().await,
        }
    });
    let mut trailers = None;
    let ending = loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = &mut give_way => break Ending::Superseded,
            () = &mut alarm => {
                if let Some(problem) = patience.judge(gathering.total) {
                    break Ending::Broken(problem);
                }
                alarm.as_mut().reset(tokio::time::Instant::now() + limits.idle);
                continue;
            }
        };
        match frame {
            None => break ending_at(gathering.total, limits.announced),
            Some(Err(error)) => break Ending::Broken(error.problem()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    if let Some(too_long) = too_long(gathering.total + data.len() as u64, &limits) {
                        break too_long;
                    }
                    let waited = gathering.take(data).await?;
                    patience.forgive(waited);
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            },
        }
        if body.is_end_stream() && trailers.is_none() {
            break ending_at(gathering.total, limits.announced);
        }
    };
    let (bytes, small) = gathering.finish().await?;
    Ok(Received { bytes, ending, small, trailers })
}

/// The batch that is being gathered, and the one that is being written.
struct Gathering<'a> {
    writer: &'a Arc<Writer>,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    total: u64,
    writing: Option<Writing>,
}

impl<'a> Gathering<'a> {
    fn new(writer: &'a Arc<Writer>) -> Self {
        Self { writer, batch: Vec::new(), batch_bytes: 0, total: 0, writing: None }
    }

    /// Adds one frame; tells how long it had to wait for the disk.
    async fn take(&mut self, data: Bytes) -> io::Result<Duration> {
        self.total += data.len() as u64;
        self.batch_bytes += data.len();
        if !data.is_empty() {
            self.batch.push(data);
        }
        if self.batch_bytes < BATCH_BYTES {
            return Ok(Duration::ZERO);
        }
        let before = Instant::now();
        self.join().await?;
        let waited = before.elapsed();
        self.hand_over();
        Ok(waited)
    }

    fn hand_over(&mut self) {
        let pieces: Arc<[Bytes]> = std::mem::take(&mut self.batch).into();
        self.batch_bytes = 0;
        self.writing = Some(self.writer.begin_write(pieces));
    }

    async fn join(&mut self) -> io::Result<()> {
        match self.writing.take() {
            Some(writing) => writing.finish().await,
            None => Ok(()),
        }
    }

    async fn finish(mut self) -> io::Result<(u64, Option<Vec<Bytes>>)> {
        if self.writing.is_none() && self.batch_bytes <= INLINE_BYTES {
            self.writer.write(&self.batch)?;
            return Ok((self.total, Some(self.batch)));
        }
        self.join().await?;
        if !self.batch.is_empty() {
            self.hand_over();
            self.join().await?;
        }
        Ok((self.total, None))
    }
}

/// Watches the rate over windows of the idle time.
pub(super) struct Patience {
    limits: Limits,
    seen: u64,
    /// Time in this window in which we made the sender wait: not its fault.
    forgiven: Duration,
}

impl Patience {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, seen: 0, forgiven: Duration::ZERO }
    }

    pub(super) fn forgive(&mut self, waited: Duration) {
        self.forgiven += waited;
    }

    /// At the end of a window: a problem when the sender was too slow in it.
    pub(super) fn judge(&mut self, total: u64) -> Option<Problem> {
        let came = total - self.seen;
        let window = self.limits.idle.saturating_sub(self.forgiven);
        self.seen = total;
        self.forgiven = Duration::ZERO;
        let due = (window.as_secs_f64() * self.limits.min_rate_bytes_per_second as f64) as u64;
        // A window that was spent waiting for our own disk proves nothing.
        let is_too_slow = !window.is_zero() && came < due.max(1);
        is_too_slow.then(|| too_slow(came, &self.limits))
    }
}

fn ending_at(total: u64, announced: Option<u64>) -> Ending {
    match announced {
        Some(announced) if announced != total => Ending::Broken(Problem {
            status: 400,
            kind: "body-incomplete",
            title: "The body was cut short",
            detail: format!("The request announced {announced} bytes, and {total} came."),
            blame: Blame::Caller,
            retry: Retry::Soon,
            next: "Send the request again, whole.".to_owned(),
        }),
        _ => Ending::Whole,
    }
}

fn too_long(total: u64, limits: &Limits) -> Option<Ending> {
    if let Some(announced) = limits.announced.filter(|announced| total > *announced) {
        return Some(Ending::TooLong(Problem {
            status: 400,
            kind: "body-too-long",
            title: "The body is longer than announced",
            detail: format!("The request announced {announced} bytes, and more came."),
            blame: Blame::Caller,
            retry: Retry::Never,
            next: "Send the length of the body as it is.".to_owned(),
        }));
    }
    (total > limits.max_bytes).then(|| Ending::TooLong(too_large(limits.max_bytes)))
}

/// The file is larger than this port takes.
pub(crate) fn too_large(max_bytes: u64) -> Problem {
    Problem {
        status: 413,
        kind: "file-too-large",
        title: "The file is too large",
        detail: format!("This port takes files up to {} ({max_bytes} bytes).", ByteSize(max_bytes)),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask the operator to raise the limit, or split the file.".to_owned(),
    }
}

fn too_slow(came: u64, limits: &Limits) -> Problem {
    Problem {
        status: 408,
        kind: "body-stalled",
        title: "The sender stalled",
        detail: format!(
            "Within {} s the sender brought {came} bytes; at least {} bytes per second are expected.",
            limits.idle.as_secs(),
            limits.min_rate_bytes_per_second
        ),
        blame: Blame::Caller,
        retry: Retry::Soon,
        next: "Send it again over a better connection; a resumable upload keeps what has arrived.".to_owned(),
    }
}
