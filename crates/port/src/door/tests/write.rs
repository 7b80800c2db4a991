use super::*;
use terms::Timestamp;

#[tokio::test]
async fn a_file_comes_in_and_goes_out_with_its_digests() {
    let bench = Bench::new().await;
    let told = bench.put("/data/night.fits", "Wikipedia").await;
    assert_eq!(told.status, StatusCode::CREATED);
    // Adler-32 and CRC-32C of "Wikipedia", computed by other programs.
    assert_eq!(told.header("digest"), "adler32=11e60398,crc32c=2d0e3663");
    assert!(told.header("repr-digest").starts_with("adler=:EeYDmA==:,crc32c=:"));
    let tag = told.header("etag").to_owned();
    let told = bench.get("/data/night.fits").await;
    assert_eq!((told.status, &told.body[..]), (StatusCode::OK, &b"Wikipedia"[..]));
    assert_eq!((told.header("etag"), told.header("content-type")), (tag.as_str(), "application/fits"));
    assert_eq!(bench.put("/data/night.fits", "other").await.status, StatusCode::NO_CONTENT);
    assert_ne!(bench.get("/data/night.fits").await.header("etag"), tag);
    assert!(bench.staged().is_empty());
}

#[tokio::test]
async fn large_bodies_go_through_batches_unchanged() {
    let bench = Bench::with(|settings| settings.namespaces[0].algorithms = Algorithm::ALL.to_vec()).await;
    for length in [0, 1, 65_536, 65_537, 1 << 20, (1 << 20) + 1, (20 << 20) + 12_345] {
        let bytes = noise(length);
        let announced = length.to_string();
        let told = bench.ask("PUT", "/data/big", &[("content-length", &announced)], bytes.clone()).await;
        assert!(told.status.is_success(), "{length}: {}", told.status);
        let expected = port_core::digest::of_bytes(&Algorithm::ALL, &bytes);
        let expected = port_core::http::digest::write_digest(&expected).unwrap();
        assert_eq!(told.headers.get("digest"), Some(&expected), "{length}");
        assert!(bench.stored("big") == Some(bytes), "{length}");
    }
}

#[tokio::test]
async fn claimed_digests_are_verified_in_every_spelling() {
    let bench = Bench::new().await;
    let good = [
        ("digest", "adler32=11e60398"),
        ("digest", "ADLER32=11E60398,unknown=xyz"),
        ("repr-digest", "adler=:EeYDmA==:"),
        ("oc-checksum", "ADLER32:11e60398"),
        ("content-md5", ""),
        ("digest", "sha-512=AAAA"),
    ];
    for (name, value) in good {
        let value = if name == "content-md5" { &md5_of_wikipedia() } else { value };
        let told = bench.ask("PUT", "/data/good", &[(name, value)], "Wikipedia").await;
        assert!(told.status.is_success(), "{name}: {value}: {:?}", told.body);
    }
    for (name, value) in [
        ("digest", "adler32=11e60399"),
        ("repr-digest", "adler=:EeYDmQ==:"),
        ("oc-checksum", "MD5:00000000000000000000000000000000"),
    ] {
        let told = bench.ask("PUT", "/data/bad", &[(name, value)], "Wikipedia").await;
        assert_eq!((told.status, told.json()["kind"].as_str()), (StatusCode::BAD_REQUEST, Some("digest-mismatch")));
        let told = bench.ask("PUT", "/data/good", &[(name, value)], "Wikipedia").await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(bench.stored("bad"), None);
    assert_eq!(bench.stored("good").as_deref(), Some(&b"Wikipedia"[..]));
    assert!(bench.staged().is_empty());
    assert_eq!(bench.door.traffic().digest_mismatches.load(std::sync::atomic::Ordering::Relaxed), 6);
}

fn md5_of_wikipedia() -> String {
    port_core::digest::of_bytes(&[Algorithm::Md5], b"Wikipedia").get(Algorithm::Md5).unwrap().to_base64()
}

#[tokio::test]
async fn where_nothing_can_be_put_says_so() {
    let bench = Bench::new().await;
    std::fs::create_dir(bench.store().join("folder")).unwrap();
    std::fs::write(bench.store().join("file"), "f").unwrap();
    for (path, status) in [
        ("/data/none/file", StatusCode::CONFLICT),
        ("/data/file/below", StatusCode::CONFLICT),
        ("/data/folder", StatusCode::METHOD_NOT_ALLOWED),
        ("/data/new/", StatusCode::METHOD_NOT_ALLOWED),
        ("/data/", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(bench.put(path, "x").await.status, status, "{path}");
    }
    let told = bench.ask("PUT", "/data/part", &[("content-range", "bytes 0-0/9")], "x").await;
    assert_eq!((told.status, told.json()["kind"].as_str()), (StatusCode::BAD_REQUEST, Some("partial-put")));
}

#[tokio::test]
async fn the_modification_time_is_kept_when_asked() {
    let bench = Bench::new().await;
    let told = bench.ask("PUT", "/data/old", &[("x-oc-mtime", "784111777")], "x").await;
    assert_eq!((told.status, told.header("x-oc-mtime")), (StatusCode::CREATED, "accepted"));
    let told = bench.get("/data/old").await;
    assert_eq!(told.header("last-modified"), Timestamp::from_seconds(784_111_777).to_http_date());
    assert_eq!(bench.put("/data/new", "x").await.header("x-oc-mtime"), "");
}

#[tokio::test]
async fn the_media_type_of_the_sender_is_kept() {
    let bench = Bench::new().await;
    bench.ask("PUT", "/data/a.txt", &[("content-type", "text/x-fortran")], "x").await;
    let there = bench.get("/data/a.txt").await.header("content-type").to_owned();
    // Where the file system has no attributes, the name decides.
    assert!(there == "text/x-fortran" || there == "text/plain; charset=utf-8", "{there}");
    bench.door.settle_records().await;
    let record = bench.archive.file(&"/a.txt".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(record.media_type.as_deref(), Some("text/x-fortran"));
    assert_eq!(record.publisher, operator().to_string());
}

#[tokio::test]
async fn a_burst_of_small_files_is_committed_in_few_groups() {
    let bench = Bench::new().await;
    let puts = (0..200).map(|number| {
        let path = format!("/data/burst-{number}");
        let bench = &bench;
        async move { bench.put(&path, format!("file {number}")).await }
    });
    // As if the disk were slow: nothing is published before all have arrived.
    let names = bench.door.hold_names().await;
    let let_go = async {
        while bench.staged().len() < 200 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        drop(names);
    };
    let (told, ()) = futures_util::future::join(futures_util::future::join_all(puts), let_go).await;
    assert!(told.iter().all(|told| told.status == StatusCode::CREATED));
    for number in 0..200 {
        assert_eq!(bench.stored(&format!("burst-{number}")), Some(format!("file {number}").into_bytes()));
    }
    let traffic = bench.door.traffic();
    let groups = traffic.groups.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(traffic.grouped_files.load(std::sync::atomic::Ordering::Relaxed), 200);
    assert!(groups < 10, "200 files in {groups} groups");
    bench.door.settle_records().await;
    assert_eq!(bench.archive.totals().await.unwrap().files, 200);
}

#[tokio::test]
async fn staging_on_another_file_system_is_carried_over() {
    let other = std::path::Path::new("/dev/shm");
    let Ok(staging) = tempfile::tempdir_in(other) else {
        println!("skipped: no {} here", other.display());
        return;
    };
    let bench = Bench::with(|settings| settings.staging = staging.path().to_owned()).await;
    let bytes = noise(3 << 20);
    assert_eq!(bench.put("/data/far", bytes.clone()).await.status, StatusCode::CREATED);
    assert_eq!(bench.put("/data/small", "s").await.status, StatusCode::CREATED);
    assert!(bench.stored("far") == Some(bytes));
    let left = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().count();
    assert_eq!(left(&bench.store().join(".portolan")), 0);
    assert_eq!(left(staging.path()), 3, "only the lock and the journal stay");
    let told = bench.ask("GET", "/data/far", &[("want-digest", "adler32")], "").await;
    assert!(told.header("digest").starts_with("adler32="));
}

#[tokio::test]
async fn a_copy_inside_the_port_is_digested_again() {
    let bench = Bench::new().await;
    bench.put("/data/a", "Wikipedia").await;
    let (a, b) = ("/a".parse().unwrap(), "/b".parse().unwrap());
    assert!(bench.door.copy_file(&a, &b, false, &operator()).await.unwrap());
    assert_eq!(bench.stored("b").as_deref(), Some(&b"Wikipedia"[..]));
    assert_eq!(bench.door.copy_file(&a, &b, false, &operator()).await.unwrap_err().status, 412);
    assert!(!bench.door.copy_file(&a, &b, true, &operator()).await.unwrap());
    // A bit flips on the disk while size and time stay.
    let file = bench.store().join("a");
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    std::fs::write(&file, "Wikipadia").unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    let problem = bench.door.copy_file(&a, &b, true, &operator()).await.unwrap_err();
    assert_eq!(problem.kind, "file-damaged");
    assert_eq!(bench.stored("b").as_deref(), Some(&b"Wikipedia"[..]));
}
