//! What the kernel tells of interfaces and names through sockets: queue disciplines, offloads, rings, the name of an
//! address. Nothing here changes anything.

mod offloads;
mod queueing;
mod reverse;
mod source;
#[cfg(test)]
mod tests;

pub use offloads::{Offloads, Ring, offloads, ring};
pub use queueing::{QueueDiscipline, queue_disciplines};
pub use reverse::{all_addresses, name_of};
pub use source::source_for;
