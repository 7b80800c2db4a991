//! Connections that are made to be timed, acting.

use core::net::SocketAddr;
use net::Family;
use net::client::{HandshakeForm, HandshakeSettings, Handshaker, Shaken};
use soundings_core::tlsping::{Agreed, Form, Report, Stage, Tally};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use terms::Problem;
use tokio::task::JoinSet;

/// What is done at one address.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The host as it was named, for the report.
    pub host: String,
    /// Which address.
    pub address: SocketAddr,
    /// What is offered.
    pub settings: HandshakeSettings,
    /// What is asked for, one after the other.
    pub stages: Vec<Stage>,
    /// Connections of each stage.
    pub count: u32,
    /// Connections at once. More than one measures a queue, too.
    pub concurrency: u32,
    /// Pause of each worker between two of them.
    pub interval: Duration,
}

/// How often in a row a ticket is looked for by a full handshake before it is clear that there is none.
const PRIMINGS_MAX: u32 = 2;

/// Does it; an error says that nothing could begin. Failures of single connections are counted in the report.
pub async fn run(plan: &Plan) -> Result<Report, Problem> {
    let mut rounds = Vec::with_capacity(plan.stages.len());
    for stage in &plan.stages {
        rounds.push(round(plan, *stage).await?.round(*stage));
    }
    Ok(Report {
        host: plan.host.clone(),
        address: plan.address.to_string(),
        family: Family::of(plan.address.ip()).to_string(),
        concurrency: plan.concurrency,
        rounds,
    })
}

async fn round(plan: &Plan, stage: Stage) -> Result<Tally, Problem> {
    let left = Arc::new(AtomicU32::new(plan.count));
    let mut workers = JoinSet::new();
    for _ in 0..plan.concurrency.min(plan.count).max(1) {
        // Tickets are used once: each worker has its own.
        let settings = HandshakeSettings { resume: stage == Stage::Resumed, ..plan.settings.clone() };
        let shaker = Handshaker::new(settings).map_err(|error| error.problem())?;
        let (left, address, interval) = (Arc::clone(&left), plan.address, plan.interval);
        workers.spawn_blocking(move || work(&shaker, stage, address, interval, &left));
    }
    let mut tally = Tally::default();
    while let Some(counted) = workers.join_next().await {
        if let Ok(counted) = counted {
            tally.add(&counted);
        }
    }
    Ok(tally)
}

fn work(shaker: &Handshaker, stage: Stage, address: SocketAddr, interval: Duration, left: &AtomicU32) -> Tally {
    let mut tally = Tally::default();
    let mut ticket = false;
    let mut primings = 0;
    let take = || left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
    while take() {
        // The first ticket costs a full handshake, which is not counted; so does one that a server did not renew.
        while stage == Stage::Resumed && !ticket && primings < PRIMINGS_MAX {
            primings += 1;
            ticket = shaker.shake(address).is_ok_and(|shaken| shaken.ticket);
        }
        let outcome = match stage {
            Stage::Tcp => shaker.connect(address).map(|connecting| tally.connected(connecting)),
            Stage::Full | Stage::Resumed => shaker.shake(address).map(|shaken| {
                ticket = shaken.ticket;
                if shaken.form == HandshakeForm::Resumed {
                    primings = 0;
                }
                tally.shaken(shaken.connecting, shaken.handshake, agreed(shaken));
            }),
        };
        if let Err(error) = outcome {
            tally.failed(&error.problem());
        }
        std::thread::sleep(interval);
    }
    tally
}

fn agreed(shaken: Shaken) -> Agreed {
    Agreed {
        form: match shaken.form {
            HandshakeForm::Full => Form::Full,
            HandshakeForm::Retried => Form::Retried,
            HandshakeForm::Resumed => Form::Resumed,
        },
        version: shaken.version.to_owned(),
        cipher: shaken.cipher.to_owned(),
        group: shaken.group,
        key: shaken.key,
        alpn: shaken.alpn,
    }
}

#[cfg(test)]
mod tests;
