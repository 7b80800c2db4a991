//! nginx, from a private configuration: a foreign server of HTTP/1.1 and HTTP/2, plain and over TLS.

use crate::apache::{free_port, wait_for};
use crate::authority::Authority;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running nginx; ended when dropped.
pub struct Nginx {
    child: Child,
    folder: TempDir,
    plain: u16,
    tls: u16,
    prior: u16,
    /// Who vouches for it.
    pub authority: Authority,
}

impl Nginx {
    /// Starts one whose files may be fetched and put.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("portolan-nginx-").tempdir().unwrap();
        let authority = Authority::make(&folder.path().join("tls"));
        let (certificate, key) = authority.host();
        let path = folder.path().display();
        fs::create_dir_all(folder.path().join("root/in")).unwrap();
        let (plain, tls, prior) = (free_port(), free_port(), free_port());
        let settings = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/log;\nevents {{}}\nhttp {{\n\
             access_log off; client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;\n\
             fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;\n\
             client_max_body_size 0; keepalive_requests 7;\nserver {{ listen 127.0.0.1:{plain};\n\
             listen 127.0.0.1:{prior} http2; listen 127.0.0.1:{tls} ssl http2;\n\
             ssl_certificate {}; ssl_certificate_key {};\n\
             root {path}/root; location /in/ {{ dav_methods PUT; }} }}\n}}\n",
            certificate.display(),
            key.display(),
        );
        fs::write(folder.path().join("nginx.conf"), settings).unwrap();
        let child = Command::new("/usr/sbin/nginx")
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .arg("-e")
            .arg(folder.path().join("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut nginx = Self { child, folder, plain, tls, prior, authority };
        let log = nginx.folder.path().join("log");
        wait_for(tls, &mut nginx.child, &log);
        nginx
    }

    /// Where its files lie.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// `http://127.0.0.1:PORT` and a path: HTTP/1.1.
    pub fn plain_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.plain)
    }

    /// The same for HTTP/2 by prior knowledge.
    pub fn prior_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.prior)
    }

    /// `https://localhost:PORT` and a path: both versions.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.tls)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Of one process: nothing stays behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
