//! init, check and token, as whole outputs.

use crate::harness::{World, exchange};
use rustix::process::Signal;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn init_writes_a_file_that_checks_and_never_overwrites() {
    let world = World::new();
    let written = world.run(&["init"]);
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), ""), "{written:?}");
    let checked = world.run(&["check"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), "portolan.toml: no problems\n"), "{checked:?}");
    world.write("portolan.toml", "mine");
    let refused = world.run(&["init"]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("portolan.toml: it is there already."), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(world.path("portolan.toml")).expect("it"), "mine");
}

#[test]
fn check_tells_all_problems_with_their_places() {
    let world = World::new();
    world.write("p.toml", "[listen]\nadress = \"x\"\n[limits]\ndrain_time = 30\n");
    let checked = world.run(&["check", "p.toml"]);
    let expected = "\
p.toml:2:1: there is no setting 'adress' in [listen]; write 'address'
p.toml:4:14: 'drain_time' is a bare number; write a time with its unit, as \"30 s\"
";
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(3), expected));
    let served = world.run(&["serve", "--config", "p.toml"]);
    assert!(served.code == Some(3) && served.stderr.contains(expected.trim_end()), "{served:?}");
    assert_eq!(world.run(&["check", "none.toml"]).code, Some(3));
    world.write("q.toml", "[[namespace]]\nprefix = \"/\"\nstore = \"nowhere\"\n");
    let doubted = world.run(&["check", "q.toml"]);
    assert!(
        doubted.code == Some(0) && doubted.stderr.starts_with("warning: the store nowhere cannot be used"),
        "{doubted:?}"
    );
}

#[test]
fn a_copy_that_cannot_begin_says_why() {
    let world = World::new();
    let missing = world.run(&["cp", "nothing", "copy"]);
    assert_eq!(missing.code, Some(3), "{missing:?}");
    assert!(missing.stderr.starts_with("portolan: nothing: "), "{}", missing.stderr);
    let told = world.run(&["cp", "--json", "nothing", "copy"]);
    let first: serde_json::Value = serde_json::from_str(told.stdout.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["event"], &first["source"]), (&"source".into(), &"nothing".into()), "{told:?}");
}

#[test]
fn tokens_are_made_and_revoked_beside_a_running_port() {
    let world = World::new();
    let running = world.start_with_token();
    let data = world.data();
    let arguments =
        ["token", "create", "--data-dir", &data, "--name", "night", "--allow", "list", "--expires", "30d", "--json"];
    let made = world.run(&arguments);
    assert_eq!(made.code, Some(0), "{made:?}");
    let made: serde_json::Value = serde_json::from_str(&made.stdout).expect("JSON");
    let (token, id) = (made["token"].as_str().expect("a token"), made["made"]["id"].as_str().expect("an id"));
    let status = |token: &str| {
        let request =
            format!("GET /data/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
        exchange(running.plain(), &request)[9..12].to_owned()
    };
    assert_eq!(status(token), "200");
    let listed = world.run(&["token", "list", "--data-dir", &data]).stdout;
    assert!(listed.contains(id) && listed.contains("night") && !listed.contains(&token[37..]), "{listed}");
    assert_eq!(world.run(&["token", "revoke", id, "--data-dir", &data]).code, Some(0));
    assert_eq!(world.run(&["token", "revoke", id, "--data-dir", &data]).code, Some(1), "it is revoked already");
    let deadline = Instant::now() + Duration::from_secs(60);
    while status(token) != "401" {
        assert!(Instant::now() < deadline, "the revocation never came into force");
        sleep(Duration::from_millis(200));
    }
    running.stop(Signal::TERM);
}

#[test]
fn what_shells_and_man_ask_for_is_there() {
    let world = World::new();
    let completions = world.run(&["completions", "bash"]);
    assert!(completions.code == Some(0) && completions.stdout.contains("_portolan"), "{completions:?}");
    assert!(world.run(&["man"]).stdout.contains(".TH portolan"));
    assert!(world.run(&["--version"]).stdout.starts_with("portolan "));
    assert_eq!(world.run(&["fly"]).code, Some(2));
}
