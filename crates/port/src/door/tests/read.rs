use super::*;

#[tokio::test]
async fn ranges_are_answered_singly_and_together() {
    let bench = Bench::new().await;
    let bytes = noise(200_000);
    bench.put("/data/r", bytes.clone()).await;
    let get = async |range: &str| bench.ask("GET", "/data/r", &[("range", range)], "").await;
    let told = get("bytes=100-199").await;
    assert_eq!((told.status, told.header("content-range")), (StatusCode::PARTIAL_CONTENT, "bytes 100-199/200000"));
    assert_eq!((told.header("content-length"), &told.body[..]), ("100", &bytes[100..200]));
    assert_eq!(get("bytes=-70000").await.body, bytes[130_000..]);
    assert_eq!(get("bytes=199999-").await.body, bytes[199_999..]);
    let told = get("bytes=200000-").await;
    assert_eq!((told.status, told.header("content-range")), (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */200000"));
    for nonsense in ["bytes=9-1", "rows=1-2", "bytes=", "bytes=a-b"] {
        assert_eq!(get(nonsense).await.status, StatusCode::OK, "{nonsense}");
    }
    let told = get("bytes=0-9,100000-100019,199990-").await;
    assert_eq!(told.status, StatusCode::PARTIAL_CONTENT);
    assert!(told.header("content-type").starts_with("multipart/byteranges; boundary="));
    assert_eq!(told.header("content-length"), told.body.len().to_string());
    let holds = |piece: &[u8]| told.body.windows(piece.len()).any(|window| window == piece);
    assert!(holds(&bytes[0..10]) && holds(&bytes[100_000..100_020]) && holds(&bytes[199_990..]));
    let absurd: Vec<String> = (0..1000).map(|n| format!("{n}-{n}")).collect();
    assert_eq!(get(&format!("bytes={}", absurd.join(","))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn heads_tell_the_same_as_gets_without_the_body() {
    let bench = Bench::new().await;
    bench.put("/data/h.json", "{}").await;
    let (get, head) = (bench.get("/data/h.json").await, bench.ask("HEAD", "/data/h.json", &[], "").await);
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for name in ["content-length", "content-type", "etag", "last-modified", "accept-ranges"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(head.header("content-length"), "2");
    assert_eq!(bench.ask("HEAD", "/data/h.json", &[("range", "bytes=0-0")], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn digests_are_answered_when_asked_also_of_files_that_others_put_there() {
    let bench = Bench::new().await;
    std::fs::write(bench.store().join("foreign"), "Wikipedia").unwrap();
    bench.put("/data/ours", "Wikipedia").await;
    for path in ["/data/ours", "/data/foreign", "/data/foreign"] {
        let told = bench.ask("HEAD", path, &[("want-digest", "ADLER32")], "").await;
        assert_eq!(told.header("digest"), "adler32=11e60398", "{path}");
        let told = bench.ask("GET", path, &[("want-repr-digest", "adler=5")], "").await;
        assert_eq!((told.header("repr-digest"), told.header("digest")), ("adler=:EeYDmA==:", ""), "{path}");
        let told = bench.ask("GET", path, &[("want-digest", "SHA-512;q=1, SHA;q=0.1")], "").await;
        assert_eq!((told.status, told.header("digest")), (StatusCode::OK, ""), "{path}");
    }
    let record = bench.archive.file(&"/foreign".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(record.digests.iter().count(), 2);
    // Changed behind our back: the record says nothing about it any more.
    std::fs::write(bench.store().join("ours"), "Wikipedia, changed").unwrap();
    let told = bench.ask("HEAD", "/data/ours", &[("want-digest", "adler32")], "").await;
    assert_ne!(told.header("digest"), "adler32=11e60398");
    // An algorithm that the namespace does not compute is added on demand.
    let told = bench.ask("HEAD", "/data/foreign", &[("want-digest", "md5")], "").await;
    assert!(told.header("digest").starts_with("md5="));
}

#[tokio::test]
async fn the_trailer_that_says_how_it_went_comes_when_asked() {
    let bench = Bench::new().await;
    bench.put("/data/t", noise(100_000)).await;
    let asked = [("te", "gzip, trailers"), ("x-transfer-status", "true")];
    let mut request = Request::builder().uri("/data/t");
    for (name, value) in asked {
        request = request.header(name, value);
    }
    let mut request = request.body(RequestBody::empty()).unwrap();
    request.extensions_mut().insert(operator());
    let response = bench.door.handle(request).await;
    assert_eq!(response.headers().get("trailer").unwrap(), "X-Transfer-Status");
    assert!(response.headers().get("content-length").is_none());
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap().get("x-transfer-status").unwrap(), "200: OK");
    assert_eq!(collected.to_bytes().len(), 100_000);
    let told = bench.ask("GET", "/data/t", &asked[..1], "").await;
    assert_eq!(told.header("content-length"), "100000");
}

#[tokio::test]
async fn a_file_asked_for_as_a_folder_is_not_there() {
    let bench = Bench::new().await;
    bench.put("/data/f", "x").await;
    assert_eq!(bench.get("/data/f/").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.get("/data/f/below").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_browsers_could_run_is_shown_in_an_origin_of_its_own() {
    let bench = Bench::new().await;
    for (name, policy) in [("a.html", "sandbox"), ("a.svg", "sandbox"), ("a.fits", ""), ("a.png", ""), ("a.txt", "")] {
        let path = format!("/data/{name}");
        bench.put(&path, b"<script>alert(1)</script>".to_vec()).await;
        let told = bench.ask("GET", &path, &[], "").await;
        assert_eq!(
            (told.header("content-security-policy"), told.header("x-content-type-options")),
            (policy, "nosniff"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn open_files_are_sent_without_asking_the_archive() {
    let bench = Bench::new().await;
    std::fs::create_dir(bench.store().join("open")).unwrap();
    bench.put("/data/open/f", "bytes").await;
    bench.door.settle_records().await;
    bench.archive.close().await;
    for who in [Principal::anonymous(), operator()] {
        let told = bench.ask_as(who, "GET", "/data/open/f", &[("range", "bytes=1-2")], "").await;
        assert_eq!((told.status, &told.body[..]), (StatusCode::PARTIAL_CONTENT, &b"yt"[..]));
    }
}

#[tokio::test]
async fn no_cache_keeps_for_others_what_was_sent_to_somebody() {
    let bench = Bench::new().await;
    std::fs::create_dir(bench.store().join("open")).unwrap();
    bench.put("/data/open/f", "bytes").await;
    for (who, expected) in [(Principal::anonymous(), ""), (operator(), "private")] {
        let told = bench.ask_as(who, "GET", "/data/open/f", &[], "").await;
        assert_eq!((told.status, told.header("cache-control")), (StatusCode::OK, expected));
    }
}
