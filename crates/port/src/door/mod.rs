//! The door: every request for data passes through [`Door::handle`] (paths below `/data/`) or [`Door::handle_upload`]
//! (resumable uploads), is judged by the policy, and ends as a response or a [`Problem`].

pub(crate) mod attributes;
mod copy;
pub mod dav;
mod digests;
mod facts;
pub mod listing;
pub mod media;
mod names;
pub mod problem;
mod read;
mod remove;
mod rights;
mod settings;
pub mod traffic;
mod upload;
pub mod usage;
mod view;
mod write;

pub use attributes::Said;
pub use facts::{DataRequest, ResponseFacts};
pub use names::{Namespace, Namespaces, Place};
pub use problem::problem_response;
pub(crate) use rights::About;
pub use settings::{DoorSettings, NamespaceSettings};
pub use traffic::Traffic;
pub use upload::UPLOADS_PREFIX;
pub use view::View;

use crate::staging::{Archived, Area, Limits, Means, Publisher, recover};
use crate::store::{Metadata, Space};
use archive::{Archive, FileRecord};
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use net::{Body, RequestBody};
use policy::Rights;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use terms::{LogicalPath, Principal, Problem};
use tokio::task::JoinHandle;
use upload::Uploads;

#[cfg(test)]
mod tests;

/// Where data live in URLs: what follows is a logical path.
pub const DATA_PREFIX: &str = "/data";

/// The door. Cheap to clone; all clones are one door.
#[derive(Clone)]
pub struct Door {
    inner: Arc<Inner>,
}

struct Inner {
    settings: DoorSettings,
    namespaces: Namespaces,
    archive: Archive,
    rights: Rights,
    traffic: Arc<Traffic>,
    usage: usage::Usage,
    area: Arc<Area>,
    archived: Arc<Archived>,
    uploads: Uploads,
    locks: dav::LockTable,
    /// `None` once the door is closed.
    publisher: RwLock<Option<Publisher>>,
    publishing: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    digest_turns: tokio::sync::Semaphore,
    /// Held by whoever changes names in a store, from checking conditions to the rename.
    names: Arc<tokio::sync::Mutex<()>>,
}

/// How often expired uploads are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

impl Door {
    /// Opens stores and staging area, and finishes or undoes what a crash interrupted. Fails when another process holds
    /// the staging area.
    pub async fn open(settings: DoorSettings, archive: Archive, rights: Rights) -> Result<Self, Problem> {
        let namespaces = Namespaces::open(&settings.namespaces)?;
        let area = Arc::new(Area::open(&settings.staging, settings.file_mode)?);
        recover(&area, &archive, &namespaces).await?;
        let locks = dav::LockTable::load(&archive).await?;
        let usage = usage::Usage::load(&archive).await?;
        let traffic = Arc::new(Traffic::default());
        let names: Arc<tokio::sync::Mutex<()>> = Arc::default();
        let counting = Arc::clone(&traffic);
        let (publisher, publishing) = Publisher::start(Means {
            area: Arc::clone(&area),
            archive: archive.clone(),
            names: Arc::clone(&names),
            observe: Arc::new(move |files| counting.count_group(files)),
            journal_bytes: settings.journal_bytes,
            die_after: settings.die_after,
        });
        let inner = Arc::new(Inner {
            settings,
            namespaces,
            archive,
            rights,
            traffic,
            usage,
            area,
            archived: Arc::clone(publisher.archived()),
            uploads: Uploads::default(),
            locks,
            publisher: RwLock::new(Some(publisher)),
            publishing: tokio::sync::Mutex::new(Some(publishing)),
            digest_turns: tokio::sync::Semaphore::new(digests::AT_ONCE),
            names,
        });
        tokio::spawn(sweep_now_and_then(Arc::downgrade(&inner)));
        tokio::spawn(usage::save_now_and_then(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Publishes what waits, then ends; later uploads are refused. The staging area is free for another process once the
    /// last clone is gone.
    pub async fn close(&self) {
        drop(self.inner.publisher.write().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(publishing) = self.inner.publishing.lock().await.take() {
            // An error is a panic in the task, which was reported when it happened.
            let _ = publishing.await;
        }
        self.usage().save(self.archive()).await;
    }

    /// Answers one request for a path below [`DATA_PREFIX`]. The daemon has put a [`Principal`] into the extensions;
    /// without one the request is anonymous; and a [`View`], where the caller sees a part alone.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response<Body> {
        let facts = ResponseFacts::of(request.method(), request.headers());
        let method = request.method().clone();
        let view = request.extensions().get::<View>().cloned();
        let answer = match DataRequest::read(request) {
            Ok(data) => self.dispatch(&method, data).await,
            Err(problem) => Err(problem),
        };
        let response = answer.unwrap_or_else(|problem| {
            self.traffic().count_refusal(problem.kind);
            let problem = match view {
                Some(view) => view.conceal(problem),
                None => problem,
            };
            problem_response(&problem, facts)
        });
        self.traffic().count_request(&method, response.status());
        response
    }

    /// Answers one request for a resumable upload, `/api/v1/uploads/<id>`.
    pub async fn handle_upload(&self, request: Request<RequestBody>) -> Response<Body> {
        let method = request.method().clone();
        let response = upload::respond(self, request).await;
        self.traffic().count_request(&method, response.status());
        response
    }

    /// The rules in force.
    pub fn rights(&self) -> &Rights {
        &self.inner.rights
    }

    /// The namespaces: where a path is, and what is there.
    pub fn namespaces(&self) -> &Namespaces {
        &self.inner.namespaces
    }

    /// The records.
    pub fn archive(&self) -> &Archive {
        &self.inner.archive
    }

    /// The settings in force.
    pub fn settings(&self) -> &DoorSettings {
        &self.inner.settings
    }

    /// What passed through, for metrics and pages.
    pub fn traffic(&self) -> &Traffic {
        &self.inner.traffic
    }

    /// What each caller moved today.
    pub fn usage(&self) -> &usage::Usage {
        &self.inner.usage
    }

    /// The locks of WebDAV in force.
    pub(crate) fn locks(&self) -> &dav::LockTable {
        &self.inner.locks
    }

    /// Holds all names still: whoever checks a condition on a name and then changes it does both under this guard, and so
    /// does whoever changes records. All that was published before is in the archive. The publisher takes it for each
    /// group.
    pub async fn hold_names(&self) -> tokio::sync::MutexGuard<'_, ()> {
        let guard = self.inner.names.lock().await;
        if let Ok(publisher) = self.publisher() {
            publisher.settle_names().await;
        }
        guard
    }

    /// Waits until the archive has the record of everything that was published before this call: a matter of
    /// milliseconds, for who reads many records at once.
    pub async fn settle_records(&self) {
        self.inner.archived.settled().await;
    }

    /// What the archive knows of this file; `None` when it knows nothing, or speaks of other bytes than these.
    pub async fn record_of(&self, path: &LogicalPath, found: &Metadata) -> Result<Option<FileRecord>, Problem> {
        let record = match self.inner.archived.waiting_for(path) {
            Some(record) => Some(record),
            None => self.inner.archive.file(path).await.map_err(|error| problem::of_archive(&error))?,
        };
        Ok(record.filter(|record| record.identity == found.identity()))
    }

    /// Copies one file through staging and publisher, as if it had been sent: durable and digested. True when nothing
    /// was there before. Rights and locks are the caller's to check.
    pub async fn copy_file(
        &self,
        from: &LogicalPath,
        to: &LogicalPath,
        overwrite: bool,
        who: &Principal,
    ) -> Result<bool, Problem> {
        let (judged, replaced) = (About::Path, About::Path);
        let order = copy::Order { from, to, overwrite, who, judged, replaced, keeps_owner: false };
        copy::copy_file(self, order).await.map(|published| published.created)
    }

    /// The room in the staging area.
    pub fn staging_space(&self) -> io::Result<Space> {
        self.inner.area.space()
    }

    pub(crate) fn area(&self) -> &Arc<Area> {
        &self.inner.area
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.inner.uploads
    }

    pub(crate) fn publisher(&self) -> Result<Publisher, Problem> {
        let publisher = self.inner.publisher.read().unwrap_or_else(PoisonError::into_inner).clone();
        publisher.ok_or_else(problem::closing)
    }

    /// Bounds how many files are read for their digests at once.
    pub(crate) async fn digest_turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        self.inner.digest_turns.acquire().await.map_err(|_| problem::closing())
    }

    /// The longest file that this caller may send.
    pub(crate) fn most_bytes(&self, who: &Principal) -> u64 {
        self.settings().max_file_size_bytes.min(who.identity.upload_max_bytes.unwrap_or(u64::MAX))
    }

    /// What bounds a body that announces this length.
    pub(crate) fn limits(&self, announced: Option<u64>) -> Limits {
        let settings = self.settings();
        Limits {
            announced,
            max_bytes: settings.max_file_size_bytes,
            idle: settings.idle_timeout,
            min_rate_bytes_per_second: settings.min_rate_bytes_per_second,
        }
    }

    async fn dispatch(&self, method: &Method, data: DataRequest) -> Result<Response<Body>, Problem> {
        match method.as_str() {
            "GET" | "HEAD" => read::respond(self, data).await,
            // Boxed, as below: a small GET would carry the room that the largest of them needs.
            "PUT" | "DELETE" => {
                let path = data.path.clone();
                let answer = match method {
                    &Method::PUT => Box::pin(write::put(self, data)).await,
                    _ => Box::pin(remove::delete(self, data)).await,
                };
                answer.or_else(|problem| match problem.kind {
                    // RFC 4918 §11.3 wants this one told in its own XML.
                    dav::LOCKED => Ok(dav::locked_response(self, &path)),
                    _ => Err(problem),
                })
            }
            "OPTIONS" => Ok(self.options(&data.principal)),
            "PROPFIND" | "PROPPATCH" | "MKCOL" | "MOVE" | "COPY" | "LOCK" | "UNLOCK" => {
                Box::pin(dav::handle(self, method.clone(), data)).await
            }
            _ => Err(problem::method_not_allowed(method, &data.path)),
        }
    }

    /// The same for every path, so that it tells nothing about what is there.
    fn options(&self, who: &Principal) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
        headers.insert(HeaderName::from_static("dav"), HeaderValue::from_static("1, 2"));
        // Without it, Windows' own client takes us for a plain web server.
        headers.insert(HeaderName::from_static("ms-author-via"), HeaderValue::from_static("DAV"));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        upload::put_abilities(headers, self, who);
        response
    }
}

async fn sweep_now_and_then(door: Weak<Inner>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(inner) = door.upgrade() else { return };
        upload::sweep(&Door { inner }).await;
    }
}

/// The methods of the data door, as `Allow` lists them.
pub const ALLOW: &str = "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK";
