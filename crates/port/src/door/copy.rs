//! Copying one file inside the port.

use super::problem::{self, caller};
use super::rights::About;
use super::{Door, Said, attributes, write};
use crate::staging::{Publication, Published, Staged, Writer};
use bytes::Bytes;
use port_core::http::conditional::{Conditions, TagList};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::SystemTime;
use terms::{Algorithm, LogicalPath, Principal, Problem};

/// Bytes read at a time.
const READ_BYTES: usize = 1024 * 1024;

/// What is to be copied, and how.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) from: &'a LogicalPath,
    pub(crate) to: &'a LogicalPath,
    pub(crate) overwrite: bool,
    pub(crate) who: &'a Principal,
    /// What the decision to let the source be read was about.
    pub(crate) judged: About,
    /// What the decision to let the destination be replaced was about.
    pub(crate) replaced: About,
    /// Does whoever put the source there stay the owner? So it is when the file moves.
    pub(crate) keeps_owner: bool,
}

/// See [`Door::copy_file`]. The bytes are read and digested, not only cloned: a copy that the disk has damaged is refused
/// when the source's record says so.
pub(crate) async fn copy_file(door: &Door, order: Order<'_>) -> Result<Published, Problem> {
    let Order { from, to, overwrite, who, judged, replaced, keeps_owner } = order;
    let source = door.namespaces().resolve(from)?;
    let place = door.namespaces().resolve(to)?;
    let failed = |error: io::Error| problem::of_io(&error, &format!("copy to {to} from"), from);
    let (file, metadata) = source.open().await.map_err(failed)?;
    judged.check(from, &metadata)?;
    write::check_parent(door, to).await?;
    let record = door.record_of(from, &metadata).await?;
    let known = record.as_ref().map(|record| record.digests.clone()).unwrap_or_default();
    let mut algorithms = place.namespace.algorithms.clone();
    algorithms.extend(known.iter().map(terms::Digest::algorithm));
    let staged = door.area().create(Some(metadata.size_bytes)).map_err(failed)?;
    let writer = tokio::task::spawn_blocking(move || copy_bytes(&file, staged, &algorithms))
        .await
        .map_err(|error| failed(io::Error::other(error)))?
        .map_err(failed)?;
    writer.set_modified(metadata.modified).map_err(failed)?;
    let digests = writer.digests();
    if let Some((ours, recorded)) = digests.contradiction(&known) {
        return Err(damaged(from, &recorded.to_string(), &ours.to_string()));
    }
    let now = SystemTime::now().into();
    let attributes = attributes::of_copy(record.as_ref(), &source.namespace, &place.namespace, now);
    let attributes = attributes.map_err(|error| attributes::invalid(to, &error))?;
    let publisher = match &record {
        Some(record) if keeps_owner => record.publisher.clone(),
        _ => who.to_string(),
    };
    let media_type = record.and_then(|record| record.media_type);
    if let Some(media_type) = &media_type {
        super::media::remember(writer.staged().file(), to, media_type);
    }
    let only_new = (!overwrite).then_some(TagList::Any);
    let publication = Publication {
        place,
        staged: writer.into_staged(),
        body: None,
        digests,
        media_type,
        publisher,
        said: Said::Exactly(attributes),
        conditions: Conditions { if_none_match: only_new, ..Conditions::default() },
        may_replace: overwrite,
        judged: replaced,
    };
    door.publisher()?.publish(publication).await
}

fn copy_bytes(from: &File, staged: Staged, algorithms: &[Algorithm]) -> io::Result<Writer> {
    let writer = Writer::new(staged, algorithms);
    let mut offset = 0;
    loop {
        let mut buffer = vec![0; READ_BYTES];
        let count = from.read_at(&mut buffer, offset)?;
        if count == 0 {
            return Ok(writer);
        }
        buffer.truncate(count);
        writer.write(&[Bytes::from(buffer)])?;
        offset += count as u64;
    }
}

fn damaged(path: &LogicalPath, recorded: &str, found: &str) -> Problem {
    Problem {
        blame: terms::Blame::Storage,
        ..caller(
            500,
            "file-damaged",
            "The file is damaged",
            format!("{path} was recorded with {recorded}, and its bytes now have {found}. It was not copied."),
            "The operator should look at the disk and fetch the file again from another copy.",
        )
    }
}
