//! Emulated networks on one Linux machine: hosts and routers are network namespaces, links are forwarded in user space
//! with rate, queue, delay, jitter, loss, reordering, duplication, corruption and MTU, each direction its own.
//!
//! Never here: being needed by the daemon.

pub mod conditions;
mod failure;
mod forward;
pub mod impair;
mod leftover;
mod namespace;
mod netlink;
mod network;
mod running;
pub mod scenario;
mod supervisor;
mod tun;

pub use forward::{Carried, Dropped};
pub use running::{HOST_VARIABLE, LAB_VARIABLE, Running, Until, attach, labs, lost, sweep, up};
pub use supervisor::control::{LinkStatus, Status};
