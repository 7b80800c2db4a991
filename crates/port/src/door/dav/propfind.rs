//! PROPFIND (RFC 4918 §9.1), of depth 0 and 1.

use super::refused::Refused;
use super::{now, read_body, xml};
use crate::door::listing::FolderRecords;
use crate::door::{DataRequest, Door, media, problem};
use crate::store::{Entry, Metadata, Space};
use archive::{FileRecord, Property};
use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode};
use net::Body;
use port_core::dav::{
    self, Answer, Depth, Facts, Kind, Live, Lock, Name, Precondition, Propfind, Quota, StoredProperty,
};
use std::collections::HashMap;
use std::io;
use terms::{LogicalPath, Principal, Problem, Verb};

/// Folders up to this many entries are answered at once, with a length; larger ones as a stream. At some 800 bytes an
/// entry, 400 kB.
const STREAM_FROM_ENTRIES: usize = 500;
/// Bytes of a stream handed over at a time.
const PIECE_BYTES: usize = 64 * 1024;

pub(super) async fn handle(door: &Door, data: DataRequest) -> Result<Response<Body>, Refused> {
    let DataRequest { path, principal, parts, body, .. } = data;
    door.authorise(&principal, Verb::Stat, &path, None).await?;
    let depth = dav::depth(&parts.headers, Depth::Infinity)?;
    let ask = dav::propfind(&read_body(body, dav::spec::MAX_ASK_BYTES).await?)?;
    let found = door.namespaces().stat(&path).await?;
    if found.is_folder() && depth == Depth::Infinity {
        // One request would walk the whole store (RFC 4918 §9.1 allows to refuse).
        return Err(Refused::Precondition(StatusCode::FORBIDDEN, Precondition::PropfindFiniteDepth));
    }
    let scene = Scene::of(door, &ask, &path, &found).await?;
    let mut out = dav::multistatus_open().to_owned();
    if !found.is_folder() || depth == Depth::Zero {
        let dead = door.archive().properties(&path).await.map_err(|error| problem::of_archive(&error))?;
        let dead: Vec<StoredProperty> = dead.into_iter().map(stored).collect();
        let record = scene.record_alone(door, &path, &found).await?;
        scene.write(door, &path, &found, record.as_ref(), &dead, &mut out);
        out.push_str(dav::multistatus_close());
        return Ok(xml(StatusCode::MULTI_STATUS, Body::full(out)));
    }
    door.authorise(&principal, Verb::List, &path, None).await?;
    let entries = door.namespaces().list(&path).await?;
    let mut walk = Walk::begin(door.clone(), scene, path, principal, entries).await?;
    walk.write_folder(&found, &mut out);
    if walk.left() <= STREAM_FROM_ENTRIES {
        walk.fill(&mut out, usize::MAX).await?;
        return Ok(xml(StatusCode::MULTI_STATUS, Body::full(out)));
    }
    Ok(xml(StatusCode::MULTI_STATUS, Body::stream(walk.stream(out))))
}

/// What is the same for all resources of one answer.
struct Scene {
    ask: Propfind,
    wants_record: bool,
    wants_locks: bool,
    quota: Option<Quota>,
}

impl Scene {
    async fn of(door: &Door, ask: &Propfind, path: &LogicalPath, found: &Metadata) -> Result<Self, Problem> {
        let wants = |live: Live| live.wanted(ask);
        let quota = if found.is_folder() && (wants(Live::QuotaAvailableBytes) || wants(Live::QuotaUsedBytes)) {
            match door.namespaces().resolve(path) {
                Ok(place) => place.namespace.store.space().await.ok().map(quota),
                Err(_) => None,
            }
        } else {
            None
        };
        Ok(Self {
            ask: ask.clone(),
            wants_record: [Live::GetContentType, Live::Checksums, Live::Attributes].into_iter().any(wants),
            wants_locks: wants(Live::LockDiscovery) && *ask != Propfind::Names,
            quota,
        })
    }

    async fn record_alone(
        &self,
        door: &Door,
        path: &LogicalPath,
        found: &Metadata,
    ) -> Result<Option<FileRecord>, Problem> {
        if self.wants_record && found.is_file() { door.record_of(path, found).await } else { Ok(None) }
    }

    fn write(
        &self,
        door: &Door,
        path: &LogicalPath,
        found: &Metadata,
        record: Option<&FileRecord>,
        dead: &[StoredProperty],
        out: &mut String,
    ) {
        let is_file = found.is_file();
        let etag = is_file.then(|| found.etag());
        let locks: Vec<Lock> = if self.wants_locks { door.locks().covering(path) } else { Vec::new() };
        let media_type = record.and_then(|record| record.media_type.as_deref());
        let facts = Facts {
            path,
            kind: if is_file { Kind::File } else { Kind::Folder },
            size_bytes: found.size_bytes,
            modified: found.modified,
            created: None,
            etag: etag.as_deref(),
            media_type: media_type.or(is_file.then(|| media::guess(path))),
            digests: record.map(|record| &record.digests),
            attributes: record.map(|record| &record.attributes),
            quota: self.quota.filter(|_| !is_file),
            locks: &locks,
            now: now(),
            dead,
        };
        Answer::properties(&self.ask, &facts, out);
    }
}

/// A folder on its way out.
struct Walk {
    door: Door,
    scene: Scene,
    folder: LogicalPath,
    principal: Principal,
    entries: std::vec::IntoIter<Entry>,
    records: FolderRecords,
    dead: HashMap<LogicalPath, Vec<StoredProperty>>,
    is_closed: bool,
}

impl Walk {
    async fn begin(
        door: Door,
        scene: Scene,
        folder: LogicalPath,
        principal: Principal,
        entries: Vec<Entry>,
    ) -> Result<Self, Problem> {
        let failed = |error| problem::of_archive(&error);
        let records = FolderRecords::new(&folder, entries.len());
        let mut dead: HashMap<LogicalPath, Vec<StoredProperty>> = HashMap::new();
        if wants_dead(&scene.ask) {
            for (path, property) in door.archive().properties_in(&folder).await.map_err(failed)? {
                dead.entry(path).or_default().push(stored(property));
            }
        }
        Ok(Self { door, scene, folder, principal, entries: entries.into_iter(), records, dead, is_closed: false })
    }

    fn left(&self) -> usize {
        self.entries.len()
    }

    /// The folder itself comes first, as many clients expect.
    fn write_folder(&mut self, found: &Metadata, out: &mut String) {
        let dead = self.dead.remove(&self.folder).unwrap_or_default();
        self.scene.write(&self.door, &self.folder, found, None, &dead, out);
    }

    /// Writes entries until the text has this many bytes, or all and the end.
    async fn fill(&mut self, out: &mut String, until_bytes: usize) -> Result<(), Problem> {
        while out.len() < until_bytes {
            let Some(entry) = self.entries.next() else {
                if !std::mem::replace(&mut self.is_closed, true) {
                    out.push_str(dav::multistatus_close());
                }
                return Ok(());
            };
            // A name that no path of ours can hold, or that this caller may not look at, is left out.
            let Ok(path) = self.folder.join(&entry.name) else { continue };
            let records = &mut self.records;
            let considered = records.consider(&self.door, &self.principal, Verb::Stat, &path, &entry).await?;
            let (may_stat, known) = considered;
            if !may_stat.allows() {
                continue;
            }
            let record = match known {
                Some(record) => record,
                None if self.scene.wants_record => records.take(&self.door, &path, &entry).await?,
                None => None,
            };
            let dead = self.dead.remove(&path).unwrap_or_default();
            self.scene.write(&self.door, &path, &entry.metadata, record.as_ref(), &dead, out);
        }
        Ok(())
    }

    /// The rest, piece by piece; `first` goes before it.
    fn stream(self, first: String) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
        stream::try_unfold((self, first), |(mut walk, mut piece)| async move {
            walk.fill(&mut piece, PIECE_BYTES).await.map_err(io::Error::other)?;
            if piece.is_empty() {
                return Ok(None);
            }
            Ok(Some((Bytes::from(piece), (walk, String::with_capacity(PIECE_BYTES + 1024)))))
        })
    }
}

fn wants_dead(ask: &Propfind) -> bool {
    match ask {
        Propfind::All { .. } | Propfind::Names => true,
        // What a client can set over ours counts as dead.
        Propfind::These(names) => names.iter().any(|name| Live::named(name).is_none_or(|live| !live.is_protected())),
    }
}

fn stored(property: Property) -> StoredProperty {
    StoredProperty { name: Name::new(property.namespace, property.name), xml: property.xml }
}

fn quota(space: Space) -> Quota {
    Quota {
        available_bytes: space.available_bytes,
        used_bytes: space.total_bytes.saturating_sub(space.available_bytes),
    }
}
