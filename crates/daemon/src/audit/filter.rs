//! Which lines are wanted.

use super::chain::parse;
use api::{AuditDecision, AuditRecord};
use terms::{LogicalPath, Network, Timestamp};

/// Which lines are wanted: those that fit all that is set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Not before this instant.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// The name of the caller has this in it.
    pub who: Option<String>,
    /// This verb was asked.
    pub verb: Option<String>,
    /// This path or one below it.
    pub path: Option<LogicalPath>,
    /// `refused` has those with it that credentials could change.
    pub decision: Option<AuditDecision>,
    /// From an address in this network.
    pub from: Option<Network>,
    /// This happened: `decision`, `sign-in-failed` …
    pub event: Option<String>,
}

impl Filter {
    /// The record of a line that fits.
    pub(super) fn wanted(&self, line: &[u8]) -> Option<AuditRecord> {
        parse(line).filter(|record| self.fits(record))
    }

    fn fits(&self, record: &AuditRecord) -> bool {
        let at = || record.at.parse::<Timestamp>().ok();
        let decided = |wanted: AuditDecision| match record.decision {
            Some(AuditDecision::Unauthenticated) => wanted != AuditDecision::Allowed,
            found => found == Some(wanted),
        };
        let below = |path: &LogicalPath| {
            record
                .path
                .as_deref()
                .and_then(|text| text.parse().ok())
                .is_some_and(|found: LogicalPath| found.is_within(path))
        };
        self.since.is_none_or(|since| at().is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| at().is_some_and(|at| at < until))
            && self.who.as_ref().is_none_or(|who| record.who.as_ref().is_some_and(|name| name.contains(who)))
            && (self.verb.is_none() || self.verb == record.verb)
            && self.event.as_ref().is_none_or(|event| *event == record.event)
            && self.decision.is_none_or(decided)
            && self.path.as_ref().is_none_or(below)
            && self.from.is_none_or(|network| {
                record.from.as_deref().and_then(|from| from.parse().ok()).is_some_and(|from| network.contains(from))
            })
    }
}
