//! A door on a socket, and what can go wrong before it.

use super::*;
use crate::{Door, DoorSettings, NamespaceSettings};
use archive::{Archive, Location};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use net::{Body, Drain, Handler, RequestBody, ServeSettings};
use policy::{Policy, Rights};
use std::sync::Mutex;
use tempfile::TempDir;
use terms::{LogicalPath, Principal, TokenId, VerbSet};

pub(super) const TOKEN: &str = "ptl_secret";

/// What a request looked like.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn has_token(&self) -> bool {
        self.header("authorization") == format!("Bearer {TOKEN}")
    }
}

/// How a server misbehaves with one request.
#[derive(Clone)]
pub(super) enum Fault {
    /// The body of the answer breaks after so many bytes.
    Cut(usize),
    /// One bit of the body of the answer is turned over.
    Flip(usize),
    /// The answer tells no digests.
    NoDigests,
    /// The answer tells wrong digests.
    WrongDigests,
    /// Ranges are not known here.
    NoRanges,
    /// This status, whatever was asked.
    Status(u16),
    /// The answer is elsewhere.
    Redirect(String),
    /// The body of the answer stops after so many bytes, and the connection stays.
    Stall(usize),
    /// A web server that knows GET and HEAD alone.
    PlainWeb,
}

type Judge = Box<dyn Fn(&Seen, usize) -> Option<Fault> + Send + Sync>;

/// A door, its store, and what it was asked.
pub(super) struct Server {
    folder: TempDir,
    port: u16,
    drain: Drain,
    inner: Arc<Inner>,
}

struct Inner {
    door: Door,
    judge: Mutex<Judge>,
    seen: Mutex<Vec<Seen>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(&Location::Sqlite(folder.path().join("archive.db"))).await.unwrap();
        std::fs::create_dir(folder.path().join("store")).unwrap();
        let mut namespace = NamespaceSettings::at_root(folder.path().join("store"));
        namespace.algorithms = vec![Algorithm::Adler32, Algorithm::Crc32c, Algorithm::Sha256];
        let settings = DoorSettings::new(vec![namespace], folder.path().join("staging"));
        let door = Door::open(settings, archive, Rights::new(Policy::new(vec![]), ())).await.unwrap();
        let inner = Arc::new(Inner { door, judge: Mutex::new(Box::new(|_, _| None)), seen: Mutex::default() });
        let listener = net::listen("127.0.0.1:0".parse().unwrap(), 64).unwrap();
        let port = listener.local_addr().unwrap().port();
        let drain = Drain::new();
        let settings = ServeSettings { drain_deadline: Duration::from_millis(1), ..ServeSettings::default() };
        tokio::spawn(net::serve(listener, settings, Arc::clone(&inner), drain.clone()));
        Self { folder, port, drain, inner }
    }

    /// A server that misbehaves with whatever the judge names; told of each request and of its number.
    pub(super) async fn misbehaving(judge: impl Fn(&Seen, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let server = Self::start().await;
        server.judge(judge);
        server
    }

    pub(super) fn judge(&self, judge: impl Fn(&Seen, usize) -> Option<Fault> + Send + Sync + 'static) {
        *self.inner.judge.lock().unwrap() = Box::new(judge);
    }

    pub(super) fn behave(&self) {
        self.judge(|_, _| None);
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&self.text_url(path)).unwrap()
    }

    pub(super) fn text_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/data{path}", self.port)
    }

    pub(super) fn address(&self, path: &str) -> Address {
        Address::Remote(self.url(path))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Where its files lie.
    pub(super) fn store(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }

    /// A place for the files of a test.
    pub(super) fn scratch(&self) -> std::path::PathBuf {
        let scratch = self.folder.path().join("scratch");
        std::fs::create_dir_all(&scratch).unwrap();
        scratch
    }

    pub(super) fn keep(&self, name: &str, content: &[u8]) {
        let path = self.store().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The requests so far, which are then forgotten.
    pub(super) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.inner.seen.lock().unwrap())
    }

    /// How often each method was asked for so far, which is then forgotten.
    pub(super) fn count(&self, method: &str) -> usize {
        self.seen().iter().filter(|seen| seen.method == method).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain.begin();
    }
}

impl Handler for Inner {
    async fn handle(&self, mut request: Request<RequestBody>) -> Response<Body> {
        let seen = Seen {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
        };
        let number = {
            let mut all = self.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        let fault = self.judge.lock().unwrap()(&seen, number);
        match &fault {
            Some(Fault::Status(status)) => return answer(*status, &[]),
            Some(Fault::Redirect(to)) => return answer(307, &[("location", to)]),
            Some(Fault::PlainWeb) if !matches!(seen.method.as_str(), "GET" | "HEAD") => return answer(405, &[]),
            Some(Fault::NoRanges) => drop(request.headers_mut().remove("range")),
            _ => {}
        }
        if seen.has_token() {
            request.extensions_mut().insert(operator());
        }
        let response = if seen.path.starts_with("/data") {
            self.door.handle(request).await
        } else {
            self.door.handle_upload(request).await
        };
        match fault {
            None | Some(Fault::PlainWeb | Fault::NoRanges) => response,
            Some(fault) => spoil(response, &fault).await,
        }
    }
}

async fn spoil(mut response: Response<Body>, fault: &Fault) -> Response<Body> {
    let headers = response.headers_mut();
    match fault {
        Fault::NoDigests => {
            headers.remove("digest");
            headers.remove("repr-digest");
            return response;
        }
        Fault::WrongDigests => {
            headers.remove("repr-digest");
            headers.insert("digest", HeaderValue::from_static("adler32=00000001,crc32c=00000001"));
            return response;
        }
        _ => {}
    }
    let (parts, body) = response.into_parts();
    let mut bytes = body.collect().await.unwrap().to_bytes().to_vec();
    let body = match *fault {
        Fault::Flip(at) => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x10;
            }
            Body::full(bytes)
        }
        Fault::Cut(at) if at < bytes.len() => {
            let kept = Bytes::from(bytes).slice(..at);
            use futures_util::StreamExt as _;
            let broken = futures_util::stream::once(async {
                // A connection that ends at once takes along what waits to be sent.
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(std::io::Error::other("cut on purpose"))
            });
            Body::stream(futures_util::stream::iter([Ok(kept)]).chain(broken))
        }
        Fault::Stall(at) if at < bytes.len() => {
            use futures_util::StreamExt as _;
            let kept = Bytes::from(bytes).slice(..at);
            Body::stream(futures_util::stream::iter([Ok(kept)]).chain(futures_util::stream::pending()))
        }
        _ => Body::full(bytes),
    };
    Response::from_parts(parts, body)
}

fn answer(status: u16, headers: &[(&'static str, &str)]) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    response
}

fn operator() -> Principal {
    let id = TokenId(uuid::Uuid::from_u128(7));
    Principal::of(terms::Identity::token(id, "operator", VerbSet::all(), LogicalPath::root()))
}
