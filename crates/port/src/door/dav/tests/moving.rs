use super::House;

const PATCH: &str =
    "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><p xmlns=\"urn:x\">kept</p></D:prop></D:set></D:propertyupdate>";

async fn mark(house: &House, path: &str) {
    assert_eq!(house.ask("PROPPATCH", path, &[], PATCH).await.status, 207);
}

async fn is_marked(house: &House, path: &str) -> bool {
    house.ask("PROPFIND", path, &[("depth", "0")], "").await.text().contains("kept")
}

/// The digests of a file as its record has them.
async fn digests(house: &House, path: &str) -> Option<String> {
    let path = path.parse().unwrap();
    let found = house.door.namespaces().stat(&path).await.unwrap();
    house.door.record_of(&path, &found).await.unwrap().map(|record| record.digests.to_string())
}

#[tokio::test]
async fn copies_and_moves_take_digests_and_properties_along() {
    for method in ["COPY", "MOVE"] {
        let house = House::new().await;
        house.put("/data/a", "abc").await;
        mark(&house, "/data/a").await;
        let before = digests(&house, "/a").await;
        assert_eq!(house.to(method, "/data/a", "http://port.example/data/b%20c").await, 201, "{method}");
        assert_eq!(house.stored("b c").as_deref(), Some("abc"));
        assert_eq!(house.stored("a").is_some(), method == "COPY");
        assert_eq!(digests(&house, "/b c").await, before, "{method}");
        assert!(is_marked(&house, "/data/b%20c").await, "{method}");
        assert_eq!(
            house.door.archive().properties(&"/a".parse().unwrap()).await.unwrap().len(),
            usize::from(method == "COPY")
        );
    }
}

#[tokio::test]
async fn what_is_at_the_destination_is_replaced_or_not() {
    for method in ["COPY", "MOVE"] {
        let house = House::new().await;
        house.put("/data/a", "new").await;
        house.put("/data/b", "old").await;
        mark(&house, "/data/b").await;
        let told = house.ask(method, "/data/a", &[("destination", "/data/b"), ("overwrite", "F")], "").await;
        assert_eq!((told.status.as_u16(), house.stored("b").as_deref()), (412, Some("old")), "{method}");
        assert_eq!(house.to(method, "/data/a", "/data/b").await, 204);
        assert_eq!(house.stored("b").as_deref(), Some("new"));
        assert!(!is_marked(&house, "/data/b").await, "{method}: the old properties are gone");
    }
}

#[tokio::test]
async fn folders_go_with_all_in_them() {
    for method in ["COPY", "MOVE"] {
        let house = House::new().await;
        for folder in ["/data/f", "/data/f/g", "/data/t", "/data/t/old"] {
            assert_eq!(house.status("MKCOL", folder, &[]).await, 201);
        }
        house.put("/data/f/1", "one").await;
        house.put("/data/f/g/2", "two").await;
        for marked in ["/data/f", "/data/f/g", "/data/f/g/2"] {
            mark(&house, marked).await;
        }
        assert_eq!(house.to(method, "/data/f/", "/data/t/").await, 204, "{method}");
        assert_eq!((house.stored("t/1").as_deref(), house.stored("t/g/2").as_deref()), (Some("one"), Some("two")));
        assert!(!house.store().join("t/old").exists());
        assert_eq!(house.store().join("f/g/2").exists(), method == "COPY");
        for marked in ["/data/t", "/data/t/g", "/data/t/g/2"] {
            assert!(is_marked(&house, marked).await, "{method} {marked}");
        }
        assert!(digests(&house, "/t/g/2").await.is_some());
    }
}

#[tokio::test]
async fn a_folder_alone_is_copied_by_depth_0() {
    let house = House::new().await;
    assert_eq!(house.status("MKCOL", "/data/f", &[]).await, 201);
    house.put("/data/f/1", "one").await;
    mark(&house, "/data/f").await;
    assert_eq!(house.status("COPY", "/data/f", &[("destination", "/data/t"), ("depth", "0")]).await, 201);
    assert!(house.store().join("t").is_dir() && house.stored("t/1").is_none());
    assert!(is_marked(&house, "/data/t").await);
    assert_eq!(house.status("COPY", "/data/f", &[("destination", "/data/u"), ("depth", "1")]).await, 400);
    assert_eq!(house.status("MOVE", "/data/f", &[("destination", "/data/u"), ("depth", "0")]).await, 400);
}

#[tokio::test]
async fn destinations_that_cannot_be() {
    let house = House::new().await;
    house.put("/data/a", "a").await;
    assert_eq!(house.status("MKCOL", "/data/f", &[]).await, 201);
    house.put("/data/f/b", "b").await;
    for method in ["COPY", "MOVE"] {
        for (from, to, status) in [
            ("/data/a", "/data/a", 403),
            ("/data/f", "/data/f/g", 403),
            ("/data/f/b", "/data/f", 403),
            ("/data/a", "/data/none/a", 409),
            ("/data/a", "/data/a/b", 403),
            ("/data/a", "/data/f/b/c", 409),
            ("/data/none", "/data/x", 404),
            ("/data/a", "http://elsewhere.example/data/x", 502),
            ("/data/a", "/api/v1", 403),
            ("/data/a", "/data/.portolan-x", 403),
            ("/data/a", "/data/other", 403),
            ("/data/a", "/data/../x", 400),
        ] {
            assert_eq!(house.to(method, from, to).await, status, "{method} {from} {to}");
        }
        assert_eq!(house.status(method, "/data/a", &[]).await, 400);
    }
    assert_eq!(house.to("MOVE", "/data/other", "/data/x").await, 403);
    assert_eq!((house.stored("a").as_deref(), house.stored("f/b").as_deref()), (Some("a"), Some("b")));
}

#[tokio::test]
async fn between_namespaces_bytes_are_carried_and_then_removed() {
    let house = House::new().await;
    assert_eq!(house.status("MKCOL", "/data/f", &[]).await, 201);
    house.put("/data/f/1", "one").await;
    mark(&house, "/data/f").await;
    mark(&house, "/data/f/1").await;
    assert_eq!(house.to("MOVE", "/data/f", "/data/other/f").await, 201);
    assert_eq!(std::fs::read_to_string(house.other().join("f/1")).unwrap(), "one");
    assert!(!house.store().join("f").exists());
    assert!(is_marked(&house, "/data/other/f").await && is_marked(&house, "/data/other/f/1").await);
    assert_eq!(house.to("MOVE", "/data/other/f/1", "/data/1").await, 201);
    assert_eq!(house.stored("1").as_deref(), Some("one"));
    assert!(!house.other().join("f/1").exists());
    assert_eq!(house.to("COPY", "/data/1", "/data/other/1").await, 201);
}

/// What no URL can name cannot be carried, so it must not be lost.
#[tokio::test]
async fn what_is_not_seen_is_not_removed() {
    let house = House::new().await;
    assert_eq!(house.status("MKCOL", "/data/f", &[]).await, 201);
    house.put("/data/f/1", "one").await;
    std::os::unix::fs::symlink("/etc", house.store().join("f/link")).unwrap();
    let told = house.ask("MOVE", "/data/f", &[("destination", "/data/other/f")], "").await;
    assert_eq!(told.status, 207);
    assert!(told.text().contains("<D:href>/data/f/</D:href><D:status>HTTP/1.1 409"), "{}", told.text());
    assert!(house.store().join("f/link").is_symlink());
    assert_eq!(std::fs::read_to_string(house.other().join("f/1")).unwrap(), "one");
}
