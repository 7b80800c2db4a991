//! From a server into a local file.
//!
//! A small file is one GET. A larger one is fetched in blocks, by several streams at once when it is large enough; what
//! is here is noted beside it, so that an interrupted download goes on where it was. The digests of blocks combine to that
//! of the whole, so that the bytes need not be read again to be proven.

use futures_util::future::Either;
use http::{Method, StatusCode, header};
use port_core::http::conditional::EntityTag;
use port_core::http::digest as spelling;
use port_core::http::range::{self, ContentRange, Slice};
use std::convert::Infallible;
use std::ops::Range;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use terms::{Algorithm, Digest, DigestSet, Problem};

use super::address::Url;
use super::blocks::{self, BLOCK_ALGORITHMS, BlockMap};
use super::copy::Course;
use super::entry::{Entry, Kind};
use super::fault;
use super::local::blocking;
use super::part::{self, Cutter, Part, Sink, Writer};
use super::progress::{FileTally, Waiting, add};
use super::remote::{self, wanting};
use super::sum::PREFERENCE;
use super::wire::{Ask, Reply};

/// How often the state of a download is noted. A kill costs at most this much work, beside the blocks that were not whole.
const NOTE_INTERVAL: Duration = Duration::from_millis(100);

/// Noting may take this part of the time at most: the state of a large file is large, and disks can be slow.
const NOTE_SHARE: u32 = 20;

/// One file to fetch.
pub(crate) struct Download<'a> {
    pub(crate) course: &'a Arc<Course>,
    pub(crate) source: &'a Url,
    /// What the listing told of it.
    pub(crate) known: &'a Entry,
    pub(crate) file: &'a Arc<FileTally>,
}

/// What arrived, before it is published.
struct Arrived {
    size_bytes: u64,
    entry: Entry,
    digests: DigestSet,
    /// Of the server; empty when it tells none with the bytes.
    offered: DigestSet,
}

impl Download<'_> {
    /// Fetches into this file; the digest that proved it, if the server offers any. A source that changes on the way, or
    /// bytes that turn out wrong, are fetched once more from scratch.
    pub(crate) async fn to_file(&self, target: &Path) -> Result<Option<Digest>, Problem> {
        let mut again = true;
        loop {
            let problem = match self.fetch(target).await {
                Ok(proof) => return Ok(proof),
                Err(problem) => problem,
            };
            let from_scratch = [fault::kind::DIGEST_MISMATCH, fault::kind::CHANGED].contains(&problem.kind);
            if !from_scratch {
                return Err(problem);
            }
            Part::open(target).await?.discard().await;
            if !std::mem::take(&mut again) {
                return Err(problem);
            }
            self.course.observer.notice(&format!("{problem}; fetching it again from scratch"));
            self.file.bytes_done.store(0, Ordering::Relaxed);
        }
    }

    /// Fetches to standard output. What is wrong shows only when it is out already.
    pub(crate) async fn to_standard_output(&self) -> Result<Option<Digest>, Problem> {
        let arrived = self.fetch_whole(&Sink::StandardOutput).await?;
        self.prove(&arrived, None).await
    }

    async fn fetch(&self, target: &Path) -> Result<Option<Digest>, Problem> {
        let part = Part::open(target).await?;
        let is_large = self.known.size_bytes.is_some_and(|size| size >= self.course.settings.blocks_from_bytes);
        let arrived = if is_large { self.fetch_blocks(&part).await? } else { self.fetch_small(&part).await? };
        let proof = self.prove(&arrived, Some(&part)).await?;
        let modified = arrived.entry.modified.or(self.known.modified);
        part.publish(arrived.size_bytes, modified, self.course.settings.sync, &self.course.tally).await?;
        Ok(proof)
    }

    /// All of it by one GET into the part; a try that breaks begins again.
    async fn fetch_small(&self, part: &Part) -> Result<Arrived, Problem> {
        let sink = Sink::File { file: Arc::clone(part.file()), offset: 0, path: part.path().to_owned() };
        let attempt = || {
            self.file.bytes_done.store(0, Ordering::Relaxed);
            self.fetch_whole(&sink)
        };
        self.course.session.retrying(attempt).await
    }

    /// All of it by one GET.
    async fn fetch_whole(&self, sink: &Sink) -> Result<Arrived, Problem> {
        let (wire, tally) = (&self.course.session.wire, &self.course.tally);
        let ask = wanting(Ask::new(Method::GET, self.source, &tally.meter), &self.course.wanted());
        let reply = wire.succeed("Fetching", ask).await?;
        if reply.status() != StatusCode::OK {
            return Err(fault::misbehaved("Fetching", self.source, format_args!("it answers {}", reply.status())));
        }
        let offered = spelling::offered(reply.headers());
        wire.origin(self.source).digest_on_get.learn(!offered.is_empty());
        let entry = Entry::of_headers(self.known.name.clone(), Kind::File, reply.headers());
        // What is offered decides what is computed; where nothing is, the two that cost nothing may be asked for later.
        let algorithms = match choose(&offered, self.course.settings.digest) {
            Some(digest) => vec![digest.algorithm()],
            None => self.course.settings.digest.map_or(BLOCK_ALGORITHMS.to_vec(), |algorithm| vec![algorithm]),
        };
        let (digests, size_bytes) = self.pour(reply, Writer::new(sink.clone(), &algorithms, tally)).await?;
        if let Some(size) = entry.size_bytes.filter(|size| *size != size_bytes) {
            return Err(fault::cut_short(self.source, format_args!("{size_bytes} of {size} bytes came")));
        }
        Ok(Arrived { size_bytes, entry, digests, offered })
    }

    /// Block by block.
    async fn fetch_blocks(&self, part: &Part) -> Result<Arrived, Problem> {
        let (course, meter) = (self.course, &self.course.tally.meter);
        let wanted = course.wanted();
        let ask = || remote::head(&course.session.wire, self.source, &wanted, meter);
        let head = course.session.retrying(ask).await?;
        let mut entry = head.entry;
        entry.size_bytes = entry.size_bytes.or(self.known.size_bytes);
        // XRootD's HEAD tells no time, its PROPFIND does; without it no later run could go on from what this one fetched.
        entry.modified = entry.modified.or(self.known.modified);
        let Some(size_bytes) = entry.size_bytes else {
            return self.fetch_small(part).await;
        };
        let map = self.resume(part, &entry).await;
        let before = map.done_bytes();
        add(&course.tally.bytes_skipped, before);
        self.file.bytes_done.store(before, Ordering::Relaxed);
        let blocks = Blocks {
            download: self,
            part,
            entry: &entry,
            size_bytes,
            state: Arc::new(Mutex::new(Noted { map, is_noted: true })),
        };
        blocks.fetch_all().await?;
        let combined = blocks.state.lock().unwrap_or_else(PoisonError::into_inner).map.combined();
        // All streams ended well, so all blocks are here.
        let digests = combined.ok_or_else(|| fault::cut_short(self.source, "blocks of it are missing"))?;
        Ok(Arrived { size_bytes, entry, digests, offered: head.digests })
    }

    async fn resume(&self, part: &Part, entry: &Entry) -> BlockMap {
        let (sidecar, file, source) = (part.sidecar(), Arc::clone(part.file()), self.source.clone());
        let (entry, least) = (entry.clone(), self.course.settings.block_bytes);
        let tally = Arc::clone(&self.course.tally);
        blocking(move || {
            let _disk = tally.meter.start(Waiting::Disk);
            let size_bytes = entry.size_bytes.unwrap_or(0);
            blocks::load(&sidecar, &file, &source, &entry, least).unwrap_or_else(|| BlockMap::new(size_bytes, least))
        })
        .await
    }

    /// Carries the body of an answer into a writer; its digests, and how many bytes came.
    async fn pour(&self, reply: Reply, writer: Writer) -> Result<(DigestSet, u64), Problem> {
        let (wire, tally) = (&self.course.session.wire, &self.course.tally);
        let (mut body, mut came) = (reply.response.into_body(), 0);
        let broken = loop {
            match wire.piece(&mut body, self.source, &tally.meter).await {
                Ok(None) => break None,
                Ok(Some(bytes)) => {
                    let length = bytes.len() as u64;
                    if !writer.write(bytes).await {
                        break None;
                    }
                    came += length;
                    add(&tally.bytes_moved, length);
                    add(&self.file.bytes_done, length);
                }
                Err(problem) => break Some(problem),
            }
        };
        // The writer's own problem comes first: it explains why no more was taken.
        let digests = writer.finish().await?;
        broken.map_or(Ok((digests, came)), Err)
    }

    /// Compares what arrived with what the server says. What is not told with the bytes is asked for by HEAD, but not of
    /// a server that is known to tell nothing.
    async fn prove(&self, arrived: &Arrived, part: Option<&Part>) -> Result<Option<Digest>, Problem> {
        let settings = &self.course.settings;
        if !settings.verify {
            return Ok(None);
        }
        let (wire, meter) = (&self.course.session.wire, &self.course.tally.meter);
        let mut theirs = choose(&arrived.offered, settings.digest);
        let is_hopeless = wire.origin(self.source).digest_on_head.is_known_not() && settings.digest.is_none();
        if theirs.is_none() && !is_hopeless {
            let head = remote::head(wire, self.source, &self.course.wanted(), meter).await?;
            theirs = choose(&head.digests, settings.digest);
        }
        let theirs = match (theirs, settings.digest) {
            (Some(theirs), _) => theirs,
            (None, Some(demanded)) => return Err(fault::no_digest(self.source, demanded)),
            (None, None) => return Ok(None),
        };
        let ours = match (arrived.digests.get(theirs.algorithm()), part) {
            (Some(ours), _) => *ours,
            (None, Some(part)) => self.read_again(part, arrived.size_bytes, theirs.algorithm()).await?,
            (None, None) => return Ok(None),
        };
        if ours == theirs { Ok(Some(theirs)) } else { Err(fault::mismatch(self.source, &ours, &theirs)) }
    }

    /// For digests that do not combine, or were not known to be needed.
    async fn read_again(&self, part: &Part, size_bytes: u64, algorithm: Algorithm) -> Result<Digest, Problem> {
        let (file, path) = (Arc::clone(part.file()), part.path().to_owned());
        let tally = Arc::clone(&self.course.tally);
        let read = blocking(move || {
            let _digest = tally.meter.start(Waiting::Digest);
            part::digests_of(&file, 0, size_bytes, &[algorithm])
        });
        let digests = read.await.map_err(|error| fault::local(&error, "read", path.display()))?;
        // It was asked for, so it is there.
        digests.get(algorithm).copied().ok_or_else(|| fault::no_digest(self.source, algorithm))
    }
}

/// The digest to compare with: the one demanded, or the cheapest.
pub(crate) fn choose(offered: &DigestSet, demanded: Option<Algorithm>) -> Option<Digest> {
    match demanded {
        Some(algorithm) => offered.get(algorithm).copied(),
        None => PREFERENCE.iter().find_map(|algorithm| offered.get(*algorithm).copied()),
    }
}

/// The state of a download, and whether the notes beside it are up to date.
struct Noted {
    map: BlockMap,
    is_noted: bool,
}

/// A download by blocks.
struct Blocks<'a> {
    download: &'a Download<'a>,
    part: &'a Part,
    entry: &'a Entry,
    size_bytes: u64,
    state: Arc<Mutex<Noted>>,
}

/// Why a stream ends early.
enum Halt {
    /// The server answers the whole to a request for a range.
    NoRanges(Box<Reply>),
    Problem(Problem),
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Blocks<'_> {
    async fn fetch_all(&self) -> Result<(), Problem> {
        self.part.resize(self.size_bytes).await?;
        let settings = &self.download.course.settings;
        let streams = if self.size_bytes >= settings.streams_from_bytes { settings.streams.max(1) } else { 1 };
        let ended = {
            let fetching = futures_util::future::try_join_all((0..streams).map(|_| self.stream(streams)));
            match futures_util::future::select(pin!(fetching), pin!(self.keep_noting())).await {
                Either::Left((ended, _)) => ended,
                Either::Right((never, _)) => match never {},
            }
        };
        // Noted whatever happened: the next run goes on from here.
        let complete = self.note_now().await;
        match ended {
            Ok(_) if complete => Ok(()),
            Ok(_) => Err(fault::cut_short(self.download.source, "blocks of it are missing")),
            Err(Halt::Problem(problem)) => Err(problem),
            Err(Halt::NoRanges(reply)) => self.take_whole(*reply).await,
        }
    }

    /// Fetches runs of blocks until none is left. A run that breaks is taken up again; only tries that bring no whole
    /// block count as failures.
    async fn stream(&self, streams: usize) -> Result<(), Halt> {
        let mut failures = 0;
        while let Some(run) = self.claim(streams) {
            let before = self.done_bytes();
            let Err(halt) = self.fetch_run(&run).await else {
                failures = 0;
                continue;
            };
            self.lock().map.release(run);
            let Halt::Problem(problem) = halt else { return Err(halt) };
            if self.done_bytes() > before {
                failures = 0;
            }
            let wait = fault::wait_before_retry(&problem, failures)
                .filter(|_| failures < self.download.course.session.retries);
            // A changed source may be fetched anew, but not from the middle.
            let Some(wait) = wait.filter(|_| problem.kind != fault::kind::CHANGED) else { return Err(problem.into()) };
            failures += 1;
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    async fn fetch_run(&self, run: &Range<u64>) -> Result<(), Halt> {
        let span = self.lock().map.span(run);
        let slice = Slice { offset: span.start, length: span.end - span.start };
        let (wire, tally) = (&self.download.course.session.wire, &self.download.course.tally);
        let is_whole = slice.offset == 0 && slice.length == self.size_bytes;
        let ask = self.guarded(Ask::new(Method::GET, self.download.source, &tally.meter));
        let ask = if is_whole { ask } else { ask.with(header::RANGE, range::write(slice)) };
        let reply = wire.send(ask).await?;
        match reply.status() {
            StatusCode::PARTIAL_CONTENT if !is_whole => self.check_range(&reply, slice)?,
            StatusCode::OK if is_whole => self.check_tag(&reply)?,
            StatusCode::OK => {
                self.check_tag(&reply)?;
                return Err(Halt::NoRanges(Box::new(reply)));
            }
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(fault::changed(self.download.source).into());
            }
            _ => return Err(wire.refusal("Fetching", reply).await.into()),
        }
        self.take(reply, slice).await.map_err(Halt::Problem)
    }

    /// For a server without ranges: all from the beginning, by one stream.
    async fn take_whole(&self, reply: Reply) -> Result<(), Problem> {
        let file = &self.download.file.bytes_done;
        file.store(0, Ordering::Relaxed);
        self.take(reply, Slice { offset: 0, length: self.size_bytes }).await?;
        self.note_now().await;
        Ok(())
    }

    async fn take(&self, reply: Reply, slice: Slice) -> Result<(), Problem> {
        let download = self.download;
        let path = self.part.path().to_owned();
        let sink = Sink::File { file: Arc::clone(self.part.file()), offset: slice.offset, path };
        let cutter =
            Cutter { block_bytes: self.lock().map.block_bytes(), size_bytes: self.size_bytes, on_block: self.noter() };
        let writer = Writer::in_blocks(sink, &BLOCK_ALGORITHMS, cutter, &download.course.tally);
        let (_, came) = download.pour(reply, writer).await?;
        if came == slice.length {
            Ok(())
        } else {
            Err(fault::cut_short(download.source, format_args!("{came} of {} bytes came", slice.length)))
        }
    }

    /// Holds the server to the state of the file that the download began with.
    fn guarded<'a>(&self, ask: Ask<'a>) -> Ask<'a> {
        match (&self.entry.tag, self.entry.modified) {
            (Some(tag), _) if !tag.is_weak() => ask.with(header::IF_MATCH, tag.to_string()),
            (_, Some(modified)) => ask.with(header::IF_UNMODIFIED_SINCE, modified.to_http_date()),
            _ => ask,
        }
    }

    /// Foreign servers may ignore the condition: the answer must speak of the same state, too.
    fn check_tag(&self, reply: &Reply) -> Result<(), Problem> {
        let now = reply.text(&header::ETAG).and_then(EntityTag::parse);
        match (&self.entry.tag, now) {
            (Some(then), Some(now)) if !then.matches_weakly(&now) => Err(fault::changed(self.download.source)),
            _ => Ok(()),
        }
    }

    fn check_range(&self, reply: &Reply, wanted: Slice) -> Result<(), Problem> {
        self.check_tag(reply)?;
        let answered = reply.text(&header::CONTENT_RANGE).and_then(|text| text.parse::<ContentRange>().ok());
        match answered {
            Some(ContentRange { size_bytes: Some(size), .. }) if size != self.size_bytes => {
                Err(fault::changed(self.download.source))
            }
            Some(ContentRange { slice: Some(slice), .. }) if slice == wanted => Ok(()),
            _ => {
                Err(fault::misbehaved("Fetching", self.download.source, "it answers another range than was asked for"))
            }
        }
    }

    fn claim(&self, streams: usize) -> Option<Range<u64>> {
        self.lock().map.claim(streams)
    }

    fn done_bytes(&self) -> u64 {
        self.lock().map.done_bytes()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        // What is done under the lock cannot be seen half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks blocks as here.
    fn noter(&self) -> part::OnBlock {
        let state = Arc::clone(&self.state);
        Box::new(move |block, digests| {
            let mut noted = state.lock().unwrap_or_else(PoisonError::into_inner);
            noted.map.finish(block, digests);
            noted.is_noted = false;
        })
    }

    /// Notes what has come since the last note, again and again.
    async fn keep_noting(&self) -> Infallible {
        let mut wait = NOTE_INTERVAL;
        loop {
            tokio::time::sleep(wait).await;
            let begin = Instant::now();
            self.note_now().await;
            wait = NOTE_INTERVAL.max(begin.elapsed() * NOTE_SHARE);
        }
    }

    /// Notes the state unless all is here, or nothing has come since; says whether all is here.
    async fn note_now(&self) -> bool {
        let (text, complete) = {
            let mut noted = self.lock();
            let complete = noted.map.is_complete();
            let is_needed = !complete && !std::mem::replace(&mut noted.is_noted, true);
            (is_needed.then(|| blocks::describe(&noted.map, self.download.source, self.entry)), complete)
        };
        if let Some(text) = text {
            let sidecar = self.part.sidecar();
            let noting = blocking(move || text.and_then(|text| blocks::save(&sidecar, &text)));
            // Without notes the next run has more work, and this one goes on.
            if let Err(error) = noting.await {
                tracing::warn!(%error, file = %self.part.path().display(), "the state of a download could not be noted");
            }
        }
        complete
    }
}
