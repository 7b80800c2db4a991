//! Every crate takes its lints and its versions from the workspace.

use super::{File, Finding};

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let members = files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    members.flat_map(|file| lints(file).into_iter().chain(versions(file))).collect()
}

fn lints(file: &File) -> Vec<Finding> {
    let mut section = "";
    for line in file.text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[lints]" && line.replace(' ', "") == "workspace=true" {
            return Vec::new();
        }
    }
    vec![Finding::of(&file.path, "lacks '[lints] workspace = true': the workspace's lints do not reach this crate")]
}

/// A version that is written twice is a version that comes to differ.
fn versions(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut section = "";
    for (number, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]")
            && line.contains('=')
            && !line.starts_with('#')
            && !line.replace(' ', "").contains("workspace=true")
        {
            findings.push(Finding::at(&file.path, number + 1, "give the version in the root's Cargo.toml instead"));
        }
    }
    findings
}
