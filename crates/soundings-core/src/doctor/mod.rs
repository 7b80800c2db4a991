//! What keeps this host from filling a long path, what that costs, and what to do about it.
//!
//! [`Facts`] are what was seen of a host, as plain values; [`examine`] sets them beside a [`Goal`] and gives one
//! [`Finding`] for each thing looked at. Thresholds are those of the measurement BCP (900 Mbit/s over 80 ms on gigabit,
//! 7 Gbit/s over 80 ms on ten gigabit) and of ESnet's fasterdata pages, with the arithmetic in each finding.

mod buffers;
mod facts;
mod far;
mod finding;
mod goal;
mod interface;
mod processor;
mod surroundings;
#[cfg(test)]
mod tests;
mod transport;

pub use facts::{
    Address, Clock, Counters, Disk, Facts, Far, Interface, Limits, Memory, Name, Offloads, Processors, Queue, Reach,
    Ring, Softnet, Tcp,
};
pub use finding::{Finding, Remedy, State};
pub use goal::Goal;

/// Judges what was seen.
pub fn examine(facts: &Facts, goal: &Goal) -> Vec<Finding> {
    let mut findings = buffers::examine(facts, goal);
    findings.extend(transport::examine(facts, goal));
    for interface in &facts.interfaces {
        findings.extend(interface::examine(interface, facts, goal));
    }
    findings.extend(processor::examine(facts, goal));
    findings.extend(surroundings::examine(facts, goal));
    for far in &facts.far {
        findings.extend(far::examine(far, facts));
    }
    findings
}

/// The worst state of all, leaving out what nobody knows.
pub fn worst(findings: &[Finding]) -> State {
    findings
        .iter()
        .map(|finding| finding.state)
        .filter(|state| *state != State::Unknown)
        .max()
        .unwrap_or(State::Unknown)
}

/// The lines for a file in `/etc/sysctl.d` that make all remedies last which are settings of the kernel. Where two
/// findings ask for the same setting, the first is taken: they ask for the same value.
pub fn sysctl_file(findings: &[Finding]) -> Vec<String> {
    let mut lines: Vec<(&str, String)> = Vec::new();
    for finding in findings {
        for remedy in &finding.remedies {
            if let Remedy::Sysctl { key, value } = remedy
                && !lines.iter().any(|(known, _)| known == key)
            {
                lines.push((key, format!("{key} = {value}")));
            }
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}
