//! What others measure here.

use super::list;
use super::text::Page;
use soundings::responder::{Protocol, Shared, Totals};
use std::collections::BTreeMap;

/// What is read of a responder when the page is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponderReadings {
    totals: Totals,
    running: BTreeMap<Protocol, u64>,
    waiting: usize,
}

impl ResponderReadings {
    /// Reads them.
    pub(crate) fn of(shared: &Shared) -> Self {
        let mut running = BTreeMap::new();
        for run in shared.runs.look() {
            *running.entry(run.start.protocol).or_default() += 1;
        }
        Self { totals: shared.runs.totals(), running, waiting: shared.guard.turns().look().1.len() }
    }
}

/// Without a responder there are no samples.
pub(super) fn tell(page: &mut Page, readings: Option<&ResponderReadings>) {
    let by_protocol = |page: &mut Page, name: &str, outcome: Option<&str>, counts: &BTreeMap<Protocol, u64>| {
        for protocol in Protocol::ALL {
            let mut labels = vec![("protocol", protocol.name())];
            labels.extend(outcome.map(|outcome| ("outcome", outcome)));
            page.sample(name, &labels, counts.get(&protocol).copied().unwrap_or(0) as f64);
        }
    };
    page.metric(list::TESTS);
    if let Some(ResponderReadings { totals, .. }) = readings {
        by_protocol(page, list::TESTS.name, Some("finished"), &totals.finished);
        by_protocol(page, list::TESTS.name, Some("broken"), &totals.broken);
    }
    page.metric(list::TESTS_RUNNING);
    readings.iter().for_each(|readings| by_protocol(page, list::TESTS_RUNNING.name, None, &readings.running));
    page.metric(list::TESTS_WAITING);
    readings.iter().for_each(|readings| page.sample(list::TESTS_WAITING.name, &[], readings.waiting as f64));
    page.metric(list::TESTS_REFUSED);
    for ((protocol, reason), count) in readings.iter().flat_map(|readings| &readings.totals.refused) {
        let labels = [("protocol", protocol.map_or("none", Protocol::name)), ("reason", reason.name())];
        page.sample(list::TESTS_REFUSED.name, &labels, *count as f64);
    }
    page.metric(list::TESTS_RECEIVED);
    readings.iter().for_each(|all| by_protocol(page, list::TESTS_RECEIVED.name, None, &all.totals.received_bytes));
    page.metric(list::TESTS_SENT);
    readings.iter().for_each(|all| by_protocol(page, list::TESTS_SENT.name, None, &all.totals.sent_bytes));
}
