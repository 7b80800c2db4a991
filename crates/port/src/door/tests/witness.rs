//! The audit record: for each request, one decision for each verb and path that it turned on.

use super::*;
use policy::{Ask, Conditions, Decision, Rule, RuleEffect, RuleSource, Subject, Witness};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Witness for Seen {
    fn saw(&self, ask: &Ask<'_>, decision: &Decision) {
        let sign = if decision.allows() { "+" } else { "-" };
        self.0.lock().unwrap().push(format!("{sign}{} {}", ask.verb, ask.path));
    }
}

fn rules() -> Policy {
    let allow = |verbs: &str, path: &str| Rule {
        name: path.to_owned(),
        effect: RuleEffect::Allow,
        verbs: verbs.parse().unwrap(),
        paths: vec![path.parse().unwrap()],
        subjects: vec![Subject::Everyone],
        conditions: Conditions::default(),
    };
    let rules = vec![
        allow("list,stat,read,create,modify,delete", "/all"),
        allow("list,stat", "/look"),
        allow("create", "/drop"),
        allow("modify", "/edit"),
    ];
    Policy::compile(RuleSource { rules, ..RuleSource::default() }).unwrap()
}

const LOCK: &str =
    "<lockinfo xmlns=\"DAV:\"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>";
const UPLOAD: &[(&str, &str)] = &[("upload-complete", "?0")];

type Headers = &'static [(&'static str, &'static str)];

/// Method, path, headers, body; and what is told of it.
type Line = (&'static str, &'static str, Headers, &'static str, &'static str);

const REQUESTS: &[Line] = &[
    ("GET", "/data/all/f", &[], "", "+read /all/f"),
    ("HEAD", "/data/all/f", &[], "", "+stat /all/f"),
    ("GET", "/data/all/none", &[], "", "+read /all/none"),
    ("GET", "/data/all/tree/", &[], "", "+list /all/tree"),
    ("HEAD", "/data/all/tree/", &[], "", "+list /all/tree"),
    ("GET", "/data/look/f", &[], "", "-read /look/f"),
    ("GET", "/data/look/none", &[], "", "+stat /look/none"),
    ("GET", "/data/look/", &[("accept", "application/json")], "", "+list /look"),
    ("GET", "/data/shut/f", &[], "", "-read /shut/f"),
    ("GET", "/data/shut/none", &[], "", "-read /shut/none"),
    ("HEAD", "/data/drop/f", &[], "", "-stat /drop/f"),
    ("OPTIONS", "/data/all/f", &[], "", ""),
    ("PUT", "/data/all/f", &[], "x", "+modify /all/f"),
    ("PUT", "/data/all/new", &[], "x", "+create /all/new"),
    ("PUT", "/data/drop/new", &[], "x", "+create /drop/new"),
    ("PUT", "/data/drop/f", &[], "x", "-modify /drop/f"),
    ("PUT", "/data/edit/f", &[], "x", "+modify /edit/f"),
    ("PUT", "/data/edit/new", &[], "x", "-create /edit/new"),
    ("PUT", "/data/shut/f", &[], "x", "-create /shut/f"),
    ("PUT", "/data/all/part", UPLOAD, "x", "+create /all/part"),
    ("PROPFIND", "/data/all/f", &[("depth", "0")], "", "+stat /all/f"),
    ("PROPFIND", "/data/all/tree", &[("depth", "1")], "", "+stat /all/tree, +list /all/tree"),
    ("PROPFIND", "/data/shut", &[("depth", "1")], "", "-stat /shut"),
    ("PROPPATCH", "/data/look/f", &[], "", "-modify /look/f"),
    ("MKCOL", "/data/all/made", &[], "", "+create /all/made"),
    ("LOCK", "/data/all/f", &[], LOCK, "+modify /all/f"),
    ("LOCK", "/data/shut/f", &[], LOCK, "-create /shut/f"),
    ("UNLOCK", "/data/look/f", &[("lock-token", "<urn:x>")], "", "+stat /look/f"),
    ("COPY", "/data/all/g", &[("destination", "/data/all/copy")], "", "+read /all/g, +create /all/copy"),
    ("COPY", "/data/all/g", &[("destination", "/data/all/copy")], "", "+read /all/g, +modify /all/copy"),
    ("COPY", "/data/all/g", &[("destination", "/data/shut/f")], "", "+read /all/g, -create /shut/f"),
    ("COPY", "/data/look/f", &[("destination", "/data/all/h")], "", "-read /look/f"),
    (
        "COPY",
        "/data/all/deep",
        &[("destination", "/data/all/deeper")],
        "",
        "+read /all/deep, +create /all/deeper, +list /all/deep, +create /all/deeper/er, +list /all/deep/er, \
         +read /all/deep/er/f, +create /all/deeper/er/f",
    ),
    ("MOVE", "/data/all/copy", &[("destination", "/data/all/moved")], "", "+delete /all/copy, +create /all/moved"),
    ("MOVE", "/data/all/tree", &[("destination", "/data/all/trees")], "", "+delete /all/tree, +create /all/trees"),
    ("MOVE", "/data/look/f", &[("destination", "/data/all/h")], "", "-delete /look/f"),
    (
        "MOVE",
        "/data/all/g",
        &[("destination", "/data/all/trees")],
        "",
        "+delete /all/g, +delete /all/trees, +create /all/trees",
    ),
    ("DELETE", "/data/all/deep", &[], "", "+delete /all/deep"),
    ("DELETE", "/data/look/f", &[], "", "-delete /look/f"),
];

#[tokio::test]
async fn each_request_is_told_once_for_each_right_that_it_needed() {
    let seen = Seen::default();
    let bench = Bench::ruled(|_| {}, Rights::new(rules(), seen.clone())).await;
    for folder in ["all/tree", "all/deep/er", "look", "drop", "edit", "shut"] {
        std::fs::create_dir_all(bench.store().join(folder)).unwrap();
    }
    for file in ["all/f", "all/tree/inside", "all/deep/er/f", "all/g", "look/f", "drop/f", "edit/f", "shut/f"] {
        bench.put(&format!("/data/{file}"), "bytes").await;
    }
    for (method, path, headers, body, expected) in REQUESTS {
        seen.0.lock().unwrap().clear();
        let told = bench.ask_as(Principal::anonymous(), method, path, headers, (*body).to_owned()).await;
        let witnessed = seen.0.lock().unwrap().join(", ");
        assert_eq!(witnessed, *expected, "{method} {path} {headers:?} {}", told.status);
        if let Some(address) = told.headers.get("location").filter(|_| *method == "PUT") {
            let address = address.to_str().unwrap().to_owned();
            for (method, expected) in [("HEAD", "+create /all/part"), ("PATCH", "+create /all/part")] {
                seen.0.lock().unwrap().clear();
                let headers =
                    [("upload-complete", "?1"), ("upload-offset", "1"), ("content-type", "application/partial-upload")];
                bench.ask_as(Principal::anonymous(), method, &address, &headers, "y").await;
                assert_eq!(seen.0.lock().unwrap().join(", "), expected, "{method}");
            }
        }
    }
}
