//! Programs that a test needs.

use std::env;

/// Whether all of these `(program, Debian package)` are on the path. If one is not, says so; and fails instead when
/// nothing may be skipped: on CI, or where `PORTOLAN_DEMAND_FOREIGN=1` is set.
pub fn needs(programs: &[(&str, &str)]) -> bool {
    for (program, package) in programs {
        if !exists(program) {
            return lacking(&format!("{program} (Debian package {package})"));
        }
    }
    true
}

/// As [`needs`], for tests that mount, make namespaces or change users.
pub fn needs_root() -> bool {
    rustix::process::geteuid().is_root() || lacking("root")
}

/// Says that a test is skipped for want of this, or fails where nothing may be skipped; always false.
pub fn lacking(what: &str) -> bool {
    let demanded = ["CI", "PORTOLAN_DEMAND_FOREIGN"]
        .iter()
        .any(|name| env::var(name).is_ok_and(|value| value == "1" || value == "true"));
    assert!(!demanded, "this test needs {what}, and none may be skipped here: 'cargo xtask install' gets it");
    println!("skipped: needs {what}");
    false
}

fn exists(program: &str) -> bool {
    env::split_paths(&crate::run::path()).any(|folder| folder.join(program).is_file())
}
