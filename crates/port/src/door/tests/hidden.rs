//! Of what a caller may neither see, list nor read, no answer tells whether it is there.

use super::*;
use policy::{Conditions, Rule, RuleEffect, RuleSource, Subject};

/// A file, a folder with something in it, and nothing: three names of one length.
const NAMES: [&str; 3] = ["file", "tree", "none"];

const LOCK: &str =
    "<lockinfo xmlns=\"DAV:\"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>";
const PATCH: &str = "<propertyupdate xmlns=\"DAV:\"><set><prop><a xmlns=\"u\">1</a></prop></set></propertyupdate>";

type Headers = &'static [(&'static str, &'static str)];

/// Method, path, headers and body.
type Line = (&'static str, &'static str, Headers, &'static str);

/// Requests; `@` in path and headers becomes the name.
const REQUESTS: &[Line] = &[
    ("GET", "/data/secret/@", &[], ""),
    ("GET", "/data/secret/@/", &[], ""),
    ("GET", "/data/secret/@", &[("accept", "application/json")], ""),
    ("GET", "/data/secret/@", &[("range", "bytes=0-0")], ""),
    ("GET", "/data/secret/@", &[("if-none-match", "*")], ""),
    ("GET", "/data/secret/@/below", &[], ""),
    ("HEAD", "/data/secret/@", &[], ""),
    ("HEAD", "/data/secret/@", &[("want-digest", "adler32")], ""),
    ("OPTIONS", "/data/secret/@", &[], ""),
    ("PUT", "/data/secret/@", &[], "x"),
    ("PUT", "/data/secret/@", &[("if-match", "*")], "x"),
    ("PUT", "/data/secret/@", &[("if-none-match", "*")], "x"),
    ("PUT", "/data/secret/@/below", &[], "x"),
    ("PUT", "/data/secret/@", &[("upload-complete", "?0")], "x"),
    ("DELETE", "/data/secret/@", &[], ""),
    ("DELETE", "/data/secret/@/", &[], ""),
    ("POST", "/data/secret/@", &[], "x"),
    ("PROPFIND", "/data/secret/@", &[("depth", "0")], ""),
    ("PROPFIND", "/data/secret/@", &[("depth", "1")], ""),
    ("PROPFIND", "/data/secret/@", &[], ""),
    ("PROPPATCH", "/data/secret/@", &[], PATCH),
    ("MKCOL", "/data/secret/@", &[], ""),
    ("MKCOL", "/data/secret/@/below", &[], ""),
    ("COPY", "/data/secret/@", &[("destination", "/data/mine/copy")], ""),
    ("COPY", "/data/mine/file", &[("destination", "/data/secret/@")], ""),
    ("COPY", "/data/mine/tree", &[("destination", "/data/secret/@")], ""),
    ("COPY", "/data/mine/file", &[("destination", "/data/secret/@"), ("overwrite", "F")], ""),
    ("COPY", "/data/mine/file", &[("destination", "/data/secret/@/below")], ""),
    ("MOVE", "/data/secret/@", &[("destination", "/data/mine/copy")], ""),
    ("MOVE", "/data/mine/file", &[("destination", "/data/secret/@")], ""),
    ("MOVE", "/data/mine/tree", &[("destination", "/data/secret/@")], ""),
    ("LOCK", "/data/secret/@", &[], LOCK),
    ("LOCK", "/data/secret/@", &[("if", "(<urn:uuid:1>)")], ""),
    ("UNLOCK", "/data/secret/@", &[("lock-token", "<urn:uuid:1>")], ""),
    // A condition on another resource is a way to ask for it.
    ("PUT", "/data/mine/new", &[("if", "</data/secret/@> (Not [\"x\"])")], "x"),
    ("PUT", "/data/mine/new", &[("if", "</data/secret/@> ([\"x\"])")], "x"),
];

async fn house(rules: Vec<Rule>) -> Bench {
    let policy = Policy::compile(RuleSource { rules, ..RuleSource::default() }).unwrap();
    let bench = Bench::ruled(|_| {}, Rights::new(policy, ())).await;
    for folder in ["secret/tree/sub", "mine/tree"] {
        std::fs::create_dir_all(bench.store().join(folder)).unwrap();
    }
    for file in ["secret/file", "secret/tree/inside", "mine/tree/inside"] {
        assert_eq!(bench.put(&format!("/data/{file}"), "bytes").await.status, StatusCode::CREATED);
    }
    bench
}

fn allow(verbs: VerbSet, path: &str, attributes: &[(&str, &str)]) -> Rule {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Rule {
        name: format!("for {path}"),
        effect: RuleEffect::Allow,
        verbs,
        paths: vec![path.parse().unwrap()],
        subjects: vec![Subject::Everyone],
        conditions: Conditions { attributes, ..Conditions::default() },
    }
}

/// All that can be asked of files.
fn any() -> VerbSet {
    Verb::ALL.iter().copied().filter(|verb| !verb.is_administration()).collect()
}

fn user() -> Principal {
    Principal::of(terms::Identity::new(terms::Kind::User, "bert"))
}

/// The token of somebody who may do anything, elsewhere.
fn elsewhere() -> Principal {
    let id = TokenId(uuid::Uuid::from_u128(3));
    Principal::of(terms::Identity::token(id, "elsewhere", VerbSet::all(), "/mine".parse().unwrap()))
}

/// All that an answer tells, with the name taken out.
async fn told(bench: &Bench, who: Principal, request: &Line, name: &str) -> String {
    // What was made or spoilt by the request before is put right.
    let put = bench.put("/data/mine/file", "mine").await;
    assert!(put.status.is_success());
    for made in ["new", "copy"] {
        let _ = std::fs::remove_file(bench.store().join("mine").join(made));
    }
    let (method, path, headers, body) = request;
    let headers: Vec<(&str, String)> = headers.iter().map(|(key, value)| (*key, value.replace('@', name))).collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let told = bench.ask_as(who, method, &path.replace('@', name), &headers, (*body).to_owned()).await;
    let mut lines: Vec<String> = told.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    lines.retain(|line| !line.starts_with("etag:") && !line.starts_with("location:"));
    lines.sort();
    let body = String::from_utf8_lossy(&told.body).replace(name, "@");
    format!("{} {} {body}", told.status, lines.join("; "))
}

async fn check(bench: &Bench, who: &Principal) {
    for request in REQUESTS {
        let nothing = told(bench, who.clone(), request, "none").await;
        for name in NAMES {
            let something = told(bench, who.clone(), request, name).await;
            assert_eq!(something, nothing, "{who}: {request:?} tells of {name}");
        }
    }
    let changes = [("a".to_owned(), Some("1".to_owned()))];
    let mut problems = Vec::new();
    for name in NAMES {
        let path = format!("/secret/{name}").parse().unwrap();
        let refused = bench.door.change_attributes(who, &path, &HeaderMap::new(), &changes).await.unwrap_err();
        problems.push(refused.to_string().replace(name, "@"));
    }
    assert!(problems.iter().all(|problem| *problem == problems[0]), "{problems:?}");
}

#[tokio::test]
async fn hidden_paths_and_free_names_answer_alike_to_every_method() {
    let bench = house(vec![allow(any(), "/mine", &[])]).await;
    for who in [Principal::anonymous(), user(), elsewhere()] {
        check(&bench, &who).await;
    }
}

#[tokio::test]
async fn so_do_files_that_are_hidden_by_what_is_said_of_them() {
    let rules = vec![allow(any(), "/mine", &[]), allow(any(), "/secret", &[("release", "dr1")])];
    let bench = house(rules).await;
    for who in [Principal::anonymous(), user()] {
        check(&bench, &who).await;
    }
    // The same file, once released, is there for all.
    let headers = [("portolan-attributes", "release=\"dr1\"")];
    assert!(bench.ask("PUT", "/data/secret/file", &headers, "bytes").await.status.is_success());
    let told = bench.ask_as(Principal::anonymous(), "GET", "/data/secret/file", &[], "").await;
    assert_eq!((told.status, &told.body[..]), (StatusCode::OK, &b"bytes"[..]));
}

#[tokio::test]
async fn so_do_files_that_a_ban_hides_in_an_open_folder() {
    let mut ban = allow(any(), "/secret", &[("hidden", "yes")]);
    (ban.name, ban.effect) = ("ban".to_owned(), RuleEffect::Forbid);
    let look = || "list,stat,read".parse().unwrap();
    let bench = house(vec![allow(look(), "/secret", &[]), allow(any(), "/mine", &[]), ban]).await;
    let said = [("portolan-attributes", "hidden=\"yes\"")];
    assert!(bench.ask("PUT", "/data/secret/dark", &said, "bytes").await.status.is_success());
    for who in [Principal::anonymous(), user()] {
        for request in REQUESTS.iter().filter(|(_, path, ..)| !path.contains("/below")) {
            let nothing = told(&bench, who.clone(), request, "none").await;
            let hidden = told(&bench, who.clone(), request, "dark").await;
            assert_eq!(hidden, nothing, "{who}: {request:?}");
        }
    }
}

#[tokio::test]
async fn a_hidden_file_in_an_open_folder_is_neither_listed_nor_named_nor_carried() {
    let mut shut = allow(any(), "/mine/tree/inside", &[]);
    shut.effect = RuleEffect::Forbid;
    shut.subjects = vec![Subject::User("bert".to_owned())];
    let bench = house(vec![allow(any(), "/mine", &[]), shut]).await;
    bench.put("/data/mine/tree/shown", "shown").await;
    for (method, path, headers) in [
        ("GET", "/data/mine/tree/", &[("accept", "application/json")][..]),
        ("PROPFIND", "/data/mine/tree/", &[("depth", "1")]),
        ("DELETE", "/data/mine/tree", &[]),
        ("MOVE", "/data/mine/tree", &[("destination", "/data/mine/other")]),
        ("COPY", "/data/mine/tree", &[("destination", "/data/mine/copied")]),
    ] {
        let told = bench.ask_as(user(), method, path, headers, "").await;
        let text = String::from_utf8_lossy(&told.body).into_owned();
        assert!(!text.contains("inside"), "{method}: {text}");
        let refused = ["DELETE", "MOVE"].contains(&method);
        assert_eq!(told.status == StatusCode::FORBIDDEN, refused, "{method} {}", told.status);
    }
    assert_eq!(bench.stored("mine/tree/inside").as_deref(), Some(&b"bytes"[..]));
    assert_eq!(bench.stored("mine/copied/shown").as_deref(), Some(&b"shown"[..]));
    assert_eq!(bench.stored("mine/copied/inside"), None);
}

#[tokio::test]
async fn a_move_is_no_way_to_read() {
    let verbs = |text: &str| text.parse::<VerbSet>().unwrap();
    let rules = vec![allow(verbs("stat,list,create,delete"), "/", &[]), allow(verbs("read"), "/mine", &[])];
    let bench = house(rules).await;
    for (from, to, status) in [
        ("/data/secret/file", "/data/mine/got", 403),
        ("/data/secret/tree", "/data/mine/got", 403),
        ("/data/secret/file", "/data/secret/renamed", 201),
        ("/data/mine/tree", "/data/secret/given", 201),
    ] {
        let told = bench.ask_as(user(), "MOVE", from, &[("destination", to)], "").await;
        assert_eq!(told.status.as_u16(), status, "{from}: {:?}", told.body);
    }
    assert!(!bench.store().join("mine/got").exists());
}

#[tokio::test]
async fn a_drop_box_tells_whether_a_name_is_free_and_nothing_else() {
    let bench = house(vec![allow("create".parse().unwrap(), "/secret", &[])]).await;
    let put = async |path: &str| bench.ask_as(user(), "PUT", path, &[], "x").await.status.as_u16();
    assert_eq!((put("/data/secret/new").await, put("/data/secret/new").await), (201, 403));
    assert_eq!((put("/data/secret/tree").await, put("/data/secret/nowhere/new").await), (405, 409));
    assert_eq!(bench.ask_as(user(), "GET", "/data/secret/new", &[], "").await.status.as_u16(), 403);
}

#[tokio::test]
async fn who_may_rename_without_deleting_may_not_where_rules_forbid_to_delete() {
    let mut forbid = allow("delete".parse().unwrap(), "/mine/tree", &[]);
    forbid.effect = RuleEffect::Forbid;
    forbid.subjects = vec![Subject::User("job".to_owned())];
    let bench = house(vec![forbid]).await;
    bench.put("/data/mine/file", "mine").await;
    let mut grant = terms::Grant::new("create".parse().unwrap(), "/mine".parse().unwrap());
    grant.may_rename = true;
    let mut identity = terms::Identity::new(terms::Kind::User, "job");
    identity.bounds = vec![terms::Bound { by: "the scope".to_owned(), grants: vec![grant] }];
    identity.authorises = true;
    for (from, to, status) in [
        ("/data/mine/file", "/data/mine/renamed", 201),
        ("/data/mine/tree/inside", "/data/mine/out", 403),
        ("/data/secret/file", "/data/mine/out", 403),
    ] {
        let told = bench.ask_as(Principal::of(identity.clone()), "MOVE", from, &[("destination", to)], "").await;
        assert_eq!(told.status.as_u16(), status, "{from}: {:?}", told.body);
    }
}
