//! What this room promises, one test per promise: heads, bodies in, bodies out, locks.

mod answers;
mod bodies;
mod heads;
mod locks;

use terms::LogicalPath;

fn path(text: &str) -> LogicalPath {
    text.parse().expect("a valid path")
}
