//! The foreign programs that a comparison needs, and the Debian packages that have them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Program, and the packages that bring what we use of it.
const PACKAGES: &[(&str, &[&str])] = &[
    ("curl", &["curl"]),
    ("h2load", &["nghttp2-client"]),
    ("ip", &["iproute2"]),
    ("unshare", &["util-linux"]),
    ("nginx", &["nginx"]),
    ("xrootd", &["xrootd-server", "xrootd-plugins", "xrootd-server-plugins"]),
    ("rclone", &["rclone"]),
    ("iperf3", &["iperf3"]),
    ("globus-gridftp-server", &["globus-gridftp-server-progs"]),
    ("globus-url-copy", &["globus-gass-copy-progs"]),
];

/// Where a program is. Servers are in sbin, which the path of an ordinary user lacks.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Sees that these programs are there; installs them when told to, else says what is missing.
pub(crate) fn require(programs: &[&str], install: bool) -> Result<(), String> {
    let missing = missing(programs);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !install {
        return Err(format!(
            "missing Debian packages: {list}\nInstall them, or run again with --install (as root), or leave servers out by --servers."
        ));
    }
    apt_get(&["update", "-q"])?;
    let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
    arguments.extend(&missing);
    apt_get(&arguments)
}

fn missing(programs: &[&str]) -> Vec<&'static str> {
    let needed = PACKAGES.iter().filter(|(name, _)| programs.contains(name));
    needed.filter(|(name, _)| program(name).is_none()).flat_map(|(_, packages)| *packages).copied().collect()
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    eprintln!("bench: apt-get {}", arguments.join(" "));
    let status = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`apt-get {}`: {status}; it needs root and Debian's archive", arguments.join(" "))),
        Err(error) => Err(format!("apt-get does not start: {error}")),
    }
}

/// What a program prints first when run so, on either stream; for versions.
pub(crate) fn first_line(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or("unknown").trim().to_owned()
}
