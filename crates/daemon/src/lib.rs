//! One process that is a port: settings, sign-in, wiring, the REST interface, pages, metrics, draining.
//!
//! Never here: HTTP framing (`net`), what files do (`port`), or a decision about rights (`policy`).

mod api_v1;
mod asker;
pub mod audit;
mod auth;
mod delegation;
pub mod explain;
mod first_start;
#[cfg(test)]
mod golden;
mod lifecycle;
pub mod log;
mod memory;
mod metrics;
mod openid;
mod own_certificate;
mod pages;
mod problems;
pub mod reload;
pub mod responder;
mod router;
pub mod rules;
mod running;
mod sampler;
mod secret;
pub mod settings;
pub mod shares;
#[cfg(test)]
mod testing;
pub mod token;
mod traffic;
mod wiring;

pub use auth::{MACAROON_KEYS, REVOCATION_DELAY};
pub use lifecycle::{running_process, signal_reload};
pub use wiring::{Ending, RunOptions, Started, Tell, open_archive, run};
