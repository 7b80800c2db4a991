//! Shares as those who hold them and those who make them meet them.

mod budgets;
mod parts;
mod visits;

use crate::testing::{Answer, World};
use api::{NewShareAnswer, ShareAnswer, SharesAnswer};

/// Everything that can be shared, and the right to share it.
const ALL: &str = "list,stat,read,create,modify,delete,share";

/// A share over the interface, as the fields of JSON beside its path say.
async fn share(world: &World, token: &str, path: &str, fields: &str) -> NewShareAnswer {
    let answer = try_share(world, Some(token), path, fields).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    serde_json::from_str(&answer.text).expect("a share")
}

async fn try_share(world: &World, token: Option<&str>, path: &str, fields: &str) -> Answer {
    let comma = if fields.is_empty() { "" } else { ", " };
    let body = format!("{{\"path\": \"{path}\"{comma}{fields}}}");
    let mut request = http::Request::builder().method("POST").uri("/api/v1/shares").header("host", "port.example:8443");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.header("content-type", "application/json");
    world.send(request.body(bytes::Bytes::from(body).into()).expect("a request")).await
}

/// The path of an address.
fn path_of(share: &NewShareAnswer) -> String {
    share.address.strip_prefix("http://port.example:8443").expect("our own host").to_owned()
}

/// What the interface tells of all shares of this token.
async fn told(world: &World, token: &str) -> Vec<ShareAnswer> {
    let answer = world.get("/api/v1/shares", Some(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_json::from_str::<SharesAnswer>(&answer.text).expect("shares").shares
}

/// A port with some files in a folder that is not at the top, and one beside it.
async fn world() -> (World, String) {
    let world = World::new().await;
    let token = world.token(ALL, "/").await;
    for folder in ["/data/survey", "/data/survey/dr1", "/data/survey/dr1/night", "/data/survey/dr10"] {
        assert_eq!(world.ask("MKCOL", folder, Some(&token), "").await.status, 201);
    }
    for file in ["survey/dr1/a.txt", "survey/dr1/night/b c.txt", "survey/dr10/hidden.txt", "survey/hidden.txt"] {
        let put = world.ask("PUT", &format!("/data/{}", file.replace(' ', "%20")), Some(&token), "0123456789").await;
        assert_eq!(put.status, 201, "{}", put.text);
    }
    (world, token)
}
