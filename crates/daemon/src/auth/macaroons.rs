//! Macaroons: the keys that sign them, and whose one is.
//!
//! Keys lie in the archive, so that several machines that share one know each other's macaroons. What takes a macaroon
//! back: its end; the revocation of the local token that it was asked for with; a rule that its caller loses; and, for
//! all of them at once, that the keys are forgotten.

use super::Presented;
use super::local::LocalTokens;
use crate::problems::{archive_problem, unauthenticated};
use crate::reload::Reloaded;
use crate::secret::random;
use crate::settings::{self, Settings};
use archive::{Archive, SecretRecord};
use identity::macaroon::{Format, Fresh, Macaroon, Presented as Where, Refusal, RootKey};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use terms::{CredentialForm, Identity, Problem, Timestamp};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What the keys of macaroons are called in the archive.
pub const MACAROON_KEYS: &str = "macaroon";

/// Keys are read again after this long: so soon does another machine learn that they were forgotten.
const KEYS_KEPT: Duration = super::REVOCATION_DELAY;

/// Knows the keys.
pub(crate) struct Macaroons {
    archive: Archive,
    settings: RwLock<settings::Macaroons>,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    known: Vec<Key>,
    read: Option<Instant>,
}

#[derive(Clone)]
struct Key {
    root: RootKey,
    id: Uuid,
    created: Timestamp,
    retired: Option<Timestamp>,
}

/// A macaroon just made.
pub(crate) struct Minted {
    /// Its text.
    pub(crate) text: Zeroizing<String>,
    /// Its id.
    pub(crate) id: String,
    /// When it ends.
    pub(crate) expires: Option<Timestamp>,
}

/// Why none was made.
pub(crate) enum NotMinted {
    /// What was asked for cannot be.
    Refused(Refusal),
    /// We could not.
    Failed(Problem),
}

impl Macaroons {
    pub(crate) async fn open(settings: &Settings, archive: Archive) -> Result<Self, Problem> {
        let opened = Self { archive, settings: RwLock::new(settings.macaroons.clone()), keys: Mutex::default() };
        opened.read_keys(Instant::now()).await?;
        Ok(opened)
    }

    /// Puts other settings into force, and reads the keys again at once. On failure all of the former stays in force.
    pub(crate) async fn reload(&self, settings: &Settings) -> Result<Reloaded, Problem> {
        self.read_keys(Instant::now()).await?;
        let former = {
            let mut current = self.settings.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, settings.macaroons.clone())
        };
        let told = format!("{} keys", self.lock().known.len());
        Ok(if former == settings.macaroons { Reloaded::unchanged(told) } else { Reloaded::changed(told) })
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> settings::Macaroons {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whose macaroon this is. The token that it was asked for with must still be good.
    pub(super) async fn identify(
        &self,
        text: &str,
        local: &LocalTokens,
        at: &Presented<'_>,
    ) -> Result<Identity, Problem> {
        let macaroon = Macaroon::parse(text).map_err(|refusal| refused(&refusal))?;
        let id = macaroon.key_id().ok_or_else(|| refused(&Refusal::Foreign))?;
        let key = self.key(id, at.now).await?.ok_or_else(unknown_key)?;
        let verified = key.verify(&macaroon).map_err(|refusal| refused(&refusal))?;
        let parent = verified.parent();
        if parent.form == CredentialForm::LocalToken {
            local.check(&parent.id, at).await?;
        }
        verified.identify(Where { now: at.wall, from: Some(at.from) }).map_err(|refusal| refused(&refusal))
    }

    /// Makes one for this caller.
    pub(crate) async fn mint(
        &self,
        location: &str,
        minter: &Identity,
        caveats: &[String],
        wall: Timestamp,
    ) -> Result<Minted, NotMinted> {
        let key = self.signing_key(wall).await.map_err(NotMinted::Failed)?;
        let fresh = Fresh { id: Uuid::now_v7().into_bytes(), nonce: *random().map_err(NotMinted::Failed)? };
        let make = || {
            let bare = key.mint(location, fresh, minter, wall)?;
            let macaroon = caveats.iter().try_fold(bare, |macaroon, caveat| macaroon.add_caveat(caveat))?;
            // Nothing is handed out that would not be understood when it comes back.
            let verified = key.verify(&macaroon)?;
            let text = macaroon.serialize(Format::V1);
            Macaroon::parse(&text)?;
            Ok(Minted { text, id: verified.id().to_owned(), expires: verified.expires() })
        };
        make().map_err(NotMinted::Refused)
    }

    /// The key of this name. A name that is not known may be that of a key just made elsewhere: then all are read anew.
    async fn key(&self, id: &str, now: Instant) -> Result<Option<RootKey>, Problem> {
        let find = |keys: &Keys| keys.known.iter().find(|key| key.root.id() == id).map(|key| key.root.clone());
        let known = {
            let keys = self.lock();
            let fresh = keys.read.is_some_and(|read| now.duration_since(read) < KEYS_KEPT);
            find(&keys).filter(|_| fresh)
        };
        if known.is_some() {
            return Ok(known);
        }
        self.read_keys(now).await?;
        Ok(find(&self.lock()))
    }

    /// The key that makes macaroons now.
    async fn signing_key(&self, wall: Timestamp) -> Result<RootKey, Problem> {
        self.read_keys(Instant::now()).await?;
        let key_lifetime = self.settings().key_lifetime.0;
        let current = {
            let keys = self.lock();
            let fit = |key: &&Key| key.retired.is_none() && wall < key.created.after(key_lifetime);
            keys.known.iter().rfind(fit).map(|key| key.root.clone())
        };
        match current {
            Some(key) => Ok(key),
            None => self.change_keys(wall).await,
        }
    }

    /// Makes a new key, retires those before it, and forgets those that no macaroon can need any more.
    async fn change_keys(&self, wall: Timestamp) -> Result<RootKey, Problem> {
        let failed = |error| archive_problem("change the key of macaroons", &error);
        let secret = random::<32>()?;
        let record = SecretRecord {
            id: Uuid::now_v7(),
            purpose: MACAROON_KEYS.to_owned(),
            secret: Zeroizing::new(secret.to_vec()),
            created: wall,
            retired: None,
        };
        self.archive.record_secret(&record).await.map_err(failed)?;
        let former = self.lock().known.clone();
        for key in former {
            match key.retired {
                None => self.archive.retire_secret(key.id, wall).await.map_err(failed)?,
                Some(at) if at.after(settings::Macaroons::LIFETIME_LIMIT.0) < wall => {
                    self.archive.forget_secret(key.id).await.map_err(failed)?;
                }
                Some(_) => {}
            }
        }
        tracing::info!("macaroons are made with a new key ({})", record.id.as_simple());
        self.read_keys(Instant::now()).await?;
        Ok(RootKey::new(record.id.as_simple().to_string(), secret))
    }

    async fn read_keys(&self, now: Instant) -> Result<(), Problem> {
        let records = self.archive.secrets(MACAROON_KEYS).await;
        let records = records.map_err(|error| archive_problem("read the keys of macaroons", &error))?;
        let mut keys = self.lock();
        keys.known = records.iter().filter_map(key_of).collect();
        keys.read = Some(now);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(record: &SecretRecord) -> Option<Key> {
    let mut secret = Zeroizing::new([0; 32]);
    if record.secret.len() != secret.len() {
        tracing::error!("the key {} of macaroons has not 32 bytes: macaroons made with it are refused", record.id);
        return None;
    }
    secret.copy_from_slice(&record.secret);
    let root = RootKey::new(record.id.as_simple().to_string(), secret);
    Some(Key { root, id: record.id, created: record.created, retired: record.retired })
}

fn unknown_key() -> Problem {
    unauthenticated(
        "macaroon-unknown",
        "The key that this macaroon was made with is not known here, or no longer.".to_owned(),
        "Ask for another macaroon.",
    )
}

fn refused(refusal: &Refusal) -> Problem {
    let (kind, next) = match refusal {
        Refusal::Malformed(_) | Refusal::Long | Refusal::ManyCaveats | Refusal::LongCaveat => {
            ("credentials-malformed", "Send `Authorization: Bearer TOKEN`, or the token as the password of Basic.")
        }
        Refusal::Over(_) => ("token-expired", "Ask for another macaroon."),
        Refusal::Elsewhere { .. } => ("macaroon-elsewhere", "Use it from where its caveat says, or ask for another."),
        Refusal::ThirdParty | Refusal::UnknownCaveat(_) | Refusal::UnreadableCaveat { .. } => {
            ("macaroon-not-understood", "Narrow it only by caveats that are known here: see the guide to macaroons.")
        }
        Refusal::Foreign | Refusal::Altered | Refusal::OtherVersion => {
            ("macaroon-unknown", "Ask for another macaroon.")
        }
    };
    unauthenticated(kind, sentence(refusal), next)
}

/// What a refusal says, as a sentence.
pub(crate) fn sentence(refusal: &Refusal) -> String {
    let text = refusal.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
