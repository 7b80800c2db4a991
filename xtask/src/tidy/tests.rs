//! Each rule is shown something bad and must find it, and something good that looks alike and must let it pass.

use super::exceptions::LENGTHS;
use super::lengths::{self, Exception};
use super::source::Source;
use super::{File, Finding, bans, has_doctest, links, lock, manifests, rights, words};

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

fn source(path: &str, text: &str) -> Source {
    Source::new(&file(path, text))
}

fn places(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.place.as_str()).collect()
}

#[test]
fn comments_and_strings_are_no_code() {
    let text = "let a = \"std::fs\"; // std::net\nlet b = r#\"tokio \"x\" \"#; /* tokio /* tokio */ tokio */ let c = '\"';\nlet d: &'static str = b\"rand::\";\n";
    let source = source("crates/terms/src/a.rs", text);
    assert_eq!(bans::check(std::slice::from_ref(&source)), []);
    assert!(source.code[0].starts_with("let a = ~~~~~~~~~; "));
    assert!(source.code[1].ends_with("let c = ~~~;"), "{}", source.code[1]);
    assert!(source.code[2].contains("&'static str = b~~~~~~~~;"), "{}", source.code[2]);
}

#[test]
fn a_clock_in_a_core_is_found_and_in_its_tests_it_is_not() {
    let text = "use std::time::Instant;\nfn a() { Instant::now(); }\n#[cfg(test)]\nmod tests {\n    fn b() { Instant::now(); }\n}\n";
    assert_eq!(places(&bans::check(&[source("crates/policy/src/a.rs", text)])), ["crates/policy/src/a.rs:2"]);
    assert_eq!(bans::check(&[source("crates/policy/src/tests.rs", text)]), []);
    assert_eq!(bans::check(&[source("crates/net/src/a.rs", text)]), []);
    assert_eq!(bans::check(&[source("crates/terms/src/a.rs", "fn operand() { operand::x(); }")]), []);
}

#[test]
fn code_behind_a_test_module_still_counts() {
    let text = "#[cfg(test)]\nmod tests;\nuse tokio::time;\n";
    assert_eq!(places(&bans::check(&[source("crates/port-core/src/a.rs", text)])), ["crates/port-core/src/a.rs:3"]);
}

#[test]
fn a_socket_outside_net_is_found() {
    let text = "fn a() { let l = tokio::net::TcpListener::bind(x); }";
    assert_eq!(places(&bans::check(&[source("crates/daemon/src/a.rs", text)])), ["crates/daemon/src/a.rs:1"]);
    assert_eq!(bans::check(&[source("crates/net/src/a.rs", text)]), []);
    assert_eq!(bans::check(&[source("interop/src/a.rs", text)]), []);
    assert_eq!(bans::check(&[source("crates/daemon/tests/a.rs", text)]), []);
}

#[test]
fn a_decision_beside_the_decision_function_is_found() {
    let text = "fn a() { who.identity.bounds.iter().any(|bound| bound.grants.is_empty()); }";
    let found = places(&rights::check(&[source("crates/port/src/a.rs", text)])).len();
    assert_eq!(found, 2);
    for path in ["crates/policy/src/a.rs", "crates/identity/src/a.rs", "crates/port/src/tests.rs", "bench/src/a.rs"] {
        assert_eq!(rights::check(&[source(path, text)]), [], "{path}");
    }
    let text = "fn a() { scopes.grants(rules); x.bounds_of; who.authorises }";
    assert_eq!(rights::check(&[source("crates/daemon/src/api_v1/tokens.rs", text)]), []);
    assert_eq!(rights::check(&[source("crates/daemon/src/a.rs", text)]).len(), 1);
}

/// A function of that many lines of code, with comments and blank lines beside.
fn function(lines: usize) -> String {
    format!("fn long(a: [u8; 4]) {{\n// a comment\n\n{}}}\nfn declared();\n", "    a();\n".repeat(lines - 2))
}

#[test]
fn functions_are_counted_without_comments_and_blank_lines() {
    let fits = source("a.rs", &function(70));
    let too_long = source("a.rs", &function(71));
    assert_eq!(lengths::check(&[fits], &[]), []);
    assert_eq!(places(&lengths::check(&[too_long], &[])), ["a.rs:1"]);
}

#[test]
fn files_are_counted_whole() {
    assert_eq!(lengths::check(&[source("a.rs", &"// a\n".repeat(800))], &[]), []);
    assert_eq!(places(&lengths::check(&[source("a.rs", &"// a\n".repeat(801))], &[])), ["a.rs:1"]);
}

#[test]
fn an_exception_lets_through_what_it_names_and_no_more() {
    let exception = [Exception { path: "a.rs", function: "long", lines: 80, reason: "one table" }];
    assert_eq!(lengths::check(&[source("a.rs", &function(80))], &exception), []);
    assert_eq!(places(&lengths::check(&[source("a.rs", &function(81))], &exception)), ["a.rs:1"]);
    assert_eq!(places(&lengths::check(&[source("b.rs", &function(80))], &exception)), ["b.rs:1", "a.rs long"]);
    let outgrown = lengths::check(&[source("a.rs", &function(70))], &exception);
    assert_eq!(places(&outgrown), ["a.rs long"], "an exception that is not needed any more must go");
}

#[test]
fn exceptions_have_reasons() {
    assert!(LENGTHS.iter().all(|exception| exception.reason.len() > 10));
}

#[test]
fn links_lead_somewhere() {
    let exists = |path: &str| ["docs/words.md", "docs", "README.md"].contains(&path);
    let good = "[a](words.md#here) [b](../README.md \"title\") [c](https://x.org/y) [d](#e)\n```\n[x](nowhere)\n```\n";
    assert_eq!(links::check(&[file("docs/a.md", good)], &exists), []);
    let bad = "fine\n[a](nowhere.md) and [b](../../outside.md)\n";
    assert_eq!(places(&links::check(&[file("docs/a.md", bad)], &exists)), ["docs/a.md:2", "docs/a.md:2"]);
}

#[test]
fn a_second_tls_stack_is_found() {
    let package = |name: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
    let lock = |names: &[&str]| vec![file("Cargo.lock", &names.iter().map(|name| package(name)).collect::<String>())];
    assert_eq!(lock::check(&lock(&["rustls", "ring", "openssl-probe"])), []);
    assert_eq!(places(&lock::check(&lock(&["rustls", "ring", "aws-lc-rs"]))), ["Cargo.lock:8"]);
    assert_eq!(places(&lock::check(&lock(&["rustls", "ring", "openssl-sys"]))), ["Cargo.lock:8"]);
    assert_eq!(places(&lock::check(&lock(&["rustls", "rustls", "ring"]))), ["Cargo.lock"]);
    assert_eq!(lock::check(&lock(&["terms"])).len(), 2);
    assert_eq!(lock::check(&[]).len(), 1);
}

#[test]
fn crates_take_lints_and_versions_from_the_workspace() {
    let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\nx = { workspace = true }\n";
    assert_eq!(manifests::check(&[file("crates/a/Cargo.toml", good)]), []);
    let bad = "[package]\nname = \"a\"\n[dependencies]\nserde = \"1\"\n";
    let findings = manifests::check(&[file("crates/a/Cargo.toml", bad)]);
    assert_eq!(places(&findings), ["crates/a/Cargo.toml", "crates/a/Cargo.toml:4"]);
    assert_eq!(manifests::check(&[file("Cargo.toml", bad)]), [], "the root is where versions are written");
}

#[test]
fn reminders_machine_paths_and_hosts_are_found() {
    let bad = [
        concat!("// FIX", "ME later"),
        concat!("db", "g!(x)"),
        concat!("see /ho", "me/anna/notes"),
        concat!("\"/ro", "ot/x\""),
        concat!("index.crates", ".io"),
    ];
    for line in bad {
        assert_eq!(places(&words::check(&[file("a.md", line)])), ["a.md:1"], "{line}");
    }
    let good = ["HACKATHON", "XXXXXX", "net/work/items", "the crate registry", "target/root/x"];
    for line in good {
        assert_eq!(words::check(&[file("a.md", line)]), [], "{line}");
    }
}

#[test]
fn examples_in_documentation_are_seen() {
    assert!(has_doctest("/// ```\n/// let a = 1;\n/// ```\n"));
    assert!(has_doctest("//! ```no_run\n//! ```\n"));
    assert!(!has_doctest("//! ```text\n//! a\n//! ```\n"));
    assert!(!has_doctest("// ```\n"));
}
