//! xrootd with XrdHttp: HTTP/1.1 only; one port takes both plain and TLS connections. It refuses to run as root and
//! listens on every address, so it runs only inside our own network namespace.

use super::{Contestant, Place, Process, Server, command, free_port, version, write};
use crate::netns;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// The user that Debian's package makes.
const USER: &str = "xrootd";

/// Starts it.
pub(crate) fn start(place: &Place) -> Result<Server, String> {
    if !netns::inside() {
        return Err("xrootd listens on every address: it runs only as root in a namespace of its own".to_owned());
    }
    let folder = place.folder("xrootd")?;
    let (port, http) = (free_port()?, free_port()?);
    let key = folder.join("host.key");
    fs::copy(&place.key, &key).map_err(|error| format!("{}: {error}", key.display()))?;
    for name in ["admin", "run"] {
        fs::create_dir_all(folder.join(name)).map_err(|error| format!("{}/{name}: {error}", folder.display()))?;
    }
    let settings = folder.join("xrootd.cfg");
    write(&settings, &configuration(place, &folder, port, http))?;
    let user = user_id()?;
    for path in [&folder, &folder.join("admin"), &folder.join("run"), &key, &settings, &place.files.join("put")] {
        chown(path, Some(user), None).map_err(|error| format!("giving {} to {USER}: {error}", path.display()))?;
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400))
        .map_err(|error| format!("{}: {error}", key.display()))?;
    let mut xrootd = command("xrootd");
    xrootd.arg("-l").arg(folder.join("log")).arg("-c").arg(&settings).args(["-R", USER, "-n", "bench"]);
    let mut process = Process::start(xrootd, &folder.join("output.log"))?;
    process.wait_for_port(http)?;
    let contestant = Contestant {
        name: "xrootd",
        plain: format!("http://localhost:{http}"),
        plain_http2: None,
        tls: format!("https://localhost:{http}"),
        tls_http2: false,
        authority: place.certificate.clone(),
        upload_header: None,
        uploads: place.files.join("put"),
        uploads_only: false,
    };
    let version = format!("xrootd {}", version("xrootd", &["-v"]));
    Ok(Server { version, contestants: vec![contestant], processes: vec![process] })
}

fn configuration(place: &Place, folder: &Path, port: u16, http: u16) -> String {
    let (folder, root) = (folder.display(), place.files.display());
    let certificate = place.certificate.display();
    format!(
        "all.export /
oss.localroot {root}
all.adminpath {folder}/admin
all.pidpath {folder}/run
xrd.port {port}
xrd.tls {certificate} {folder}/host.key
xrd.tlsca noverify
xrd.protocol XrdHttp:{http} libXrdHttp.so
"
    )
}

fn user_id() -> Result<u32, String> {
    let output =
        Command::new("id").args(["-u", USER]).output().map_err(|error| format!("id does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| format!("there is no user '{USER}'; Debian's package xrootd-server makes it"))
}
