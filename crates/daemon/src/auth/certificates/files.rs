//! The files behind the trust in certificates: a directory of authorities, and a vomsdir.

use super::{finish, unusable};
use crate::settings::Certificates as CertificateSettings;
use identity::x509::{Named, TrustSource, TrustStore, VomsSource};
use ring::digest::{Context, SHA256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use terms::Problem;

/// Entries of one folder: IGTF's has about 700.
const ENTRIES_MAX: usize = 20_000;

/// One file: revocation lists have up to 8 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What the files held.
pub(super) struct Wanted {
    pub(super) source: TrustSource,
    /// Files of a kind that is not used.
    namespaces: usize,
}

/// When each file was last changed, and its size: whether anything is different is seen without reading.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Stamps(BTreeMap<PathBuf, (Option<SystemTime>, u64, u64)>);

impl Stamps {
    pub(super) fn of(settings: &CertificateSettings) -> Self {
        let mut stamps = Self::default();
        let folders = [&settings.authorities, &settings.vomsdir].into_iter().flatten();
        for folder in folders {
            for path in entries(folder).unwrap_or_default() {
                if path.is_dir() {
                    entries(&path).unwrap_or_default().iter().for_each(|path| stamps.add(path));
                } else {
                    stamps.add(&path);
                }
            }
        }
        stamps
    }

    fn add(&mut self, path: &Path) {
        // Behind links: fetch-crl and package managers replace what they point to.
        if let Ok(found) = fs::metadata(path) {
            self.0.insert(path.to_owned(), (found.modified().ok(), found.len(), found.ino()));
        }
    }
}

impl Wanted {
    pub(super) fn read(settings: &CertificateSettings) -> Result<Self, Problem> {
        let mut source = TrustSource {
            revocation: settings.revocation,
            signing_policy_required: settings.signing_policy_required,
            ..TrustSource::default()
        };
        let mut namespaces = 0;
        if let Some(folder) = &settings.authorities {
            for path in entries(folder)? {
                let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let files = match extension {
                    "pem" | "crt" => &mut source.authorities,
                    "signing_policy" => &mut source.signing_policies,
                    "namespaces" => {
                        namespaces += 1;
                        continue;
                    }
                    number if digits(number) => &mut source.authorities,
                    list if list.strip_prefix('r').is_some_and(digits) => &mut source.revocation_lists,
                    _ => continue,
                };
                files.extend(named(&path)?);
            }
        }
        if let Some(folder) = &settings.vomsdir {
            for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
                source.organisations.push(organisation(&path)?);
            }
        }
        Ok(Self { source, namespaces })
    }

    /// What is left out, in sentences.
    pub(super) fn notes(&self) -> Option<String> {
        let count = self.namespaces;
        (count > 0).then(|| {
            format!("{count} files *.namespaces are not used: signing policies say the same, and are applied.")
        })
    }

    /// In a few words.
    pub(super) fn told(&self, store: &TrustStore) -> String {
        let lists = self.source.revocation_lists.len();
        let organisations = store.organisations().count();
        format!("{} authorities, {lists} revocation lists, {organisations} organisations", store.len())
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        let mut add = |files: &[Named]| {
            for file in files {
                context.update(file.name.as_bytes());
                context.update(&(file.bytes.len() as u64).to_be_bytes());
                context.update(&file.bytes);
            }
            context.update(b"/");
        };
        let source = &self.source;
        [&source.authorities, &source.signing_policies, &source.revocation_lists]
            .into_iter()
            .for_each(|files| add(files));
        for organisation in &source.organisations {
            add(&[Named { name: organisation.organisation.clone(), bytes: Vec::new() }]);
            add(&organisation.lists);
            add(&organisation.certificates);
        }
        finish(context)
    }
}

fn organisation(folder: &Path) -> Result<VomsSource, Problem> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let mut source = VomsSource { organisation: name, ..VomsSource::default() };
    for path in entries(folder)? {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("lsc") => source.lists.extend(named(&path)?),
            Some("pem" | "0") => source.certificates.extend(named(&path)?),
            _ => {}
        }
    }
    Ok(source)
}

/// What lies in a folder, hidden files aside, in a fixed order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let failed = |why: &str| unusable(&folder.display().to_string(), why);
    let found = fs::read_dir(folder).map_err(|error| failed(&error.to_string()))?;
    let mut paths = Vec::new();
    for entry in found {
        let entry = entry.map_err(|error| failed(&error.to_string()))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if paths.len() == ENTRIES_MAX {
            return Err(failed(&format!("it holds more than {ENTRIES_MAX} files")));
        }
        paths.push(entry.path());
    }
    paths.sort();
    Ok(paths)
}

/// A file; `None` for what is none: pipes and sockets would make us wait, and links that lead nowhere are common.
fn named(path: &Path) -> Result<Option<Named>, Problem> {
    let failed = |why: &str| unusable(&path.display().to_string(), why);
    let Ok(found) = fs::metadata(path) else { return Ok(None) };
    if !found.is_file() {
        return Ok(None);
    }
    if found.len() > FILE_BYTES_MAX {
        return Err(failed(&format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|error| failed(&error.to_string()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Some(Named { name, bytes }))
}
