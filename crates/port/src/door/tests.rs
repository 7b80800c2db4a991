//! The door without sockets: requests in, responses out, and what then lies in the store.

mod attributes;
mod conditions;
mod embargo;
mod faults;
mod hidden;
mod journal;
mod limits;
mod names;
mod read;
mod recovery;
mod remove;
mod upload;
mod witness;
mod write;

use super::{Door, DoorSettings, NamespaceSettings};
use archive::{Archive, Location};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use net::{Body, RequestBody};
use policy::{AnonymousGrant, Policy, Rights};
use std::path::PathBuf;
use tempfile::TempDir;
use terms::{Algorithm, LogicalPath, Principal, TokenId, Verb, VerbSet};

/// A door on folders of its own.
struct Bench {
    folder: TempDir,
    door: Door,
    archive: Archive,
}

/// A response, read to its end.
struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Told {
    async fn of(response: http::Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut DoorSettings)) -> Self {
        Self::ruled(change, policy()).await
    }

    async fn ruled(change: impl FnOnce(&mut DoorSettings), rights: Rights) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(&Location::Sqlite(folder.path().join("archive.db"))).await.unwrap();
        std::fs::create_dir(folder.path().join("store")).unwrap();
        let mut settings = settings_in(&folder);
        change(&mut settings);
        let door = Door::open(settings, archive.clone(), rights).await.unwrap();
        Self { folder, door, archive }
    }

    /// Ends this door as it is, and opens another on the same folders.
    async fn again(self) -> Self {
        let Self { folder, door, archive } = self;
        door.close().await;
        drop(door);
        let door = reopened(settings_in(&folder), &archive).await;
        Self { folder, door, archive }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn stored(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.store().join(name)).ok()
    }

    /// Names in the staging area, but for its lock.
    fn staged(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path().join("staging")).unwrap();
        names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "lock" && !name.starts_with("journal-"))
            .collect()
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Told {
        self.ask_as(operator(), method, path, headers, body).await
    }

    async fn ask_as(
        &self,
        who: Principal,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Told {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(RequestBody::from(body.into())).unwrap();
        request.extensions_mut().insert(who);
        if path.starts_with(super::UPLOADS_PREFIX) {
            Told::of(self.door.handle_upload(request).await).await
        } else {
            Told::of(self.door.handle(request).await).await
        }
    }

    async fn put(&self, path: &str, body: impl Into<Bytes>) -> Told {
        self.ask("PUT", path, &[], body).await
    }

    async fn get(&self, path: &str) -> Told {
        self.ask("GET", path, &[], "").await
    }
}

/// The lock of the staging area ends when the last task of the door before has ended: soon, not at once.
async fn reopened(settings: DoorSettings, archive: &Archive) -> Door {
    reopened_by(settings, archive, policy()).await
}

async fn reopened_by(settings: DoorSettings, archive: &Archive, rights: Rights) -> Door {
    for _ in 0..500 {
        match Door::open(settings.clone(), archive.clone(), rights.clone()).await {
            Err(problem) if problem.kind == "staging-in-use" => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("the door before has not let go of its staging area");
}

fn settings_in(folder: &TempDir) -> DoorSettings {
    let mut namespace = NamespaceSettings::at_root(folder.path().join("store"));
    namespace.algorithms = vec![Algorithm::Adler32, Algorithm::Crc32c];
    let mut settings = DoorSettings::new(vec![namespace], folder.path().join("staging"));
    settings.journal_bytes = 1 << 20;
    settings
}

/// Anyone may read below `/open`.
fn policy() -> Rights {
    let verbs = [Verb::Read, Verb::Stat].into_iter().collect();
    Rights::new(Policy::new(vec![AnonymousGrant { path: "/open".parse().unwrap(), verbs }]), ())
}

fn operator() -> Principal {
    token("operator", VerbSet::all())
}

fn token(name: &str, verbs: VerbSet) -> Principal {
    let id = TokenId(uuid::Uuid::from_u128(name.bytes().fold(0, |sum, byte| sum * 31 + u128::from(byte))));
    Principal::of(terms::Identity::token(id, name, verbs, LogicalPath::root()))
}

fn noise(length: usize) -> Vec<u8> {
    // A linear congruence: no two blocks alike, the same in every run.
    let mut state = 0x2545_f491_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

#[tokio::test]
async fn unknown_methods_are_refused_with_what_is_known() {
    let bench = Bench::new().await;
    let told = bench.ask("BREW", "/data/pot", &[], "").await;
    assert_eq!(told.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(told.header("allow"), super::ALLOW);
    let told = bench.ask("OPTIONS", "/data/", &[], "").await;
    assert_eq!((told.status, told.header("dav")), (StatusCode::OK, "1, 2"));
    assert_eq!(told.header("accept-patch"), "application/partial-upload");
    assert!(told.header("upload-limit").contains("max-size="));
}

#[tokio::test]
async fn problems_are_told_in_the_form_that_is_asked_for() {
    let bench = Bench::new().await;
    let told = bench.get("/data/nothing").await;
    assert_eq!((told.status, told.header("content-type")), (StatusCode::NOT_FOUND, "application/problem+json"));
    let json = told.json();
    assert_eq!((json["status"].as_u64(), json["kind"].as_str()), (Some(404), Some("not-found")));
    assert_eq!((json["fault"].as_str(), json["retry"].as_str()), (Some("caller"), Some("never")));
    let told = bench.ask("GET", "/data/nothing", &[("accept", "text/plain")], "").await;
    assert_eq!(told.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(told.body.iter().filter(|byte| **byte == b'\n').count(), 1);
    let told = bench.ask("HEAD", "/data/nothing", &[], "").await;
    assert_eq!((told.status, told.body.len()), (StatusCode::NOT_FOUND, 0));
}

#[tokio::test]
async fn rights_are_asked_before_anything_is_looked_up() {
    let bench = Bench::new().await;
    std::fs::create_dir(bench.store().join("open")).unwrap();
    bench.put("/data/open/file", "shown").await;
    let told = bench.ask_as(Principal::anonymous(), "GET", "/data/open/file", &[], "").await;
    assert_eq!((told.status, &told.body[..]), (StatusCode::OK, &b"shown"[..]));
    for (method, path) in
        [("GET", "/data/x"), ("PUT", "/data/x"), ("PUT", "/data/open/file"), ("DELETE", "/data/open/file")]
    {
        let told = bench.ask_as(Principal::anonymous(), method, path, &[], "").await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let challenges: Vec<_> = told.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges.len(), 2);
    }
    let reader = token("reader", [Verb::Read, Verb::Stat].into_iter().collect());
    let told = bench.ask_as(reader, "PUT", "/data/open/file", &[], "").await;
    assert_eq!((told.status, told.json()["kind"].as_str()), (StatusCode::FORBIDDEN, Some("not-allowed")));
}

#[tokio::test]
async fn tricks_with_paths_end_at_the_door() {
    let bench = Bench::new().await;
    std::fs::write(bench.folder.path().join("secret"), "s").unwrap();
    std::os::unix::fs::symlink(bench.folder.path(), bench.store().join("way-out")).unwrap();
    std::os::unix::fs::symlink("way-out/secret", bench.store().join("link")).unwrap();
    let long = format!("/data/{}", "n".repeat(256));
    for (path, status) in [
        ("/data/../secret", StatusCode::BAD_REQUEST),
        ("/data/%2e%2e/secret", StatusCode::BAD_REQUEST),
        ("/data/a%2f..%2fsecret", StatusCode::BAD_REQUEST),
        ("/data/a%00", StatusCode::BAD_REQUEST),
        ("/data/%ff", StatusCode::BAD_REQUEST),
        ("/database", StatusCode::NOT_FOUND),
        (long.as_str(), StatusCode::URI_TOO_LONG),
        ("/data/.portolan/x", StatusCode::FORBIDDEN),
        ("/data/.portolan-secret", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(bench.get(path).await.status, status, "GET {path}");
        assert_eq!(bench.put(path, "x").await.status, status, "PUT {path}");
    }
    // Symbolic links are not followed, neither as the last name nor on the way, and not written through.
    for path in ["/data/way-out/secret", "/data/link", "/data/way-out"] {
        assert_eq!(bench.get(path).await.status, StatusCode::NOT_FOUND, "GET {path}");
    }
    assert_eq!(bench.put("/data/way-out/new", "x").await.status, StatusCode::CONFLICT);
    assert_eq!(bench.ask("DELETE", "/data/way-out/secret", &[], "").await.status, StatusCode::NOT_FOUND);
    assert!(bench.folder.path().join("secret").exists());
    assert!(!bench.folder.path().join("new").exists());
    assert!(bench.staged().is_empty());
}

#[tokio::test]
async fn a_second_door_on_the_same_staging_area_is_refused() {
    let bench = Bench::new().await;
    let Err(problem) = Door::open(settings_in(&bench.folder), bench.archive.clone(), policy()).await else {
        panic!("two doors share one staging area");
    };
    assert_eq!(problem.kind, "staging-in-use");
    assert!(problem.detail.contains(&std::process::id().to_string()), "{problem}");
}

#[tokio::test]
async fn requests_refusals_and_transfers_are_counted() {
    let bench = Bench::new().await;
    bench.put("/data/a", "12345").await;
    bench.get("/data/a").await;
    bench.get("/data/b").await;
    let traffic = bench.door.traffic();
    assert_eq!(traffic.requests(), [("GET", 2, 1), ("GET", 4, 1), ("PUT", 2, 1)]);
    assert_eq!(traffic.refused(), [("not-found", 1)]);
    let recent = traffic.recent();
    assert_eq!(recent.iter().map(|one| (one.verb, one.bytes)).collect::<Vec<_>>(), [("GET", 5), ("PUT", 5)]);
    assert_eq!(traffic.group_sizes()[0], 1);
    assert_eq!(Method::GET.as_str(), super::traffic::METHODS[0]);
}
