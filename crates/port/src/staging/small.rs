//! Publishing small files: one thread, one journal frame for each group.

use super::Area;
use super::archivist::Archivist;
use super::commit::{Job, Ready, Records, check_all, one_for_each_path, rename_all};
use super::entry;
use super::journal::{Journal, Kind};
use super::publisher::{GroupObserver, MAX_GROUP, Published, Step};
use crate::door::problem;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{LogicalPath, Problem, StagedId};
use tokio::sync::mpsc;

/// How long a group waits for as many files as the one before it had: clients that send one file after another, each
/// when the last was answered, come back together, a little later. About what the durable write itself takes; a lone
/// client never waits.
const GATHER: Duration = Duration::from_millis(1);

/// How often it looks whether they have come. Looking costs less than being woken for each.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// The thread that publishes small files.
pub(super) struct Small {
    pub(super) area: Arc<Area>,
    pub(super) journal: Arc<Journal>,
    pub(super) archivist: Archivist,
    pub(super) records: Records,
    pub(super) names: Arc<tokio::sync::Mutex<()>>,
    pub(super) observe: GroupObserver,
    pub(super) die_after: Option<Step>,
}

impl Small {
    /// Until all senders are gone, or a test has it die.
    pub(super) fn run(self, mut waiting: mpsc::Receiver<Job>) {
        let mut group = Vec::new();
        let mut expected = 1;
        while waiting.blocking_recv_many(&mut group, MAX_GROUP) > 0 {
            gather(&mut waiting, &mut group, expected);
            expected = group.len();
            (self.observe)(group.len());
            let mut rest = std::mem::take(&mut group);
            while !rest.is_empty() {
                let (now, later) = one_for_each_path(rest);
                rest = later;
                if !self.publish_group(now) {
                    rest.into_iter().for_each(Job::die);
                    return;
                }
            }
        }
    }

    /// As many together as one frame can carry.
    fn parts(&self, group: Vec<Ready>) -> Vec<Vec<Ready>> {
        let max_bytes = self.journal.max_payload_bytes();
        let mut parts = vec![Vec::new()];
        let mut bytes = 0;
        for ready in group {
            let size = ready.journal_bytes();
            if bytes + size > max_bytes && bytes > 0 {
                parts.push(Vec::new());
                bytes = 0;
            }
            bytes += size;
            if let Some(last) = parts.last_mut() {
                last.push(ready);
            }
        }
        parts
    }

    /// False: a test had it die.
    fn publish_group(&self, group: Vec<Job>) -> bool {
        let _names = self.names.blocking_lock();
        let ready = check_all(group, &self.records);
        let mut parts = self.parts(ready).into_iter().filter(|part| !part.is_empty());
        while let Some(part) = parts.next() {
            if !self.publish_part(part) {
                parts.flatten().for_each(|one| one.job.die());
                return false;
            }
        }
        true
    }

    /// The same for what one frame holds. The names are held.
    fn publish_part(&self, ready: Vec<Ready>) -> bool {
        if let Err(problem) = self.make_durable(&ready) {
            ready.into_iter().for_each(|one| drop(one.job.answer.send(Err(problem.clone()))));
            return true;
        }
        if self.die_after == Some(Step::Durable) {
            ready.into_iter().for_each(|one| one.job.die());
            return false;
        }
        let renamed = rename_all(&self.area, ready);
        if self.die_after == Some(Step::Renamed) {
            renamed.into_iter().for_each(|(one, _)| one.job.die());
            return false;
        }
        self.take_back_failed(&renamed);
        let visible = renamed.iter().filter(|(_, outcome)| outcome.is_ok());
        self.archivist.record(visible.map(|(one, _)| one.record.clone()).collect());
        for (ready, outcome) in renamed {
            let _ = ready.job.answer.send(outcome);
        }
        true
    }

    fn make_durable(&self, ready: &[Ready]) -> Result<(), Problem> {
        if self.archivist.is_failing() {
            return Err(problem::archive_refuses());
        }
        let bytes = ready.iter().map(|one| one.journal_bytes()).sum();
        let mut payload = Vec::with_capacity(bytes);
        for one in ready {
            let nothing: &[Bytes] = &[];
            entry::write(one, one.job.publication.body.as_deref().unwrap_or(nothing), &mut payload);
        }
        let written = self.journal.append(Kind::Files, &payload);
        written.map_err(|error| problem::of_io(&error, "write to the journal of", &LogicalPath::root()))
    }

    /// A rename can still fail when others changed the store meanwhile. Its answer is a failure, and must stay one.
    fn take_back_failed(&self, renamed: &[(Ready, Result<Published, Problem>)]) {
        let failed = renamed.iter().filter(|(_, outcome)| outcome.is_err());
        let ids: Vec<StagedId> = failed.map(|(one, _)| one.job.publication.staged.id()).collect();
        if ids.is_empty() {
            return;
        }
        let payload: Vec<u8> = ids.iter().flat_map(|id| id.0.into_bytes()).collect();
        if let Err(error) = self.journal.append(Kind::Void, &payload) {
            tracing::error!("could not take back {} files in the journal: {error}", ids.len());
        }
    }
}

fn gather(waiting: &mut mpsc::Receiver<Job>, group: &mut Vec<Job>, expected: usize) {
    let began = Instant::now();
    while group.len() < expected && began.elapsed() < GATHER {
        std::thread::sleep(LOOK_EVERY);
        while group.len() < MAX_GROUP
            && let Ok(job) = waiting.try_recv()
        {
            group.push(job);
        }
    }
}
