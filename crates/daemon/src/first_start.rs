//! What a port makes for itself when it is not there: certificates and the first administrator's token.

use crate::lifecycle::{make_private, unusable};
use crate::problems::archive_problem;
use crate::settings::Settings;
use crate::token::{TokenRequest, mint};
use archive::Archive;
use net::certificate::{self, Credential, PrivateAuthority};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use terms::{LogicalPath, Problem, Timestamp, VerbSet};
use zeroize::Zeroizing;

/// Validity of a host certificate that we make: 13 months, the most that common clients accept.
pub(crate) const HOST_VALIDITY: Duration = Duration::from_secs(397 * 86_400);

/// With less than this left it is made anew, at a start or while the port runs: clients have time to see the next one.
pub(crate) const RENEW_BEFORE: Duration = Duration::from_secs(120 * 86_400);

/// The certificate to listen with.
pub(crate) struct HostCertificate {
    pub(crate) credential: Credential,
    /// The authority to trust, when it is our own.
    pub(crate) ca_file: Option<PathBuf>,
}

/// The certificate of the settings, or one of our own authority, made when it is not there, lacks a name or runs out.
pub(crate) fn host_certificate(settings: &Settings) -> Result<HostCertificate, Problem> {
    let listen = &settings.listen;
    if let (Some(certificate), Some(key)) = (&listen.certificate, &listen.key) {
        let credential =
            Credential { certificate_pem: certificate::load_pem(certificate)?, key_pem: certificate::load_pem(key)? };
        return Ok(HostCertificate { credential, ca_file: None });
    }
    let folder = settings.data_dir.join("tls");
    make_private(&folder)?;
    let ca_file = folder.join("ca.pem");
    let credential = own_credential(&folder, &ca_file, &names(settings))?;
    Ok(HostCertificate { credential, ca_file: Some(ca_file) })
}

fn own_credential(folder: &Path, ca_file: &Path, names: &[String]) -> Result<Credential, Problem> {
    let (host, host_key) = (folder.join("host.pem"), folder.join("host-key.pem"));
    let (names_file, ca_key) = (folder.join("host.names"), folder.join("ca-key.pem"));
    let wanted = names.join("\n");
    let there = ca_file.exists() && ca_key.exists();
    if there && host.exists() && std::fs::read_to_string(&names_file).is_ok_and(|text| text == wanted) {
        let credential =
            Credential { certificate_pem: certificate::load_pem(&host)?, key_pem: certificate::load_pem(&host_key)? };
        if certificate::expiry(&credential.certificate_pem)? > SystemTime::now() + RENEW_BEFORE {
            return Ok(credential);
        }
    }
    let authority = if there {
        let (certificate_pem, key_pem) = (certificate::load_pem(ca_file)?, certificate::load_pem(&ca_key)?);
        PrivateAuthority::load(Credential { certificate_pem, key_pem })?
    } else {
        let authority = PrivateAuthority::create()?;
        // The key first: an authority without its key would be of no use to the next start.
        certificate::save_key(&ca_key, &authority.credential().key_pem)?;
        certificate::save_certificate(ca_file, &authority.credential().certificate_pem)?;
        authority
    };
    let credential = authority.issue(names, HOST_VALIDITY)?;
    // The names last: a crash before them makes the next start issue anew.
    let _ = std::fs::remove_file(&names_file);
    certificate::save_key(&host_key, &credential.key_pem)?;
    certificate::save_certificate(&host, &credential.certificate_pem)?;
    std::fs::write(&names_file, wanted).map_err(|error| unusable("write", &names_file, &error))?;
    Ok(credential)
}

/// All that clients may call this host by.
pub(crate) fn names(settings: &Settings) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut add = |name: String| {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    };
    let address = settings.listen.address.ip();
    if !address.is_unspecified() {
        add(address.to_string());
    }
    add(rustix::system::uname().nodename().to_string_lossy().to_lowercase());
    settings.listen.names.iter().cloned().for_each(add);
    names
}

/// A token for everything, when the archive has never held any.
pub(crate) async fn first_token(archive: &Archive, now: Timestamp) -> Result<Option<Zeroizing<String>>, Problem> {
    let known = archive.tokens().await.map_err(|error| archive_problem("list the tokens", &error))?;
    if !known.is_empty() {
        return Ok(None);
    }
    let request = TokenRequest {
        name: "first administrator".to_owned(),
        verbs: VerbSet::all(),
        path: LogicalPath::root(),
        lifetime: None,
        account: None,
    };
    let (record, text) = mint(request, now)?;
    archive.record_token(&record).await.map_err(|error| archive_problem("record the first token", &error))?;
    Ok(Some(text))
}

/// Writes a secret to a file of its own that only its owner may read, replacing what was there by one rename.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<(), Problem> {
    write_whole(path, secret, 0o600)
}

/// Writes a file so that it is seen whole or not at all.
pub(crate) fn write_whole(path: &Path, text: &str, mode: u32) -> Result<(), Problem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let _ = std::fs::remove_file(&part);
    let written =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&part).and_then(|mut file| {
            writeln!(file, "{text}")?;
            file.sync_all()?;
            std::fs::rename(&part, path)
        });
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        unusable("write", path, &error)
    })
}
