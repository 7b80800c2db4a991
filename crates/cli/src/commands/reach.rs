//! How hosts are reached that are measured: which family of addresses, and whom to believe.

use net::Family;
use net::client::Trust;
use std::path::PathBuf;
use terms::{Blame, Problem, Retry};

/// Options of commands that measure hosts.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Reach {
    /// IPv4 alone
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 alone
    #[arg(short = '6', long)]
    ipv6: bool,
    /// PEM file of authorities to believe, instead of the system's
    #[arg(long, value_name = "PATH", aliases = ["ca", "ca-file"])]
    cacert: Option<PathBuf>,
    /// Believe any certificate
    #[arg(long)]
    pub(crate) insecure: bool,
}

impl Reach {
    /// Which addresses are wanted.
    pub(crate) fn family(&self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Both,
        }
    }

    /// The file of authorities, where one was named.
    pub(crate) fn authorities(&self) -> Option<PathBuf> {
        self.cacert.clone()
    }

    /// Whom to believe.
    pub(crate) fn trust(&self) -> Trust {
        match &self.cacert {
            Some(file) => Trust { system: false, files: vec![file.clone()], folders: Vec::new() },
            None => Trust::from_environment(),
        }
    }
}

/// A host has no address that can be used.
pub(crate) fn address_problem(host: &str, error: &std::io::Error) -> Problem {
    let known = error.kind() == std::io::ErrorKind::NotFound;
    Problem {
        status: 502,
        kind: if known { "family-missing" } else { "host-unknown" },
        title: if known { "The host has no address of this family" } else { "The host name has no address" },
        detail: if known { format!("{error}.") } else { format!("Looking up {host} failed: {error}.") },
        blame: Blame::Caller,
        retry: if known { Retry::Never } else { Retry::Soon },
        next: if known {
            "Ask for the other family, or have an address of this one entered for the host.".to_owned()
        } else {
            "Check the spelling of the host; if it is right, its name service must answer first.".to_owned()
        },
    }
}
