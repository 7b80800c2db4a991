use super::{House, only, someone};
use terms::VerbSet;

const EXCLUSIVE: &str = "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope>\
                         <D:locktype><D:write/></D:locktype><D:owner>anna</D:owner></D:lockinfo>";

async fn lock(house: &House, path: &str) -> String {
    let told = house.ask("LOCK", path, &[], EXCLUSIVE).await;
    assert!(told.status.is_success(), "LOCK {path}: {} {}", told.status, told.text());
    told.header("lock-token").to_owned()
}

#[tokio::test]
async fn a_lock_outlives_a_restart() {
    let house = House::new().await;
    house.put("/data/a", "1").await;
    let token = lock(&house, "/data/a").await;
    let house = house.again().await;
    assert_eq!(house.status("PUT", "/data/a", &[]).await, 423);
    assert_eq!(house.status("PUT", "/data/a", &[("if", &format!("({token})"))]).await, 204);
    assert_eq!(house.status("UNLOCK", "/data/a", &[("lock-token", &token)]).await, 204);
    let house = house.again().await;
    assert_eq!(house.status("PUT", "/data/a", &[]).await, 204);
}

#[tokio::test]
async fn locking_what_is_not_there_makes_an_empty_file() {
    let house = House::new().await;
    let told = house.ask("LOCK", "/data/new", &[("timeout", "Second-60")], EXCLUSIVE).await;
    assert_eq!((told.status.as_u16(), house.stored("new").as_deref()), (201, Some("")));
    assert!(told.text().contains("<D:timeout>Second-"), "{}", told.text());
    assert_eq!(house.ask("LOCK", "/data/none/new", &[], EXCLUSIVE).await.status, 409);
    assert_eq!(house.door.archive().locks().await.unwrap().len(), 1, "the lock that failed left nothing");
}

#[tokio::test]
async fn only_its_maker_uses_a_lock() {
    let house = House::new().await;
    house.put("/data/a", "1").await;
    let token = lock(&house, "/data/a").await;
    let bert = someone("bert");
    let passes = format!("({token})");
    assert_eq!(house.ask_as(bert.clone(), "PUT", "/data/a", &[("if", &passes)], "2").await.status, 423);
    let plain = only("carl", VerbSet::all().iter().filter(|verb| !verb.is_administration()).collect());
    assert_eq!(house.ask_as(plain, "UNLOCK", "/data/a", &[("lock-token", &token)], "").await.status, 403);
    // Who may command the port may clear away what others forgot.
    assert_eq!(house.ask_as(bert, "UNLOCK", "/data/a", &[("lock-token", &token)], "").await.status, 204);
}

#[tokio::test]
async fn every_verb_that_changes_something_meets_the_lock() {
    let house = House::new().await;
    assert_eq!(house.status("MKCOL", "/data/f", &[]).await, 201);
    house.put("/data/f/a", "1").await;
    house.put("/data/b", "2").await;
    let token = lock(&house, "/data/f").await;
    let patch = "<propertyupdate xmlns=\"DAV:\"><set><prop><p xmlns=\"u\"/></prop></set></propertyupdate>";
    let requests = [
        ("PUT", "/data/f/a", "", ""),
        ("PUT", "/data/f/new", "", ""),
        ("DELETE", "/data/f/a", "", ""),
        ("MKCOL", "/data/f/g", "", ""),
        ("PROPPATCH", "/data/f/a", "", patch),
        ("COPY", "/data/b", "/data/f/b", ""),
        ("MOVE", "/data/b", "/data/f/b", ""),
        ("MOVE", "/data/f/a", "/data/c", ""),
        ("LOCK", "/data/f/other", "", EXCLUSIVE),
    ];
    for (method, path, destination, body) in requests {
        let told = house.ask(method, path, &[("destination", destination)], body).await;
        assert_eq!(told.status, 423, "{method} {path}");
        assert!(told.text().contains("<D:href>/data/f"), "{method} {path}: {}", told.text());
    }
    assert_eq!(house.to("COPY", "/data/f/a", "/data/c").await, 201, "reading is free");
    let passes = format!("</data/f> ({token})");
    assert_eq!(house.status("PUT", "/data/f/new", &[("if", &passes)]).await, 201);
    assert_eq!(house.status("MKCOL", "/data/f/g", &[("if", &passes)]).await, 201);
}

#[tokio::test]
async fn locks_go_with_what_was_removed_and_stay_behind_moves() {
    let house = House::new().await;
    for folder in ["/data/f", "/data/g"] {
        assert_eq!(house.status("MKCOL", folder, &[]).await, 201);
        house.put(&format!("{folder}/a"), "1").await;
    }
    let locks = || async { house.door.archive().locks().await.unwrap().len() };
    let token = lock(&house, "/data/f/a").await;
    let told = house.ask("DELETE", "/data/f", &[], "").await;
    assert_eq!(told.status, 207, "the lock is below: {}", told.text());
    assert!(told.text().contains("<D:href>/data/f/a</D:href><D:status>HTTP/1.1 423 Locked"), "{}", told.text());
    let passes = format!("</data/f/a> ({token})");
    assert_eq!(house.status("DELETE", "/data/f", &[("if", &passes)]).await, 204);
    assert_eq!(locks().await, 0);
    let token = lock(&house, "/data/g/a").await;
    let passes = format!("</data/g/a> ({token})");
    let told = house.ask("MOVE", "/data/g", &[("destination", "/data/h"), ("if", &passes)], "").await;
    assert_eq!((told.status.as_u16(), locks().await), (201, 0));
    assert_eq!(house.status("PUT", "/data/h/a", &[]).await, 204);
}

#[tokio::test]
async fn conflicts_are_told_with_their_places() {
    let house = House::new().await;
    assert_eq!(house.status("MKCOL", "/data/f", &[]).await, 201);
    house.put("/data/f/a", "1").await;
    lock(&house, "/data/f/a").await;
    let told = house.ask("LOCK", "/data/f/a", &[], EXCLUSIVE).await;
    assert_eq!(told.status, 423);
    assert!(told.text().contains("<D:no-conflicting-lock><D:href>/data/f/a</D:href>"));
    let told = house.ask("LOCK", "/data/f", &[], EXCLUSIVE).await;
    assert_eq!(told.status, 207);
    assert!(told.text().contains("424 Failed Dependency") && told.text().contains("<D:href>/data/f/a</D:href>"));
    assert_eq!(house.ask("LOCK", "/data/f", &[("depth", "0")], EXCLUSIVE).await.status, 200);
    let told = house.ask("UNLOCK", "/data/f/a", &[("lock-token", "<urn:uuid:0>")], "").await;
    assert_eq!(told.status, 409);
    assert!(told.text().contains("<D:lock-token-matches-request-uri/>"));
}

#[tokio::test]
async fn a_condition_is_kept_even_without_locks() {
    let house = House::new().await;
    house.put("/data/a", "1").await;
    let etag = house.ask("HEAD", "/data/a", &[], "").await.header("etag").to_owned();
    assert_eq!(house.status("PROPFIND", "/data/a", &[("depth", "0")]).await, 207);
    assert_eq!(house.status("PUT", "/data/a", &[("if", "([\"other\"])")]).await, 412);
    assert_eq!(house.status("PUT", "/data/a", &[("if", &format!("([{etag}])"))]).await, 204);
    assert_eq!(house.status("MKCOL", "/data/f", &[("if", "(<DAV:no-lock>)")]).await, 412);
    assert_eq!(house.status("MKCOL", "/data/f", &[("if", "(Not <DAV:no-lock>)")]).await, 201);
    assert_eq!(house.status("MKCOL", "/data/g", &[("if", "nonsense")]).await, 400);
}
