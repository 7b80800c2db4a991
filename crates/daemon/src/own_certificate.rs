//! The certificate of this host while the port runs: shown to callers, changed without dropping a connection.

use crate::first_start::{HostCertificate, RENEW_BEFORE, host_certificate};
use crate::problems::panicked;
use crate::reload::Reloaded;
use crate::settings::Settings;
use net::certificate::{self, ServerCertificate};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use terms::{Problem, Timestamp};

/// With less than this left the first page warns: long enough to ask an authority for the next one.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// The certificate that listeners with TLS show.
pub(crate) struct OwnCertificate {
    shown: Arc<ServerCertificate>,
    state: Mutex<State>,
}

struct State {
    fingerprint: String,
    /// When its files were changed.
    stamps: Vec<Option<SystemTime>>,
}

impl OwnCertificate {
    pub(crate) fn new(host: &HostCertificate, settings: &Settings) -> Result<Self, Problem> {
        let credential = &host.credential;
        let shown = ServerCertificate::new(&credential.certificate_pem, &credential.key_pem)?;
        let fingerprint = certificate::fingerprint(&credential.certificate_pem)?;
        let state = State { fingerprint, stamps: stamps(settings) };
        Ok(Self { shown: Arc::new(shown), state: Mutex::new(state) })
    }

    /// For a listener.
    pub(crate) fn shown(&self) -> &Arc<ServerCertificate> {
        &self.shown
    }

    /// When it expires.
    pub(crate) fn expiry(&self) -> SystemTime {
        self.shown.expiry()
    }

    /// What the first page says when it soon expires.
    pub(crate) fn warning(&self, now: SystemTime) -> Option<String> {
        let expiry = self.expiry();
        let until = Timestamp::from(expiry);
        match expiry.duration_since(now) {
            Err(_) => Some(format!("The certificate of this host expired on {until}: callers refuse it.")),
            Ok(left) if left < WARN_BEFORE => {
                let days = left.as_secs() / 86_400;
                Some(format!("The certificate of this host expires on {until}, in {days} days."))
            }
            Ok(_) => None,
        }
    }

    /// Reads again what these settings name, or makes one anew where we make it ourselves and it is time. On failure the
    /// former is shown on.
    pub(crate) async fn reload(&self, settings: &Settings) -> Result<Reloaded, Problem> {
        let wanted = settings.clone();
        let read = move || {
            let stamps = stamps(&wanted);
            host_certificate(&wanted).map(|host| (stamps, host.credential))
        };
        let (stamps, credential) =
            tokio::task::spawn_blocking(read).await.map_err(|_| panicked("that read the certificate"))??;
        let fingerprint = certificate::fingerprint(&credential.certificate_pem)?;
        let changed = self.state().fingerprint != fingerprint;
        if changed {
            self.shown.replace(&credential.certificate_pem, &credential.key_pem)?;
        }
        *self.state() = State { fingerprint, stamps };
        let told = format!("the certificate of this host expires on {}", Timestamp::from(self.expiry()));
        Ok(if changed { Reloaded::changed(told) } else { Reloaded::unchanged(told) })
    }

    /// The same if the files have changed since, or one of our own runs out; `None` where there is nothing to do.
    pub(crate) async fn check(&self, settings: &Settings) -> Option<Result<Reloaded, Problem>> {
        let now = stamps(settings);
        let is_ours = settings.listen.certificate.is_none();
        let is_old = is_ours && self.expiry() < SystemTime::now() + RENEW_BEFORE;
        if !is_old && self.state().stamps == now {
            return None;
        }
        let outcome = self.reload(settings).await;
        if let Err(problem) = &outcome {
            tracing::warn!("the former certificate of this host is shown on: {problem}");
            // Told once: until the files change again, this is what they are.
            self.state().stamps = now;
        }
        Some(outcome)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the files of the settings were last changed; none for a certificate that we make ourselves.
fn stamps(settings: &Settings) -> Vec<Option<SystemTime>> {
    let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    [&settings.listen.certificate, &settings.listen.key].into_iter().flatten().map(changed).collect()
}

#[cfg(test)]
mod tests;
