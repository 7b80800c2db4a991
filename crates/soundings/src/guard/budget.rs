//! The budget that several hosts share: a turn of its keeper, held while a test runs here.

use super::turn::{Claim, NoTurn, Waiting};
use net::{Family, SocketOptions};
use soundings_core::lease::spec::{ALIVE, BEAT, FIRST, SILENCE};
use soundings_core::lease::wire::{self, Answer, Ask};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::AbortHandle;

/// For a connection to the keeper, and for its first answer: it is near, behind the same uplink.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// When asking again makes sense after the keeper did not answer.
const AGAIN: Duration = Duration::from_secs(30);

/// Which budget, and who keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Its name. A responder without a keeper keeps the budget of this name itself: its own tests and those of others
    /// take turns.
    pub name: String,
    /// Host and port of the keeper.
    pub keeper: Option<String>,
    /// Do tests go on when the keeper does not answer?
    pub without_keeper: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { name: "uplink".to_owned(), keeper: None, without_keeper: false }
    }
}

/// A turn of the keeper. Dropping it gives the turn back.
#[derive(Debug)]
pub struct Lease {
    held: AbortHandle,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.held.abort();
    }
}

impl Budget {
    /// Waits for a turn of the keeper; `None` where there is no keeper, or where tests go on without it. Dropping the
    /// future leaves its queue.
    pub async fn enter(
        &self,
        claim: &Claim,
        patience: Duration,
        tell: &mut (impl FnMut(&Waiting) + Send),
    ) -> Result<Option<Lease>, NoTurn> {
        let Some(keeper) = &self.keeper else { return Ok(None) };
        match self.ask(keeper, claim, patience, tell).await {
            Ok(lease) => Ok(Some(lease)),
            Err(Miss::Refused { reason, again }) => {
                Err(NoTurn::Keeper { why: format!("{keeper} says: {reason}"), again })
            }
            Err(Miss::Silent(error)) if self.without_keeper => {
                tracing::warn!(keeper, %error, "the keeper of the shared budget does not answer; the test goes on without it");
                Ok(None)
            }
            Err(Miss::Silent(error)) => {
                Err(NoTurn::Keeper { why: format!("{keeper} does not answer ({error})"), again: Some(AGAIN) })
            }
        }
    }

    async fn ask(
        &self,
        keeper: &str,
        claim: &Claim,
        patience: Duration,
        tell: &mut (impl FnMut(&Waiting) + Send),
    ) -> Result<Lease, Miss> {
        let ask = Ask {
            budget: self.name.clone(),
            what: claim.what.to_owned(),
            who: wire::plain(&claim.who),
            longest_seconds: claim.longest.as_secs_f64(),
            patience_seconds: patience.as_secs_f64(),
        };
        let frame = wire::encode(&ask).map_err(io::Error::other)?;
        let stream = tokio::time::timeout(ANSWER_TIME, connect(keeper)).await.map_err(|_| late())??;
        let (mut reader, mut writer) = stream.into_split();
        writer.write_all(&[FIRST]).await?;
        writer.write_all(&frame).await?;
        let granted = {
            let answered = answered(&mut reader, patience, tell);
            tokio::select! {
                granted = answered => granted?,
                error = beat(&mut writer) => return Err(error.into()),
            }
        };
        let keeper = keeper.to_owned();
        let held = tokio::spawn(async move {
            let mut ended = [0];
            tokio::select! {
                _ = reader.read(&mut ended) => tracing::warn!(keeper, "the keeper took the turn of a running test back"),
                error = beat(&mut writer) => tracing::warn!(keeper, %error, "the keeper of a running test's turn is gone"),
                () = tokio::time::sleep(granted) => {}
            }
        });
        Ok(Lease { held: held.abort_handle() })
    }
}

/// Why there is no lease.
enum Miss {
    /// The keeper does not answer as it should.
    Silent(io::Error),
    /// It said no.
    Refused { reason: String, again: Option<Duration> },
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        Self::Silent(error)
    }
}

async fn connect(keeper: &str) -> io::Result<TcpStream> {
    let (host, port) = keeper.rsplit_once(':').ok_or(io::ErrorKind::InvalidInput)?;
    let port = port.parse().map_err(io::Error::other)?;
    let options = SocketOptions { no_delay: true, unacknowledged: Some(SILENCE), ..SocketOptions::default() };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in net::addresses_of(host, port, Family::Both).await? {
        let options = options.clone();
        let tried = tokio::task::spawn_blocking(move || net::connect_tuned(address, &options, ANSWER_TIME / 2)).await;
        match tried.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                return TcpStream::from_std(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Hears the keeper until it has decided.
async fn answered(
    reader: &mut OwnedReadHalf,
    patience: Duration,
    tell: &mut (impl FnMut(&Waiting) + Send),
) -> Result<Duration, Miss> {
    let mut left = ANSWER_TIME;
    loop {
        match tokio::time::timeout(left, answer(reader)).await.map_err(|_| late())?? {
            Answer::Granted { seconds } => return Ok(wire::span(seconds)),
            Answer::Refused { reason, again_seconds } => {
                return Err(Miss::Refused { reason: wire::plain(&reason), again: again_seconds.map(wire::span) });
            }
            Answer::Wait(wait) => tell(&waiting(&wait)),
        }
        // It refuses by itself when patience is over.
        left = patience.saturating_add(ANSWER_TIME);
    }
}

async fn answer(reader: &mut OwnedReadHalf) -> io::Result<Answer> {
    let mut head = [0; 4];
    reader.read_exact(&mut head).await?;
    let mut body = vec![0; wire::length(head).map_err(io::Error::other)?];
    reader.read_exact(&mut body).await?;
    wire::decode(&body).map_err(io::Error::other)
}

/// Says that we live; returns when nobody hears it.
async fn beat(writer: &mut OwnedWriteHalf) -> io::Error {
    loop {
        tokio::time::sleep(BEAT).await;
        if let Err(error) = writer.write_all(&[ALIVE]).await {
            return error;
        }
    }
}

fn waiting(wait: &wire::Wait) -> Waiting {
    let running = wait.running.iter().map(|running| {
        let left = wire::span(running.seconds_left);
        (Claim { what: "a test of the shared budget", who: wire::plain(&running.who), longest: left }, left)
    });
    Waiting {
        running: running.collect(),
        ahead: usize::try_from(wait.ahead).unwrap_or(usize::MAX),
        at_most: wire::span(wait.at_most_seconds),
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")
}
