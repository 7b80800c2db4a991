//! Who you are: credentials taken apart and verified, thinking only. Each form is a folder: signed tokens of issuers,
//! macaroons, X.509 certificates with their proxies.
//!
//! Never here: files, clocks, sockets, randomness. Keys, revocation lists and "now" come in as values; what goes out is a
//! [`terms::Identity`], or one clear sentence why not.

pub mod jwt;
pub mod macaroon;
mod shown;
pub mod x509;

/// May whoever is trusted with these groups, each with all below it, speak for this one?
pub fn speaks_for(groups: &[String], group: &str) -> bool {
    groups.iter().any(|known| {
        let rest = group.strip_prefix(known.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
