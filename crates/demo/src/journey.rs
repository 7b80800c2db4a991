//! The journey itself: camera → port A → port B → client, exposure by exposure, proven after every step.

use crate::camera::{self, Manifest};
use crate::limits::Sample;
use crate::ports::Port;
use crate::report::{Part, Report, add_up};
use crate::{Options, Show};
use port::client::{Address, CopySettings, Overwrite, Session, SessionSettings, Silent, Tally};
use port_core::digest::Digester;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use terms::{Algorithm, Blame, DigestSet, Problem, Retry};

/// What both ports compute by default, and so what can be proven at once.
pub(crate) const PROVEN: [Algorithm; 3] = [Algorithm::Adler32, Algorithm::Crc32c, Algorithm::Sha256];

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(200);

/// Digests asked of a port at a time.
const QUESTIONS: usize = 8;

const STEPS: [&str; 3] = ["import into A", "export A to B", "back to the client"];

/// Where things are during the journey.
pub(crate) struct Journey<'a> {
    pub(crate) options: &'a Options,
    pub(crate) show: &'a dyn Show,
    session: Session,
    night_at_a: Address,
    night_at_b: Address,
    parts: [Vec<Part>; 3],
}

impl<'a> Journey<'a> {
    /// Makes the folder `night` at both ports.
    pub(crate) async fn begin(options: &'a Options, show: &'a dyn Show, a: &Port, b: &Port) -> Result<Self, Problem> {
        let bundle = options.directory.join("ca.pem");
        let both = fs::read(&a.ca_file).and_then(|mut one| {
            one.extend(fs::read(&b.ca_file)?);
            fs::write(&bundle, one)
        });
        both.map_err(|error| local("gather the authorities in", &bundle, &error))?;
        let settings = SessionSettings { authorities: Some(bundle), ..SessionSettings::default() };
        let session = Session::new(settings)?;
        let journey = Self {
            options,
            show,
            night_at_a: night_address(a)?,
            night_at_b: night_address(b)?,
            session,
            parts: Default::default(),
        };
        for night in [&journey.night_at_a, &journey.night_at_b] {
            journey.session.make_folder(night, true).await?;
        }
        Ok(journey)
    }

    /// Takes every exposure, and what the user named, the whole way.
    pub(crate) async fn run(mut self) -> Result<Report, Problem> {
        let exposures = self.options.night.exposures;
        for (number, exposure) in self.options.night.exposures().enumerate() {
            let title = format!("exposure {} of {exposures}", number + 1);
            let folder = self.options.directory.join("camera").join(&exposure.name);
            self.show.step(&format!("{title}: taking {} images", exposure.images.len()));
            let manifest = camera::take(exposure, folder.clone()).await?;
            self.carry(&title, &folder, &manifest).await?;
            // The ports have it, proven; the camera's copy would only fill the disk.
            fs::remove_dir_all(&folder).map_err(|error| local("remove", &folder, &error))?;
        }
        for path in &self.options.extra {
            self.show.step(&format!("{}: reading it for its digests", path.display()));
            let manifest = camera::read(path.clone()).await?;
            self.carry(&path.display().to_string(), path, &manifest).await?;
        }
        Ok(Report { steps: STEPS.iter().zip(&self.parts).map(|(name, parts)| add_up(name, parts)).collect() })
    }

    async fn carry(&mut self, title: &str, source: &Path, manifest: &Manifest) -> Result<(), Problem> {
        let name = source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let back = self.options.directory.join("back");
        fs::create_dir_all(&back).map_err(|error| local("make", &back, &error))?;
        let (at_a, at_b) = (self.night_at_a.join(&name), self.night_at_b.join(&name));

        self.show.step(&format!("{title}: {}", STEPS[0]));
        let from = Address::Local(source.to_path_buf());
        let mut part = self.copy(&from, &at_a, manifest).await?;
        part.proven = self.prove_remote(&at_a, manifest).await?;
        self.parts[0].push(part);

        self.show.step(&format!("{title}: {}", STEPS[1]));
        let mut part = self.copy(&at_a, &at_b, manifest).await?;
        part.proven = self.prove_remote(&at_b, manifest).await?;
        self.parts[1].push(part);

        self.show.step(&format!("{title}: {}", STEPS[2]));
        let mut part = self.copy(&at_b, &Address::Local(back.join(&name)), manifest).await?;
        part.proven = self.prove_local(&back.join(&name), manifest).await?;
        self.parts[2].push(part);
        remove(&back.join(&name))
    }

    async fn copy(&self, from: &Address, to: &Address, manifest: &Manifest) -> Result<Part, Problem> {
        let settings = CopySettings { recursive: true, overwrite: Overwrite::Always, ..CopySettings::default() };
        let tally = Arc::new(Tally::default());
        let before = Sample::take();
        let sources = [from.clone()];
        let copying = self.session.copy(&sources, to, settings, Arc::clone(&tally), Arc::new(Silent));
        let mut copying = std::pin::pin!(copying);
        let summary = loop {
            tokio::select! {
                summary = &mut copying => break summary,
                () = tokio::time::sleep(TICK) => self.show.progress(
                    tally.files_copied.load(Ordering::Relaxed),
                    manifest.files.len() as u64,
                    tally.bytes_moved.load(Ordering::Relaxed),
                    manifest.bytes(),
                ),
            }
        };
        let usage = Sample::take().zip(before).map(|(after, before)| after.since(&before));
        if let Some((name, problem)) = summary.failures.first() {
            let detail = format!("{name}: {}", problem.detail);
            return Err(Problem { detail, ..problem.clone() });
        }
        let all = manifest.files.len() as u64;
        self.show.progress(summary.files, all, summary.bytes, manifest.bytes());
        Ok(Part { files: summary.files, bytes: summary.bytes, elapsed: summary.elapsed, proven: 0, usage })
    }

    /// Asks the port for all digests of each file, and compares them with the camera's.
    async fn prove_remote(&self, folder: &Address, manifest: &Manifest) -> Result<u64, Problem> {
        let mut questions = tokio::task::JoinSet::new();
        let mut proven = 0;
        for (name, expected) in &manifest.files {
            if questions.len() >= QUESTIONS {
                proven += answer(questions.join_next().await)?;
            }
            let (session, address, expected) = (self.session.clone(), below(folder, name), expected.clone());
            questions.spawn(async move {
                let found = session.known_digests(&address).await?;
                compare(&address.to_string(), &found, &expected)
            });
        }
        while !questions.is_empty() {
            proven += answer(questions.join_next().await)?;
        }
        Ok(proven)
    }

    /// Reads what came back and computes everything anew.
    async fn prove_local(&self, place: &Path, manifest: &Manifest) -> Result<u64, Problem> {
        let (place, files) = (place.to_path_buf(), manifest.files.clone());
        let proving = tokio::task::spawn_blocking(move || {
            let mut proven = 0;
            for (name, expected) in &files {
                let path = if name.is_empty() { place.clone() } else { place.join(name) };
                let found = digests_of(&path).map_err(|error| local("read", &path, &error))?;
                proven += compare(&path.display().to_string(), &found, expected)?;
            }
            Ok(proven)
        });
        proving.await.unwrap_or_else(|error| Err(local("prove", &PathBuf::new(), &io::Error::other(error))))
    }
}

fn night_address(port: &Port) -> Result<Address, Problem> {
    let token = fs::read_to_string(&port.token_file).map_err(|error| local("read", &port.token_file, &error))?;
    // Each port has a token of its own; an address may carry it as the password, whatever the user name.
    let address = port.address.replacen("https://", &format!("https://demo:{}@", token.trim()), 1);
    Address::parse(&format!("{address}/data/night"))
}

/// Names of a manifest are relative, with slashes; a single file has the empty name.
fn below(folder: &Address, name: &str) -> Address {
    name.split('/').filter(|part| !part.is_empty()).fold(folder.clone(), |at, part| at.join(part))
}

fn answer(joined: Option<Result<Result<u64, Problem>, tokio::task::JoinError>>) -> Result<u64, Problem> {
    match joined {
        None => Ok(0),
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// 1 when every digest of the camera is found and equal; anything else is a problem that ends the demo.
fn compare(name: &str, found: &DigestSet, expected: &DigestSet) -> Result<u64, Problem> {
    let missing = expected.iter().find(|digest| found.get(digest.algorithm()).is_none());
    let why = match (found.contradiction(expected), missing) {
        (None, None) => return Ok(1),
        (Some((ours, theirs)), _) => format!("{name} has {ours}, and the camera took {theirs}"),
        (None, Some(digest)) => format!("the port tells no {} of {name}", digest.algorithm()),
    };
    Err(Problem {
        status: 500,
        kind: "digest-not-proven",
        title: "A digest is not proven",
        detail: why,
        blame: Blame::Us,
        retry: Retry::Never,
        next: "This must not happen: please report it with the log files of the ports.".to_owned(),
    })
}

pub(crate) fn digests_of(path: &Path) -> io::Result<DigestSet> {
    let (mut file, mut digester, mut buffer) = (File::open(path)?, Digester::new(&PROVEN), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digester.finish()),
            got => digester.update(&buffer[..got]),
        }
    }
}

fn remove(path: &Path) -> Result<(), Problem> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|error| local("remove", path, &error))
}

/// A failure of this machine's own disk.
pub(crate) fn local(verb: &str, path: &Path, error: &io::Error) -> Problem {
    let full = error.kind() == io::ErrorKind::StorageFull;
    Problem {
        status: if full { 507 } else { 500 },
        kind: if full { "disk-full" } else { "local-file" },
        title: if full { "The disk is full" } else { "A file of the demo could not be used" },
        detail: format!("could not {verb} {}: {error}", path.display()),
        blame: Blame::Storage,
        retry: Retry::Soon,
        next: if full {
            "Name another folder with --dir, or take fewer or smaller files.".to_owned()
        } else {
            "Look at the folder's rights, or name another with --dir.".to_owned()
        },
    }
}
