//! Turns of a budget that several hosts share: a responder asks the keeper of the budget before a test begins.
//!
//! Our own protocol, on the measurement port: after the octet [`spec::FIRST`] each side sends frames, a length of 32 bits
//! and JSON. The client asks once ([`wire::Ask`]); the keeper says that it has to wait, for whom and how long, whenever
//! that changes, and at last that it has the turn or cannot have it ([`wire::Answer`]). The turn is held as long as the
//! connection lives and the client says each [`spec::BEAT`] that it does ([`spec::ALIVE`]), and at most as long as was
//! granted.

pub mod spec;
pub mod wire;

#[cfg(test)]
mod tests;
