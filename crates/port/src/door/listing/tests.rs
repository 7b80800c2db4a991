//! Folders as pages and as JSON.

use crate::door::dav::tests::{House, someone};
use terms::{LogicalPath, Principal, TokenId, Verb};

async fn house() -> House {
    let house = House::new().await;
    for folder in ["/data/f", "/data/f/sub"] {
        assert_eq!(house.ask("MKCOL", folder, &[], "").await.status, 201);
    }
    house.put("/data/f/a%20%3Cb%3E&.txt", "abc").await;
    house.put("/data/f/c:d", "").await;
    std::fs::write(house.store().join("f/behind our back"), "x").unwrap();
    house
}

#[tokio::test]
async fn people_get_a_page_that_programs_can_follow() {
    let house = house().await;
    let told = house.ask("GET", "/data/f/", &[("accept", "text/html,application/json;q=0.9")], "").await;
    assert_eq!((told.status.as_u16(), told.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = told.text();
    for link in [
        "href=\"a%20%3Cb%3E&#38;.txt\"",
        "href=\"./c:d\"",
        "href=\"sub/\"",
        "href=\"../\"",
        "href=\"behind%20our%20back\"",
    ] {
        assert!(text.contains(link), "{link} in {text}");
    }
    assert!(!text.contains("<b>") && !text.contains("<script") && !text.contains("http"));
    assert!(text.contains("adler32:024d0127"));
    let policy = told.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let head = house.ask("HEAD", "/data/f/", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

/// Browsers are sent to the address with a slash; all others get the folder at once, and links that hold from there.
#[tokio::test]
async fn only_browsers_are_redirected() {
    let house = house().await;
    let told = house.ask("GET", "/data/f?limit=2", &[("accept", "text/html, */*;q=0.1")], "").await;
    assert_eq!((told.status.as_u16(), told.header("location")), (301, "/data/f/?limit=2"));
    let told = house.ask("GET", "/data", &[("accept", "text/html")], "").await;
    assert_eq!((told.status.as_u16(), told.header("location")), (301, "/data/"));
    for headers in [&[][..], &[("accept", "*/*")][..]] {
        let told = house.ask("GET", "/data/f", headers, "").await;
        assert_eq!(told.status, 200);
        assert!(told.text().contains("href=\"f/sub/\"") && told.text().contains("href=\"f/../\""), "{}", told.text());
        let told = house.ask("GET", "/data", headers, "").await;
        assert!(told.text().contains("href=\"data/f/\""), "{}", told.text());
    }
}

#[tokio::test]
async fn programs_get_json_page_by_page() {
    let house = house().await;
    let mut names = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let told = house.ask("GET", &format!("/data/f?{query}"), &[("accept", "application/json")], "").await;
        assert_eq!((told.status.as_u16(), told.header("content-type")), (200, "application/json"));
        let listing: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
        assert_eq!(listing["path"], "/f");
        for entry in listing["entries"].as_array().unwrap() {
            names.push(entry["name"].as_str().unwrap().to_owned());
            if entry["name"] == "a <b>&.txt" {
                assert_eq!((entry["type"].as_str(), entry["size_bytes"].as_u64()), (Some("file"), Some(3)));
                assert_eq!(entry["digests"]["adler32"], "024d0127");
                let etag = house.ask("HEAD", "/data/f/a%20%3Cb%3E&.txt", &[], "").await.header("etag").to_owned();
                assert_eq!(entry["etag"], etag);
            }
            if entry["name"] == "sub" {
                assert_eq!((entry["type"].as_str(), entry.get("size_bytes")), (Some("folder"), None));
            }
        }
        match listing["next"].as_str() {
            Some(next) => query = format!("limit=2&after={}", super::query_value(next)),
            None => break,
        }
    }
    assert_eq!(names, ["a <b>&.txt", "behind our back", "c:d", "sub"]);
    for bad in ["limit=0", "limit=x", "limit=10001"] {
        let told = house.ask("GET", &format!("/data/f?{bad}"), &[("accept", "application/json")], "").await;
        assert_eq!(told.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn pages_lead_to_the_next_one() {
    let house = house().await;
    let told = house.ask("GET", "/data/f/?limit=1", &[], "").await;
    assert!(told.text().contains("<a rel=\"next\" href=\"?after=a%20%3Cb%3E%26%2Etxt\">"), "{}", told.text());
    let told = house.ask("GET", "/data/f/?C=M;O=D", &[], "").await;
    assert!(!told.text().contains("rel=\"next\""));
}

#[tokio::test]
async fn a_listing_needs_the_right_to_list() {
    let house = house().await;
    assert_eq!(house.ask_as(Principal::anonymous(), "GET", "/data/f/", &[], "").await.status, 401);
    let verbs = [Verb::Read, Verb::Stat].into_iter().collect();
    let id = TokenId(uuid::Uuid::nil());
    let reader = Principal::of(terms::Identity::token(id, "reader", verbs, LogicalPath::root()));
    assert_eq!(house.ask_as(reader, "GET", "/data/f/", &[], "").await.status, 403);
    assert_eq!(house.ask_as(someone("anna"), "GET", "/data/f/", &[], "").await.status, 200);
}
