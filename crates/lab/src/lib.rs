//! Emulated networks on one Linux machine: hosts and routers are network namespaces, links are forwarded in user space
//! with rate, queue, delay, jitter, loss, reordering, duplication, corruption and MTU, each direction its own.
//!
//! Never here: being needed by the daemon.

pub mod conditions;
pub mod impair;
pub mod scenario;
