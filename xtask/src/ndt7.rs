//! The foreign client of ndt7, a crate of its own, built once into `target/ndt7-client`.

use crate::command::{on_ci, show};
use crate::stages::Outcome;
use std::fs;
use std::path::Path;

/// Built as it was published, with its own lock file: a new release elsewhere must not change a test here.
const VERSION: &str = "0.3.1";

/// Where it is installed, from the workspace's folder.
const FOLDER: &str = "target/ndt7-client";

/// What cargo writes there.
const MARK: &str = "target/ndt7-client/.crates.toml";

/// Where it is built: the workspace's own folder would take its libraries for leftovers.
const BUILD: &str = "target/ndt7-client-build";

/// Builds it when it is not there: some three minutes, once. Without the network it says that its tests will be skipped,
/// which is a failure on CI alone.
pub(crate) fn install(root: &Path) -> Outcome {
    let mark = format!("\"ndt7-client {VERSION} ");
    if fs::read_to_string(root.join(MARK)).is_ok_and(|installed| installed.contains(&mark)) {
        println!("ndt7-client {VERSION} is there");
        return Ok(());
    }
    // Unoptimised and without symbols: the test asks whether they understand each other, not how fast they are.
    let environment = [("CARGO_TARGET_DIR", BUILD), ("CARGO_PROFILE_DEV_DEBUG", "0")];
    let arguments =
        ["install", "--quiet", "--locked", "--debug", "ndt7-client", "--version", VERSION, "--root", FOLDER];
    let built = show("cargo", &arguments, &environment);
    // Only the program is kept.
    let _ = fs::remove_dir_all(root.join(BUILD));
    match built {
        Ok(()) => Ok(()),
        Err(reason) if on_ci() => Err(format!("ndt7-client cannot be built: {reason}")),
        Err(reason) => {
            println!("not built: {reason}. Tests of ndt7 with a foreign client will be skipped");
            Ok(())
        }
    }
}
