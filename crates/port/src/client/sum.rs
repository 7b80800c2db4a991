//! Digests of files where they are.

use http::Method;
use port_core::digest::Digester;
use std::fs::File;
use terms::{Algorithm, Digest, DigestSet, Problem};

use super::address::{Address, Url};
use super::fault;
use super::local::blocking;
use super::part;
use super::progress::Meter;
use super::remote;
use super::session::Session;
use super::wire::Ask;

/// Which digest is compared when the server offers several: the cheapest to compute here. All find what the way or a disk
/// did; against intent only TLS and sha-256 help.
pub(crate) const PREFERENCE: [Algorithm; 4] =
    [Algorithm::Crc32c, Algorithm::Adler32, Algorithm::Sha256, Algorithm::Md5];

/// A digest, and who computed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sum {
    /// The digest.
    pub digest: Digest,
    /// Who computed it.
    pub source: SumSource,
}

/// Who computed a digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SumSource {
    /// The server that has the file.
    Server,
    /// This program, from all bytes of the file.
    Here,
}

impl Session {
    /// The digest of a file. A server is asked for it; one that does not know it has to send the whole file, and the
    /// digest is computed here.
    pub async fn sum(&self, address: &Address, algorithm: Algorithm) -> Result<Sum, Problem> {
        let url = match address {
            Address::Remote(url) => url,
            Address::Local(path) => {
                let found = local_digests(path.clone(), vec![algorithm]).await?;
                return of_set(&found, algorithm, SumSource::Here, address);
            }
            Address::Standard => {
                let found = blocking(move || standard_input(algorithm)).await?;
                return of_set(&found, algorithm, SumSource::Here, address);
            }
        };
        let meter = Meter::default();
        let asked = [algorithm];
        let head = self.retrying(|| remote::head(&self.wire, url, &asked, &meter)).await?;
        if head.digests.get(algorithm).is_some() {
            return of_set(&head.digests, algorithm, SumSource::Server, address);
        }
        let found = self.retrying(|| self.sum_by_reading(url, algorithm)).await?;
        of_set(&found, algorithm, SumSource::Here, address)
    }

    /// The digests that are known at once: those that a server tells of a file. Empty for a local file.
    pub async fn known_digests(&self, address: &Address) -> Result<DigestSet, Problem> {
        let Address::Remote(url) = address else { return Ok(DigestSet::new()) };
        let meter = Meter::default();
        let head = self.retrying(|| remote::head(&self.wire, url, &Algorithm::ALL, &meter)).await?;
        Ok(head.digests)
    }

    async fn sum_by_reading(&self, url: &Url, algorithm: Algorithm) -> Result<DigestSet, Problem> {
        let meter = Meter::default();
        let reply = self.wire.succeed("Fetching", Ask::new(Method::GET, url, &meter)).await?;
        let (mut body, mut digester) = (reply.response.into_body(), Digester::new(&[algorithm]));
        while let Some(bytes) = self.wire.piece(&mut body, url, &meter).await? {
            digester.update(&bytes);
        }
        Ok(digester.finish())
    }
}

/// The digests of a local file, computed on a blocking thread.
pub(crate) async fn local_digests(path: std::path::PathBuf, algorithms: Vec<Algorithm>) -> Result<DigestSet, Problem> {
    blocking(move || {
        let file = File::open(&path).map_err(|error| fault::local(&error, "open", path.display()))?;
        let read = file.metadata().and_then(|metadata| part::digests_of(&file, 0, metadata.len(), &algorithms));
        read.map_err(|error| fault::local(&error, "read", path.display()))
    })
    .await
}

fn standard_input(algorithm: Algorithm) -> Result<DigestSet, Problem> {
    use std::io::Read as _;
    let (mut digester, mut buffer) = (Digester::new(&[algorithm]), vec![0; 512 * 1024]);
    loop {
        match std::io::stdin().lock().read(&mut buffer) {
            Ok(0) => return Ok(digester.finish()),
            Ok(got) => digester.update(&buffer[..got]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fault::local(&error, "read", "standard input")),
        }
    }
}

fn of_set(found: &DigestSet, algorithm: Algorithm, source: SumSource, on: &Address) -> Result<Sum, Problem> {
    let digest = found.get(algorithm).copied().ok_or_else(|| fault::no_digest(on, algorithm))?;
    Ok(Sum { digest, source })
}
