//! Ours, twice: with the digests of the default namespace (adler32, crc32c, sha-256), and with a namespace that leaves
//! sha-256 out ("light", for PUT only, because GET computes none). Every upload is on the disk when it is answered.

use super::{Contestant, Place, Process, Server, write};
use crate::packages;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Starts it.
pub(crate) fn start(place: &Place) -> Result<Server, String> {
    let folder = place.folder("portolan")?;
    let (settings, ready, token) = (folder.join("portolan.toml"), folder.join("ready.json"), folder.join("token"));
    for left_over in [&ready, &token] {
        let _ = fs::remove_file(left_over);
    }
    write(&settings, &configuration(place))?;
    let mut portolan = Command::new(&place.portolan);
    portolan.arg("serve").arg("--config").arg(&settings).arg("--data-dir").arg(folder.join("data"));
    portolan.args(["--listen", "127.0.0.1:0", "--plain", "127.0.0.1:0"]);
    portolan.arg("--ready-file").arg(&ready).arg("--admin-token-file").arg(&token);
    let mut process = Process::start(portolan, &folder.join("output.log"))?;
    let mut facts = None;
    process.wait_until("portolan serve", || {
        facts = fs::read_to_string(&ready).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        facts.is_some()
    })?;
    let facts = facts.unwrap_or_default();
    let token = fs::read_to_string(&token).map_err(|error| format!("{}: {error}", token.display()))?;
    let name = |light| if light { "portolan-light" } else { "portolan" };
    let contestants = [false, true].map(|light| contestant(name(light), place, &facts, token.trim(), light));
    let contestants = contestants.into_iter().collect::<Result<_, _>>()?;
    Ok(Server { version: packages::first_line(&place.portolan, &["--version"]), contestants, processes: vec![process] })
}

fn configuration(place: &Place) -> String {
    format!(
        "[[namespace]]
prefix = \"/\"
store = \"{}\"
digests = [\"adler32\", \"crc32c\", \"sha-256\"]
anonymous = \"read\"

[[namespace]]
prefix = \"/light\"
store = \"{}\"
digests = [\"adler32\", \"crc32c\"]
anonymous = \"read\"
",
        place.files.display(),
        place.light.display()
    )
}

fn contestant(
    name: &'static str,
    place: &Place,
    facts: &Value,
    token: &str,
    light: bool,
) -> Result<Contestant, String> {
    let root = if light { "/data/light" } else { "/data" };
    let plain = format!("{}{root}", origin(facts, "http")?);
    let authority = facts["ca_file"].as_str().ok_or_else(|| format!("the ready file names no authority: {facts}"))?;
    Ok(Contestant {
        name,
        plain_http2: Some(plain.clone()),
        plain,
        tls: format!("{}{root}", origin(facts, "https")?),
        tls_http2: true,
        authority: PathBuf::from(authority),
        upload_header: Some(format!("Authorization: Bearer {token}")),
        uploads: if light { place.light.join("put") } else { place.files.join("put") },
        uploads_only: light,
    })
}

/// The address with this scheme, by the name that all servers are called by here.
fn origin(facts: &Value, scheme: &str) -> Result<String, String> {
    let addresses = facts["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut ports =
        addresses.filter(|url| url.split(':').next() == Some(scheme)).filter_map(|url| url.rsplit(':').next());
    let port = ports.next().ok_or_else(|| format!("the ready file has no address for {scheme}: {facts}"))?;
    Ok(format!("{scheme}://localhost:{port}"))
}

/// Builds what is measured, so that no older program is taken for it.
pub(crate) fn build(root: &Path) -> Result<PathBuf, String> {
    eprintln!("bench: cargo build --release -p cli");
    let mut command = Command::new(env!("CARGO"));
    // What `cargo run` tells the bench about itself would have ring's build script run anew: minutes, twice.
    let of_bench = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| of_bench(name)) {
        command.env_remove(name);
    }
    let status = command.current_dir(root).args(["build", "--release", "-p", "cli"]).status();
    match status {
        Ok(status) if status.success() => Ok(root.join("target/release/portolan")),
        Ok(status) => {
            Err(format!("building portolan: {status}; give a program by --portolan, or leave it out by --servers"))
        }
        Err(error) => Err(format!("cargo does not start: {error}")),
    }
}
