//! Settings, certificates, authorities, issuers and rules read again without a restart: by SIGHUP, by
//! `POST /api/v1/reload`, by `portolan reload`. No connection is dropped, no request is disturbed.
//!
//! The contract of a part that can be reloaded is one method:
//!
//! ```ignore
//! /// Reads again what these settings name. On failure all of the former stays in force.
//! pub(crate) async fn reload(&self, settings: &Settings) -> Result<Reloaded, Problem>
//! ```
//!
//! All or nothing holds for each part by itself: one that cannot be read keeps what it had, and the answer says which and
//! why; the others go on. Where the settings file itself cannot be used, the files that the former settings name are
//! read again all the same: a revocation list does not wait for a typing error. What can only change with a restart is
//! named.

use crate::audit::Event;
use crate::problems::sentence;
use crate::running::Port;
use crate::settings::{Listen, Metrics, Settings, SignIn};
use crate::{audit, rules};
use api::{ReloadAnswer, ReloadOutcome, ReloadedPart};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use terms::{Principal, Problem};

#[cfg(test)]
mod tests;

/// What a part did with the new settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reloaded {
    /// Is anything different from before?
    pub(crate) changed: bool,
    /// What is in force now, in a few words without a full stop: `37 authorities, 35 revocation lists`.
    pub(crate) told: String,
}

impl Reloaded {
    /// This is in force now; it differs from what was before.
    pub(crate) fn changed(told: impl Into<String>) -> Self {
        Self { changed: true, told: told.into() }
    }

    /// This is in force, as it was before.
    pub(crate) fn unchanged(told: impl Into<String>) -> Self {
        Self { changed: false, told: told.into() }
    }

    fn of(changed: bool, told: impl Into<String>) -> Self {
        Self { changed, told: told.into() }
    }
}

/// Where settings come from, asked for each reload.
pub type Reread = Box<dyn Fn() -> Result<Settings, Problem> + Send + Sync>;

/// What a running port keeps for it.
pub(crate) struct Reloading {
    source: OnceLock<Reread>,
    in_force: RwLock<Arc<Settings>>,
    /// One at a time: two could leave the parts of one mixed with those of the other.
    turn: tokio::sync::Mutex<()>,
}

impl Reloading {
    /// Begins with these settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            source: OnceLock::new(),
            in_force: RwLock::new(Arc::new(settings.clone())),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Names where settings are read again. Without it those of the start are taken once more.
    pub(crate) fn read_from(&self, source: Reread) {
        // It is named once, by the start.
        let _ = self.source.set(source);
    }

    /// The settings in force, as far as they can change while the port runs.
    pub(crate) fn in_force(&self) -> Arc<Settings> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads everything again. `by`: who or what asked, for log and record.
pub(crate) async fn reload(port: &Port, who: Option<&Principal>, by: &str) -> ReloadAnswer {
    let _turn = port.reloading.turn.lock().await;
    let mut parts = Parts::default();
    let settings = read_settings(port, &mut parts).await;
    parts.take(
        "certificate",
        match &port.certificate {
            Some(own) => own.reload(&settings).await,
            None => Ok(Reloaded::unchanged("none: no listener speaks TLS")),
        },
    );
    parts.take("authorities", port.gate.certificates.reload(&settings).await);
    parts.take("issuers", port.gate.issuers.reload(&settings).await);
    parts.take("macaroons", port.gate.macaroons.reload(&settings).await);
    parts.take("accounts", port.gate.accounts.reload(&settings).await);
    let refused = parts.take("rules", rules::reload(port.rights(), &settings).await);
    parts.take("sign-in", Ok(port.gate.reload(&settings)));
    parts.take("audit", Ok(port.audit.reload(&settings)));
    let answer = parts.answer(needs_restart(&port.settings, &settings));
    *port.reloading.in_force.write().unwrap_or_else(PoisonError::into_inner) = settings;
    tell(port, who, by, &answer);
    if let Some(why) = refused {
        port.audit.tell(Event::PolicyRefused, who, "", why);
    }
    answer
}

#[derive(Default)]
struct Parts(Vec<ReloadedPart>);

impl Parts {
    /// Notes what a part did; answers why not.
    fn take(&mut self, part: &str, outcome: Result<Reloaded, Problem>) -> Option<String> {
        let part = part.to_owned();
        match outcome {
            Ok(Reloaded { changed, told }) => {
                let outcome = if changed { ReloadOutcome::Changed } else { ReloadOutcome::Unchanged };
                self.0.push(ReloadedPart { part, outcome, detail: told });
                None
            }
            Err(problem) => {
                let detail = problem.detail.trim().to_owned();
                self.0.push(ReloadedPart { part, outcome: ReloadOutcome::Kept, detail: detail.clone() });
                Some(detail)
            }
        }
    }

    fn answer(self, needs_restart: Vec<String>) -> ReloadAnswer {
        let complete = self.0.iter().all(|part| part.outcome != ReloadOutcome::Kept);
        ReloadAnswer { complete, parts: self.0, needs_restart }
    }
}

/// The settings as they are written now; where they cannot be used, those in force.
async fn read_settings(port: &Port, parts: &mut Parts) -> Arc<Settings> {
    let former = port.reloading.in_force();
    // Small files that an operator has just written: not worth another thread.
    match port.reloading.source.get().map_or_else(|| Ok((*former).clone()), |read| read()) {
        Ok(settings) => {
            let told = if settings == *former { "as they were" } else { "read" };
            parts.take("settings", Ok(Reloaded::of(settings != *former, told)));
            Arc::new(settings)
        }
        Err(problem) => {
            parts.take("settings", Err(problem));
            former
        }
    }
}

/// Settings that differ from those of the start, and that only a start can change.
fn needs_restart(started: &Settings, wanted: &Settings) -> Vec<String> {
    // A new section has to be named here: it either has a part above, or needs a restart.
    #[rustfmt::skip]
    let Settings {
        data_dir, listen, limits, archive, staging, namespaces, log, sign_in, shares, responder,
        policy: _, rules: _, embargoes: _, accounts: _, groups: _, issuers: _, certificates: _, macaroons: _, audit: _,
        metrics: Metrics { anonymous: _ },
    } = wanted;
    let Listen { address, tls, certificate: _, key: _, names: _, plain } = listen;
    let limits = crate::settings::Limits { failed_sign_ins: started.limits.failed_sign_ins, ..limits.clone() };
    let sign_in = SignIn { query_tokens: started.sign_in.query_tokens, ..sign_in.clone() };
    let mut served = namespaces.clone();
    for (namespace, former) in served.iter_mut().zip(&started.namespaces) {
        namespace.anonymous = former.anonymous;
    }
    let table = [
        ("data_dir", started.data_dir != *data_dir),
        ("listen.address", started.listen.address != *address),
        ("listen.tls", started.listen.tls != *tls),
        ("listen.plain", started.listen.plain != *plain),
        ("limits (all but failed_sign_ins)", started.limits != limits),
        ("archive", started.archive != *archive),
        ("staging", started.staging != *staging),
        ("namespace (all but anonymous)", started.namespaces != served),
        ("sign_in (all but query_tokens)", started.sign_in != sign_in),
        ("shares", started.shares != *shares),
        ("responder", started.responder != *responder),
        ("log", started.log != *log),
    ];
    table.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
}

fn tell(port: &Port, who: Option<&Principal>, by: &str, answer: &ReloadAnswer) {
    let told = to_text(answer);
    for line in told.lines() {
        tracing::info!("reload by {by}: {line}");
    }
    let reason = told.trim_end().replace('\n', "; ");
    let record = if who.is_some() { reason } else { format!("by {by}: {reason}") };
    port.audit.tell(audit::Event::Reload, who, "", sentence(&record));
}

/// What the text says of a part that could not be read.
pub const KEPT: &str = "kept: the former stays in force: ";

/// One line for each part, and one for what needs a restart.
pub fn to_text(answer: &ReloadAnswer) -> String {
    let mut text = String::new();
    for ReloadedPart { part, outcome, detail } in &answer.parts {
        let detail = detail.replace('\n', " · ");
        match outcome {
            ReloadOutcome::Kept => text.push_str(&format!("{part} {KEPT}{detail}\n")),
            _ => text.push_str(&format!("{part} {}: {detail}\n", outcome.name())),
        }
    }
    for name in &answer.needs_restart {
        text.push_str(&format!("{name}: needs a restart\n"));
    }
    text
}
