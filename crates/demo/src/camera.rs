//! Files with their digests, as their maker knows them: the yardstick for every later step.

use crate::journey::{PROVEN, digests_of, local};
use crate::night::Exposure;
use port_core::digest::Digester;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use terms::{DigestSet, Problem};

/// Names relative to one place, with the digests of their bytes; a single file has the empty name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) files: Vec<(String, DigestSet)>,
    bytes: u64,
}

impl Manifest {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Makes the images of one exposure in `folder`, on as many threads as there are processors.
pub(crate) async fn take(exposure: Exposure, folder: PathBuf) -> Result<Manifest, Problem> {
    let place = folder.clone();
    let taking = tokio::task::spawn_blocking(move || take_now(&exposure, &folder));
    let taken = taking.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    taken.map_err(|error| local("write images into", &place, &error))
}

fn take_now(exposure: &Exposure, folder: &Path) -> io::Result<Manifest> {
    fs::create_dir_all(folder)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, taken) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> io::Result<()> {
        while let Some((name, image)) = exposure.images.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = File::create(folder.join(name))?;
            let mut out = Watched { out: BufWriter::with_capacity(1 << 20, file), digester: Digester::new(&PROVEN) };
            image.write_to(&mut out)?;
            out.flush()?;
            let one = (name.clone(), out.digester.finish());
            taken.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        working.into_iter().try_for_each(|thread| match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let mut files = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
    files.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(Manifest { files, bytes: exposure.images.iter().map(|(_, image)| image.size_bytes()).sum() })
}

/// The manifest of files that are there: one file, or a folder with all that is in it. Symbolic links are left out, as
/// the copy leaves them out.
pub(crate) async fn read(path: PathBuf) -> Result<Manifest, Problem> {
    let place = path.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut manifest = Manifest::default();
        gather(&path, "", &mut manifest).map(|()| manifest)
    });
    let read = reading.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    read.map_err(|error| local("read", &place, &error))
}

fn gather(path: &Path, name: &str, manifest: &mut Manifest) -> io::Result<()> {
    let metadata = if name.is_empty() { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
    if metadata.is_file() {
        manifest.bytes += metadata.len();
        manifest.files.push((name.to_owned(), digests_of(path)?));
    } else if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let own = entry.file_name().to_string_lossy().into_owned();
            let below = if name.is_empty() { own } else { format!("{name}/{own}") };
            gather(&entry.path(), &below, manifest)?;
        }
    }
    Ok(())
}

/// Digests what it writes.
struct Watched<W> {
    out: W,
    digester: Digester,
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digester.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
