//! What is said of files: set, kept, carried, changed, and never lost.

use super::*;
use crate::staging::publisher::Step;
use archive::FileRecord;
use std::time::Duration;
use terms::Attributes;

const SAID: &str = "embargo-until=\"2200-01-01T00:00:00Z\", group=\"/lsst\"";

async fn record(bench: &Bench, path: &str) -> FileRecord {
    let path = path.parse().unwrap();
    let found = bench.door.namespaces().stat(&path).await.unwrap();
    bench.door.record_of(&path, &found).await.unwrap().unwrap()
}

async fn said(bench: &Bench, path: &str) -> String {
    record(bench, path).await.attributes.to_string()
}

async fn put(bench: &Bench, path: &str, said: &str, body: Vec<u8>) -> Told {
    bench.ask("PUT", &format!("/data{path}"), &[("portolan-attributes", said)], body).await
}

async fn change(bench: &Bench, path: &str, name: &str, value: Option<&str>) -> Result<FileRecord, terms::Problem> {
    let changes = [(name.to_owned(), value.map(str::to_owned))];
    bench.door.change_attributes(&operator(), &path.parse().unwrap(), &HeaderMap::new(), &changes).await
}

#[tokio::test]
async fn attributes_come_with_the_file_and_stay_when_it_is_replaced() {
    let bench = Bench::new().await;
    for body in [noise(10), noise(200_000)] {
        let path = format!("/f{}", body.len());
        assert_eq!(put(&bench, &path, SAID, body.clone()).await.status, StatusCode::CREATED);
        assert_eq!(said(&bench, &path).await, SAID);
        bench.put(&format!("/data{path}"), noise(20)).await;
        assert_eq!(said(&bench, &path).await, SAID);
        put(&bench, &path, "group=\"/other\"", body).await;
        assert_eq!(said(&bench, &path).await, SAID.replace("/lsst", "/other"));
        assert_eq!(bench.ask("DELETE", &format!("/data{path}"), &[], "").await.status, StatusCode::NO_CONTENT);
        bench.put(&format!("/data{path}"), "anew").await;
        assert_eq!(said(&bench, &path).await, "");
    }
    let told = put(&bench, "/bad", "embargo-until=\"soon\"", noise(1)).await;
    assert_eq!((told.status, told.json()["kind"].as_str()), (StatusCode::BAD_REQUEST, Some("bad-attributes")));
    assert_eq!(bench.stored("bad"), None);
}

#[tokio::test]
async fn what_somebody_replaced_behind_our_back_is_another_file() {
    let bench = Bench::with(|settings| settings.namespaces[0].attributes = "group=\"/site\"".parse().unwrap()).await;
    put(&bench, "/f", "release=\"dr1\"", noise(10)).await;
    bench.door.settle_records().await;
    std::fs::remove_file(bench.store().join("f")).unwrap();
    std::fs::write(bench.store().join("f"), "theirs").unwrap();
    assert_eq!(bench.door.object(&"/f".parse().unwrap()).await.unwrap().attributes.len(), 0);
    bench.put("/data/f", "ours again").await;
    assert_eq!(said(&bench, "/f").await, "group=\"/site\"");
}

#[tokio::test]
async fn resumable_uploads_bring_them_too() {
    let bench = Bench::new().await;
    let headers = [("upload-complete", "?0"), ("upload-length", "4"), ("portolan-attributes", SAID)];
    let told = bench.ask("PUT", "/data/f", &headers, "12").await;
    let address = told.header("location").to_owned();
    let bench = bench.again().await;
    let headers = [("upload-complete", "?1"), ("upload-offset", "2"), ("content-type", "application/partial-upload")];
    assert_eq!(bench.ask("PATCH", &address, &headers, "34").await.status, StatusCode::CREATED);
    assert_eq!(said(&bench, "/f").await, SAID);
}

#[tokio::test]
async fn a_death_at_any_step_loses_none_of_them() {
    for step in [Step::Durable, Step::Renamed, Step::Answered] {
        for body in [noise(10), noise(200_000)] {
            let bench = Bench::with(|settings| settings.die_after = Some(step)).await;
            let put = put(&bench, "/f", SAID, body.clone());
            let _ = tokio::time::timeout(Duration::from_secs(20), put).await.unwrap();
            let bench = bench.again().await;
            assert!(bench.stored("f") == Some(body), "{step:?}");
            assert_eq!(said(&bench, "/f").await, SAID, "{step:?}");
        }
    }
}

#[tokio::test]
async fn what_was_changed_afterwards_is_not_undone_by_the_journal() {
    let bench = Bench::with(|settings| settings.die_after = Some(Step::Answered)).await;
    put(&bench, "/f", SAID, noise(10)).await;
    let changed = change(&bench, "/f", "group", Some("/other")).await.unwrap();
    assert_eq!(changed.attributes.to_string(), SAID.replace("/lsst", "/other"));
    change(&bench, "/f", "embargo-until", None).await.unwrap();
    let bench = bench.again().await;
    assert_eq!(said(&bench, "/f").await, "group=\"/other\"");
}

#[tokio::test]
async fn changes_are_for_those_who_may_modify_and_for_files() {
    let bench = Bench::new().await;
    put(&bench, "/f", "", noise(10)).await;
    std::fs::create_dir(bench.store().join("folder")).unwrap();
    let nobody = token("creator", [Verb::Create, Verb::Stat, Verb::Read].into_iter().collect());
    let path: LogicalPath = "/f".parse().unwrap();
    let changes = [("a".to_owned(), Some("1".to_owned()))];
    let refused = bench.door.change_attributes(&nobody, &path, &HeaderMap::new(), &changes).await;
    assert_eq!(refused.unwrap_err().status, 403);
    for (path, name, value, status) in [
        ("/folder", "a", "1", 405),
        ("/nothing", "a", "1", 404),
        ("/f", "imported", "2001-01-01", 400),
        ("/f", "embargo-until", "noon", 400),
        ("/f", "A", "1", 400),
    ] {
        assert_eq!(change(&bench, path, name, Some(value)).await.unwrap_err().status, status, "{path} {name}");
    }
    // A lock of somebody else is in the way, as of every change.
    let lock = "<lockinfo xmlns=\"DAV:\"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>";
    assert_eq!(bench.ask("LOCK", "/data/f", &[], lock).await.status, StatusCode::OK);
    assert_eq!(change(&bench, "/f", "a", Some("1")).await.unwrap_err().status, 423);
    assert_eq!(said(&bench, "/f").await, "");
}

#[tokio::test]
async fn copies_carry_them_with_the_time_of_import_and_moves_carry_all() {
    let bench = Bench::with(|settings| settings.namespaces[0].embargo = Some(Duration::from_secs(3_600))).await;
    put(&bench, "/f", "a=\"1\"", noise(10)).await;
    let original = record(&bench, "/f").await;
    let to = |to: &'static str| [("destination", to)];
    assert_eq!(bench.ask("COPY", "/data/f", &to("/data/copy"), "").await.status, StatusCode::CREATED);
    let copy = record(&bench, "/copy").await;
    assert_eq!(copy.attributes.embargo_until(), original.attributes.embargo_until());
    assert_eq!(copy.attributes["a"], "1");
    let imported = copy.attributes.imported().unwrap();
    assert!(imported >= original.published && imported.since(original.published) < Duration::from_secs(1));
    // A copy of a copy counts from the same time, and replacing it ends that.
    assert_eq!(bench.ask("COPY", "/data/copy", &to("/data/third"), "").await.status, StatusCode::CREATED);
    assert_eq!(record(&bench, "/third").await.attributes.imported(), Some(imported));
    bench.put("/data/third", "new bytes").await;
    assert_eq!(record(&bench, "/third").await.attributes.imported(), None);
    assert_eq!(bench.ask("MOVE", "/data/f", &to("/data/moved"), "").await.status, StatusCode::CREATED);
    let moved = record(&bench, "/moved").await;
    assert_eq!(moved.attributes, original.attributes);
    assert_eq!((moved.published, moved.publisher), (original.published, original.publisher));
}

#[tokio::test]
async fn propfind_tells_them_in_our_own_namespace() {
    let bench = Bench::new().await;
    put(&bench, "/f", SAID, noise(10)).await;
    let ask = "<propfind xmlns=\"DAV:\"><prop><attributes xmlns=\"urn:portolan:dav\"/></prop></propfind>";
    for (path, depth) in [("/data/f", "0"), ("/data/", "1")] {
        let told = bench.ask("PROPFIND", path, &[("depth", depth)], ask).await;
        let text = String::from_utf8(told.body.to_vec()).unwrap();
        let expected =
            "<p:attributes>embargo-until=&quot;2200-01-01T00:00:00Z&quot;, group=&quot;/lsst&quot;</p:attributes>";
        let plain = expected.replace("&quot;", "\"");
        assert!(text.contains(expected) || text.contains(&plain), "{text}");
        assert!(text.contains("xmlns:p=\"urn:portolan:dav\""), "{text}");
    }
    let patch = "<propertyupdate xmlns=\"DAV:\"><set><prop><attributes xmlns=\"urn:portolan:dav\">group=\"/x\"\
                 </attributes></prop></set></propertyupdate>";
    let told = bench.ask("PROPPATCH", "/data/f", &[], patch).await;
    assert!(String::from_utf8_lossy(&told.body).contains("403"), "{:?}", told.body);
    assert_eq!(said(&bench, "/f").await, SAID);
}

#[tokio::test]
async fn who_may_create_alone_cannot_shorten_an_embargo() {
    let bench = Bench::with(|settings| settings.namespaces[0].embargo = Some(Duration::from_hours(24))).await;
    let creator = token("creator", [Verb::Create].into_iter().collect());
    let sends = async |said: &str| {
        bench.ask_as(creator.clone(), "PUT", "/data/f", &[("portolan-attributes", said)], "pixels").await
    };
    let told = sends("embargo-until=\"2001-01-01\"").await;
    assert_eq!((told.status, told.json()["kind"].as_str()), (StatusCode::FORBIDDEN, Some("shorter-embargo")));
    assert_eq!(bench.stored("f"), None);
    assert_eq!(sends("embargo-until=\"2200-01-01\"").await.status, StatusCode::CREATED);
    assert_eq!(said(&bench, "/f").await, "embargo-until=\"2200-01-01T00:00:00Z\"");
    // Who may replace the file may open it.
    assert_eq!(put(&bench, "/f", "embargo-until=\"2001-01-01\"", noise(1)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(said(&bench, "/f").await, "embargo-until=\"2001-01-01T00:00:00Z\"");
}

#[tokio::test]
async fn full_and_long_attributes_pass_the_journal_many_at_a_time() {
    let bench = Bench::with(|settings| settings.die_after = Some(Step::Answered)).await;
    let mut attributes = Attributes::default();
    for number in 0..terms::MAX_ATTRIBUTES {
        attributes.set(&format!("a{number}"), &"\"".repeat(terms::MAX_ATTRIBUTE_BYTES)).unwrap();
    }
    let text = attributes.to_string();
    for round in 0..2 {
        let puts = (0..60).map(|number| {
            let (bench, path) = (&bench, format!("/f{number}"));
            let said = if round == 0 { text.clone() } else { String::new() };
            async move { put(bench, &path, &said, noise(10)).await.status }
        });
        let told = futures_util::future::join_all(puts).await;
        assert!(told.iter().all(StatusCode::is_success), "{told:?}");
    }
    let bench = bench.again().await;
    assert_eq!(record(&bench, "/f59").await.attributes, attributes);
}
