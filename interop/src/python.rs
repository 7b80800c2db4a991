//! The environment with what comes from PyPI.

use crate::needs::lacking;
use crate::run::Run;
use std::path::PathBuf;

/// Its Python, if these modules can be imported there; otherwise says that the test is skipped, or fails where nothing
/// may be skipped. `cargo xtask install` makes it.
pub fn python(modules: &[&str]) -> Option<PathBuf> {
    // Tests lie in target/debug/deps.
    let test = std::env::current_exe().unwrap();
    let python = test.ancestors().nth(3).unwrap().join("python/bin/python");
    let import = format!("import {}", modules.join(", "));
    if python.is_file() && Run::new(&python).args(["-c", &import]).finish().code == Some(0) {
        return Some(python);
    }
    lacking(&format!("{} (from PyPI)", modules.join(", ")));
    None
}
