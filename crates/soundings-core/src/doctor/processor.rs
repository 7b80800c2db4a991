//! Processors: how fast they may run, and what waits for them.

use super::facts::Facts;
use super::finding::{Finding, Remedy};
use super::goal::Goal;
use super::transport;

pub(super) fn examine(facts: &Facts, goal: &Goal) -> Vec<Finding> {
    let mut findings = transport::backlog(facts, goal);
    findings.push(governor(facts));
    findings
}

fn governor(facts: &Facts) -> Finding {
    let subject = "processor-governor";
    let Some(governors) = facts.processors.governors.as_ref().filter(|governors| !governors.is_empty()) else {
        return Finding::unknown(subject, "none is shown: the hardware, or the host of this virtual machine, decides");
    };
    let found = governors.join(", ");
    if governors.iter().all(|governor| governor == "performance" || governor == "schedutil") {
        return Finding::ok(subject, found);
    }
    let cost = match (facts.processors.least_khz, facts.processors.most_khz) {
        (Some(least), Some(most)) if least < most => format!(
            "a processor that rested begins at {:.1} GHz of {:.1}: bursts meet it slow, and rings overflow first there",
            least as f64 / 1e6,
            most as f64 / 1e6
        ),
        _ => "a processor that rested begins slowly: bursts meet it, and rings overflow first there".to_owned(),
    };
    Finding::costs(subject, found, cost)
        .remedy(Remedy::Command("cpupower frequency-set -g performance".to_owned()))
        .because("fasterdata advises performance on hosts of ten gigabit and more")
}
