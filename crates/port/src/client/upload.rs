//! From this machine to a server.
//!
//! A small file is read first, so that the request can claim its digests and the server refuses what arrives otherwise. A
//! larger one is read, summed and sent in one pass, and compared with what the server tells afterwards. To a server that
//! knows resumable uploads, a large file goes by one, so that a broken connection costs nothing.

use bytes::Bytes;
use futures_util::Stream;
use http::header::{self, HeaderName};
use http::{Method, StatusCode};
use net::client::ClientBody;
use port_core::digest::Digester;
use port_core::http::digest as spelling;
use port_core::http::resumable::{self as draft, Limits};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use terms::{Algorithm, Digest, DigestSet, Problem};
use tokio::sync::mpsc;

use super::address::Url;
use super::blocks::BLOCK_ALGORITHMS;
use super::copy::{Course, Overwrite};
use super::download::choose;
use super::entry::Entry;
use super::fault;
use super::local::blocking;
use super::part;
use super::progress::{FileTally, Tally, Waiting, add};
use super::remote::{self, wanting};
use super::upload_state::UploadState;
use super::wire::{Ask, Payload, Reply, Sending};

/// When the file was modified, in seconds; of the ownCloud family, also sent by rclone and read by our door.
const X_OC_MTIME: HeaderName = HeaderName::from_static("x-oc-mtime");

/// Up to this size a file is read before it is sent. It holds all that fits into a few network windows, and eight
/// transfers of it take 2 MB of memory.
pub(crate) const IN_MEMORY_BYTES: u64 = 256 * 1024;

/// What is read at once. Four such pieces wait per stream.
const PIECE_BYTES: usize = 256 * 1024;
const WAITING_PIECES: usize = 4;

/// From this size on the server's word is awaited before the body is sent: a refusal costs a round trip, not a body.
const EXPECT_BYTES: u64 = 1024 * 1024;

/// One file to send.
pub(crate) struct Upload<'a> {
    pub(crate) course: &'a Arc<Course>,
    pub(crate) source: &'a Path,
    pub(crate) target: &'a Url,
    pub(crate) known: &'a Entry,
    pub(crate) file: &'a Arc<FileTally>,
}

/// What was sent: its digests, what the server says of what it has, and whether it is there at all.
struct Sent {
    digests: DigestSet,
    offered: DigestSet,
}

impl Upload<'_> {
    /// Sends; the digest that proved it, if the server offers any. When the server has other bytes than were sent, they
    /// are removed, and all is sent once more.
    pub(crate) async fn send(&self) -> Result<Option<Digest>, Problem> {
        let mut again = true;
        loop {
            let problem = match self.send_once().await {
                Ok(proof) => return Ok(proof),
                Err(problem) => problem,
            };
            if problem.kind != fault::kind::DIGEST_MISMATCH || !std::mem::take(&mut again) {
                return Err(problem);
            }
            self.course.observer.notice(&format!("{problem}; sending it again"));
        }
    }

    async fn send_once(&self) -> Result<Option<Digest>, Problem> {
        let opened = Opened::open(self.source).await?;
        let resumable = self.resumable_limits(&opened).await?;
        let sent = match resumable {
            Some(limits) => Resumable { upload: self, opened: &opened, limits }.send().await?,
            None => self.course.session.retrying(|| self.send_plain(&opened)).await?,
        };
        let proof = match opened.check_unchanged().await {
            Ok(()) => self.prove(&opened, &sent).await,
            Err(problem) => Err(problem),
        };
        let is_wrong = |problem: &Problem| [fault::kind::DIGEST_MISMATCH, fault::kind::CHANGED].contains(&problem.kind);
        if proof.as_ref().is_err_and(is_wrong) {
            // Wrong bytes must not stay under the right name; the problem is told whether or not this works.
            let _ = remote::remove(&self.course.session.wire, self.target, &self.course.tally.meter).await;
        }
        proof
    }

    async fn send_plain(&self, opened: &Opened) -> Result<Sent, Problem> {
        self.file.bytes_done.store(0, Ordering::Relaxed);
        if opened.size_bytes <= IN_MEMORY_BYTES {
            self.send_small(opened).await
        } else {
            self.send_stream(opened).await
        }
    }

    async fn send_small(&self, opened: &Opened) -> Result<Sent, Problem> {
        let (bytes, digests) = opened.read_whole(self.algorithms(), &self.course.tally).await?;
        let ask = self.put(Method::PUT, self.target);
        let ask = ask.maybe(spelling::REPR_DIGEST, spelling::write_repr_digest(&digests)).body(Payload::Bytes(bytes));
        let reply = self.answered(self.course.session.wire.send(ask).await?).await?;
        add(&self.course.tally.bytes_moved, opened.size_bytes);
        add(&self.file.bytes_done, opened.size_bytes);
        Ok(Sent { digests, offered: spelling::offered(reply.headers()) })
    }

    async fn send_stream(&self, opened: &Opened) -> Result<Sent, Problem> {
        let feed = Feed::new(self, opened, 0..opened.size_bytes);
        let mut ask = self.put(Method::PUT, self.target);
        if opened.size_bytes >= EXPECT_BYTES {
            ask = ask.with(header::EXPECT, "100-continue");
        }
        let reply = self.course.session.wire.send(feed.attach(ask)).await;
        feed.count_answer(&self.course.tally);
        let reply = self.answered(reply?).await?;
        self.course.tally.sending.count(opened.size_bytes, reply.connection());
        Ok(Sent { digests: feed.digests(self.source)?, offered: spelling::offered(reply.headers()) })
    }

    /// The request that creates or replaces the file, without its body.
    fn put<'a>(&'a self, method: Method, url: &'a Url) -> Ask<'a> {
        let ask = wanting(Ask::new(method, url, &self.course.tally.meter), &self.course.wanted());
        let modified = self.known.modified.map(|modified| modified.seconds().to_string());
        let ask = match modified {
            Some(modified) => ask.with(X_OC_MTIME, modified),
            None => ask,
        };
        let ask = self.course.saying(ask);
        if self.course.settings.overwrite == Overwrite::Never { ask.with(header::IF_NONE_MATCH, "*") } else { ask }
    }

    async fn answered(&self, reply: Reply) -> Result<Reply, Problem> {
        if reply.status().is_success() {
            return Ok(reply);
        }
        if reply.status() == StatusCode::PRECONDITION_FAILED && self.course.settings.overwrite == Overwrite::Never {
            return Err(fault::exists(self.target));
        }
        Err(self.course.session.wire.refusal("Sending to", reply).await)
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms = BLOCK_ALGORITHMS.to_vec();
        algorithms.extend(self.course.settings.digest);
        algorithms
    }

    /// Compares what was sent with what the server says that it has.
    async fn prove(&self, opened: &Opened, sent: &Sent) -> Result<Option<Digest>, Problem> {
        let settings = &self.course.settings;
        if !settings.verify {
            return Ok(None);
        }
        let (wire, meter) = (&self.course.session.wire, &self.course.tally.meter);
        let origin = wire.origin(self.target);
        let mut theirs = choose(&sent.offered, settings.digest);
        origin.digest_on_put.learn(!sent.offered.is_empty());
        let is_hopeless = origin.digest_on_head.is_known_not() && settings.digest.is_none();
        if theirs.is_none() && !is_hopeless {
            let wanted = self.course.wanted();
            let head = self.course.session.retrying(|| remote::head(wire, self.target, &wanted, meter)).await?;
            if let Some(size) = head.entry.size_bytes.filter(|size| *size != opened.size_bytes) {
                let why = format_args!("it has {size} bytes of it, {} were sent", opened.size_bytes);
                return Err(fault::misbehaved("Sending to", self.target, why));
            }
            theirs = choose(&head.digests, settings.digest);
        }
        let theirs = match (theirs, settings.digest) {
            (Some(theirs), _) => theirs,
            (None, Some(demanded)) => return Err(fault::no_digest(self.target, demanded)),
            (None, None) => return Ok(None),
        };
        let ours = match sent.digests.get(theirs.algorithm()) {
            Some(ours) => *ours,
            None => opened.digest(theirs.algorithm(), &self.course.tally).await?,
        };
        if ours == theirs { Ok(Some(theirs)) } else { Err(fault::mismatch(self.target, &ours, &theirs)) }
    }

    /// The limits of resumable uploads there, if the file is worth one and the server knows them. Asked once per server.
    async fn resumable_limits(&self, opened: &Opened) -> Result<Option<Limits>, Problem> {
        if opened.size_bytes < self.course.settings.resumable_from_bytes {
            return Ok(None);
        }
        let (wire, meter) = (&self.course.session.wire, &self.course.tally.meter);
        let ask = || async {
            let reply = wire.send(Ask::new(Method::OPTIONS, self.target, meter)).await?;
            let patches = reply.text(&HeaderName::from_static("accept-patch")).unwrap_or("");
            let knows = patches.split(',').any(|patch| patch.trim().eq_ignore_ascii_case(draft::PARTIAL_UPLOAD));
            Ok(knows.then(|| Limits::read(reply.headers()).unwrap_or_default()))
        };
        let origin = wire.origin(self.target);
        let limits = origin.resumable.get_or_try_init(|| self.course.session.retrying(ask)).await?;
        // A file beyond the limit may still pass as a whole; that the server decides.
        Ok(limits.filter(|limits| limits.max_size_bytes.is_none_or(|max| opened.size_bytes <= max)))
    }
}

/// One upload in pieces.
struct Resumable<'a> {
    upload: &'a Upload<'a>,
    opened: &'a Opened,
    limits: Limits,
}

/// Where an upload stands.
enum Standing {
    At(u64),
    Complete,
    Gone,
}

impl Resumable<'_> {
    async fn send(&self) -> Result<Sent, Problem> {
        let upload = self.upload;
        let folder = upload.course.settings.state_folder.as_deref();
        let (size, modified) = (self.opened.size_bytes, self.opened.modified);
        let state = UploadState::of(folder, upload.source, size, modified, upload.target);
        let mut location = state.as_ref().and_then(|state| state.load(upload.target));
        let mut failures = 0;
        let mut offset = 0;
        let mut is_first = true;
        loop {
            let before = offset;
            let tried = self.advance(&mut location, &mut offset, state.as_ref(), is_first).await;
            is_first = false;
            let problem = match tried {
                Ok(Some(sent)) => {
                    state.iter().for_each(UploadState::forget);
                    return Ok(sent);
                }
                Ok(None) => continue,
                Err(problem) => problem,
            };
            failures = if offset > before { 0 } else { failures + 1 };
            let wait = fault::wait_before_retry(&problem, failures);
            match wait.filter(|_| failures <= upload.course.session.retries) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    // What the server refuses for good is not worth coming back to.
                    if problem.retry == terms::Retry::Never {
                        state.iter().for_each(UploadState::forget);
                    }
                    return Err(problem);
                }
            }
        }
    }

    /// One step: creates the upload, or asks where it stands and appends. `None` when there is more to do.
    async fn advance(
        &self,
        location: &mut Option<Url>,
        offset: &mut u64,
        state: Option<&UploadState>,
        is_first: bool,
    ) -> Result<Option<Sent>, Problem> {
        let upload = self.upload;
        let at = match location {
            Some(at) => at.clone(),
            None => {
                let created = self.create().await?;
                state.iter().for_each(|state| state.save(&created));
                *location = Some(created.clone());
                *offset = 0;
                return self.append(&created, offset).await;
            }
        };
        match self.standing(&at).await? {
            Standing::Gone => {
                *location = None;
                Ok(None)
            }
            // It was complete, but the answer was lost: what is there now tells the rest.
            Standing::Complete => {
                upload.file.bytes_done.store(self.opened.size_bytes, Ordering::Relaxed);
                Ok(Some(Sent { digests: DigestSet::new(), offered: DigestSet::new() }))
            }
            Standing::At(found) => {
                if is_first {
                    add(&upload.course.tally.bytes_skipped, found);
                }
                *offset = found;
                self.append(&at, offset).await
            }
        }
    }

    /// Section 4.2: an empty request that asks for an address, because the interim response that would tell it is one that
    /// most HTTP libraries cannot send.
    async fn create(&self) -> Result<Url, Problem> {
        let upload = self.upload;
        let ask = upload
            .put(Method::PUT, upload.target)
            .with(draft::UPLOAD_COMPLETE, draft::write_boolean(false))
            .with(draft::UPLOAD_LENGTH, self.opened.size_bytes)
            .with(draft::UPLOAD_DRAFT_INTEROP_VERSION, draft::INTEROP_VERSION);
        let reply = upload.answered(upload.course.session.wire.send(ask).await?).await?;
        let location = reply.location().filter(|location| location.origin() == reply.url.origin());
        location.ok_or_else(|| fault::misbehaved("Sending to", upload.target, "it names no address for the upload"))
    }

    async fn standing(&self, at: &Url) -> Result<Standing, Problem> {
        let (wire, meter) = (&self.upload.course.session.wire, &self.upload.course.tally.meter);
        let ask = Ask::new(Method::HEAD, at, meter).with(draft::UPLOAD_DRAFT_INTEROP_VERSION, draft::INTEROP_VERSION);
        let reply = wire.send(ask).await?;
        match reply.status().as_u16() {
            404 | 410 => Ok(Standing::Gone),
            200..=299 if draft::read_boolean(reply.headers(), &draft::UPLOAD_COMPLETE) == Some(true) => {
                Ok(Standing::Complete)
            }
            200..=299 => match draft::read_integer(reply.headers(), &draft::UPLOAD_OFFSET) {
                Some(offset) if offset <= self.opened.size_bytes => Ok(Standing::At(offset)),
                _ => {
                    Err(fault::misbehaved("Resuming the upload to", self.upload.target, "it does not say what it has"))
                }
            },
            _ => Err(wire.refusal("Resuming the upload to", reply).await),
        }
    }

    /// Section 4.4.
    async fn append(&self, at: &Url, offset: &mut u64) -> Result<Option<Sent>, Problem> {
        let (upload, size) = (self.upload, self.opened.size_bytes);
        let end = size.min(offset.saturating_add(self.limits.max_append_size_bytes.unwrap_or(u64::MAX)));
        let is_last = end == size;
        upload.file.bytes_done.store(*offset, Ordering::Relaxed);
        let feed = Feed::new(upload, self.opened, *offset..end);
        let ask = wanting(Ask::new(Method::PATCH, at, &upload.course.tally.meter), &upload.course.wanted())
            .with(header::CONTENT_TYPE, draft::PARTIAL_UPLOAD)
            .with(draft::UPLOAD_OFFSET, *offset)
            .with(draft::UPLOAD_COMPLETE, draft::write_boolean(is_last))
            .with(draft::UPLOAD_DRAFT_INTEROP_VERSION, draft::INTEROP_VERSION);
        let reply = upload.course.session.wire.send(feed.attach(ask)).await;
        feed.count_answer(&upload.course.tally);
        let reply = reply?;
        if reply.status() == StatusCode::CONFLICT
            && let Some(there) = draft::read_integer(reply.headers(), &draft::UPLOAD_OFFSET)
        {
            *offset = there;
            return Ok(None);
        }
        let reply = upload.answered(reply).await?;
        upload.course.tally.sending.count(end - *offset, reply.connection());
        *offset = end;
        if !is_last {
            return Ok(None);
        }
        Ok(Some(Sent { digests: feed.digests(upload.source)?, offered: spelling::offered(reply.headers()) }))
    }
}

/// A local file as it was when the upload began.
struct Opened {
    file: Arc<File>,
    path: std::path::PathBuf,
    size_bytes: u64,
    modified: Option<terms::Timestamp>,
}

impl Opened {
    async fn open(path: &Path) -> Result<Self, Problem> {
        let path = path.to_owned();
        blocking(move || {
            let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
            let (metadata, file) = opened.map_err(|error| fault::local(&error, "open", path.display()))?;
            let modified = metadata.modified().ok().map(terms::Timestamp::from);
            Ok(Self { file: Arc::new(file), path, size_bytes: metadata.len(), modified })
        })
        .await
    }

    /// A file that was written to while it was read is neither the old nor the new one.
    async fn check_unchanged(&self) -> Result<(), Problem> {
        let file = Arc::clone(&self.file);
        let now = blocking(move || file.metadata()).await;
        let same = now.is_ok_and(|now| {
            now.len() == self.size_bytes && now.modified().ok().map(terms::Timestamp::from) == self.modified
        });
        if same { Ok(()) } else { Err(fault::changed(self.path.display())) }
    }

    async fn read_whole(&self, algorithms: Vec<Algorithm>, tally: &Arc<Tally>) -> Result<(Bytes, DigestSet), Problem> {
        let (file, size, tally) = (Arc::clone(&self.file), self.size_bytes, Arc::clone(tally));
        let read = blocking(move || {
            let disk = tally.meter.start(Waiting::Disk);
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut bytes, 0)?;
            drop(disk);
            let _digest = tally.meter.start(Waiting::Digest);
            let digests = port_core::digest::of_bytes(&algorithms, &bytes);
            Ok((Bytes::from(bytes), digests))
        });
        read.await.map_err(|error: io::Error| fault::local(&error, "read", self.path.display()))
    }

    async fn digest(&self, algorithm: Algorithm, tally: &Arc<Tally>) -> Result<Digest, Problem> {
        let (file, size, tally) = (Arc::clone(&self.file), self.size_bytes, Arc::clone(tally));
        let read = blocking(move || {
            let _digest = tally.meter.start(Waiting::Digest);
            part::digests_of(&file, 0, size, &[algorithm])
        });
        let digests = read.await.map_err(|error| fault::local(&error, "read", self.path.display()))?;
        digests.get(algorithm).copied().ok_or_else(|| fault::no_digest(self.path.display(), algorithm))
    }
}

/// A file being read, summed and sent in one pass. What lies before the range sent is summed, too, because the server
/// tells the digest of the whole.
struct Feed {
    make: Arc<dyn Fn() -> ClientBody + Send + Sync>,
    shared: Arc<Fed>,
}

/// What the reading thread and the sending side tell each other.
struct Fed {
    digests: Mutex<Option<DigestSet>>,
    ended: Mutex<Option<Instant>>,
    sent: Arc<Sending>,
}

impl Feed {
    fn new(upload: &Upload<'_>, opened: &Opened, range: Range<u64>) -> Self {
        let shared = Arc::new(Fed {
            digests: Mutex::default(),
            ended: Mutex::default(),
            sent: Sending::of(Some(range.end - range.start)),
        });
        let (file, algorithms, fed) = (Arc::clone(&opened.file), upload.algorithms(), Arc::clone(&shared));
        let (tally, progress) = (Arc::clone(&upload.course.tally), Arc::clone(upload.file));
        let make = Arc::new(move || {
            let (pieces, arriving) = mpsc::channel(WAITING_PIECES);
            let (file, digester, fed, tally) =
                (Arc::clone(&file), Digester::new(&algorithms), Arc::clone(&fed), Arc::clone(&tally));
            let (span, reading) = (range.clone(), Arc::clone(&fed));
            let meter = Arc::clone(&tally);
            tokio::task::spawn_blocking(move || read_and_sum(&file, &span, digester, &pieces, &reading, &meter));
            let stream = counted(arriving, fed, tally, Arc::clone(&progress));
            ClientBody::stream(stream, Some(range.end - range.start))
        });
        Self { make, shared }
    }

    fn attach<'a>(&self, mut ask: Ask<'a>) -> Ask<'a> {
        let make = Arc::clone(&self.make);
        ask.sent = Some(Arc::clone(&self.shared.sent));
        ask.body(Payload::Remake(Box::new(move || make())))
    }

    /// The digests of the file from its start to the end of what was sent.
    fn digests(&self, source: &Path) -> Result<DigestSet, Problem> {
        let digests = self.shared.digests.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A server that answers success before it has read all cannot have all.
        digests.ok_or_else(|| fault::cut_short(source.display(), "the server took it for done before all was sent"))
    }

    /// What passed between the last byte and the answer was waiting for the server.
    fn count_answer(&self, tally: &Tally) {
        if let Some(ended) = self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner).take() {
            tally.meter.spend(Waiting::Answer, ended.elapsed());
        }
    }
}

/// Reads from the beginning, sends from `range.start`. Blocks; ends early when nobody takes more.
fn read_and_sum(
    file: &File,
    range: &Range<u64>,
    mut digester: Digester,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
    fed: &Fed,
    tally: &Tally,
) {
    let mut at = 0;
    while at < range.end {
        let stop = if at < range.start { range.start } else { range.end };
        let want = usize::try_from(stop - at).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let reading = tally.meter.start(Waiting::Disk);
        let mut buffer = vec![0; want];
        let read = file.read_exact_at(&mut buffer, at);
        drop(reading);
        if let Err(error) = read {
            let _ = pieces.blocking_send(Err(error));
            return;
        }
        let summing = tally.meter.start(Waiting::Digest);
        digester.update(&buffer);
        drop(summing);
        let is_sent = at >= range.start;
        at += want as u64;
        if at == range.end {
            // Before the last piece is handed over: whoever has seen the end may ask for the digests.
            *fed.digests.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(std::mem::replace(&mut digester, Digester::new(&[])).finish());
        }
        let waiting = tally.meter.start(Waiting::Network);
        if is_sent && pieces.blocking_send(Ok(Bytes::from(buffer))).is_err() {
            return;
        }
        drop(waiting);
    }
    if range.end == 0 {
        *fed.digests.lock().unwrap_or_else(PoisonError::into_inner) = Some(digester.finish());
    }
}

/// Counts what is taken, and notes when the last piece was.
fn counted(
    arriving: mpsc::Receiver<io::Result<Bytes>>,
    fed: Arc<Fed>,
    tally: Arc<Tally>,
    progress: Arc<FileTally>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    futures_util::stream::unfold((arriving, fed, tally, progress), |(mut arriving, fed, tally, progress)| async move {
        let piece = arriving.recv().await;
        if let Some(Ok(bytes)) = &piece {
            let length = bytes.len() as u64;
            fed.sent.advance(length);
            add(&tally.bytes_moved, length);
            add(&progress.bytes_done, length);
            *fed.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        piece.map(|piece| (piece, (arriving, fed, tally, progress)))
    })
}
