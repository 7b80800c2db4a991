//! One provider of cryptography, and none that brings a second TLS stack or a system library.

use super::{File, Finding};

/// Each would come in silently through one default feature of one dependency.
const BANNED: &[(&str, &str)] = &[
    ("aws-lc-rs", "a second provider for rustls: switch off the default features of what brought it"),
    ("aws-lc-sys", "a second provider for rustls: switch off the default features of what brought it"),
    ("openssl", "a second TLS stack, and the system's library"),
    ("openssl-sys", "a second TLS stack, and the system's library"),
    ("native-tls", "a second TLS stack"),
    ("boring", "a second TLS stack"),
    ("rustls-rustcrypto", "a second provider for rustls"),
    ("rustls-graviola", "a second provider for rustls"),
    ("reqwest", "a second client beside net's"),
];

/// These must be there once: none means that the check looks at the wrong thing, two that there are two stacks.
const EXACTLY_ONE: [&str; 2] = ["rustls", "ring"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let Some(lock) = files.iter().find(|file| file.path == "Cargo.lock") else {
        return vec![Finding::of("Cargo.lock", "is missing: a program's dependencies are pinned")];
    };
    let names: Vec<(usize, &str)> = lock
        .text
        .lines()
        .enumerate()
        .filter_map(|(at, line)| Some((at + 1, line.strip_prefix("name = \"")?.strip_suffix('"')?)))
        .collect();
    let mut findings = Vec::new();
    for (line, name) in &names {
        if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| banned == name) {
            findings.push(Finding::at("Cargo.lock", *line, format!("{name} came in: {reason}")));
        }
    }
    for wanted in EXACTLY_ONE {
        let count = names.iter().filter(|(_, name)| *name == wanted).count();
        if count != 1 {
            findings.push(Finding::of("Cargo.lock", format!("{wanted} is there {count} times, not once")));
        }
    }
    findings
}
