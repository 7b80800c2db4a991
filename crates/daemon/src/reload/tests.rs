//! What changes without a restart, what stays when something is wrong, and what is told of it.

use super::*;
use crate::testing::World;
use std::path::Path;

/// A port whose settings file is this text; relative to a folder of its own.
struct Site {
    world: World,
    file: tempfile::NamedTempFile,
    data_dir: std::path::PathBuf,
}

impl Site {
    async fn new() -> Self {
        let world = World::new().await;
        let file = tempfile::NamedTempFile::new().expect("a file");
        let data_dir = world.port.settings.data_dir.clone();
        let (path, data) = (file.path().to_owned(), data_dir.clone());
        world.port.reloading.read_from(Box::new(move || {
            let overrides = crate::settings::Overrides { data_dir: Some(data.clone()), ..Default::default() };
            Settings::read(&path).map(|settings| settings.with(&overrides))
        }));
        Self { world, file, data_dir }
    }

    /// Writes the settings.
    fn write(&self, text: &str) {
        std::fs::write(self.file.path(), text).expect("written");
    }

    async fn reload(&self) -> ReloadAnswer {
        reload(&self.world.port, None, "a test").await
    }

    async fn records(&self, event: &str) -> Vec<api::AuditRecord> {
        self.world.port.audit.settled().await.expect("durable");
        let wanted = audit::Filter { event: Some(event.to_owned()), ..Default::default() };
        audit::Tail::new(&self.data_dir.join("audit"), wanted, 0).page(1000).expect("a page").records
    }
}

fn outcome(answer: &ReloadAnswer, part: &str) -> (ReloadOutcome, String) {
    let found = answer.parts.iter().find(|found| found.part == part);
    let found = found.unwrap_or_else(|| panic!("no part {part}: {answer:?}"));
    (found.outcome, found.detail.clone())
}

#[tokio::test]
async fn what_is_unchanged_is_told_as_unchanged() {
    let site = Site::new().await;
    site.write("");
    let first = site.reload().await;
    assert!(first.complete, "{first:?}");
    let second = site.reload().await;
    assert!(second.parts.iter().all(|part| part.outcome == ReloadOutcome::Unchanged), "{second:?}");
    assert_eq!(second.needs_restart, [] as [&str; 0]);
}

#[tokio::test]
async fn rules_are_in_force_for_the_next_request() {
    let site = Site::new().await;
    let store = site.data_dir.join("store");
    std::fs::write(store.join("a.txt"), "bytes").expect("written");
    assert_eq!(site.world.get("/data/a.txt", None).await.status, 401);
    site.write(&format!("[[namespace]]\nprefix = \"/\"\nstore = \"{}\"\nanonymous = \"read\"\n", store.display()));
    let answer = site.reload().await;
    assert_eq!(outcome(&answer, "rules").0, ReloadOutcome::Changed, "{answer:?}");
    assert_eq!(site.world.get("/data/a.txt", None).await.text, "bytes");
    site.write("");
    site.reload().await;
    assert_eq!(site.world.get("/data/a.txt", None).await.status, 401);
}

#[tokio::test]
async fn settings_with_a_fault_keep_the_former_in_force_and_say_the_line() {
    let site = Site::new().await;
    site.write("[limits]\nfailed_sign_ins = 7\n");
    assert!(site.reload().await.complete);
    site.write("[limits]\nfailed_sign_ins = 8\n\n[audt]\n");
    let answer = site.reload().await;
    assert!(!answer.complete);
    let (told, why) = outcome(&answer, "settings");
    assert!(told == ReloadOutcome::Kept && why.contains(":4:") && why.contains("audt"), "{why}");
    assert_eq!(site.world.port.reloading.in_force().limits.failed_sign_ins, 7);
    assert!(to_text(&answer).contains("settings kept: the former stays in force: "), "{}", to_text(&answer));
    let records = site.records("reload").await;
    assert!(records.last().and_then(|record| record.reason.as_deref()).is_some_and(|told| told.contains("audt")));
}

#[tokio::test]
async fn a_policy_that_does_not_validate_leaves_the_other_parts_to_change() {
    let site = Site::new().await;
    let rules = site.file.path().with_extension("cedar");
    std::fs::write(&rules, "permit(principal, action, resource);\nforbid(principal, acton, resource);\n")
        .expect("written");
    site.write(&format!("[policy]\nfiles = [\"{}\"]\n[limits]\nfailed_sign_ins = 9\n", rules.display()));
    let former = site.world.port.rights().policy().cedar();
    let answer = site.reload().await;
    let (told, why) = outcome(&answer, "rules");
    assert!(told == ReloadOutcome::Kept && why.contains(".cedar:2:"), "{why}");
    assert_eq!(site.world.port.rights().policy().cedar(), former);
    assert_eq!(outcome(&answer, "sign-in").0, ReloadOutcome::Changed);
    assert_eq!(site.records("policy-refused").await.len(), 1);
    std::fs::remove_file(rules).expect("gone");
}

#[tokio::test]
async fn what_needs_a_restart_is_named() {
    let site = Site::new().await;
    let table = [
        ("[listen]\naddress = \"127.0.0.1:1\"\n", "listen.address"),
        ("[listen]\ntls = false\n", "listen.tls"),
        ("[listen.plain]\naddress = \"127.0.0.1:1\"\n", "listen.plain"),
        ("[limits]\nfile_size = \"1 GiB\"\n", "limits (all but failed_sign_ins)"),
        ("[staging]\nupload_lifetime = \"1 d\"\n", "staging"),
        ("[log]\nlevel = \"debug\"\n", "log"),
    ];
    for (text, name) in table {
        site.write(text);
        assert_eq!(site.reload().await.needs_restart, [name], "{text}");
    }
    site.write("[sign_in]\nquery_tokens = true\n[audit]\nreads = true\n[metrics]\nanonymous = \"none\"\n");
    assert_eq!(site.reload().await.needs_restart, [] as [&str; 0]);
}

#[tokio::test]
async fn by_the_interface_it_is_for_those_who_may() {
    let site = Site::new().await;
    site.write("");
    let (plain, admin) = (site.world.token("list", "/").await, site.world.token("reload", "/").await);
    for (token, status) in [(None, 401), (Some(plain.as_str()), 403), (Some(admin.as_str()), 200)] {
        let answer = site.world.ask("POST", "/api/v1/reload", token, "").await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let records = site.records("reload").await;
    assert_eq!(records.len(), 1);
    assert!(records[0].who.as_deref().is_some_and(|who| who.starts_with("token test")), "{records:?}");
}

#[tokio::test]
async fn the_signal_finds_only_a_port_that_runs() {
    let site = Site::new().await;
    let settings = &site.world.port.settings;
    let found = crate::lifecycle::running_process(settings);
    assert_eq!(found.expect_err("the lock is not held").kind, "no-port-runs");
    let lock = crate::lifecycle::DirectoryLock::take(Path::new(&settings.data_dir)).expect("the lock");
    let found = crate::lifecycle::running_process(settings).expect("this process");
    assert_eq!(found.as_raw_nonzero().get() as u32, std::process::id());
    drop(lock);
}
