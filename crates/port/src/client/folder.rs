//! The entries of a folder, as they arrive.

use terms::Problem;
use tokio::sync::mpsc;

use super::entry::Entry;

/// Entries that wait for whoever reads them: enough to hide the turns of two tasks, and no more memory than that.
pub(crate) const WAITING_ENTRIES: usize = 256;

/// The entries of one folder. Ends after the last, or after a problem.
#[derive(Debug)]
pub struct Listing {
    entries: mpsc::Receiver<Result<Entry, Problem>>,
}

impl Listing {
    /// A listing, and where its entries come from.
    pub(crate) fn new() -> (mpsc::Sender<Result<Entry, Problem>>, Self) {
        let (sender, entries) = mpsc::channel(WAITING_ENTRIES);
        (sender, Self { entries })
    }

    /// The next entry; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Entry, Problem>> {
        self.entries.recv().await
    }

    /// All that are left, sorted by name: for people. Keeps all in memory.
    pub async fn sorted(mut self) -> Result<Vec<Entry>, Problem> {
        let mut all = Vec::new();
        while let Some(entry) = self.next().await {
            all.push(entry?);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}
