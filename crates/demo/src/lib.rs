//! The main job, shown: a night of synthetic camera images imported into one port, exported to a second, and brought
//! back, with every digest proven at every step.
//!
//! Never here: anything that the daemon needs; a shortcut that a user's own transfer would not have. The ports are real
//! processes, the connections are HTTPS, and the transfers are those of `portolan cp`.

pub mod fits;
pub mod limits;
pub mod night;
pub mod ports;

#[cfg(test)]
mod tests;
