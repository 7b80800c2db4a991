//! iperf3 in both roles: [`serve_control`] answers a client on the measurement port, [`run`] is a client, [`listen`] a
//! server that stands alone.
//!
//! What is said when is thought in `soundings_core::iperf3`; here are sockets and threads. Each stream has a thread with a
//! blocking socket: that is what is fast. The control connection is a task.

mod ahead;
mod client;
mod control;
mod door;
mod engine;
mod flow;
mod gauge;
mod grant;
mod load;
mod server;
mod stand_alone;

pub use ahead::{Ahead, ahead};
pub use client::{Ask, Ended, News, run};
pub use server::{Hear, ServerNews, serve_control};
pub use stand_alone::{StandAlone, by_hand, listen};
