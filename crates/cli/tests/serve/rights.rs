//! Who may do what, as an operator sets it up, asks about it, and meets it.

use super::{World, exchange, get};
use rustix::process::Signal;

const SETTINGS: &str = r#"
[[account]]
name = "robot"

[[rule]]
name = "robots bring files"
verbs = ["stat", "create"]
paths = ["/raw"]
to = ["user:robot"]
until = 2100-01-01

[policy]
files = ["site.cedar"]
"#;

const CEDAR: &str = "@id(\"nobody deletes\")\nforbid (principal, action == Action::\"delete\", resource);\n";

fn world() -> World {
    let world = World::new();
    world.write("portolan.toml", SETTINGS);
    world.write("site.cedar", CEDAR);
    world
}

#[test]
fn rules_with_faults_are_told_at_once_and_never_come_into_force() {
    let world = world();
    let check = || world.run(&["check", "portolan.toml"]);
    assert_eq!(check().code, Some(0), "{:?}", check());
    world.write("site.cedar", "permit (principal, action == Action::\"raed\", resource);\n");
    world.write("portolan.toml", &SETTINGS.replace("\"stat\", \"create\"", "\"stat\", \"craete\""));
    let told = check();
    assert_eq!((told.code, told.stdout.lines().count()), (Some(3), 2), "{told:?}");
    assert!(told.stdout.starts_with("portolan.toml:7:9: 'verbs' is wrong: 'craete' is not one of"), "{told:?}");
    assert!(told.stdout.contains("site.cedar:1:"), "{told:?}");
    world.write("portolan.toml", SETTINGS);
    let told = check();
    assert_eq!((told.code, told.stdout.lines().count()), (Some(3), 1), "{told:?}");
    assert_eq!(world.run(&["policy", "--config", "portolan.toml", "check"]).stdout, told.stdout);
    let data = world.data();
    let serve = ["serve", "--config", "portolan.toml", "--data-dir", &data, "--listen", "127.0.0.1:0"];
    let refused = world.run(&serve);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("the rules cannot be put into force") && refused.stderr.contains("site.cedar:1:"));
}

#[test]
fn decisions_are_explained_without_a_port_and_by_one() {
    let world = world();
    let data = world.data();
    let explain = |more: &[&str]| {
        let base = ["policy", "--config", "portolan.toml", "--data-dir", &data, "explain"];
        world.run(&[&base, more].concat())
    };
    let allowed = explain(&["--as", "robot", "create", "/raw/x"]);
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
    assert!(
        allowed.stdout.starts_with("create /raw/x as robot: allowed\n  rule    robots bring files\n"),
        "{allowed:?}"
    );
    let later = explain(&["--as", "robot", "create", "/raw/x", "--at", "2100-01-01"]);
    assert_eq!(later.code, Some(1), "{later:?}");
    assert!(later.stdout.contains("What would change it\n  by 'robots bring files': "), "{later:?}");
    let banned = explain(&["--as", "anonymous", "delete", "/raw/x", "--json"]);
    let banned: serde_json::Value = serde_json::from_str(&banned.stdout).expect("JSON");
    assert_eq!((&banned["effect"], &banned["rule"]), (&"authenticate".into(), &"nobody deletes".into()));
    assert_eq!(explain(&["--as", "robot", "create"]).code, Some(3), "a path is missing");
    assert_eq!(explain(&["create", "/raw/x"]).code, Some(2), "nobody is named");
    let running = world.start_with_token();
    let (server, token) = (format!("http://{}", running.plain()), world.path("admin.token"));
    let asked = explain(&["--server", &server, "--token-file", &token, "--as", "robot", "create", "/raw/x"]);
    assert_eq!((asked.code, &asked.stdout), (Some(0), &allowed.stdout), "{asked:?}");
    let shown = world.run(&["policy", "show", "--server", &server, "--token-file", &token]);
    assert!(shown.code == Some(0) && shown.stdout.contains("robots bring files"), "{shown:?}");
    let own = explain(&["--server", &server, "--token-file", &token, "delete", "/raw/x"]);
    assert!(own.code == Some(1) && own.stdout.contains("nobody deletes"), "{own:?}");
    running.stop(Signal::TERM);
}

#[test]
fn rules_and_schema_and_table_are_shown() {
    let world = world();
    let data = world.data();
    let policy = |more: &[&str]| {
        let base = ["policy", "--config", "portolan.toml", "--data-dir", &data];
        let ended = world.run(&[&base, more].concat());
        assert_eq!(ended.code, Some(0), "{more:?}: {ended:?}");
        ended.stdout
    };
    let shown = policy(&["show"]);
    assert!(shown.contains("robots bring files") && shown.contains("nobody deletes"), "{shown}");
    // What is shown can be put into a file and read again.
    let text: Vec<_> = shown.split("\n\n").filter(|rule| rule.contains("robots bring files")).collect();
    world.write("site.cedar", &text.join("\n").replace("robots bring files", "the same again"));
    assert!(policy(&["show"]).contains("the same again"));
    assert!(policy(&["show", "--schema"]).contains("action \"list-tokens\""));
    let table = policy(&["matrix", "--as", "robot", "--as", "anonymous"]);
    assert!(table.contains("| path | robot | anonymous |\n|---|---|---|\n"), "{table}");
    assert!(table.contains("| /raw | stat, create | - |\n"), "{table}");
}

#[test]
fn a_service_account_gets_a_token_that_is_narrowed_and_ends_with_its_parent() {
    let world = world();
    let data = world.data();
    let running = world.start_with_token();
    let token =
        |more: &[&str]| world.run(&[&["token", "--config", "portolan.toml", "--data-dir", &data], more].concat());
    let refused = token(&["create", "--name", "x", "--account", "rabot"]);
    assert!(refused.code == Some(3) && refused.stderr.contains("no account 'rabot'"), "{refused:?}");
    let made = token(&["create", "--name", "x", "--account", "robot", "--allow", "stat,create"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let parent = made.stdout.trim().to_owned();
    world.write("robot.token", &parent);
    let (server, file) = (format!("http://{}", running.plain()), world.path("robot.token"));
    let narrow = ["narrow", "--server", &server, "--token-file", &file];
    let child =
        token(&[&narrow[..], &["--allow", "stat", "--path", "/raw", "--expires", "1h", "--name", "job"]].concat());
    assert_eq!(child.code, Some(0), "{child:?}");
    assert!(child.stderr.contains("'job' allows stat below /raw until "), "{child:?}");
    let more = token(&[&narrow[..], &["--allow", "read"]].concat());
    assert!(more.code == Some(1) && more.stderr.contains("The token allows stat,create"), "{more:?}");
    let child = child.stdout.trim().to_owned();
    let head = |token: &str| exchange(running.plain(), &get("/data/raw/x", token).replacen("GET", "HEAD", 1));
    assert!(head(&child).starts_with("HTTP/1.1 404"), "{}", head(&child));
    let listed = token(&["list"]).stdout;
    let line = listed.lines().find(|line| line.contains("job")).expect("it is listed");
    assert!(line.contains("account robot") && line.ends_with(&format!("narrowed from {}", &parent[4..36])), "{line}");
    assert_eq!(token(&["revoke", &parent[4..36]]).code, Some(0));
    let listed = token(&["list"]).stdout;
    assert!(listed.lines().any(|line| line.contains("ended with its parent") && line.contains("job")), "{listed}");
    let ended = running.stop(Signal::TERM);
    for secret in [&parent, &child] {
        assert!(!ended.stderr.contains(&secret[37..]), "secrets are never logged");
    }
}
