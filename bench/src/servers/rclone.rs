//! `rclone serve webdav`: Go's HTTP server. One process without TLS (HTTP/1.1 only), one with (HTTP/2 as well); the idle
//! one costs nothing.

use super::{Contestant, Place, Process, Server, command, free_port, version};

/// Starts both.
pub(crate) fn start(place: &Place) -> Result<Server, String> {
    let folder = place.folder("rclone")?;
    let (plain, tls) = (free_port()?, free_port()?);
    let serve = |port: u16| {
        let mut rclone = command("rclone");
        // Without a settings file of the user; the variable breaks some versions (see AWS_CA_BUNDLE in their issues).
        rclone.env("RCLONE_CONFIG", "/dev/null").env_remove("AWS_CA_BUNDLE");
        rclone.args(["serve", "webdav"]).arg(&place.files).arg("--addr").arg(format!("127.0.0.1:{port}"));
        rclone
    };
    let mut first = Process::start(serve(plain), &folder.join("plain.log"))?;
    let mut with_tls = serve(tls);
    with_tls.arg("--cert").arg(&place.certificate).arg("--key").arg(&place.key);
    let mut second = Process::start(with_tls, &folder.join("tls.log"))?;
    first.wait_for_port(plain)?;
    second.wait_for_port(tls)?;
    let contestant = Contestant {
        name: "rclone",
        plain: format!("http://localhost:{plain}"),
        plain_http2: None,
        tls: format!("https://localhost:{tls}"),
        tls_http2: true,
        authority: place.certificate.clone(),
        upload_header: None,
        uploads: place.files.join("put"),
        uploads_only: false,
    };
    Ok(Server {
        version: version("rclone", &["version"]),
        contestants: vec![contestant],
        processes: vec![first, second],
    })
}
