//! Where tokens are found.

use super::*;
use std::ffi::OsString;

fn discover(variables: &[(&str, &Path)]) -> Option<String> {
    let uid = rustix::process::getuid().as_raw();
    let find = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value.as_os_str()))
    };
    Token::discover_in(&find, uid).unwrap().map(|token| token.reveal().to_owned())
}

#[test]
fn places_are_asked_in_the_order_of_wlcg() {
    let folder = tempfile::tempdir().unwrap();
    let uid = rustix::process::getuid().as_raw();
    let file = folder.path().join("token");
    std::fs::write(&file, " of-file \n").unwrap();
    std::fs::write(folder.path().join(format!("bt_u{uid}")), "of-runtime").unwrap();
    let runtime = ("XDG_RUNTIME_DIR", folder.path());
    assert_eq!(discover(&[runtime]).as_deref(), Some("of-runtime"));
    assert_eq!(discover(&[("BEARER_TOKEN_FILE", &file), runtime]).as_deref(), Some("of-file"));
    let variable = ("BEARER_TOKEN", Path::new("of-variable"));
    assert_eq!(discover(&[variable, ("BEARER_TOKEN_FILE", &file), runtime]).as_deref(), Some("of-variable"));
    let empty = ("BEARER_TOKEN", Path::new(""));
    assert_eq!(discover(&[empty, runtime]).as_deref(), Some("of-runtime"));
}

#[test]
fn a_file_that_is_named_must_hold_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let find = |name: &str| (name == "BEARER_TOKEN_FILE").then(|| folder.path().join("nothing").into_os_string());
    assert_eq!(Token::discover_in(&find, 0).unwrap_err().kind, fault::kind::NOT_FOUND);
    std::fs::write(folder.path().join("nothing"), "two words").unwrap();
    assert_eq!(Token::discover_in(&find, 0).unwrap_err().kind, fault::kind::USAGE);
}

#[test]
fn a_file_of_somebody_else_is_no_token_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let stranger = rustix::process::getuid().as_raw() + 1;
    std::fs::write(folder.path().join(format!("bt_u{stranger}")), "planted").unwrap();
    let find = |name: &str| (name == "XDG_RUNTIME_DIR").then(|| folder.path().as_os_str().to_owned());
    assert!(Token::discover_in(&find, stranger).unwrap().is_none());
}

#[test]
fn tokens_are_not_printed() {
    assert_eq!(format!("{:?}", Token::new("secret").unwrap()), "Token(…)");
}
