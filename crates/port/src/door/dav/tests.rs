//! The verbs of WebDAV without sockets: requests in, responses out, and what then lies in the store. What litmus checks
//! (each verb alone) is not repeated here.

mod locking;
mod moving;
mod properties;

use crate::door::{Door, DoorSettings, NamespaceSettings};
use archive::{Archive, Location};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use net::RequestBody;
use policy::{AnonymousGrant, Policy, Rights};
use std::path::PathBuf;
use tempfile::TempDir;
use terms::{Algorithm, LogicalPath, Principal, TokenId, Verb, VerbSet};

/// A door with two namespaces, `/` and `/other`.
pub(in crate::door) struct House {
    folder: TempDir,
    pub(in crate::door) door: Door,
}

/// A response, read to its end.
pub(in crate::door) struct Told {
    pub(in crate::door) status: StatusCode,
    pub(in crate::door) headers: HeaderMap,
    pub(in crate::door) body: Bytes,
}

impl Told {
    pub(in crate::door) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(in crate::door) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl House {
    pub(in crate::door) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["store", "other"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let door = open(&folder).await;
        Self { folder, door }
    }

    /// Ends this door, and opens another on the same folders and records.
    async fn again(self) -> Self {
        let Self { folder, door } = self;
        door.close().await;
        door.archive().close().await;
        drop(door);
        let door = open(&folder).await;
        Self { folder, door }
    }

    pub(in crate::door) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn other(&self) -> PathBuf {
        self.folder.path().join("other")
    }

    pub(in crate::door) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Told {
        self.ask_as(someone("anna"), method, path, headers, body).await
    }

    pub(in crate::door) async fn ask_as(
        &self,
        who: Principal,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Told {
        let mut request = Request::builder().method(method).uri(path).header("host", "port.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(RequestBody::from(Bytes::from(body.to_owned()))).unwrap();
        request.extensions_mut().insert(who);
        let (parts, body) = self.door.handle(request).await.into_parts();
        Told { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    async fn status(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.ask(method, path, headers, "").await.status.as_u16()
    }

    pub(in crate::door) async fn put(&self, path: &str, body: &str) {
        let told = self.ask("PUT", path, &[], body).await;
        assert!(told.status.is_success(), "PUT {path}: {} {}", told.status, told.text());
    }

    async fn to(&self, method: &str, from: &str, destination: &str) -> u16 {
        self.status(method, from, &[("destination", destination)]).await
    }

    fn stored(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.store().join(name)).ok()
    }
}

async fn open(folder: &TempDir) -> Door {
    let archive = Archive::open(&Location::Sqlite(folder.path().join("archive.db"))).await.unwrap();
    let namespaces = [("/", "store"), ("/other", "other")].map(|(mount, name)| NamespaceSettings {
        mount: mount.parse().unwrap(),
        root: folder.path().join(name),
        algorithms: vec![Algorithm::Adler32, Algorithm::Md5],
        ..NamespaceSettings::at_root("")
    });
    let settings = DoorSettings::new(namespaces.to_vec(), folder.path().join("staging"));
    // Anyone may do anything below /open, but for /open/shut.
    let grant = |path: &str, verbs| AnonymousGrant { path: path.parse().unwrap(), verbs };
    let grants = vec![grant("/open", VerbSet::all()), grant("/open/shut", VerbSet::default())];
    for _ in 0..500 {
        match Door::open(settings.clone(), archive.clone(), Rights::new(Policy::new(grants.clone()), ())).await {
            // Its lock ends when the last task of the door before has ended: soon, not at once.
            Err(problem) if problem.kind == "staging-in-use" => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("the door before has not let go of its staging area");
}

pub(in crate::door) fn someone(name: &str) -> Principal {
    only(name, VerbSet::all())
}

fn only(name: &str, verbs: VerbSet) -> Principal {
    let id = TokenId(uuid::Uuid::from_u128(name.bytes().fold(0, |sum, byte| sum * 31 + u128::from(byte))));
    Principal::of(terms::Identity::token(id, name, verbs, LogicalPath::root()))
}

/// Every verb asks for rights before it tells anything: the same answer whether something is there or not.
#[tokio::test]
async fn without_rights_nothing_is_told() {
    let house = House::new().await;
    house.put("/data/there", "x").await;
    let reader = only("reader", [Verb::Read, Verb::Stat, Verb::List].into_iter().collect());
    for destination in ["/data/there", "/data/new", "/data/no/where"] {
        let headers = &[("destination", destination), ("overwrite", "F")];
        for method in ["PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK"] {
            for path in ["/data/there", "/data/nothing"] {
                let told = house.ask_as(reader.clone(), method, path, headers, "").await;
                // Whoever may read may know that there is nothing to copy.
                let expected = if (method, path) == ("COPY", "/data/nothing") { 404 } else { 403 };
                assert_eq!(told.status, expected, "{method} {path} {destination}");
                let told = house.ask_as(Principal::anonymous(), method, path, headers, "").await;
                assert_eq!(told.status, 401, "{method} {path} {destination}");
            }
        }
    }
    for path in ["/data/there", "/data/nothing"] {
        let told = house.ask_as(Principal::anonymous(), "PROPFIND", path, &[("depth", "0")], "").await;
        assert_eq!(told.status, 401);
    }
}

/// What anyone may do ends where the operator closed a place further down.
#[tokio::test]
async fn a_closed_place_inside_an_open_one_stays_closed() {
    let house = House::new().await;
    for folder in ["/data/open", "/data/open/shut"] {
        assert_eq!(house.status("MKCOL", folder, &[]).await, 201);
    }
    house.put("/data/open/a", "1").await;
    house.put("/data/open/shut/b", "2").await;
    let as_anyone = |method: &'static str, path: &'static str, headers: &'static [(&str, &str)]| {
        house.ask_as(Principal::anonymous(), method, path, headers, "")
    };
    let told = as_anyone("PROPFIND", "/data/open/", &[("depth", "1")]).await;
    assert!(told.text().contains("/data/open/a") && !told.text().contains("shut"), "{}", told.text());
    let told = as_anyone("MOVE", "/data/open", &[("destination", "/data/open2")]).await;
    assert_eq!(told.status, 401);
    let told = as_anyone("COPY", "/data/open", &[("destination", "/data/open/copy")]).await;
    assert_eq!(told.status, 403, "into itself");
    assert_eq!(house.stored("open/shut/b").as_deref(), Some("2"));
}

#[tokio::test]
async fn bodies_are_refused_before_they_fill_memory() {
    let house = House::new().await;
    let large = " ".repeat(port_core::dav::spec::MAX_ASK_BYTES + 1);
    for method in ["PROPFIND", "LOCK"] {
        assert_eq!(house.ask(method, "/data/", &[("depth", "0")], &large).await.status, 413, "{method}");
    }
    let bomb = "<!DOCTYPE a [<!ENTITY b \"b\">]><propfind xmlns=\"DAV:\"><allprop/>&b;</propfind>";
    let told = house.ask("PROPFIND", "/data/", &[("depth", "0")], bomb).await;
    assert_eq!(told.status, 400);
    assert!(told.text().contains("xml-entity"));
    assert_eq!(house.ask("MKCOL", "/data/x", &[], "<x/>").await.status, 415);
}
