//! The README's first command, in a size that CI can afford.

use crate::command::show;
use crate::stages::Outcome;
use std::path::Path;

/// One exposure of four small files through every step; what a stranger runs first must never be broken.
const ARGUMENTS: [&str; 10] =
    ["demo", "--exposures", "1", "--files", "4", "--file-size", "2 MB", "--stop", "--dir", "target/demo"];

pub(crate) fn run(root: &Path) -> Outcome {
    let program = root.join("target/release/portolan");
    show(&program.to_string_lossy(), &ARGUMENTS, &[])
}
