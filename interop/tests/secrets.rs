//! No secret is anywhere but with its holder: with everything told that can be told, each kind of credential is used
//! once, right and wrong, in each place where one can stand; then log, audit record and answers are searched.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use interop::http;
use interop::port::program;
use interop::site::Site;
use interop::{Port, Run};
use std::fs;

const SECTIONS: &str = "[log]\nlevel = \"trace\"\n[sign_in]\nquery_tokens = true\n[audit]\nreads = true\n";

/// Each kind, good and spoilt.
struct Secrets {
    texts: Vec<String>,
    /// What follows `/s/`.
    share: String,
}

impl Secrets {
    fn make(site: &Site) -> Self {
        let port = &site.port;
        let local = port.token.clone();
        let macaroon =
            port.client().args(["token", "request", "--allow", "read"]).arg(port.url("/data/vo/f")).succeed();
        let macaroon = macaroon.text().trim().to_owned();
        let narrowed = port.client().args(["token", "create", "--name", "n", "--data-dir"]).arg(port.data()).succeed();
        let narrowed = narrowed.text().trim().to_owned();
        let signed = site.issuer.scoped("storage.read:/");
        let share = port.client().args(["share", "/vo/f", "--data-dir"]).arg(port.data()).succeed().text();
        let share = share.split("/s/").nth(1).unwrap().split('/').next().unwrap().trim().to_owned();
        let mut texts = vec![local, macaroon, narrowed, signed];
        let spoilt: Vec<_> = texts.iter().map(|text| spoilt(text)).collect();
        texts.extend(spoilt);
        texts.push("ptl_not-a-token-at-all-but-secret".to_owned());
        Self { texts, share }
    }

    /// All that must not be found: the texts themselves, what Basic makes of them, and the parts that are secret alone.
    fn needles(&self) -> Vec<String> {
        let mut needles = self.texts.clone();
        needles.extend(self.texts.iter().map(|text| STANDARD.encode(format!("user:{text}"))));
        // `ptl_<id>_<secret>`, and the secret may hold the mark itself.
        let third = |text: &String, mark: char| text.splitn(3, mark).nth(2).unwrap().to_owned();
        needles.extend(self.texts.iter().filter(|text| text.starts_with("ptl_0")).map(|text| third(text, '_')));
        needles.extend(self.texts.iter().filter(|text| text.matches('.').count() == 2).map(|text| third(text, '.')));
        needles
    }
}

/// The same with its last letters turned round.
fn spoilt(text: &str) -> String {
    let (stem, tail) = text.split_at(text.len() - 6);
    format!("{stem}{}", tail.chars().rev().collect::<String>())
}

/// Uses it at each place of the port; all that comes back.
fn used(port: &Port, headers: &[(&str, &str)], query: &str) -> String {
    let places = [
        ("GET", "/data/vo/f"),
        ("GET", "/api/v1/status"),
        ("PUT", "/data/g"),
        ("PROPFIND", "/data/vo/"),
        ("POST", "/oauth/token"),
        ("GET", "/sign-in"),
        ("GET", "/"),
    ];
    let mut told = String::new();
    for (method, path) in places {
        let answer = http::request(port.plain_port(), method, &format!("{path}{query}"), headers, b"").unwrap();
        told.push_str(&format!("{:?} {}\n", answer.headers, answer.text()));
    }
    told
}

fn search(place: &str, text: &str, needles: &[String]) {
    for secret in needles {
        let line = text.lines().find(|line| line.contains(secret.as_str()));
        let shown = line.map(|line| line.chars().take(600).collect::<String>());
        assert!(line.is_none(), "a secret is in the {place}: {shown:?}");
    }
}

#[test]
fn no_secret_is_in_log_record_or_answer() {
    let site = Site::start_with("", SECTIONS);
    let port = &site.port;
    let secrets = Secrets::make(&site);
    let mut answers = String::new();
    for text in &secrets.texts {
        answers += &used(port, &[("Authorization", &format!("Bearer {text}"))], "");
        let basic = format!("Basic {}", STANDARD.encode(format!("user:{text}")));
        answers += &used(port, &[("Authorization", &basic)], "");
        answers += &used(port, &[("Authorization", &format!("Negotiate {text}"))], "");
        answers += &used(port, &[], &format!("?authz={text}"));
        answers += &used(port, &[], &format!("?authz=Bearer%20{text}"));
        answers += &used(port, &[("Cookie", &format!("__Host-portolan-session={text}"))], "");
    }
    // The address of a share is its holder's own: answers may name it, log and record may not.
    for path in ["", "/", "x", "/../x"] {
        http::request(port.plain_port(), "GET", &format!("/s/{}{path}", secrets.share), &[], b"").unwrap();
    }
    // A command is answered when all that came before it is written.
    port.client().args(["reload", "--server"]).arg(port.url("/")).succeed();
    let record = Run::new(program()).args(["audit", "--json", "--data-dir"]).arg(port.data()).succeed().text();
    assert!(record.lines().count() > 50 && record.contains("sign-in-failed"), "reads and failures are written");
    let log = port.log();
    assert!(log.contains("DEBUG GET /data/vo/f"), "everything is told");
    let needles = secrets.needles();
    search("answers", &answers, &needles);
    let share = vec![secrets.share.split_once('_').unwrap().1.to_owned()];
    for (place, text) in [("log", &log), ("record", &record)] {
        search(place, text, &needles);
        search(place, text, &share);
    }
    // Nor in what lies in the data directory, but for the files that are made to hold them.
    for file in ["archive.sqlite", "archive.sqlite-wal"] {
        let bytes = fs::read(port.data().join(file)).unwrap_or_default();
        search(file, &String::from_utf8_lossy(&bytes), &needles);
    }
}
