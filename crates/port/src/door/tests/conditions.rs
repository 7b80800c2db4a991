use super::*;

#[tokio::test]
async fn of_many_that_create_only_exactly_one_does() {
    let bench = Bench::new().await;
    let puts = (0..20).map(|number| {
        let bench = &bench;
        async move {
            let told = bench.ask("PUT", "/data/one", &[("if-none-match", "*")], format!("{number}")).await;
            (told.status, number)
        }
    });
    let told = futures_util::future::join_all(puts).await;
    let created: Vec<_> = told.iter().filter(|(status, _)| *status == StatusCode::CREATED).collect();
    assert_eq!(created.len(), 1, "{told:?}");
    assert!(told.iter().all(|(status, _)| matches!(status.as_u16(), 201 | 412)));
    assert_eq!(bench.stored("one"), Some(format!("{}", created[0].1).into_bytes()));
    assert!(bench.staged().is_empty());
}

#[tokio::test]
async fn of_many_that_replace_one_version_exactly_one_does() {
    let bench = Bench::new().await;
    let tag = bench.put("/data/one", "first").await.header("etag").to_owned();
    let puts = (0..20).map(|number| {
        let (bench, tag) = (&bench, tag.as_str());
        async move { bench.ask("PUT", "/data/one", &[("if-match", tag)], format!("{number}")).await.status.as_u16() }
    });
    let told = futures_util::future::join_all(puts).await;
    assert_eq!(told.iter().filter(|status| **status == 204).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|status| **status == 412).count(), 19, "{told:?}");
}

#[tokio::test]
async fn conditions_of_reading_are_judged_in_their_order() {
    let bench = Bench::new().await;
    let tag = bench.put("/data/f", "0123456789").await.header("etag").to_owned();
    let modified = bench.get("/data/f").await.header("last-modified").to_owned();
    let get = async |headers: &[(&str, &str)]| bench.ask("GET", "/data/f", headers, "").await.status.as_u16();
    assert_eq!(get(&[("if-none-match", &tag)]).await, 304);
    assert_eq!(get(&[("if-none-match", "\"other\"")]).await, 200);
    assert_eq!(get(&[("if-match", "\"other\"")]).await, 412);
    assert_eq!(get(&[("if-match", &tag), ("if-none-match", &tag)]).await, 304);
    assert_eq!(get(&[("if-modified-since", &modified)]).await, 304);
    assert_eq!(get(&[("if-none-match", "\"other\""), ("if-modified-since", &modified)]).await, 200);
    assert_eq!(get(&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]).await, 412);
    assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", &tag)]).await, 206);
    assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", "\"other\"")]).await, 200);
}

#[tokio::test]
async fn conditions_of_writing_are_judged_before_the_body() {
    let bench = Bench::new().await;
    let told = bench.ask("PUT", "/data/f", &[("if-match", "*")], "x").await;
    assert_eq!(told.status, StatusCode::PRECONDITION_FAILED);
    let tag = bench.put("/data/f", "x").await.header("etag").to_owned();
    assert_eq!(bench.ask("PUT", "/data/f", &[("if-none-match", "*")], "y").await.status.as_u16(), 412);
    assert_eq!(bench.ask("DELETE", "/data/f", &[("if-match", "\"other\"")], "").await.status.as_u16(), 412);
    assert_eq!(bench.ask("DELETE", "/data/f", &[("if-match", &tag)], "").await.status.as_u16(), 204);
}
