//! The keys of one issuer: how long they are good, when they are fetched again, and by whom only once at a time.

use super::IssuerState;
use super::fetch::{Fetch, FetchError};
use identity::jwt::KeySet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use terms::Timestamp;

/// After a failure the issuer is left alone for so long; requests that need it fail at once meanwhile.
const AFTER_FAILURE: Duration = Duration::from_secs(20);

/// An unknown key makes us ask at most this often: anybody can send tokens that name one.
const UNKNOWN_KEY_EVERY: Duration = Duration::from_mins(1);

/// The keys of one issuer. Clones are one.
#[derive(Clone)]
pub(super) struct Keyring {
    shared: Arc<Shared>,
}

struct Shared {
    source: Box<dyn Fetch>,
    refresh: Duration,
    keep: Duration,
    state: Mutex<State>,
    /// Held by whoever is asking the issuer: others wait for the answer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// When the issuer was asked last.
    asked: Option<Instant>,
    failure: Option<Failure>,
}

struct Held {
    answer: Answer,
    at: Instant,
    wall: Timestamp,
}

struct Failure {
    at: Instant,
    wall: Timestamp,
    why: String,
}

/// Keys in force. The generation grows with every change of the keys.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) keys: Arc<KeySet>,
    pub(super) generation: u64,
}

/// There are no keys, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failed {
    why: String,
    pub(super) again_in: Duration,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Keyring {
    pub(super) fn new(source: impl Fetch + 'static, refresh: Duration, keep: Duration) -> Self {
        let (state, asking) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { shared: Arc::new(Shared { source: Box::new(source), refresh, keep, state, asking }) }
    }

    /// The keys, from memory as long as they are good; else the issuer is asked.
    pub(super) async fn current(&self, now: Instant) -> Result<Answer, Failed> {
        if let Some(answer) = self.good(now) {
            return Ok(answer);
        }
        let _turn = self.shared.asking.lock().await;
        // Somebody else may have asked while this one waited.
        if let Some(answer) = self.good(now) {
            return Ok(answer);
        }
        if let Some(failed) = self.failed_lately(now) {
            return Err(failed);
        }
        self.ask(now).await;
        self.good(now).ok_or_else(|| {
            self.failed_lately(now).unwrap_or(Failed { why: "they are too old".to_owned(), again_in: AFTER_FAILURE })
        })
    }

    /// Keys that are newer than these, if the issuer has any. It is not asked for that too often.
    pub(super) async fn newer_than(&self, generation: u64, now: Instant) -> Option<Answer> {
        let newer = || self.good(now).filter(|answer| answer.generation > generation);
        let _turn = self.shared.asking.lock().await;
        if let Some(answer) = newer() {
            return Some(answer);
        }
        if self.asked_lately(now) {
            return None;
        }
        self.ask(now).await;
        newer()
    }

    /// Is it time to fetch them again, or for the first time?
    pub(super) fn wants_refresh(&self, now: Instant) -> bool {
        let fresh = self.state_of(|state| {
            state.held.as_ref().is_some_and(|held| now.saturating_duration_since(held.at) < self.shared.refresh)
        });
        !fresh && self.failed_lately(now).is_none()
    }

    /// Fetches them without anybody waiting.
    pub(super) fn refresh_in_background(self) {
        tokio::spawn(async move {
            let _turn = self.shared.asking.lock().await;
            let now = Instant::now();
            if self.wants_refresh(now) {
                self.ask(now).await;
            }
        });
    }

    /// Has the issuer asked although the keys may be good: an operator wants to see what it has now.
    pub(super) fn ask_in_background(self) {
        tokio::spawn(async move {
            let _turn = self.shared.asking.lock().await;
            self.ask(Instant::now()).await;
        });
    }

    /// Are these the keys in force?
    pub(super) fn is_of(&self, generation: u64, now: Instant) -> bool {
        self.good(now).is_some_and(|answer| answer.generation == generation)
    }

    pub(super) fn state(&self, issuer: &str) -> IssuerState {
        let now = Instant::now();
        let answer = self.good(now);
        self.state_of(|state| {
            let fetched = state.held.as_ref().map(|held| held.wall);
            IssuerState {
                issuer: issuer.to_owned(),
                keys: answer.iter().flat_map(|answer| answer.keys.names()).map(str::to_owned).collect(),
                fetched,
                until: fetched.map(|fetched| fetched.after(self.shared.keep)),
                failure: state.failure.as_ref().map(|failure| (failure.wall, failure.why.clone())),
            }
        })
    }

    fn asked_lately(&self, now: Instant) -> bool {
        let lately = |asked: Instant| now.saturating_duration_since(asked) < UNKNOWN_KEY_EVERY;
        self.state_of(|state| state.asked).is_some_and(lately)
    }

    fn state_of<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn good(&self, now: Instant) -> Option<Answer> {
        self.state_of(|state| {
            let held = state.held.as_ref()?;
            (now.saturating_duration_since(held.at) < self.shared.keep).then(|| held.answer.clone())
        })
    }

    fn failed_lately(&self, now: Instant) -> Option<Failed> {
        self.state_of(|state| {
            let failure = state.failure.as_ref()?;
            let again_in = AFTER_FAILURE.saturating_sub(now.saturating_duration_since(failure.at));
            (!again_in.is_zero()).then(|| Failed { why: failure.why.clone(), again_in })
        })
    }

    /// Asks the issuer. The caller holds the turn.
    async fn ask(&self, now: Instant) {
        let answer = self.shared.source.fetch().await;
        let wall: Timestamp = SystemTime::now().into();
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked = Some(now);
        match answer {
            Ok(keys) => {
                let before = state.held.as_ref().map(|held| held.answer.clone());
                let answer = match before {
                    Some(answer) if *answer.keys == keys => answer,
                    before => {
                        let generation = before.map_or(1, |answer| answer.generation + 1);
                        Answer { keys: Arc::new(keys), generation }
                    }
                };
                state.held = Some(Held { answer, at: now, wall });
                state.failure = None;
            }
            Err(FetchError(why)) => {
                tracing::warn!(issuer = self.shared.source.issuer(), %why, "the keys of an issuer cannot be fetched");
                state.failure = Some(Failure { at: now, wall, why });
            }
        }
    }
}
