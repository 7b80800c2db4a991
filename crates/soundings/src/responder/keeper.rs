//! The keeper of a budget that several responders share: gives turns to those who may measure.

use super::{Refusal, Shared};
use crate::guard::turn::{Claim, NoTurn, Turn, Waiting};
use net::Connection;
use soundings_core::lease::spec::{ALIVE, FIRST, SILENCE, TOLD_MAX};
use soundings_core::lease::wire::{self, Answer, Ask, Running, Wait};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

/// Serves one lease to its end.
pub(super) async fn serve(connection: Connection, peer: SocketAddr, shared: Arc<Shared>) {
    let tls = connection.peer().tls.is_some();
    let (mut reader, mut writer) = tokio::io::split(connection);
    let asked = tokio::time::timeout(shared.settings.first_octets_timeout, asked(&mut reader)).await;
    let ask = match asked {
        Ok(Ok(ask)) => ask,
        Ok(Err(error)) => {
            shared.runs.refused(None, Refusal::Malformed);
            tracing::debug!(%peer, %error, "what a responder asked of the shared budget is not understood");
            return;
        }
        Err(_) => return shared.runs.refused(None, Refusal::Silent),
    };
    let granted = match permit(&ask, peer, tls, &shared).await {
        Err(no) => Err(no),
        Ok(longest) => {
            let waited = wait(&ask, peer, longest, &shared, &mut writer);
            tokio::select! {
                waited = waited => waited.map(|turn| (turn, longest)),
                () = gone(&mut reader) => return,
                () = shared.drain.begun() => Err(No::stopping()),
            }
        }
    };
    match granted {
        Err(No { why, reason, again }) => {
            shared.runs.refused(None, why);
            tracing::info!(%peer, reason, "a responder was refused a turn of the shared budget");
            let again_seconds = again.map(|again| again.as_secs_f64());
            // It may be gone; then it needs no reason.
            let _ = say(&mut writer, &Answer::Refused { reason, again_seconds }).await;
            let _ = writer.shutdown().await;
        }
        Ok((turn, longest)) => {
            if say(&mut writer, &Answer::Granted { seconds: longest.as_secs_f64() }).await.is_ok() {
                tokio::select! {
                    () = gone(&mut reader) => {}
                    () = tokio::time::sleep(longest) => tracing::info!(%peer, "a turn of the shared budget has run out"),
                    () = shared.cut() => {}
                }
            }
            drop(turn);
        }
    }
}

/// A refusal.
struct No {
    why: Refusal,
    reason: String,
    again: Option<Duration>,
}

impl No {
    fn stopping() -> Self {
        let reason = "the keeper is stopping".to_owned();
        Self { why: Refusal::Draining, reason, again: Some(Duration::from_secs(60)) }
    }

    fn never(reason: String) -> Self {
        Self { why: Refusal::Allowance, reason, again: None }
    }
}

async fn asked(reader: &mut ReadHalf<Connection>) -> io::Result<Ask> {
    let mut head = [0; 5];
    reader.read_exact(&mut head).await?;
    let [first, length @ ..] = head;
    if first != FIRST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; wire::length(length).map_err(io::Error::other)?];
    reader.read_exact(&mut body).await?;
    wire::decode(&body).map_err(io::Error::other)
}

/// May this be? Answers how long the turn lasts at most. A lease costs its holder nothing, so that anyone could keep all
/// others waiting: it takes the verb `measure`.
async fn permit(ask: &Ask, peer: SocketAddr, tls: bool, shared: &Shared) -> Result<Duration, No> {
    let own = &shared.settings.budget;
    if own.keeper.is_some() || own.name != ask.budget {
        return Err(No::never("this responder keeps no budget of that name".to_owned()));
    }
    let who = shared.callers.who(peer, tls, None).await.map_err(|problem| No::never(problem.detail))?;
    if !shared.guard.used(&who, SystemTime::now().into()).allows() {
        return Err(No::never("your address needs a rule here that gives it `measure`".to_owned()));
    }
    let longest = shared.guard.entitled().longest.saturating_add(shared.settings.stall_timeout);
    let wanted = wire::span(ask.longest_seconds);
    if wanted > longest {
        return Err(No::never(format!("a turn lasts {} s at most", longest.as_secs())));
    }
    Ok(wanted)
}

/// Waits for a turn, and tells who asked.
async fn wait(
    ask: &Ask,
    peer: SocketAddr,
    longest: Duration,
    shared: &Shared,
    writer: &mut WriteHalf<Connection>,
) -> Result<Turn, No> {
    let who = format!("{} at {}", wire::plain(&ask.who), peer.ip().to_canonical());
    let claim = Claim { what: "a test of another responder", who, longest };
    let patience = wire::span(ask.patience_seconds).min(shared.settings.patience);
    let (tell, mut news) = mpsc::unbounded_channel();
    let turn = shared.guard.turns().enter(claim, patience, move |waiting: &Waiting| {
        // Nobody listens any more: then nobody waits.
        let _ = tell.send(waiting.clone());
    });
    tokio::pin!(turn);
    loop {
        tokio::select! {
            turn = &mut turn => return turn.map_err(|none| busy(&none)),
            Some(waiting) = news.recv() => {
                // Who does not take it is found gone by its silence.
                let _ = say(writer, &Answer::Wait(told(&waiting))).await;
            }
        }
    }
}

fn busy(none: &NoTurn) -> No {
    No { why: Refusal::Busy, reason: none.to_string(), again: Some(none.again()) }
}

fn told(waiting: &Waiting) -> Wait {
    let running = waiting.running.iter().take(TOLD_MAX).map(|(claim, left)| Running {
        what: claim.what.to_owned(),
        who: wire::plain(&claim.who),
        seconds_left: left.as_secs_f64(),
    });
    Wait { ahead: waiting.ahead as u64, at_most_seconds: waiting.at_most.as_secs_f64(), running: running.collect() }
}

async fn say(writer: &mut WriteHalf<Connection>, answer: &Answer) -> io::Result<()> {
    let frame = wire::encode(answer).map_err(io::Error::other)?;
    let written = async {
        writer.write_all(&frame).await?;
        writer.flush().await
    };
    tokio::time::timeout(SILENCE, written).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Returns when the client is gone: it closed, it is silent, or it says what it should not.
async fn gone(reader: &mut ReadHalf<Connection>) {
    let mut octets = [0; 16];
    while let Ok(Ok(count)) = tokio::time::timeout(SILENCE, reader.read(&mut octets)).await {
        if count == 0 || octets[..count].iter().any(|octet| *octet != ALIVE) {
            return;
        }
    }
}
