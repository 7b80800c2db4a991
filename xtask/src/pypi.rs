//! What the tests need from PyPI, in an environment of its own in `target/python`, and the one place where that is
//! written.

use crate::command::{exists, on_ci, output, show};
use crate::stages::Outcome;
use std::fs;
use std::path::Path;

/// Each with its version, and with what it needs in turn: a new release elsewhere must not change a test here.
const NEEDS: &[(&str, &str, &str)] = &[
    ("certifi", "2026.10.18", "needed by requests"),
    ("cffi", "2.1.1", "needed by cryptography"),
    ("charset-normalizer", "3.5.2", "needed by requests"),
    ("cryptography", "50.0.2", "keys and signatures of scitokens"),
    ("idna", "3.20", "needed by requests"),
    ("pycparser", "3.12", "needed by cffi"),
    ("PyJWT", "2.15.1", "needed by scitokens"),
    ("pymacaroons", "0.13.0", "narrows the macaroons that we mint, and makes some that we verify"),
    ("PyNaCl", "1.6.2", "needed by pymacaroons"),
    ("requests", "2.34.2", "needed by scitokens"),
    ("scitokens", "1.9.7", "the reference implementation of SciTokens: makes what we verify"),
    ("setuptools", "80.9.0", "needed by scitokens"),
    ("six", "1.17.0", "needed by pymacaroons"),
    ("urllib3", "2.8.0", "needed by requests"),
    ("websockets", "17.4", "another WebSocket, under a server of ndt7 for our client"),
];

/// The environment, from the workspace's folder.
const FOLDER: &str = "target/python";

/// Says which packages are installed, so that a list that changed is noticed.
const MARK: &str = "target/python/portolan-needs.txt";

/// Makes the environment when it is not there or the list has changed. Without Python or the network it says what will
/// be skipped, which is a failure on CI alone.
pub(crate) fn install(root: &Path) -> Outcome {
    let wanted: Vec<String> = NEEDS.iter().map(|(name, version, _)| format!("{name}=={version}")).collect();
    let list = wanted.join("\n") + "\n";
    if fs::read_to_string(root.join(MARK)).is_ok_and(|installed| installed == list) {
        println!("all {} are there", NEEDS.len());
        return Ok(());
    }
    if let Err(reason) = add(root, &wanted) {
        println!("not installed: {reason}. Tests that need these will be skipped:");
        for (name, _, reason) in NEEDS.iter().filter(|(_, _, reason)| !reason.starts_with("needed by")) {
            println!("  {name:<22} {reason}");
        }
        return if on_ci() { Err(format!("packages are missing: {reason}")) } else { Ok(()) };
    }
    fs::write(root.join(MARK), list).map_err(|error| format!("cannot write {MARK}: {error}"))
}

fn add(root: &Path, wanted: &[String]) -> Outcome {
    if !exists("python3") {
        return Err("there is no python3".to_owned());
    }
    let folder = root.join(FOLDER);
    // Half of an environment, or one of another list, would be worse than none.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("cannot remove {FOLDER}: {error}"))?;
    }
    show("python3", &["-m", "venv", FOLDER], &[])?;
    let pip = format!("{FOLDER}/bin/python");
    let mut arguments = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    arguments.extend(wanted.iter().map(String::as_str));
    show(&pip, &arguments, &[])?;
    let check = "import scitokens, pymacaroons, cryptography, websockets";
    output(&pip, &["-c", check]).map(|_| ()).ok_or_else(|| "what was installed cannot be imported".to_owned())
}
