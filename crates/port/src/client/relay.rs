//! From one server to another, and from standard input to a server: bytes pass through, and nothing is kept.

use bytes::Bytes;
use futures_util::Stream;
use http::{Method, StatusCode, header};
use hyper::body::Incoming;
use net::client::ClientBody;
use port_core::digest::Digester;
use port_core::http::digest as spelling;
use std::io::{self, Read as _};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use terms::{Algorithm, Digest, DigestSet, Problem};
use tokio::sync::mpsc;

use super::address::Url;
use super::blocks::BLOCK_ALGORITHMS;
use super::copy::{Course, Overwrite};
use super::download::choose;
use super::entry::{Entry, Kind};
use super::fault;
use super::progress::{FileTally, Waiting, add};
use super::remote::{self, wanting};
use super::wire::{Ask, Payload, Reply, Sending, Wire};

/// Redirects of the receiving server that are followed; each costs another request to the sending one.
const MAX_REDIRECTS: usize = 5;

/// One file to carry.
pub(crate) struct Relay<'a> {
    pub(crate) course: &'a Arc<Course>,
    pub(crate) target: &'a Url,
    pub(crate) known: &'a Entry,
    pub(crate) file: &'a Arc<FileTally>,
}

/// What passes by, as seen by both sides.
struct Passing {
    digester: Mutex<Option<Digester>>,
    sent: Arc<Sending>,
    /// Why the source ended, told better than by the broken request that follows.
    problem: Mutex<Option<Problem>>,
}

impl Relay<'_> {
    /// From a server. When either side breaks, all is carried again; when the digests differ, once.
    pub(crate) async fn carry_from_server(&self, source: &Url) -> Result<Option<Digest>, Problem> {
        match self.course.session.retrying(|| self.carry(source)).await {
            Err(problem) if problem.kind == fault::kind::DIGEST_MISMATCH => {
                let _ = remote::remove(&self.course.session.wire, self.target, &self.course.tally.meter).await;
                Err(problem)
            }
            ended => ended,
        }
    }

    async fn carry(&self, source: &Url) -> Result<Option<Digest>, Problem> {
        let (wire, meter) = (&self.course.session.wire, &self.course.tally.meter);
        let mut target = self.target.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.file.bytes_done.store(0, Ordering::Relaxed);
            let ask = wanting(Ask::new(Method::GET, source, meter), &self.course.wanted());
            let reply = wire.succeed("Fetching", ask).await?;
            let told = spelling::offered(reply.headers());
            let entry = Entry::of_headers(String::new(), Kind::File, reply.headers());
            let passing = self.passing(entry.size_bytes);
            let stream = incoming(reply, self.course, &passing, self.file);
            let answer = self.put(&target, &entry, ClientBody::stream(stream, entry.size_bytes), &passing).await?;
            if answer.is_redirect()
                && let Some(next) = answer.location().filter(|next| next.is_secure() || !target.is_secure())
            {
                target = next;
                continue;
            }
            let answer = self.answered(answer, &passing).await?;
            let ours = passing.finish(source)?;
            self.prove(source, &ours, told, true).await?;
            return self.prove(&target, &ours, spelling::offered(answer.headers()), false).await;
        }
        Err(fault::misbehaved("Sending to", self.target, "it redirects too often"))
    }

    /// From standard input, whose length nobody knows.
    pub(crate) async fn carry_standard_input(&self) -> Result<Option<Digest>, Problem> {
        let passing = self.passing(None);
        let stream = standard_input(self.course, &passing, self.file);
        let entry = Entry { modified: None, ..self.known.clone() };
        let answer = self.put(self.target, &entry, ClientBody::stream(stream, None), &passing).await?;
        let answer = self.answered(answer, &passing).await?;
        let ours = passing.finish("standard input")?;
        self.prove(self.target, &ours, spelling::offered(answer.headers()), false).await
    }

    fn passing(&self, size_bytes: Option<u64>) -> Arc<Passing> {
        let mut algorithms = BLOCK_ALGORITHMS.to_vec();
        // There is no second reading, so that all that a server could tell is computed; md5 is the dear one.
        algorithms.extend(self.course.settings.digest.map_or(vec![Algorithm::Sha256], |algorithm| vec![algorithm]));
        let digester = Mutex::new(Some(Digester::new(&algorithms)));
        Arc::new(Passing { digester, sent: Sending::of(size_bytes), problem: Mutex::default() })
    }

    async fn put(&self, target: &Url, entry: &Entry, body: ClientBody, passing: &Passing) -> Result<Reply, Problem> {
        let wire = &self.course.session.wire;
        let mut ask = wanting(Ask::new(Method::PUT, target, &self.course.tally.meter), &self.course.wanted());
        if let Some(modified) = entry.modified {
            ask = ask.with(header::HeaderName::from_static("x-oc-mtime"), modified.seconds().to_string());
        }
        if self.course.settings.overwrite == Overwrite::Never {
            ask = ask.with(header::IF_NONE_MATCH, "*");
        }
        ask = self.course.saying(ask);
        ask = ask.with(header::EXPECT, "100-continue").body(Payload::Once(body));
        ask.sent = Some(Arc::clone(&passing.sent));
        wire.send(ask).await.map_err(|problem| passing.problem().unwrap_or(problem))
    }

    async fn answered(&self, reply: Reply, passing: &Passing) -> Result<Reply, Problem> {
        if let Some(problem) = passing.problem() {
            return Err(problem);
        }
        if reply.status().is_success() {
            return Ok(reply);
        }
        if reply.status() == StatusCode::PRECONDITION_FAILED && self.course.settings.overwrite == Overwrite::Never {
            return Err(fault::exists(self.target));
        }
        Err(self.course.session.wire.refusal("Sending to", reply).await)
    }

    /// Compares what passed with what one of the servers says. A demanded digest must be told by both.
    async fn prove(
        &self,
        at: &Url,
        ours: &DigestSet,
        told: DigestSet,
        is_source: bool,
    ) -> Result<Option<Digest>, Problem> {
        let settings = &self.course.settings;
        if !settings.verify {
            return Ok(None);
        }
        let (wire, meter) = (&self.course.session.wire, &self.course.tally.meter);
        let mut theirs = choose(&told, settings.digest);
        let is_hopeless = wire.origin(at).digest_on_head.is_known_not() && settings.digest.is_none();
        if theirs.is_none() && !is_hopeless {
            theirs = choose(&remote::head(wire, at, &self.course.wanted(), meter).await?.digests, settings.digest);
        }
        match (theirs, settings.digest) {
            (None, Some(demanded)) => Err(fault::no_digest(at, demanded)),
            (None, None) => Ok(None),
            (Some(theirs), _) => match ours.get(theirs.algorithm()) {
                Some(own) if *own != theirs => {
                    let mut problem = fault::mismatch(at, own, &theirs);
                    if is_source {
                        problem.detail.push_str(" (the source)");
                    }
                    Err(problem)
                }
                Some(_) => Ok(Some(theirs)),
                None => Ok(None),
            },
        }
    }
}

impl Passing {
    fn see(&self, bytes: &Bytes, course: &Course, file: &FileTally) {
        let _digest = course.tally.meter.start(Waiting::Digest);
        if let Some(digester) = self.digester.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            digester.update(bytes);
        }
        let length = bytes.len() as u64;
        self.sent.advance(length);
        add(&course.tally.bytes_moved, length);
        add(&file.bytes_done, length);
    }

    fn fail(&self, problem: Problem) -> io::Error {
        let text = problem.to_string();
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
        io::Error::other(text)
    }

    fn problem(&self) -> Option<Problem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn finish(&self, on: impl std::fmt::Display) -> Result<DigestSet, Problem> {
        let digester = self.digester.lock().unwrap_or_else(PoisonError::into_inner).take();
        digester.map(Digester::finish).ok_or_else(|| fault::cut_short(on, "it was read twice"))
    }
}

/// The body of an answer as that of a request.
fn incoming(
    reply: Reply,
    course: &Arc<Course>,
    passing: &Arc<Passing>,
    file: &Arc<FileTally>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    struct State {
        wire: Wire,
        url: Url,
        body: Incoming,
        course: Arc<Course>,
        passing: Arc<Passing>,
        file: Arc<FileTally>,
        failed: bool,
    }
    let state = State {
        wire: course.session.wire.clone(),
        url: reply.url,
        body: reply.response.into_body(),
        course: Arc::clone(course),
        passing: Arc::clone(passing),
        file: Arc::clone(file),
        failed: false,
    };
    futures_util::stream::unfold(state, |mut state| async move {
        if state.failed {
            return None;
        }
        match state.wire.piece(&mut state.body, &state.url, &state.course.tally.meter).await {
            Ok(None) => {
                state.passing.sent.end();
                None
            }
            Ok(Some(bytes)) => {
                state.passing.see(&bytes, &state.course, &state.file);
                Some((Ok(bytes), state))
            }
            Err(problem) => {
                state.failed = true;
                let error = state.passing.fail(problem);
                Some((Err(error), state))
            }
        }
    })
}

/// Standard input as the body of a request.
fn standard_input(
    course: &Arc<Course>,
    passing: &Arc<Passing>,
    file: &Arc<FileTally>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (pieces, arriving) = mpsc::channel::<io::Result<Bytes>>(4);
    tokio::task::spawn_blocking(move || read_standard_input(&mut |piece| pieces.blocking_send(piece).is_ok()));
    let state = (arriving, Arc::clone(course), Arc::clone(passing), Arc::clone(file));
    futures_util::stream::unfold(state, |mut state| async move {
        let Some(piece) = state.0.recv().await else {
            state.2.sent.end();
            return None;
        };
        let piece = match piece {
            Ok(bytes) => {
                state.2.see(&bytes, &state.1, &state.3);
                Ok(bytes)
            }
            Err(error) => Err(state.2.fail(fault::local(&error, "read", "standard input"))),
        };
        Some((piece, state))
    })
}

/// Reads until the end, or until nobody takes more. Blocks.
pub(crate) fn read_standard_input(take: &mut dyn FnMut(io::Result<Bytes>) -> bool) {
    loop {
        let mut buffer = vec![0; 256 * 1024];
        match io::stdin().lock().read(&mut buffer) {
            Ok(0) => return,
            Ok(got) => {
                buffer.truncate(got);
                if !take(Ok(Bytes::from(buffer))) {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                take(Err(error));
                return;
            }
        }
    }
}
