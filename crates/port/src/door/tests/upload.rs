use super::*;

const APPEND: (&str, &str) = ("content-type", "application/partial-upload");

async fn begin(bench: &Bench, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> String {
    let headers: Vec<_> = headers.iter().copied().chain([("upload-complete", "?0")]).collect();
    let told = bench.ask("PUT", path, &headers, body).await;
    assert_eq!(told.status, StatusCode::CREATED, "{:?}", told.body);
    told.header("location").to_owned()
}

async fn offset(bench: &Bench, address: &str) -> String {
    let told = bench.ask("HEAD", address, &[], "").await;
    assert_eq!((told.status, told.header("cache-control")), (StatusCode::NO_CONTENT, "no-store"));
    told.header("upload-offset").to_owned()
}

async fn append(bench: &Bench, address: &str, at: &str, complete: &str, body: &[u8]) -> Told {
    let headers = [APPEND, ("upload-offset", at), ("upload-complete", complete)];
    bench.ask("PATCH", address, &headers, body.to_vec()).await
}

#[tokio::test]
async fn a_file_in_three_parts_over_a_restart() {
    let bench = Bench::new().await;
    let bytes = noise(5 << 20);
    let address = begin(&bench, "/data/big", &[("upload-length", "5242880")], bytes[..2_000_000].to_vec()).await;
    assert_eq!(offset(&bench, &address).await, "2000000");
    assert_eq!(bench.stored("big"), None);
    let told = append(&bench, &address, "2000000", "?0", &bytes[2_000_000..3_000_000]).await;
    assert_eq!((told.status, told.header("upload-offset")), (StatusCode::NO_CONTENT, "3000000"));
    let bench = bench.again().await;
    assert_eq!(offset(&bench, &address).await, "3000000");
    let told = append(&bench, &address, "3000000", "?1", &bytes[3_000_000..]).await;
    assert_eq!((told.status, told.header("upload-complete")), (StatusCode::CREATED, "?1"));
    let expected = port_core::digest::of_bytes(&[Algorithm::Adler32, Algorithm::Crc32c], &bytes);
    assert_eq!(told.headers.get("digest"), port_core::http::digest::write_digest(&expected).as_ref());
    assert!(bench.stored("big") == Some(bytes));
    let told = bench.ask("HEAD", &address, &[], "").await;
    assert_eq!((told.header("upload-complete"), told.header("upload-offset")), ("?1", "5242880"));
    assert!(bench.staged().is_empty() && bench.archive.uploads().await.unwrap().is_empty());
    let told = append(&bench, &address, "5242880", "?1", b"").await;
    assert_eq!(told.status, StatusCode::BAD_REQUEST);
    assert!(told.json()["type"].as_str().unwrap().ends_with("#completed-upload"));
}

#[tokio::test]
async fn refusals_of_the_draft() {
    let bench = Bench::new().await;
    let address = begin(&bench, "/data/f", &[("upload-length", "10")], b"01234".to_vec()).await;
    let told = append(&bench, &address, "3", "?1", b"34567").await;
    assert_eq!((told.status, told.header("upload-offset")), (StatusCode::CONFLICT, "5"));
    assert!(told.json()["type"].as_str().unwrap().ends_with("#mismatching-upload-offset"));
    let told = bench.ask("PATCH", &address, &[("upload-offset", "5"), ("upload-complete", "?1")], "56789").await;
    assert_eq!(told.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let told = append(&bench, &address, "5", "?1", b"567").await;
    assert_eq!(told.status, StatusCode::BAD_REQUEST, "two lengths contradict each other");
    assert_eq!(bench.ask("GET", &address, &[], "").await.status, StatusCode::METHOD_NOT_ALLOWED);
    // More than the whole closes the upload.
    let told = append(&bench, &address, &offset(&bench, &address).await, "?0", b"0123456789").await;
    assert_eq!(told.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.ask("HEAD", &address, &[], "").await.status, StatusCode::NOT_FOUND);
    assert!(bench.staged().is_empty());
}

#[tokio::test]
async fn only_who_began_may_go_on() {
    let bench = Bench::new().await;
    let address = begin(&bench, "/data/f", &[], b"01".to_vec()).await;
    let other = begin(&bench, "/data/g", &[], b"01".to_vec()).await;
    assert_eq!(bench.ask("DELETE", &other, &[], "").await.status, StatusCode::NO_CONTENT);
    // An upload of somebody else answers as one that is not there.
    for who in [token("other", VerbSet::all()), Principal::anonymous()] {
        for method in ["HEAD", "PATCH", "DELETE", "OPTIONS", "GET"] {
            for address in [&address, &other] {
                assert_eq!(bench.ask_as(who.clone(), method, address, &[], "").await.status, StatusCode::NOT_FOUND);
            }
        }
    }
    assert_eq!(bench.ask("DELETE", &address, &[], "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.ask("HEAD", &address, &[], "").await.status, StatusCode::NOT_FOUND);
    assert!(bench.staged().is_empty());
}

#[tokio::test]
async fn claims_and_conditions_of_the_beginning_hold_at_the_end() {
    let bench = Bench::new().await;
    let address = begin(&bench, "/data/f", &[("repr-digest", "adler=:EeYDmA==:")], b"Wiki".to_vec()).await;
    let told = append(&bench, &address, "4", "?1", b"padia").await;
    assert_eq!((told.status, told.json()["kind"].as_str()), (StatusCode::BAD_REQUEST, Some("digest-mismatch")));
    assert_eq!(bench.stored("f"), None);
    assert!(bench.staged().is_empty());
    let address = begin(&bench, "/data/f", &[("if-none-match", "*")], b"Wiki".to_vec()).await;
    bench.put("/data/f", "came between").await;
    assert_eq!(append(&bench, &address, "4", "?1", b"pedia").await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(bench.stored("f").as_deref(), Some(&b"came between"[..]));
    let address = begin(&bench, "/data/g", &[("x-oc-mtime", "784111777")], b"Wiki".to_vec()).await;
    let told = append(&bench, &address, "4", "?1", b"pedia").await;
    assert_eq!((told.status, told.header("x-oc-mtime")), (StatusCode::CREATED, "accepted"));
    assert_eq!(told.header("digest"), "adler32=11e60398,crc32c=2d0e3663");
}

#[tokio::test]
async fn what_came_of_a_dropped_request_counts() {
    let bench = Bench::new().await;
    let bytes = noise(8 << 20);
    let address = begin(&bench, "/data/f", &[], Vec::new()).await;
    for _ in 0..4 {
        let at: usize = offset(&bench, &address).await.parse().unwrap();
        if at == bytes.len() {
            break;
        }
        let begins = at.to_string();
        let part = append(&bench, &address, &begins, "?0", &bytes[at..]);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(2), part).await;
    }
    let at: usize = offset(&bench, &address).await.parse().unwrap();
    let told = append(&bench, &address, &at.to_string(), "?1", &bytes[at..]).await;
    assert_eq!(told.status, StatusCode::CREATED);
    assert!(bench.stored("f") == Some(bytes));
}

#[tokio::test]
async fn expired_uploads_are_swept() {
    let bench = Bench::with(|settings| settings.upload_lifetime = std::time::Duration::ZERO).await;
    let address = begin(&bench, "/data/f", &[], b"half".to_vec()).await;
    super::super::upload::sweep(&bench.door).await;
    assert_eq!(bench.ask("HEAD", &address, &[], "").await.status, StatusCode::NOT_FOUND);
    assert!(bench.staged().is_empty());
}
