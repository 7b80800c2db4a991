//! `GET /api/v1/responder`.

use super::{Answer, ask};
use crate::problems::not_found;
use crate::running::{Port, WhoIsTold};
use api::{
    AllowanceAnswer, ProblemDocument, RefusedTestsAnswer, ResponderAnswer, RunningTestAnswer, TestTotalsAnswer,
    WaitingTestAnswer,
};
use axum::extract::State;
use axum::{Extension, Json};
use soundings::guard::Allowance;
use soundings::guard::turn::Claim;
use soundings::responder::{Protocol, RunView, Totals};
use std::sync::Arc;
use std::time::SystemTime;
use terms::{Principal, Timestamp, Verb};

/// What others measure here: what is allowed, what runs, who waits, and what was
#[utoipa::path(get, path = "/api/v1/responder", tag = "measurement", responses(
    (status = 200, description = "The responder now", body = ResponderAnswer),
    (status = 401, description = "Needs a token", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The token does not allow `stat` on `/`", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "The settings have no section `[responder]`", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn responder(
    State(port): State<Arc<Port>>,
    Extension(who): Extension<Principal>,
) -> Answer<ResponderAnswer> {
    ask(&port, &who, Verb::Stat)?;
    let missing = || not_found("A responder", "The section [responder] of the settings makes one.");
    let responder = port.responder.as_ref().ok_or_else(missing)?;
    let shared = &responder.shared;
    let guard = &shared.guard;
    let told = port.who_is_told(&who);
    let settings = guard.turns().settings();
    let (_, waiting) = guard.turns().look();
    let totals = shared.runs.totals();
    Ok(Json(ResponderAnswer {
        listen: responder.listen.to_string(),
        uplink_bits_per_second: responder.uplink.map(|rate| rate.0),
        anyone: allowance(guard.anyone()),
        entitled: allowance(guard.entitled()),
        you: allowance(guard.allowance(&who, SystemTime::now().into())),
        tests_at_once: settings.at_once as u64,
        waiting_max: settings.waiting_max as u64,
        patience_seconds: shared.settings.patience.as_secs_f64(),
        running: shared.runs.look().into_iter().map(|run| running(run, &told)).collect(),
        waiting: waiting.into_iter().map(|claim| waits(claim, &told)).collect(),
        totals: Protocol::ALL.iter().map(|protocol| sums(*protocol, &totals)).collect(),
        refused: refused(&totals),
    }))
}

fn allowance(allowance: Allowance) -> AllowanceAnswer {
    AllowanceAnswer {
        tcp_seconds: allowance.longest.as_secs_f64(),
        tcp_bits_per_second: allowance.stream_rate.map(|rate| rate.0),
        udp_seconds: allowance.datagrams_longest.as_secs_f64(),
        udp_bits_per_second: allowance.datagram_rate.map(|rate| rate.0),
        udp_to_caller: allowance.datagrams_out,
        streams: allowance.streams_max,
        disk: allowance.disk,
    }
}

fn running(run: RunView, told: &WhoIsTold) -> RunningTestAnswer {
    let peer = run.start.peer.to_string();
    RunningTestAnswer {
        protocol: run.start.protocol.name().to_owned(),
        what: run.start.what,
        who: told.of(run.start.who),
        peer: told.is_all().then_some(peer),
        began: Timestamp::from(run.began).to_string(),
        after_seconds: run.after.as_secs_f64(),
        longest_seconds: run.start.longest.as_secs_f64(),
        received_bytes: run.received_bytes,
        sent_bytes: run.sent_bytes,
    }
}

fn waits(claim: Claim, told: &WhoIsTold) -> WaitingTestAnswer {
    let longest_seconds = claim.longest.as_secs_f64();
    WaitingTestAnswer { what: claim.what.to_owned(), who: told.of(claim.who), longest_seconds }
}

fn sums(protocol: Protocol, totals: &Totals) -> TestTotalsAnswer {
    let of = |counts: &std::collections::BTreeMap<Protocol, u64>| counts.get(&protocol).copied().unwrap_or(0);
    TestTotalsAnswer {
        protocol: protocol.name().to_owned(),
        finished: of(&totals.finished),
        broken: of(&totals.broken),
        received_bytes: of(&totals.received_bytes),
        sent_bytes: of(&totals.sent_bytes),
    }
}

fn refused(totals: &Totals) -> Vec<RefusedTestsAnswer> {
    let one = |((protocol, reason), count): (&(Option<Protocol>, soundings::responder::Refusal), &u64)| {
        let protocol = protocol.map(|protocol| protocol.name().to_owned());
        RefusedTestsAnswer { protocol, reason: reason.name().to_owned(), count: *count }
    };
    totals.refused.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
