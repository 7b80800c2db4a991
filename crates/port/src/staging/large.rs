//! Publishing all other files: synced where they are, recorded in one durable transaction, renamed.

use super::Area;
use super::archivist::Archived;
use super::commit::{Job, Ready, Records, check_all, one_for_each_path, rename_all};
use super::publisher::{GroupObserver, MAX_GROUP, Step};
use crate::door::problem;
use archive::{Archive, FileRecord};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The task that publishes files whose bytes are durable already.
pub(super) struct Large {
    pub(super) area: Arc<Area>,
    pub(super) archive: Archive,
    pub(super) archived: Arc<Archived>,
    pub(super) records: Records,
    pub(super) names: Arc<tokio::sync::Mutex<()>>,
    pub(super) observe: GroupObserver,
    pub(super) die_after: Option<Step>,
}

impl Large {
    /// Until all senders are gone, or a test has it die.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Job>) {
        let mut group = Vec::new();
        while waiting.recv_many(&mut group, MAX_GROUP).await > 0 {
            (self.observe)(group.len());
            let mut rest = std::mem::take(&mut group);
            while !rest.is_empty() {
                let (now, later) = one_for_each_path(rest);
                rest = later;
                if !self.publish_group(now).await {
                    rest.into_iter().for_each(Job::die);
                    return;
                }
            }
        }
    }

    /// False: a test had it die.
    async fn publish_group(&self, group: Vec<Job>) -> bool {
        let _names = self.names.lock().await;
        // An older record of the same path must not come into the archive behind ours.
        self.archived.settled().await;
        let records = self.records.clone();
        let Ok(ready) = tokio::task::spawn_blocking(move || check_all(group, &records)).await else {
            // A panic in there: whoever waits is told by the end of the channel.
            return true;
        };
        if ready.is_empty() {
            return true;
        }
        let records: Vec<FileRecord> = ready.iter().map(|one| one.record.clone()).collect();
        if let Err(error) = self.archive.record_files(&records).await {
            refuse_all(ready, &problem::of_archive(&error));
            return true;
        }
        if self.die_after == Some(Step::Durable) {
            ready.into_iter().for_each(|one| one.job.die());
            return false;
        }
        let area = Arc::clone(&self.area);
        let Ok(renamed) = tokio::task::spawn_blocking(move || rename_all(&area, ready)).await else {
            return true;
        };
        if self.die_after == Some(Step::Renamed) {
            renamed.into_iter().for_each(|(one, _)| one.job.die());
            return false;
        }
        for (ready, outcome) in renamed {
            let _ = ready.job.answer.send(outcome);
        }
        true
    }
}

fn refuse_all(ready: Vec<Ready>, problem: &terms::Problem) {
    ready.into_iter().for_each(|one| drop(one.job.answer.send(Err(problem.clone()))));
}
