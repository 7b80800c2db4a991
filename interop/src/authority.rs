//! Certificates as grid sites make them: by openssl, RSA, in hashed folders.

use crate::run::Run;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A private authority and a host certificate of it, in one folder.
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes both, for `localhost` and 127.0.0.1.
    pub fn make(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let openssl = |line: &str| {
            Run::new("openssl").within(folder).args(line.split_whitespace()).succeed();
        };
        fs::write(
            folder.join("host.ext"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
        )
        .unwrap();
        openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /DC=org/DC=example/CN=Test-CA \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign",
        );
        openssl("req -newkey rsa:2048 -nodes -keyout host.key -out host.csr -subj /DC=org/DC=example/CN=localhost");
        openssl(
            "x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile host.ext -out host.pem",
        );
        hashed_folder(&folder.join("certs"), &folder.join("ca.pem"));
        Self { folder: folder.to_owned() }
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The same under its hashes.
    pub fn hashed(&self) -> PathBuf {
        self.folder.join("certs")
    }

    /// Where all of it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The host's certificate and key.
    pub fn host(&self) -> (PathBuf, PathBuf) {
        (self.folder.join("host.pem"), self.folder.join("host.key"))
    }
}

/// A folder with a certificate under both of its hashes: OpenSSL's present one, and the one that older grid software
/// looks for.
pub fn hashed_folder(folder: &Path, certificate: &Path) {
    fs::create_dir_all(folder).unwrap();
    for hash in ["-hash", "-subject_hash_old"] {
        let name = Run::new("openssl").args(["x509", "-noout", hash, "-in"]).arg(certificate).succeed().text();
        fs::copy(certificate, folder.join(format!("{}.0", name.trim()))).unwrap();
    }
}

/// Gives a folder and all in it to another user, for servers that refuse to run as root.
pub fn give_to(user: &str, folder: &Path) {
    let status = Command::new("chown").arg("-R").arg(format!("{user}:")).arg(folder).status().unwrap();
    assert!(status.success(), "chown -R {user} {}", folder.display());
}
