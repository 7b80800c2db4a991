//! Generated files that are committed, and how a test tells that one is stale.

use std::path::{Path, PathBuf};

/// Compares with the committed file, or writes it when UPDATE_REFERENCE is set.
pub(crate) fn check(path: &str, current: &str) {
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder of the reference");
        std::fs::write(&file, current).expect("the reference is written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == current,
        "{path} is not what the program says now. Write it anew:\n\n    UPDATE_REFERENCE=1 cargo nextest run -p daemon reference\n"
    );
}
