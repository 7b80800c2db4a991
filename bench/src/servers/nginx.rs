//! nginx: two workers, sendfile, DAV module. Its body buffer is larger than the default of 16 KiB, because that costs it
//! less per byte of PUT; all else is what its manual gives as usual. It never syncs an upload to the disk.

use super::{Contestant, Place, Process, Server, command, free_port, version, write};
use std::path::Path;

/// Starts it.
pub(crate) fn start(place: &Place) -> Result<Server, String> {
    let folder = place.folder("nginx")?;
    let (plain, plain_http2, tls) = (free_port()?, free_port()?, free_port()?);
    let settings = folder.join("nginx.conf");
    write(&settings, &configuration(place, &folder, [plain, plain_http2, tls]))?;
    let mut nginx = command("nginx");
    nginx.arg("-c").arg(&settings).arg("-e").arg(folder.join("error.log"));
    let mut process = Process::start(nginx, &folder.join("output.log"))?;
    process.wait_for_port(tls)?;
    let contestant = Contestant {
        name: "nginx",
        plain: format!("http://localhost:{plain}"),
        plain_http2: Some(format!("http://localhost:{plain_http2}")),
        tls: format!("https://localhost:{tls}"),
        tls_http2: true,
        authority: place.certificate.clone(),
        upload_header: None,
        uploads: place.files.join("put"),
        uploads_only: false,
    };
    Ok(Server { version: version("nginx", &["-v"]), contestants: vec![contestant], processes: vec![process] })
}

/// The temporary folder is on the file system of the root, or each upload would be copied. A connection may carry any
/// number of requests: the default of 1000 would end the small-file cases early.
fn configuration(place: &Place, folder: &Path, [plain, plain_http2, tls]: [u16; 3]) -> String {
    let (folder, root) = (folder.display(), place.files.display());
    let (certificate, key) = (place.certificate.display(), place.key.display());
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user}
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    client_max_body_size 0;
    client_body_buffer_size 128k;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{plain_http2} http2;
        listen 127.0.0.1:{tls} ssl http2;
        root {root};
        dav_methods PUT MKCOL;
    }}
}}
"
    )
}
