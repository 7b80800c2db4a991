//! An embargo from end to end: pixels that a group reads now and everyone from a moment on, with a real port, in every way
//! that leads to bytes. No answer is compared with a stopwatch: each must fit what this machine's clock said before and
//! after it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::port::Setup;
use interop::{Port, Run, needs};
use std::fs;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const RULES: &str = r#"
[[account]]
name = "anna"
groups = ["survey"]

[[account]]
name = "bert"

[[account]]
name = "robot"

[[rule]]
name = "open to all"
verbs = ["list", "stat", "read"]
paths = ["/pixels", "/public"]
to = ["everyone"]

[[rule]]
name = "robots"
verbs = ["create", "modify", "delete"]
paths = ["/pixels", "/public"]
to = ["user:robot"]

[[rule]]
name = "the survey passes on"
verbs = ["share"]
paths = ["/pixels"]
to = ["group:survey"]

[[embargo]]
name = "pixels"
paths = ["/pixels"]
readers = ["group:survey"]
lasts = "6 s"
"#;

/// A port with those rules, and the tokens of its people.
struct House {
    port: Port,
    anna: String,
    bert: String,
    robot: String,
}

impl House {
    fn start() -> Self {
        let port = Port::start_with(Setup { sections: RULES.to_owned(), ..Setup::default() });
        for folder in ["pixels", "public"] {
            fs::create_dir_all(port.store().join(folder)).unwrap();
        }
        let token = |account: &str| {
            let body = format!(
                r#"{{"name": "of {account}", "account": "{account}",
                    "allow": ["list", "stat", "read", "create", "modify", "delete", "share"]}}"#
            );
            let curl = port.curl().args(["-f", "-H", "Content-Type: application/json", "-d", &body]);
            let made = curl.arg(port.url("/api/v1/tokens")).succeed().text();
            let made: serde_json::Value = serde_json::from_str(&made).unwrap();
            made["token"].as_str().unwrap().to_owned()
        };
        let (anna, bert, robot) = (token("anna"), token("bert"), token("robot"));
        Self { port, anna, bert, robot }
    }

    fn url(&self, path: &str) -> String {
        self.port.url(&format!("/data{path}"))
    }

    /// The status of one request.
    fn status(&self, who: Option<&str>, arguments: &[&str], url: &str) -> u16 {
        let curl =
            Run::new("curl").args(["-sS", "--max-time", "50", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]);
        let curl = curl.arg(self.port.authority());
        let curl = match who {
            Some(token) => curl.args(["-H", &format!("Authorization: Bearer {token}")]),
            None => curl,
        };
        curl.args(arguments).arg(url).succeed().text().trim().parse().unwrap()
    }

    fn put(&self, path: &str, header: &str) {
        fs::write(self.port.folder().join("pixels"), "pixels").unwrap();
        let file = self.port.folder().join("pixels");
        let arguments = ["-T", file.to_str().unwrap(), "-H", header];
        assert_eq!(self.status(Some(&self.robot), &arguments, &self.url(path)), 201);
    }

    /// Our own client, as this account.
    fn client(&self, token: &str) -> Run {
        self.port.client().env("BEARER_TOKEN", token)
    }

    /// What is known of a file.
    fn known(&self, path: &str) -> serde_json::Value {
        let curl = self.port.curl().arg("-f").arg(self.port.url(&format!("/api/v1/files?path={path}")));
        serde_json::from_str(&curl.succeed().text()).unwrap()
    }

    /// Every way that leads to the bytes of this file, for somebody outside of the group: the status of each.
    fn ways(&self, path: &str, share: &str) -> Vec<(&'static str, u16)> {
        let url = self.url(path);
        let to = format!("Destination: {}", self.url("/public/out"));
        let range = ["-H", "Range: bytes=0-0"];
        let _ = fs::remove_file(self.port.store().join("public/out"));
        vec![
            ("GET", self.status(None, &[], &url)),
            ("GET by plain HTTP", self.status(None, &[], &self.port.plain_url(&format!("/data{path}")))),
            ("GET of a user", self.status(Some(&self.bert), &[], &url)),
            ("GET of who put it there", self.status(Some(&self.robot), &[], &url)),
            ("GET of the operator", self.status(Some(&self.port.token), &[], &url)),
            ("a range", self.status(None, &range, &url)),
            ("a condition", self.status(None, &["-H", "If-None-Match: \"x\""], &url)),
            ("a share link of a member", self.status(None, &[], share)),
            ("COPY", self.status(Some(&self.robot), &["-X", "COPY", "-H", &to], &url)),
        ]
    }

    fn seconds(&self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
    }

    /// Asks until the moment has passed by our clock; answers how often it was refused.
    fn across(&self, path: &str, end: f64) -> u32 {
        let mut refused = 0;
        loop {
            let before = self.seconds();
            let status = self.status(None, &[], &self.url(path));
            let after = self.seconds();
            assert!([200, 401].contains(&status), "{path}: {status}");
            assert!(!(status == 200 && after < end), "{path} was open {} s before its time", end - after);
            assert!(!(status == 401 && before >= end), "{path} was shut {} s behind its time", before - end);
            refused += u32::from(status == 401);
            if before >= end {
                return refused;
            }
            sleep(Duration::from_millis(100));
        }
    }
}

/// Seconds since 1970 of what `date` understands.
fn instant(text: &str) -> f64 {
    Run::new("date").args(["-u", "-d", text, "+%s"]).succeed().text().trim().parse().unwrap()
}

fn text_of(seconds: f64) -> String {
    Run::new("date").args(["-u", "-d", &format!("@{}", seconds as u64), "+%Y-%m-%dT%H:%M:%SZ"]).succeed().text()
}

#[test]
fn pixels_are_the_groups_until_their_time_and_everybodys_afterwards() {
    if !needs(&[("curl", "curl")]) {
        return;
    }
    let house = House::start();
    house.put("/pixels/f", "Portolan-Attributes: embargo-until=\"2200-01-01T00:00:00Z\", night=\"1\"");
    let made = house.client(&house.anna).args(["share", &house.url("/pixels/f"), "--json"]).succeed().text();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let share = made["address"].as_str().unwrap();
    for (way, status) in house.ways("/pixels/f", share) {
        assert!([401, 403].contains(&status), "{way}: {status}");
    }
    assert!(!house.port.store().join("public/out").exists());
    // The group reads, and all may look.
    assert_eq!(house.status(Some(&house.anna), &[], &house.url("/pixels/f")), 200);
    assert_eq!(house.status(None, &["-I"], &house.url("/pixels/f")), 200);
    assert_eq!(house.status(None, &[], &house.url("/pixels/")), 200);
    let stat = house.client(&house.bert).args(["stat", &house.url("/pixels/f")]).succeed().text();
    assert!(stat.contains("embargo-until=2200-01-01T00:00:00Z") && stat.contains("night=1"), "{stat}");
    // Nobody but who may modify it brings the end forward.
    let soon = house.seconds().ceil() + 4.0;
    let change = |token: &str| {
        let change = format!("embargo-until={}", text_of(soon).trim());
        house.client(token).args(["attributes", &house.url("/pixels/f"), &change]).finish()
    };
    assert_eq!(change(&house.anna).code, Some(4));
    assert_eq!(change(&house.bert).code, Some(4));
    let changed = change(&house.robot);
    assert_eq!(changed.code, Some(0), "{changed:?}");
    house.across("/pixels/f", soon);
    for (way, status) in house.ways("/pixels/f", share) {
        assert!([200, 201, 206].contains(&status), "{way}: {status}");
    }
    assert_eq!(fs::read_to_string(house.port.store().join("public/out")).unwrap(), "pixels");
    assert_eq!(house.known("/public/out")["attributes"]["night"], "1");
}

#[test]
fn our_client_says_things_of_small_and_of_large_files() {
    if !needs(&[("curl", "curl")]) {
        return;
    }
    let house = House::start();
    // The large one goes by a resumable upload.
    for (name, length) in [("small", 1_000), ("large", 9_000_000)] {
        fs::write(house.port.folder().join(name), vec![7; length]).unwrap();
        let said = ["--attribute", "night=1", "--attribute", "embargo-until=2200-01-01"];
        let copy = house.client(&house.robot).args(["cp", "-q", name, &house.url("/pixels/")]).args(said);
        copy.succeed();
        let known = house.known(&format!("/pixels/{name}"));
        assert_eq!(known["attributes"]["night"], "1", "{known}");
        assert_eq!(known["attributes"]["embargo-until"], "2200-01-01T00:00:00Z");
    }
    let wrong =
        house.client(&house.robot).args(["cp", "small", &house.url("/pixels/"), "--attribute", "embargo-until=x"]);
    assert_eq!(wrong.finish().code, Some(2));
}

#[test]
fn a_time_after_the_import_ends_it_across_a_restart_and_a_kill() {
    if !needs(&[("curl", "curl")]) {
        return;
    }
    let mut house = House::start();
    house.put("/pixels/kept", "Portolan-Attributes: embargo-until=\"2200-01-01T00:00:00Z\"");
    house.put("/pixels/f", "Accept: */*");
    house.port.kill();
    house.port.restart();
    let published = house.known("/pixels/f")["published"].as_str().unwrap().to_owned();
    // Told in whole seconds: the end is at some time in the second that follows.
    let end = instant(&published) + 6.0;
    loop {
        let before = house.seconds();
        let status = house.status(None, &[], &house.url("/pixels/f"));
        assert!(!(status == 200 && house.seconds() < end), "open before its time");
        if before >= end + 1.0 {
            assert_eq!(status, 200);
            break;
        }
        sleep(Duration::from_millis(200));
    }
    // A copy of what is still closed is closed, wherever it comes from.
    assert_eq!(house.status(None, &[], &house.url("/pixels/kept")), 401);
    assert_eq!(house.known("/pixels/kept")["attributes"]["embargo-until"], "2200-01-01T00:00:00Z");
    // Put there by others: nobody knows since when.
    fs::write(house.port.store().join("pixels/theirs"), "pixels").unwrap();
    assert_eq!(house.status(None, &[], &house.url("/pixels/theirs")), 401);
    assert_eq!(house.status(Some(&house.anna), &[], &house.url("/pixels/theirs")), 200);
}
