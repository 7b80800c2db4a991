//! Certificates of the connection: X.509 with proxies and VOMS attributes.
//!
//! The handshake proved that the caller holds the key; each request asks here whether the chain is to be believed, by the
//! files that are in force then. A chain that is not believed is a problem with a sentence, never anonymous.

mod files;
#[cfg(test)]
mod tests;

use super::Presented;
use super::guard::make_room;
use super::sessions::{changes, cross_site, from_own_page};
use crate::problems::unauthenticated;
use crate::reload::Reloaded;
use crate::settings::{Certificates as CertificateSettings, Settings};
use files::{Stamps, Wanted};
use http::header::ORIGIN;
use identity::x509::{Judged, Refusal, TrustStore, judge};
use net::ClientChain;
use net::certificate::ServerCertificate;
use ring::digest::{Context, SHA256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use terms::{Blame, Identity, Problem, Retry};

/// How long a judgement is kept. A reload drops all; within this time only the clock could change one, and clocks are
/// given five minutes anyway.
const JUDGED_KEPT: Duration = Duration::from_secs(10);

/// Judgements kept, of about 1 KiB each.
const JUDGED_MAX: usize = 1024;

/// The authorities whose certificates are taken.
pub(crate) struct Certificates {
    state: Mutex<State>,
    judged: Mutex<HashMap<[u8; 32], Kept>>,
}

/// What is in force.
struct State {
    settings: CertificateSettings,
    trust: Option<Arc<Trust>>,
    /// Who asks callers for certificates, and is told whose.
    listener: Option<Arc<ServerCertificate>>,
}

/// The files as they were read.
#[derive(Clone)]
struct Trust {
    store: TrustStore,
    stamps: Stamps,
    digest: [u8; 32],
    told: String,
}

/// One judgement, by these files, then.
struct Kept {
    by: Arc<Trust>,
    at: Instant,
    judged: Result<Judged, Refusal>,
}

impl Certificates {
    /// Reads the files that the settings name, if any.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Problem> {
        let wanted = settings.certificates.clone();
        let trust = read(wanted.clone()).await?.map(Arc::new);
        if let Some(trust) = &trust {
            tracing::info!("certificates of callers are judged by {}", trust.told);
        }
        let state = State { settings: wanted, trust, listener: None };
        Ok(Self { state: Mutex::new(state), judged: Mutex::default() })
    }

    /// Who the caller is by its certificate; nobody where it has none or none is asked for.
    pub(super) async fn identify(&self, at: &Presented<'_>) -> Result<Option<Identity>, Problem> {
        let (Some(chain), Some(trust)) = (at.chain, self.trust()) else { return Ok(None) };
        if caused_by_another_site(at) {
            return Err(cross_site());
        }
        match self.judge(chain, &trust, at) {
            Ok(judged) => Ok(Some(judged.identity)),
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    /// Lets this listener ask callers for certificates, as the settings say, now and after each reload.
    pub(crate) fn ask_by(&self, listener: &Arc<ServerCertificate>) -> Result<(), Problem> {
        let mut state = self.state();
        state.listener = Some(Arc::clone(listener));
        state.ask()
    }

    /// Reads again what these settings name. On failure all of the former stays in force.
    pub(crate) async fn reload(&self, settings: &Settings) -> Result<Reloaded, Problem> {
        self.put(settings.certificates.clone()).await
    }

    /// Reads the files again if they have changed since; `None` where they have not.
    pub(crate) async fn check(&self) -> Option<Result<Reloaded, Problem>> {
        let (settings, former) = {
            let state = self.state();
            (state.settings.clone(), state.trust.clone())
        };
        let wanted = settings.clone();
        let stamps = tokio::task::spawn_blocking(move || Stamps::of(&wanted)).await.ok()?;
        if former.is_none_or(|trust| trust.stamps == stamps) {
            return None;
        }
        let outcome = self.put(settings).await;
        if let Err(problem) = &outcome {
            // Told once, not at every look: until the files change again, this is what they are.
            let mut state = self.state();
            let kept = state.trust.as_deref().map(|trust| Trust { stamps, ..trust.clone() });
            state.trust = kept.map(Arc::new);
            tracing::warn!("the former authorities stay in force: {problem}");
        }
        Some(outcome)
    }

    /// How often the files are to be looked at.
    pub(crate) fn check_interval(&self) -> Duration {
        self.state().settings.check_interval.0
    }

    async fn put(&self, settings: CertificateSettings) -> Result<Reloaded, Problem> {
        let trust = read(settings.clone()).await?.map(Arc::new);
        let told = trust.as_ref().map_or_else(|| "callers are not asked".to_owned(), |trust| trust.told.clone());
        let digest = |trust: &Option<Arc<Trust>>| trust.as_ref().map(|trust| trust.digest);
        let changed = {
            let mut state = self.state();
            let changed = digest(&state.trust) != digest(&trust) || state.settings != settings;
            (state.settings, state.trust) = (settings, trust);
            state.ask()?;
            changed
        };
        self.kept().clear();
        Ok(if changed { Reloaded::changed(told) } else { Reloaded::unchanged(told) })
    }

    fn judge(&self, chain: &ClientChain, trust: &Arc<Trust>, at: &Presented<'_>) -> Result<Judged, Refusal> {
        let key = digest(chain);
        let fresh = |kept: &Kept| Arc::ptr_eq(&kept.by, trust) && at.now.duration_since(kept.at) < JUDGED_KEPT;
        if let Some(kept) = self.kept().get(&key).filter(|kept| fresh(kept)) {
            return kept.judged.clone();
        }
        let judged = judge(&chain.0, &trust.store, at.wall);
        match &judged {
            Ok(judged) => judged.notes.iter().for_each(|note| tracing::warn!("{}: {note}", judged.identity.name)),
            Err(refusal) => tracing::info!("a certificate from {} was refused: {refusal}", at.from),
        }
        let mut all = self.kept();
        make_room(&mut all, JUDGED_MAX, |kept| kept.at, at.now, JUDGED_KEPT);
        all.insert(key, Kept { by: Arc::clone(trust), at: at.now, judged: judged.clone() });
        judged
    }

    fn trust(&self) -> Option<Arc<Trust>> {
        self.state().trust.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<[u8; 32], Kept>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ask(&self) -> Result<(), Problem> {
        let Some(listener) = &self.listener else { return Ok(()) };
        match self.trust.as_ref().filter(|_| self.settings.ask) {
            Some(trust) => listener.ask_clients(trust.store.authority_names()),
            None => listener.ask_nobody(),
        }
    }
}

/// Reads and verifies everything; with many revocation lists this takes a second.
async fn read(settings: CertificateSettings) -> Result<Option<Trust>, Problem> {
    let build = move || {
        let built = build(&settings)?;
        Ok(built.map(|(trust, notes)| {
            notes.iter().for_each(|note| tracing::warn!("{note}"));
            trust
        }))
    };
    tokio::task::spawn_blocking(build)
        .await
        .map_err(|error| unusable("the files of authorities", &error.to_string()))?
}

/// What these settings name, and what of it was left out; `None` where they name nothing.
fn build(settings: &CertificateSettings) -> Result<Option<(Trust, Vec<String>)>, Problem> {
    let Some(authorities) = &settings.authorities else { return Ok(None) };
    // Before the files: one that changes meanwhile is read once more at the next look.
    let stamps = Stamps::of(settings);
    let wanted = Wanted::read(settings)?;
    let digest = wanted.digest();
    let (store, mut notes) =
        TrustStore::build(&wanted.source).map_err(|error| unusable(&authorities.display().to_string(), &error.0))?;
    notes.extend(wanted.notes());
    let told = wanted.told(&store);
    Ok(Some((Trust { store, stamps, digest, told }, notes)))
}

/// What would keep these settings from working, or is left out by them; one sentence each.
pub(crate) fn examine(settings: &CertificateSettings) -> Vec<String> {
    match build(settings) {
        Ok(built) => built.map(|(_, notes)| notes).unwrap_or_default(),
        Err(problem) => vec![problem.detail],
    }
}

/// Browsers show certificates by themselves, also in requests that pages of other sites cause; they say so in every
/// request that changes something. Programs say nothing, and act for whoever runs them.
pub(super) fn caused_by_another_site(at: &Presented<'_>) -> bool {
    let is_browser = at.headers.contains_key("sec-fetch-site") || at.headers.contains_key(ORIGIN);
    is_browser && changes(at.method) && !from_own_page(at.uri, at.headers)
}

fn digest(chain: &ClientChain) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for certificate in chain.0.iter() {
        context.update(&(certificate.len() as u64).to_be_bytes());
        context.update(certificate);
    }
    finish(context)
}

fn finish(context: Context) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

fn refused(refusal: &Refusal) -> Problem {
    unauthenticated("certificate-refused", refusal.to_string(), refusal.next_step())
}

fn unusable(what: &str, why: &str) -> Problem {
    Problem {
        status: 500,
        kind: "authorities-unusable",
        title: "The trusted authorities cannot be read",
        detail: format!("{what}: {}.", why.trim_end_matches('.')),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "See the section [certificates] of the settings.".to_owned(),
    }
}
