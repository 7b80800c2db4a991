//! Which lines are wanted.

use super::chain::parse;
use api::{AuditDecision, AuditRecord};
use std::net::IpAddr;
use std::str::FromStr;
use terms::{LogicalPath, Timestamp};

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

/// An address, or all that begin with the same bits: `192.0.2.0/24`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    bits: u128,
    mask: u128,
}

impl Network {
    /// Is this address in it?
    pub fn contains(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.bits
    }
}

/// IPv4 addresses lie where IPv6 maps them (RFC 4291 §2.5.5.2).
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A text that is no network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidNetwork(String);

impl std::fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}' is no address and no network, as 192.0.2.1 or 192.0.2.0/24 or 2001:db8::/32", self.0)
    }
}

impl std::error::Error for InvalidNetwork {}

impl FromStr for Network {
    type Err = InvalidNetwork;
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let most: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), |length| length.parse::<u32>().map_err(|_| invalid()))?;
        let free = most.checked_sub(length).ok_or_else(invalid)?;
        let mask = u128::MAX.checked_shl(free).unwrap_or(0);
        Ok(Self { bits: bits(address) & mask, mask })
    }
}
