use super::House;

const ALL: &str = "";

fn ask(names: &str) -> String {
    format!(
        "<D:propfind xmlns:D=\"DAV:\" xmlns:o=\"http://owncloud.org/ns\" xmlns:l=\"LCGDM:\"><D:prop>{names}</D:prop></D:propfind>"
    )
}

fn patch(inside: &str) -> String {
    format!("<D:propertyupdate xmlns:D=\"DAV:\" xmlns:x=\"urn:x\">{inside}</D:propertyupdate>")
}

#[tokio::test]
async fn folders_are_answered_with_and_without_their_slash_and_files_at_depth_1() {
    let house = House::new().await;
    assert_eq!(house.status("MKCOL", "/data/f", &[]).await, 201);
    house.put("/data/f/a%20b", "12345").await;
    for path in ["/data/f", "/data/f/"] {
        let told = house.ask("PROPFIND", path, &[("depth", "1")], ALL).await;
        assert_eq!((told.status.as_u16(), told.header("content-type")), (207, "application/xml; charset=utf-8"));
        let text = told.text();
        assert!(
            text.contains("<D:href>/data/f/</D:href>") && text.contains("<D:href>/data/f/a%20b</D:href>"),
            "{text}"
        );
        assert!(text.contains("<D:getcontentlength>5</D:getcontentlength>"));
    }
    for depth in ["0", "1", "infinity"] {
        let told = house.ask("PROPFIND", "/data/f/a%20b", &[("depth", depth)], ALL).await;
        assert_eq!((told.status.as_u16(), told.text().matches("<D:response>").count()), (207, 1));
    }
    let told = house.ask("PROPFIND", "/data/f", &[], ALL).await;
    assert_eq!(told.status, 403);
    assert!(told.text().contains("<D:propfind-finite-depth/>"));
    assert_eq!(house.status("PROPFIND", "/data/none", &[("depth", "0")]).await, 404);
}

#[tokio::test]
async fn checksums_and_unknown_properties() {
    let house = House::new().await;
    house.put("/data/a", "abc").await;
    let names = ask("<o:checksums/><l:mode/><D:getcontenttype/>");
    for (path, depth) in [("/data/a", "0"), ("/data/", "1")] {
        let told = house.ask("PROPFIND", path, &[("depth", depth)], &names).await;
        let sums = "<oc:checksum>MD5:900150983cd24fb0d6963f7d28e17f72 ADLER32:024d0127</oc:checksum>";
        assert!(told.text().contains(sums), "{}", told.text());
        assert!(told.text().contains("<x:mode xmlns:x=\"LCGDM:\"/></D:prop><D:status>HTTP/1.1 404 Not Found"));
    }
    // Changed behind our back: the record speaks of other bytes.
    std::fs::write(house.store().join("a"), "abcd").unwrap();
    assert!(!house.ask("PROPFIND", "/data/a", &[("depth", "0")], &names).await.text().contains("MD5"));
}

#[tokio::test]
async fn what_is_ours_is_not_shown() {
    let house = House::new().await;
    std::fs::create_dir(house.store().join(".portolan-own")).unwrap();
    std::os::unix::fs::symlink("/etc", house.store().join("link")).unwrap();
    let told = house.ask("PROPFIND", "/data/", &[("depth", "1")], ALL).await;
    assert!(!told.text().contains(".portolan") && !told.text().contains("link"), "{}", told.text());
    assert!(told.text().contains("<D:href>/data/other/</D:href>"), "a mounted namespace is shown");
}

/// More entries than are answered at once, so that the answer is a stream; each is there once.
#[tokio::test]
async fn large_folders_are_streamed_whole() {
    let house = House::new().await;
    for at in 0..1_200 {
        std::fs::write(house.store().join(format!("file-{at:04}")), "").unwrap();
    }
    let told = house.ask("PROPFIND", "/data/", &[("depth", "1")], ALL).await;
    let text = told.text();
    assert_eq!(text.matches("<D:response>").count(), 1_202, "the folder, the files, the mount");
    for at in 0..1_200 {
        assert_eq!(text.matches(&format!("<D:href>/data/file-{at:04}</D:href>")).count(), 1);
    }
    assert!(text.ends_with("</D:multistatus>\n"));
}

#[tokio::test]
async fn a_patch_is_done_whole_or_not_at_all() {
    let house = House::new().await;
    house.put("/data/a", "").await;
    let told = house.ask("PROPPATCH", "/data/a", &[], &patch("<D:set><D:prop><x:p>1</x:p></D:prop></D:set>")).await;
    assert!(told.status == 207 && told.text().contains("200 OK"));
    let both = "<D:remove><D:prop><x:p/></D:prop></D:remove><D:set><D:prop><D:getetag>e</D:getetag></D:prop></D:set>";
    let told = house.ask("PROPPATCH", "/data/a", &[], &patch(both)).await;
    let text = told.text();
    assert!(text.contains("403 Forbidden") && text.contains("424 Failed Dependency") && !text.contains("200 OK"));
    assert!(text.contains("<D:cannot-modify-protected-property/>"));
    let value = "<x:p xmlns:x=\"urn:x\">1</x:p>";
    let house = house.again().await;
    for (path, depth) in [("/data/a", "0"), ("/data/", "1")] {
        assert!(house.ask("PROPFIND", path, &[("depth", depth)], ALL).await.text().contains(value), "{path}");
    }
    assert_eq!(house.ask("PROPPATCH", "/data/none", &[], &patch(both)).await.status, 404);
    assert_eq!(house.ask("PROPPATCH", "/data/a", &[], "<x").await.status, 400);
    // New bytes keep the properties; a new file of the same name has none.
    house.put("/data/a", "new").await;
    assert!(house.ask("PROPFIND", "/data/a", &[("depth", "0")], ALL).await.text().contains(value));
    assert_eq!(house.status("DELETE", "/data/a", &[]).await, 204);
    house.put("/data/a", "newer").await;
    assert!(!house.ask("PROPFIND", "/data/a", &[("depth", "0")], ALL).await.text().contains(value));
}
