//! The door: every request for data passes through [`Door::handle`] (paths below `/data/`) or [`Door::handle_upload`]
//! (resumable uploads), is judged by the policy, and ends as a response or a [`Problem`].

pub mod dav;
mod facts;
pub mod listing;
mod names;
pub mod problem;
mod settings;
pub mod traffic;

pub use facts::{DataRequest, ResponseFacts};
pub use names::{Namespace, Namespaces, Place};
pub use problem::problem_response;
pub use settings::{DoorSettings, NamespaceSettings};
pub use traffic::Traffic;

use crate::store::Metadata;
use archive::{Archive, FileRecord};
use http::{Method, Request, Response};
use net::{Body, RequestBody};
use policy::{Ask, Effect, Policy};
use std::sync::Arc;
use terms::{LogicalPath, Principal, Problem, Verb};

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
    policy: Policy,
    traffic: Traffic,
    /// Held by whoever changes names in a store, from checking conditions to the rename.
    names: tokio::sync::Mutex<()>,
}

impl Door {
    /// Opens stores and staging area, and finishes or undoes what a crash interrupted.
    pub async fn open(settings: DoorSettings, archive: Archive, policy: Policy) -> Result<Self, Problem> {
        let namespaces = Namespaces::open(&settings.namespaces)?;
        let inner = Inner {
            settings,
            namespaces,
            archive,
            policy,
            traffic: Traffic::default(),
            names: tokio::sync::Mutex::new(()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers one request for a path below [`DATA_PREFIX`]. The daemon has put a [`Principal`] into the extensions;
    /// without one the request is anonymous.
    pub async fn handle(&self, request: Request<RequestBody>) -> Response<Body> {
        let facts = ResponseFacts::of(request.method(), request.headers());
        let answer = match DataRequest::read(request) {
            Ok(data) => self.dispatch(data).await,
            Err(problem) => Err(problem),
        };
        answer.unwrap_or_else(|problem| problem_response(&problem, facts))
    }

    /// Answers one request for a resumable upload, `/api/v1/uploads/<id>`.
    pub async fn handle_upload(&self, request: Request<RequestBody>) -> Response<Body> {
        let facts = ResponseFacts::of(request.method(), request.headers());
        problem_response(&problem::not_found(&LogicalPath::root()), facts)
    }

    /// May this caller do this here? `bytes`: how many it would add or carry, where known.
    pub fn authorise(
        &self,
        who: &Principal,
        verb: Verb,
        path: &LogicalPath,
        bytes: Option<u64>,
    ) -> Result<(), Problem> {
        let decision = self.inner.policy.decide(Ask { who, verb, path, bytes });
        match decision.effect {
            Effect::Allow => Ok(()),
            Effect::Authenticate => Err(problem::unauthenticated(verb, path, &decision)),
            Effect::Refuse => Err(problem::refused(verb, path, &decision)),
        }
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

    /// Holds all names still: whoever checks a condition on a name and then changes it does both under this guard. The
    /// publisher takes it for each group.
    pub async fn hold_names(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.names.lock().await
    }

    /// What the archive knows of this file; `None` when it knows nothing, or speaks of other bytes than these.
    pub async fn record_of(&self, path: &LogicalPath, found: &Metadata) -> Result<Option<FileRecord>, Problem> {
        let record = self.inner.archive.file(path).await.map_err(|error| problem::of_archive(&error))?;
        Ok(record.filter(|record| record.identity == found.identity()))
    }

    /// Copies one file through staging and publisher, as if it had been sent: durable and digested. True when nothing
    /// was there before.
    pub async fn copy_file(
        &self,
        from: &LogicalPath,
        to: &LogicalPath,
        overwrite: bool,
        who: &Principal,
    ) -> Result<bool, Problem> {
        let _ = (from, overwrite, who);
        Err(problem::no_parent(to))
    }

    async fn dispatch(&self, data: DataRequest) -> Result<Response<Body>, Problem> {
        let method = data.parts.method.clone();
        match method.as_str() {
            "GET" | "HEAD" => {
                let place = self.inner.namespaces.resolve(&data.path)?;
                let metadata = place.stat().await.map_err(|error| problem::of_io(&error, "look up", &data.path))?;
                if metadata.is_folder() {
                    return listing::respond(self, data, metadata).await;
                }
                Err(problem::method_not_allowed(&method, &data.path))
            }
            "PROPFIND" | "PROPPATCH" | "MKCOL" | "MOVE" | "COPY" | "LOCK" | "UNLOCK" => {
                dav::handle(self, method, data).await
            }
            _ => Err(problem::method_not_allowed(&method, &data.path)),
        }
    }
}

/// The methods of the data door, as `Allow` lists them.
pub const ALLOW: &str =
    "OPTIONS, GET, HEAD, PUT, PATCH, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK";

/// Is this a method that the data door knows?
pub fn is_known(method: &Method) -> bool {
    ALLOW.split(", ").any(|known| known == method.as_str())
}
