//! Issuers as they are met: how they are found, and what is told when they fail.
#![allow(clippy::unwrap_used, reason = "tests")]

use interop::issuer::{Issuer, Mood};
use interop::port::Setup;
use interop::site::{Told, told};
use interop::{Port, Run, needs};

const TOOLS: &[(&str, &str)] = &[("curl", "curl"), ("openssl", "openssl")];

/// A port that takes the tokens of this issuer, which is in this mood from the beginning.
fn port(issuer: &Issuer, mood: Mood, authorities: &str) -> Port {
    issuer.set_mood(mood);
    let sections = format!("[[issuer]]\nurl = \"{}\"\nbase_path = [\"/\"]\n{authorities}\n", issuer.url());
    let port = Port::start_with(Setup { sections, ..Setup::default() });
    std::fs::write(port.store().join("f"), "first").unwrap();
    port
}

fn believing(issuer: &Issuer) -> String {
    format!("authorities = \"{}\"", issuer.authority().display())
}

fn get(port: &Port, issuer: &Issuer) -> Told {
    let bearer = format!("Authorization: Bearer {}", issuer.scoped("storage.read:/"));
    let curl = Run::new("curl").args(["-sS", "-i", "--max-time", "50", "--cacert"]).arg(port.authority());
    told(curl.args(["-H", &bearer]).arg(port.url("/data/f")))
}

#[test]
fn discovery_behind_well_known_is_found_too() {
    if !needs(TOOLS) {
        return;
    }
    let issuer = Issuer::start();
    let port = port(&issuer, Mood::ByRfc8414, &believing(&issuer));
    assert_eq!(get(&port, &issuer).body, "first");
}

#[test]
fn keys_are_fetched_once_and_not_for_each_request() {
    if !needs(TOOLS) {
        return;
    }
    let issuer = Issuer::start();
    let port = port(&issuer, Mood::Well, &believing(&issuer));
    for _ in 0..5 {
        assert_eq!(get(&port, &issuer).status, 200);
    }
    assert_eq!(issuer.key_fetches(), 1);
}

/// The token may be good, so it is not called wrong; the sentence names the issuer and what stood in the way.
#[test]
fn an_issuer_that_fails_is_told_as_503_with_its_reason() {
    if !needs(TOOLS) {
        return;
    }
    let moods = [(Mood::Failing, "503 Service Unavailable"), (Mood::Flooding, "unusable"), (Mood::Away, "failed")];
    for (mood, reason) in moods {
        let issuer = Issuer::start();
        let port = port(&issuer, mood, &believing(&issuer));
        let answer = get(&port, &issuer);
        assert_eq!(answer.status, 503, "{mood:?}: {answer:?}");
        assert!(answer.head.contains("retry-after: "), "{mood:?}: {}", answer.head);
        assert!(answer.body.contains(issuer.url()) && answer.body.contains(reason), "{mood:?}: {}", answer.body);
    }
}

#[test]
fn an_issuer_whose_certificate_is_not_believed_gives_no_keys() {
    if !needs(TOOLS) {
        return;
    }
    let issuer = Issuer::start();
    let port = port(&issuer, Mood::Well, "");
    let answer = get(&port, &issuer);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains("certificate"), "{}", answer.body);
    assert_eq!(issuer.key_fetches(), 0);
}

/// Has the port read everything again, as an operator does.
fn reload(port: &Port) {
    let answer = port.curl().args(["-f", "-X", "POST"]).arg(port.url("/api/v1/reload")).succeed().text();
    assert!(answer.contains("issuers"), "{answer}");
}

/// Asks until the answer is this one: keys are fetched behind the answer to a reload.
fn wait_for(status: u16, ask: impl Fn() -> Told) {
    let started = std::time::Instant::now();
    loop {
        let answer = ask();
        if answer.status == status {
            return;
        }
        assert!(started.elapsed().as_secs() < 30, "not {status}: {answer:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_reload_takes_new_keys_and_drops_those_that_were_withdrawn() {
    if !needs(TOOLS) {
        return;
    }
    let issuer = Issuer::start();
    let port = port(&issuer, Mood::Well, &believing(&issuer));
    let old = issuer.scoped("storage.read:/");
    let with = |token: &str| {
        let bearer = format!("Authorization: Bearer {token}");
        let curl = Run::new("curl").args(["-sS", "-i", "--max-time", "50", "--cacert"]).arg(port.authority());
        told(curl.args(["-H", &bearer]).arg(port.url("/data/f")))
    };
    assert_eq!(with(&old).status, 200);
    issuer.rotate(true);
    reload(&port);
    wait_for(200, || get(&port, &issuer));
    assert_eq!(with(&old).status, 200, "the old key is still published");
    issuer.rotate(false);
    reload(&port);
    wait_for(200, || get(&port, &issuer));
    assert_eq!(with(&old).status, 401, "it is not any more");
}

#[test]
fn a_reload_takes_an_issuer_that_was_added_and_drops_one_that_was_removed() {
    if !needs(TOOLS) {
        return;
    }
    let (first, second) = (Issuer::start(), Issuer::start());
    let port = port(&first, Mood::Well, &believing(&first));
    assert_eq!(get(&port, &first).status, 200);
    assert_eq!(get(&port, &second).status, 401);
    let file = port.folder().join("portolan.toml");
    let replaced = |text: String| {
        let text = text.replace(first.url(), second.url());
        text.replace(&first.authority().display().to_string(), &second.authority().display().to_string())
    };
    std::fs::write(&file, replaced(std::fs::read_to_string(&file).unwrap())).unwrap();
    reload(&port);
    wait_for(200, || get(&port, &second));
    assert_eq!(get(&port, &first).status, 401);
}
