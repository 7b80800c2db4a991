//! The turn of a host: tests of different processes on one host do not run at once either.
//!
//! Who has it holds a name among the sockets of the network namespace, and answers whoever asks by that name for what it
//! has it and how long. The kernel takes the name back when the process ends, however it ends.

use super::turn::{Claim, NoTurn, Waiting};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::AbortHandle;

/// The name that all programs of ours use.
pub const NAME: &str = "portolan-throughput";

/// A turn of this host. Dropping it gives it back.
#[derive(Debug)]
pub struct HostTurn {
    answering: AbortHandle,
}

impl Drop for HostTurn {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

/// What the holder says of itself.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Holder {
    what: String,
    who: String,
    seconds_left: f64,
    /// Known to the two ends of its test alone.
    secret: String,
}

/// Longest answer of a holder.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// A holder answers at once, or it is stopped.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// When a holder is asked again that does not answer, or that ended just now.
const AGAIN: Duration = Duration::from_millis(100);

/// A secret by which a responder on the same host knows that a test is the one for which the turn is held.
pub fn secret() -> String {
    let mut random = [0; 16];
    net::fill_random(&mut random);
    random.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Waits for the turn of this name, at most for `patience`; `tell` hears for whom. `None` when the holder has this very
/// secret: then the turn is had already, by the other end of the same test.
pub async fn take(
    name: &str,
    claim: &Claim,
    own: &str,
    known: Option<&str>,
    patience: Duration,
    mut tell: impl FnMut(&Waiting) + Send,
) -> Result<Option<HostTurn>, NoTurn> {
    let asked = Instant::now();
    let mut told: Option<Holder> = None;
    loop {
        match net::listen_named(name).and_then(listener) {
            Ok(listener) => return Ok(Some(hold(listener, claim, own))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                // A kernel that has no such names: then this host has no such turns.
                tracing::warn!(%error, "the turn of this host cannot be taken; tests of other processes may run as well");
                return Ok(None);
            }
        }
        let (holder, connection) = ask(name).await;
        if known.is_some_and(|known| !known.is_empty() && holder.secret == known) {
            return Ok(None);
        }
        let waiting = waiting(&holder);
        let Some(left) = patience.checked_sub(asked.elapsed()).filter(|left| !left.is_zero()) else {
            return Err(NoTurn::TooLong(waiting));
        };
        if told.as_ref().is_none_or(|told| told.secret != holder.secret) {
            tell(&waiting);
            told = Some(holder);
        }
        // The holder closes the connection when it ends.
        let _ = tokio::time::timeout(left, ended(connection)).await;
    }
}

fn listener(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

fn hold(listener: UnixListener, claim: &Claim, secret: &str) -> HostTurn {
    let (claim, secret, since) = (claim.clone(), secret.to_owned(), Instant::now());
    let answer = move || Holder {
        what: claim.what.to_owned(),
        who: claim.who.clone(),
        seconds_left: claim.longest.saturating_sub(since.elapsed()).as_secs_f64(),
        secret: secret.clone(),
    };
    let answering = tokio::spawn(async move {
        // Who waits keeps its connection; it is closed with the turn.
        let mut waiting: Vec<UnixStream> = Vec::new();
        loop {
            let Ok((mut stream, _)) = listener.accept().await else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            let text = serde_json::to_vec(&answer()).unwrap_or_default();
            let written = tokio::time::timeout(ANSWER_LIMIT, async {
                stream.write_u32(u32::try_from(text.len()).unwrap_or(0)).await?;
                stream.write_all(&text).await
            });
            if matches!(written.await, Ok(Ok(()))) && waiting.len() < WAITING_MAX {
                waiting.push(stream);
            }
        }
    });
    HostTurn { answering: answering.abort_handle() }
}

/// Connections of those who wait that are kept; others ask again by themselves.
const WAITING_MAX: usize = 64;

/// What the holder says; nothing when it has just ended, or does not answer.
async fn ask(name: &str) -> (Holder, Option<UnixStream>) {
    let asking = async {
        let stream = net::connect_named(name)?;
        stream.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(stream)?;
        let length = u64::from(stream.read_u32().await?).min(ANSWER_BYTES_MAX);
        let mut text = vec![0; usize::try_from(length).unwrap_or(0)];
        stream.read_exact(&mut text).await?;
        let holder: Holder = serde_json::from_slice(&text).unwrap_or_default();
        Ok::<_, io::Error>((holder, Some(stream)))
    };
    match tokio::time::timeout(ANSWER_LIMIT, asking).await {
        Ok(Ok(answer)) => answer,
        _ => (Holder::default(), None),
    }
}

async fn ended(connection: Option<UnixStream>) {
    match connection {
        Some(mut stream) => {
            let mut rest = [0; 1];
            // Either way it is over.
            let _ = stream.read(&mut rest).await;
        }
        None => tokio::time::sleep(AGAIN).await,
    }
}

fn waiting(holder: &Holder) -> Waiting {
    let what = KINDS.iter().find(|kind| **kind == holder.what).copied().unwrap_or("a test of another program");
    let left = Duration::try_from_secs_f64(holder.seconds_left).unwrap_or(AGAIN);
    let who: String = holder.who.chars().filter(|c| !c.is_control()).take(100).collect();
    Waiting { running: vec![(Claim { what, who, longest: left }, left)], ahead: 0, at_most: left }
}

/// What may have the turn of a host.
const KINDS: &[&str] = &["throughput", "iperf3", "ndt7", "synthetic"];

#[cfg(test)]
mod tests;
