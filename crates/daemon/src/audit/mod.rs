//! The record of who did what: every decision that counts, and whatever else changes who may do what. JSON lines in
//! `<data_dir>/audit/`, appended to and never changed; each line carries the SHA-256 of the one before.
//!
//! What is promised:
//!
//! - **Nothing waits for it but administration.** A request hands its line to a queue of `QUEUE_LINES` and goes on. One
//!   thread writes at once, and makes durable at most `SYNC_EVERY` later: so much may be missing after a power cut, and
//!   what was just handed over after a kill of the process. Commands to the port itself are answered only once their
//!   lines are durable (`Audit::settled`).
//! - **Nothing is lost in silence.** Where the disk refuses, lines wait in the queue; when that is full, they are counted,
//!   and the number is written as soon as there is room. Meanwhile the first page warns, commands to the port are refused,
//!   and data are served or refused as the settings say.
//! - **Nobody can flood it.** Of refusals from one source a number a minute is written, of the rest their count.
//! - **No secret is in it.** It holds names and ids of credentials only.

mod chain;
mod event;
mod filter;
mod inbox;
mod read;
mod segments;
mod suppress;
mod text;
mod verify;
mod writer;

pub use filter::Filter;
pub use read::{Page, Tail};
pub use text::{CSV_HEADER, to_csv, to_text};
pub use verify::{Fault, Verified, verify};

pub use event::Event;
pub(crate) use event::REQUEST;
pub use inbox::leave;

use crate::problems::sentence;
use crate::reload::Reloaded;
use crate::settings::{Settings, WhenUnwritable};
use event::seen_by;
use policy::{Ask, Decision, Effect, Witness};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use terms::{Blame, Principal, Problem, Retry, Verb};
use tokio::sync::watch;
use writer::{Shared, Standing};

#[cfg(test)]
mod tests;

/// Lines that may wait to be written, of about 500 bytes each: at most 32 MiB, and several seconds of a busy door.
pub(crate) const QUEUE_LINES: usize = 65_536;

/// A line is on the disk at most this long after it was written. Half of what is promised, as a sync itself takes time.
pub(crate) const SYNC_EVERY: Duration = Duration::from_millis(500);

/// How long a command to the port waits for its lines to be durable, before the disk is held to be failing.
const SETTLE_TIME: Duration = Duration::from_secs(5);

/// Those who may follow at once; each costs a task and reads what is new once.
const FOLLOWERS: usize = 16;

/// Where the record of this data directory is.
pub fn directory(settings: &Settings) -> PathBuf {
    settings.data_dir.join("audit")
}

/// The record, to be told. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Audit {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    directory: PathBuf,
    reads: AtomicBool,
    refuse_when_unwritable: AtomicBool,
    followers: AtomicUsize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Opens the record, mends what a crash left torn, and begins to write.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Problem> {
        let directory = directory(settings);
        let (shared, thread) = writer::start(&directory, &settings.audit)?;
        Ok(Self {
            handle: Arc::new(Handle {
                shared,
                directory,
                reads: AtomicBool::new(settings.audit.reads),
                refuse_when_unwritable: AtomicBool::new(settings.audit.when_unwritable == WhenUnwritable::Refuse),
                followers: AtomicUsize::new(0),
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// Takes over what the settings say of the record.
    pub(crate) fn reload(&self, settings: &Settings) -> Reloaded {
        let refuse = settings.audit.when_unwritable == WhenUnwritable::Refuse;
        let other = self.handle.reads.swap(settings.audit.reads, Ordering::Relaxed) != settings.audit.reads;
        let other = self.handle.refuse_when_unwritable.swap(refuse, Ordering::Relaxed) != refuse || other;
        let other = self.handle.shared.keep(&settings.audit) || other;
        let reads = if settings.audit.reads { "permitted reads too" } else { "no permitted reads" };
        let told = format!("{reads}, kept for {}", settings.audit.keep);
        if other { Reloaded::changed(told) } else { Reloaded::unchanged(told) }
    }

    /// Something happened that is no decision. `subject`: the id of the token, share or session that it is about.
    /// `told`: what exactly; never a secret.
    pub(crate) fn tell(&self, event: Event, who: Option<&Principal>, subject: &str, told: impl Into<String>) {
        let mut record = event.record(told.into());
        record.subject = Some(subject.to_owned()).filter(|subject| !subject.is_empty());
        if let Some(who) = who {
            seen_by(&mut record, who);
        }
        self.handle.shared.push(record);
    }

    /// Somebody presented credentials that were refused.
    pub(crate) fn sign_in_failed(&self, from: std::net::IpAddr, tls: bool, problem: &Problem) {
        let mut record = Event::SignInFailed.record(sentence(&problem.detail));
        record.subject = Some(problem.kind.to_owned());
        record.from = Some(from.to_canonical().to_string());
        record.tls = Some(tls);
        self.handle.shared.push(record);
    }

    /// Waits until all that was told so far is durable.
    pub(crate) async fn settled(&self) -> Result<(), Problem> {
        let ticket = self.handle.shared.hurry();
        let mut standing = self.handle.shared.standing();
        let wait = standing.wait_for(|standing| standing.durable >= ticket || standing.failing.is_some());
        // What it answers holds a lock, which must be given back before anything else is asked.
        let durable = match tokio::time::timeout(SETTLE_TIME, wait).await {
            Ok(Ok(standing)) => standing.durable >= ticket,
            _ => false,
        };
        if durable { Ok(()) } else { Err(unwritable(self.failing())) }
    }

    /// May something be commanded that has to be recorded?
    pub(crate) fn ready(&self) -> Result<(), Problem> {
        self.failing().map_or(Ok(()), |why| Err(unwritable(Some(why))))
    }

    /// The same for data, which go on unless the settings say otherwise.
    pub(crate) fn ready_for_data(&self) -> Result<(), Problem> {
        // One load in the ordinary case.
        if self.handle.refuse_when_unwritable.load(Ordering::Relaxed) { self.ready() } else { Ok(()) }
    }

    /// What the first page says of it; nothing when all is well.
    pub(crate) fn warning(&self) -> Option<String> {
        let lost = self.handle.shared.lost_total();
        match self.failing() {
            Some(why) => Some(format!("The audit record cannot be written: {why}")),
            None if lost > 0 => Some(format!("{lost} lines of the audit record were lost since the start")),
            None => None,
        }
    }

    /// Lines lost since the start because the queue was full.
    pub(crate) fn lost_total(&self) -> u64 {
        self.handle.shared.lost_total()
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.handle.directory
    }

    /// Leave to follow it, until that is dropped.
    pub(crate) fn follow(&self) -> Result<Follower, Problem> {
        let others = self.handle.followers.fetch_add(1, Ordering::Relaxed);
        let follower = Follower { audit: self.clone(), standing: self.handle.shared.standing() };
        if others < FOLLOWERS { Ok(follower) } else { Err(too_many_follow()) }
    }

    /// Writes what waits, and ends the thread.
    pub(crate) async fn close(&self) {
        self.handle.shared.close();
        let thread = self.handle.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread was told by itself.
            let _ = tokio::task::spawn_blocking(move || drop(thread.join())).await;
        }
    }

    fn failing(&self) -> Option<String> {
        let thread = self.handle.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.as_ref().is_some_and(JoinHandle::is_finished) {
            return Some("the thread that writes it has ended by a fault of the program".to_owned());
        }
        drop(thread);
        self.handle.shared.standing().borrow().failing.clone()
    }
}

impl Witness for Audit {
    fn saw(&self, ask: &Ask<'_>, decision: &Decision) {
        if decision.effect == Effect::Allow && is_look(ask.verb) && !self.handle.reads.load(Ordering::Relaxed) {
            return;
        }
        self.handle.shared.push(event::decision(ask, decision));
    }
}

/// What changes nothing and tells nothing of others' credentials: told only where the settings ask for it.
const fn is_look(verb: Verb) -> bool {
    matches!(verb, Verb::List | Verb::Stat | Verb::Read | Verb::ReadMetrics | Verb::SeeTransfers)
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Leave to follow.
pub(crate) struct Follower {
    audit: Audit,
    standing: watch::Receiver<Standing>,
}

impl Follower {
    /// Until something new was written.
    pub(crate) async fn changed(&mut self) {
        if self.standing.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.audit.handle.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

fn unwritable(why: Option<String>) -> Problem {
    Problem {
        status: 503,
        kind: "audit-unwritable",
        title: "The audit record cannot be written",
        detail: format!("{}.", why.as_deref().unwrap_or("The disk did not take it in time")),
        blame: Blame::Storage,
        retry: Retry::After(Duration::from_secs(10)),
        next: "Make room for `audit` in the data directory; the log says more.".to_owned(),
    }
}

fn too_many_follow() -> Problem {
    Problem {
        status: 503,
        kind: "too-many-followers",
        title: "Too many follow the audit record",
        detail: format!("{FOLLOWERS} follow it already."),
        blame: Blame::Caller,
        retry: Retry::After(Duration::from_secs(10)),
        next: "Ask for pages instead, or end one of the others.".to_owned(),
    }
}
