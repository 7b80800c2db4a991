//! The budgets of shares: taken before the first byte moves, and given back for what did not move.
//!
//! What is taken is in the archive before anything is sent, by one statement that several processes may run at once: no
//! budget is ever exceeded. What is given back is written a second later, with what else there is; when the process is
//! killed before, it stays taken.

use super::account::{Account, units};
use crate::problems::{archive_problem, chain};
use archive::{Archive, ArchiveError, ShareRecord};
use std::collections::HashMap;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};
use terms::{Blame, LogicalPath, Problem, Retry, ShareId, Timestamp};
use tokio::sync::Notify;

/// Shares that are served at the same time without waiting for one another.
const DRAWERS: usize = 64;
/// Files per drawer of which it is remembered how much of them was sent: 64 × 512 of some 300 bytes are 10 MB. Of one
/// that is forgotten the next byte is a new download. Those on their way are never forgotten.
const ACCOUNTS_PER_DRAWER: usize = 512;
/// What is given back is gathered for so long: a tree of small files then costs one statement a second, not one each.
const WRITE_AFTER: Duration = Duration::from_secs(1);
/// Shares that are over can be looked up for so long, by those who wonder why an address ended and what came of it.
const KEEP_OVER: Duration = Duration::from_hours(90 * 24);
/// How often those that are over longer are looked for.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// When to try again where others hold what is left of the budget.
const BUSY_RETRY: Duration = Duration::from_secs(10);

/// Holds the budgets of all shares.
pub(super) struct Till {
    archive: Archive,
    drawers: [Drawer; DRAWERS],
    rung: Arc<Notify>,
}

#[derive(Default)]
struct Drawer {
    /// Held by whoever takes, until the archive has it.
    books: tokio::sync::Mutex<Books>,
    /// What ended since somebody last looked; never held for long, because a body's end cannot wait.
    ended: Mutex<Vec<Ended>>,
}

#[derive(Default)]
struct Books {
    accounts: HashMap<FileKey, Account>,
    /// Reservations on their way, by share.
    open: HashMap<ShareId, u32>,
    /// By how much the archive's counts are too high (too low, below nothing).
    owed: HashMap<ShareId, Owed>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Owed {
    downloads: i64,
    bytes: i64,
}

impl Owed {
    fn amounts(self) -> (u64, u64) {
        (self.downloads.unsigned_abs(), self.bytes.unsigned_abs())
    }
}

impl Drop for Till {
    /// Ends the task that writes for it.
    fn drop(&mut self) {
        self.rung.notify_one();
    }
}

/// One body of bytes of one file.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct FileKey {
    pub(super) share: ShareId,
    pub(super) path: LogicalPath,
    /// Its entity tag.
    pub(super) tag: String,
}

/// A file about to be sent, or a part of it.
pub(super) struct Sending {
    pub(super) key: FileKey,
    pub(super) size_bytes: u64,
    pub(super) bytes: u64,
}

struct Ended {
    share: ShareId,
    key: Option<FileKey>,
    /// Units of an account.
    unsent: u64,
    /// By how much the archive's count of bytes is too high.
    bytes: i64,
}

/// Part of a budget, set aside. What of it is not reported as moved is given back when it is dropped.
pub(super) struct Reservation {
    till: Arc<Till>,
    share: ShareId,
    key: Option<FileKey>,
    bytes: u64,
    /// Were the bytes taken from the budget, or are they only counted?
    is_taken: bool,
    moved: Option<u64>,
}

impl Reservation {
    /// So much was moved.
    pub(super) fn end(mut self, moved_bytes: u64) {
        self.moved = Some(moved_bytes);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let moved = self.moved.unwrap_or(0);
        // The whole of an empty file is as much as one byte.
        let unsent =
            if self.moved.is_some() && moved >= self.bytes { 0 } else { units(self.bytes).saturating_sub(moved) };
        let taken = if self.is_taken { signed(self.bytes) } else { 0 };
        let ended =
            Ended { share: self.share, key: self.key.take(), unsent, bytes: taken.saturating_sub(signed(moved)) };
        let drawer = self.till.drawer(self.share);
        drawer.ended.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        self.till.rung.notify_one();
    }
}

impl Till {
    pub(super) fn open(archive: Archive) -> Arc<Self> {
        let till =
            Arc::new(Self { archive, drawers: std::array::from_fn(|_| Drawer::default()), rung: Arc::default() });
        tokio::spawn(keep(Arc::downgrade(&till), Arc::clone(&till.rung)));
        till
    }

    /// Takes what sending needs. It goes on to its end when the caller gives up waiting, so that nothing is lost.
    pub(super) async fn send(self: &Arc<Self>, share: &ShareRecord, sending: Sending) -> Result<Reservation, Problem> {
        let (till, share) = (Arc::clone(self), share.clone());
        let taken = tokio::spawn(async move { till.reserve(&share, Some(sending), 0).await });
        taken.await.unwrap_or_else(|_| Err(refused(false)))
    }

    /// Takes what receiving so many bytes needs.
    pub(super) async fn receive(self: &Arc<Self>, share: &ShareRecord, bytes: u64) -> Result<Reservation, Problem> {
        let (till, share) = (Arc::clone(self), share.clone());
        let taken = tokio::spawn(async move { till.reserve(&share, None, bytes).await });
        taken.await.unwrap_or_else(|_| Err(refused(false)))
    }

    async fn reserve(
        self: Arc<Self>,
        share: &ShareRecord,
        sending: Option<Sending>,
        received_bytes: u64,
    ) -> Result<Reservation, Problem> {
        let bytes = sending.as_ref().map_or(received_bytes, |sending| sending.bytes);
        let drawer = self.drawer(share.id);
        let mut books = drawer.books.lock().await;
        books.close(drawer.take_ended());
        let now = Instant::now();
        let downloads = match &sending {
            Some(sending) => books.account(sending, now).wants(bytes),
            None => 0,
        };
        let limited = |limit: Option<u64>, wanted: u64| if limit.is_some() { wanted } else { 0 };
        let spend = (limited(share.downloads_max, downloads), limited(share.bytes_max, bytes));
        let taken = self.spend(&mut books, share.id, spend).await;
        if !taken.map_err(|error| archive_problem("take from the budget of the share", &error))? {
            return Err(refused(books.open.contains_key(&share.id)));
        }
        let owed = books.owed.entry(share.id).or_default();
        // What has no budget is only counted.
        owed.downloads -= signed(downloads - spend.0);
        *books.open.entry(share.id).or_default() += 1;
        let key = sending.map(|sending| {
            books.account(&sending, now).begin(downloads, bytes, now);
            sending.key
        });
        drop(books);
        let is_taken = share.bytes_max.is_some();
        Ok(Reservation { share: share.id, key, bytes, is_taken, moved: None, till: self })
    }

    /// Takes first what is to be given back anyway.
    async fn spend(&self, books: &mut Books, share: ShareId, wanted: (u64, u64)) -> Result<bool, ArchiveError> {
        let owed = books.owed.entry(share).or_default();
        let at_hand = |owed: i64, wanted: u64| owed.clamp(0, signed(wanted));
        let own = Owed { downloads: at_hand(owed.downloads, wanted.0), bytes: at_hand(owed.bytes, wanted.1) };
        let (downloads, bytes) = (wanted.0 - own.downloads.unsigned_abs(), wanted.1 - own.bytes.unsigned_abs());
        if downloads + bytes > 0 && !self.archive.spend_share(share, downloads, bytes).await? {
            return Ok(false);
        }
        owed.downloads -= own.downloads;
        owed.bytes -= own.bytes;
        Ok(true)
    }

    /// Writes down all that is to be given back or counted.
    pub(super) async fn settle(&self) {
        for drawer in &self.drawers {
            let mut books = drawer.books.lock().await;
            books.close(drawer.take_ended());
            for (share, mut owed) in take(&mut books.owed) {
                if let Err(error) = self.write(share, &mut owed).await {
                    tracing::warn!("the counts of the share {share} could not be written: {}", chain(&error));
                    books.owed.insert(share, owed);
                    self.rung.notify_one();
                }
            }
        }
    }

    async fn write(&self, share: ShareId, owed: &mut Owed) -> Result<(), ArchiveError> {
        let too_high = Owed { downloads: owed.downloads.max(0), bytes: owed.bytes.max(0) };
        if too_high != Owed::default() {
            let (downloads, bytes) = too_high.amounts();
            self.archive.refund_share(share, downloads, bytes).await?;
            *owed = Owed { downloads: owed.downloads.min(0), bytes: owed.bytes.min(0) };
        }
        if *owed != Owed::default() {
            let (downloads, bytes) = owed.amounts();
            self.archive.tally_share(share, downloads, bytes).await?;
        }
        Ok(())
    }

    fn drawer(&self, share: ShareId) -> &Drawer {
        // The end of an id of version 7 is random.
        &self.drawers[usize::from(share.0.as_bytes()[15]) % DRAWERS]
    }
}

impl Drawer {
    fn take_ended(&self) -> Vec<Ended> {
        take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Books {
    fn account(&mut self, sending: &Sending, now: Instant) -> &mut Account {
        if self.accounts.len() >= ACCOUNTS_PER_DRAWER && !self.accounts.contains_key(&sending.key) {
            let idle = self.accounts.iter().filter(|(_, account)| !account.is_open());
            if let Some(oldest) = idle.min_by_key(|(_, account)| account.touched).map(|(key, _)| key.clone()) {
                self.accounts.remove(&oldest);
            }
        }
        self.accounts.entry(sending.key.clone()).or_insert_with(|| Account::new(sending.size_bytes, now))
    }

    fn close(&mut self, ended: Vec<Ended>) {
        for Ended { share, key, unsent, bytes } in ended {
            let downloads = key.and_then(|key| Some(self.accounts.get_mut(&key)?.end(unsent))).unwrap_or(0);
            let owed = self.owed.entry(share).or_default();
            owed.downloads = owed.downloads.saturating_add(signed(downloads));
            owed.bytes = owed.bytes.saturating_add(bytes);
            match self.open.get_mut(&share) {
                Some(open) if *open > 1 => *open -= 1,
                _ => drop(self.open.remove(&share)),
            }
        }
    }
}

/// Writes what was given back, and forgets shares that are long over, as long as the till is there.
async fn keep(till: Weak<Till>, rung: Arc<Notify>) {
    let mut sweeps = tokio::time::interval(SWEEP_EVERY);
    loop {
        let is_sweep = tokio::select! {
            () = rung.notified() => false,
            _ = sweeps.tick() => true,
        };
        let Some(till) = till.upgrade() else { return };
        if is_sweep {
            let now = SystemTime::now();
            let before = Timestamp::from(now.checked_sub(KEEP_OVER).unwrap_or(now));
            if let Err(error) = till.archive.forget_shares_over_before(before).await {
                tracing::warn!("shares that are long over could not be forgotten: {}", chain(&error));
            }
        } else {
            tokio::time::sleep(WRITE_AFTER).await;
            till.settle().await;
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn refused(is_busy: bool) -> Problem {
    let (status, kind, title, retry, next) = if is_busy {
        let next = "Try again when they have ended: what they leave can be had then.";
        (429, "share-busy", "The share is in use", Retry::After(BUSY_RETRY), next)
    } else {
        let next = "Ask whoever gave you the address for another one.";
        (403, "share-used-up", "The share is used up", Retry::Never, next)
    };
    let detail = "This address is good for so many downloads or bytes, and fewer are left than this needs";
    Problem {
        status,
        kind,
        title,
        detail: if is_busy { format!("{detail} beside those that are on their way.") } else { format!("{detail}.") },
        blame: Blame::Caller,
        retry,
        next: next.to_owned(),
    }
}
