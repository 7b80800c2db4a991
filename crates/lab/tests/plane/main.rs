//! Labs brought up for real. They need root, and leave the machine as it was.

#![allow(clippy::unwrap_used)]

mod common;
mod life;
mod links;
