//! What may be neither listed nor stat'ed nor read by a caller is not betrayed to it: whatever is asked, the answer for a
//! name that is there and for one that is not is the same, byte for byte.

use crate::settings::Settings;
use crate::testing::{Answer, World};
use bytes::Bytes;
use http::Request;
use net::RequestBody;
use std::path::Path;

/// Two names of the same length, one of which is there.
const THERE: &str = "/data/vault/there";
const MISSING: &str = "/data/vault/other";

/// A way to ask: method, headers, body.
type Way<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

const WAYS: &[Way<'static>] = &[
    ("GET", &[], ""),
    ("GET", &[("range", "bytes=0-1")], ""),
    ("GET", &[("if-none-match", "*")], ""),
    ("GET", &[("if-match", "\"x\"")], ""),
    ("GET", &[("want-digest", "adler32")], ""),
    ("GET", &[("accept", "text/html")], ""),
    ("GET", &[("accept", "text/plain")], ""),
    ("HEAD", &[], ""),
    ("HEAD", &[("want-digest", "adler32")], ""),
    ("PUT", &[], "new"),
    ("PUT", &[("if-none-match", "*")], "new"),
    ("PUT", &[("if-match", "*")], "new"),
    ("PUT", &[("upload-complete", "?0"), ("upload-draft-interop-version", "8")], "new"),
    ("DELETE", &[], ""),
    ("PROPFIND", &[("depth", "0")], ""),
    ("PROPFIND", &[("depth", "1")], ""),
    ("PROPFIND", &[("depth", "infinity")], ""),
    ("PROPPATCH", &[], r#"<propertyupdate xmlns="DAV:"><set><prop><a xmlns="x:">1</a></prop></set></propertyupdate>"#),
    ("MKCOL", &[], ""),
    ("COPY", &[("destination", "/data/own/copy")], ""),
    ("COPY", &[("destination", "/data/own/copy"), ("overwrite", "F")], ""),
    ("MOVE", &[("destination", "/data/own/copy")], ""),
    (
        "LOCK",
        &[],
        r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#,
    ),
    ("LOCK", &[("if", "(<urn:uuid:0189abcd-0000-7000-8000-000000000000>)")], ""),
    ("UNLOCK", &[("lock-token", "<urn:uuid:0189abcd-0000-7000-8000-000000000000>")], ""),
    ("OPTIONS", &[], ""),
    ("POST", &[("content-type", "application/macaroon-request")], r#"{"validity":"PT1H"}"#),
];

/// Who asks: with the verbs of a token of its own path, with none at all, and by rules that look at the file.
const RULES: &str = r#"
[[account]]
name = "reader-of-releases"
groups = ["releases"]

[[rule]]
name = "releases"
verbs = ["read"]
paths = ["/vault"]
to = ["group:releases"]
attributes = ["release=dr1"]

[[rule]]
name = "own"
verbs = ["list", "stat", "read", "create", "modify", "delete"]
paths = ["/own"]
to = ["group:releases"]

[[account]]
name = "reader-after-embargo"
groups = ["late"]

[[rule]]
name = "late readers"
verbs = ["read"]
paths = ["/vault"]
to = ["group:late"]

[[rule]]
name = "own of the late"
verbs = ["list", "stat", "read", "create", "modify", "delete"]
paths = ["/own"]
to = ["group:late"]

[[embargo]]
name = "vault"
paths = ["/vault"]
lasts = "30 d"
"#;

async fn world() -> World {
    let read = Settings::parse(RULES, Path::new("p.toml")).unwrap_or_else(|findings| panic!("{findings}"));
    let world = World::with(|settings| {
        settings.accounts = read.accounts;
        settings.rules = read.rules;
        settings.embargoes = read.embargoes;
    })
    .await;
    let owner = world.token("list,stat,read,create,modify,delete", "/").await;
    for folder in ["/data/vault", "/data/own"] {
        assert_eq!(world.ask("MKCOL", folder, Some(&owner), "").await.status, 201, "{folder}");
    }
    for file in [THERE, "/data/own/mine"] {
        assert_eq!(world.ask("PUT", file, Some(&owner), "12345").await.status, 201, "{file}");
    }
    world
}

async fn callers(world: &World) -> Vec<(&'static str, Option<String>)> {
    let admin = world.token("admin", "/").await;
    let mut callers = vec![
        ("anonymous", None),
        ("a token of another path", Some(world.token("list,stat,read,create,modify,delete,share", "/own").await)),
        ("a token of administration", Some(admin.clone())),
    ];
    for account in ["reader-of-releases", "reader-after-embargo"] {
        let wanted = format!(
            r#"{{"name":"x","allow":["list","stat","read","create","modify","delete"],"account":"{account}"}}"#
        );
        let made = world.ask("POST", "/api/v1/tokens", Some(&admin), &wanted).await;
        callers.push((account, Some(made.json()["token"].as_str().expect("a token").to_owned())));
    }
    callers
}

async fn ask(world: &World, token: Option<&str>, (method, headers, body): Way<'_>, url: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(url).header("host", "port.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if !body.is_empty() {
        request = request.header("content-length", body.len());
    }
    world.send(request.body(RequestBody::from(Bytes::from(body.to_owned()))).expect("a request")).await
}

/// All of an answer but what differs from request to request, with the name that was asked for made neutral.
fn neutral(answer: &Answer, name: &str) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date"))
        .map(|(header, value)| format!("{header}: {}", String::from_utf8_lossy(value.as_bytes()).replace(name, "NAME")))
        .collect();
    headers.sort();
    format!("{}\n{}\n\n{}", answer.status, headers.join("\n"), answer.text.replace(name, "NAME"))
}

#[tokio::test]
async fn a_hidden_file_answers_like_one_that_is_not_there() {
    let world = world().await;
    for (who, token) in callers(&world).await {
        for way in WAYS {
            let (there, missing) =
                (ask(&world, token.as_deref(), *way, THERE).await, ask(&world, token.as_deref(), *way, MISSING).await);
            assert_eq!(neutral(&there, "there"), neutral(&missing, "other"), "{who}: {way:?}");
            let slash = [format!("{THERE}/"), format!("{MISSING}/")];
            let (there, missing) = (
                ask(&world, token.as_deref(), *way, &slash[0]).await,
                ask(&world, token.as_deref(), *way, &slash[1]).await,
            );
            assert_eq!(neutral(&there, "there"), neutral(&missing, "other"), "{who}, with a slash: {way:?}");
        }
    }
}

/// Lest the tests above hold because everything answers alike.
#[tokio::test]
async fn to_who_may_look_the_two_differ() {
    let world = world().await;
    let who = world.token("stat", "/vault").await;
    for way in [("GET", &[][..], ""), ("HEAD", &[], ""), ("PROPFIND", &[("depth", "0")], "")] {
        let (there, missing) = (ask(&world, Some(&who), way, THERE).await, ask(&world, Some(&who), way, MISSING).await);
        assert_ne!(neutral(&there, "there"), neutral(&missing, "other"), "{way:?}");
    }
    let refused = ask(&world, Some(&who), ("GET", &[], ""), THERE).await;
    assert_eq!((refused.status.as_u16(), refused.kind().as_str()), (403, "not-allowed"));
}

#[tokio::test]
async fn a_hidden_destination_answers_like_one_that_is_not_there() {
    let world = world().await;
    for (who, token) in callers(&world).await {
        for (method, overwrite) in [("COPY", "T"), ("COPY", "F"), ("MOVE", "T"), ("MOVE", "F")] {
            let to = async |to: &str| {
                let way: Way<'_> = (method, &[("destination", to), ("overwrite", overwrite)], "");
                ask(&world, token.as_deref(), way, "/data/own/mine").await
            };
            let (there, missing) = (to(THERE).await, to(MISSING).await);
            assert_eq!(neutral(&there, "there"), neutral(&missing, "other"), "{who}: {method}, overwrite {overwrite}");
        }
    }
}

#[tokio::test]
async fn the_interface_betrays_no_hidden_file() {
    let world = world().await;
    for (who, token) in callers(&world).await {
        let targets = [
            "/api/v1/files?path=/vault/NAME",
            "/api/v1/policy/explain?verb=read&path=/vault/NAME",
            "/api/v1/policy/explain?verb=delete&path=/vault/NAME",
        ];
        for target in targets.iter().filter(|target| !(who.ends_with("administration") && target.contains("explain"))) {
            let of = async |name: &str| world.get(&target.replace("NAME", name), token.as_deref()).await;
            let (there, missing) = (of("there").await, of("other").await);
            assert_eq!(neutral(&there, "there"), neutral(&missing, "other"), "{who}: {target}");
        }
    }
}
