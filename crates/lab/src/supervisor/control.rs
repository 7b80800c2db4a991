//! What is said at the control socket: one line of JSON each way, then the connection ends.

use crate::forward::Carried;
use serde::{Deserialize, Serialize};

/// A question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// How is it?
    Status,
    /// End, and take the lab with you.
    End,
}

/// An answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Status(Box<Status>),
    Ending,
    NotUnderstood(String),
}

/// A lab that is up.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// What it is called.
    pub name: String,
    /// The process that holds it.
    pub supervisor: u32,
    /// For how long it is up; the timeline counts from there.
    pub up_seconds: f64,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// Its routers.
    pub routers: Vec<String>,
    /// Its links.
    pub links: Vec<LinkStatus>,
    /// How many changes its timeline has.
    pub steps: usize,
    /// How many of them are made.
    pub steps_done: usize,
    /// Why changes could not be made.
    pub step_failures: Vec<String>,
}

/// A link and what it has carried.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LinkStatus {
    /// What it is called.
    pub name: String,
    /// The node at one end.
    pub a: String,
    /// The node at the other.
    pub b: String,
    /// From a to b.
    pub forward: Carried,
    /// From b to a.
    pub backward: Carried,
}
