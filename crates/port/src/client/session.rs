//! Connections, credentials, and the operations on single files and folders.

use net::client::{ClientCredential, ClientSettings, CredentialFiles, Trust};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use terms::Problem;

use super::address::{Address, Url};
use super::entry::{Entry, Kind};
use super::fault;
use super::folder::Listing;
use super::progress::Meter;
use super::token::Token;
use super::wire::Wire;
use super::{local, remote};

/// Where to find authorities and tokens, and how long to be patient.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// A file of authorities to believe, and no others.
    pub authorities: Option<PathBuf>,
    /// Believe any certificate.
    pub insecure: bool,
    /// The certificate or proxy to show to servers that ask for one.
    pub credential: Option<CredentialFiles>,
    /// The token to show to servers.
    pub token: Option<Token>,
    /// Show it over connections that are not encrypted, too. Without this only to this machine itself.
    pub token_in_clear: bool,
    /// How long nothing may move before a server counts as silent. A minute outlives a failover of storage, and a tape
    /// robot does not answer within an hour either.
    pub stall_timeout: Duration,
    /// How often a failed request or file is tried again.
    pub retries: u32,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            authorities: None,
            insecure: false,
            credential: None,
            token: None,
            token_in_clear: false,
            stall_timeout: Duration::from_secs(60),
            retries: 3,
        }
    }
}

/// The client. Clones share connections and what was learnt of servers.
#[derive(Clone)]
pub struct Session {
    pub(crate) wire: Wire,
    pub(crate) retries: u32,
}

impl Session {
    /// Reads the authorities; opens no connection yet. [`net::install_crypto_provider`] must have been called.
    pub fn new(settings: SessionSettings) -> Result<Self, Problem> {
        let trust = match settings.authorities {
            Some(file) => Trust { system: false, files: vec![file], folders: Vec::new() },
            None => Trust::from_environment(),
        };
        let credential = settings.credential.as_ref().map(ClientCredential::read).transpose();
        let credential = credential.map_err(|error| error.problem())?;
        let client = ClientSettings { trust, insecure: settings.insecure, credential, ..ClientSettings::default() };
        let wire = Wire::new(client, settings.token, settings.token_in_clear, settings.stall_timeout)?;
        Ok(Self { wire, retries: settings.retries })
    }

    /// What is at this address.
    pub async fn stat(&self, address: &Address) -> Result<Entry, Problem> {
        match address {
            Address::Local(path) => local::stat(path).await,
            Address::Remote(url) => {
                let meter = Meter::default();
                self.retrying(|| remote::stat(&self.wire, url, &meter)).await
            }
            Address::Standard => {
                Ok(Entry { name: "-".to_owned(), kind: Kind::File, size_bytes: None, modified: None, tag: None })
            }
        }
    }

    /// The same, but nothing there is an answer, not a problem.
    pub async fn find(&self, address: &Address) -> Result<Option<Entry>, Problem> {
        match self.stat(address).await {
            Ok(entry) => Ok(Some(entry)),
            Err(problem) if problem.kind == fault::kind::NOT_FOUND => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// The same before something is put there. Who may add files to a place need not be allowed to look around in it:
    /// then nothing is known of it, and what is put tells.
    pub(crate) async fn look(&self, address: &Address) -> Result<Option<Entry>, Problem> {
        match (self.find(address).await, address) {
            (Err(problem), Address::Remote(_)) if fault::is_forbidden(&problem) => Ok(None),
            (found, _) => found,
        }
    }

    /// What is in this folder, as it arrives and in the order in which it does.
    pub async fn list(&self, address: &Address) -> Result<Listing, Problem> {
        self.list_counting(address, Arc::default()).await
    }

    pub(crate) async fn list_counting(&self, address: &Address, meter: Arc<Meter>) -> Result<Listing, Problem> {
        match address {
            Address::Local(path) => local::list(path).await,
            Address::Remote(url) => self.retrying(|| remote::list(&self.wire, url, Arc::clone(&meter))).await,
            Address::Standard => Err(fault::usage("'-' is not a folder".to_owned())),
        }
    }

    /// Makes a folder, with those above it when `parents`; one that is there already is no problem then.
    pub async fn make_folder(&self, address: &Address, parents: bool) -> Result<(), Problem> {
        match address {
            Address::Local(path) => local::make_folder(path, parents).await,
            Address::Remote(url) => {
                let meter = Meter::default();
                self.retrying(|| remote::make_folder(&self.wire, url, parents, &meter)).await
            }
            Address::Standard => Err(fault::usage("'-' cannot be a folder".to_owned())),
        }
    }

    /// Removes a file, or a folder with all that is in it when `recursive`. WebDAV has no other removal of folders, so an
    /// empty one needs `recursive` too.
    pub async fn remove(&self, address: &Address, recursive: bool) -> Result<(), Problem> {
        let is_folder = self.stat(address).await?.is_folder();
        if is_folder && !recursive {
            return Err(fault::usage(format!("{address} is a folder; -r removes it with all that is in it")));
        }
        match address {
            Address::Local(path) => local::remove(path, is_folder).await,
            Address::Remote(url) => {
                let (url, meter) = (url.as_folder(is_folder), Meter::default());
                if is_folder && remote::remove(&self.wire, &url, &meter).await.is_ok() {
                    return Ok(());
                }
                if is_folder {
                    self.remove_what_is_in(&url).await?;
                }
                self.retrying(|| remote::remove(&self.wire, &url, &meter)).await
            }
            Address::Standard => Err(fault::usage("'-' cannot be removed".to_owned())),
        }
    }

    /// For servers that remove empty folders alone, as xrootd does against RFC 4918 §9.6.1: name by name.
    async fn remove_what_is_in(&self, folder: &Url) -> Result<(), Problem> {
        let mut listing = self.list(&Address::Remote(folder.clone())).await?;
        while let Some(entry) = listing.next().await {
            let entry = entry?;
            let address = Address::Remote(folder.join(&entry.name));
            Box::pin(self.remove(&address, true)).await?;
        }
        Ok(())
    }

    /// Gives a file or folder another name on the same server, or on this machine. `false` when the two are not on one:
    /// then it takes a copy and a removal.
    pub async fn rename(&self, from: &Address, to: &Address, overwrite: bool) -> Result<bool, Problem> {
        match (from, to) {
            (Address::Local(from), Address::Local(to)) => local::rename(from, to, overwrite).await,
            (Address::Remote(from), Address::Remote(to)) if from.origin() == to.origin() => {
                let is_folder = self.stat(&Address::Remote(from.clone())).await?.is_folder();
                let (from, to, meter) = (from.as_folder(is_folder), to.as_folder(is_folder), Meter::default());
                remote::rename(&self.wire, &from, &to, overwrite, &meter).await.map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Would the token be kept back from this address, because it would travel in clear?
    pub fn withholds_token(&self, address: &Address) -> bool {
        matches!(address, Address::Remote(url) if self.wire.withholds_token(url))
    }

    /// Tries again what may succeed then, waiting longer each time. For what can be done twice without harm.
    pub(crate) async fn retrying<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let mut tries = 0;
        loop {
            let problem = match attempt().await {
                Ok(done) => return Ok(done),
                Err(problem) => problem,
            };
            match fault::wait_before_retry(&problem, tries).filter(|_| tries < self.retries) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(problem),
            }
            tries += 1;
        }
    }
}
