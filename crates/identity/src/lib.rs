//! Who you are: credentials taken apart and verified, thinking only. Each form is a folder: signed tokens of issuers,
//! macaroons, X.509 certificates with their proxies.
//!
//! Never here: files, clocks, sockets, randomness. Keys, revocation lists and "now" come in as values; what goes out is a
//! [`terms::Identity`], or one clear sentence why not.

pub mod jwt;
pub mod macaroon;
pub mod x509;
