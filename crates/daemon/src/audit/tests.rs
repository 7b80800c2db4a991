//! The record as a whole: what is written, what a crash leaves, what tampering shows, what a flood costs.

use super::chain::{Chain, parse};
use super::suppress::{Suppressor, WINDOW, WRITTEN};
use super::*;
use crate::settings::{Overrides, Settings};
use policy::Policy;
use std::fs;
use std::time::Instant;
use tempfile::TempDir;
use terms::{ByteSize, Identity, Kind, LogicalPath, Span, Timestamp};

struct Room {
    folder: TempDir,
    settings: Settings,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let overrides = Overrides { data_dir: Some(folder.path().to_owned()), ..Overrides::default() };
        Self { settings: Settings::built_in().with(&overrides), folder }
    }

    fn open(&self) -> Audit {
        Audit::open(&self.settings).expect("a record")
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("audit")
    }

    /// The files' names and contents.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let mut paths: Vec<_> =
            fs::read_dir(self.directory()).expect("it is there").map(|e| e.expect("it").path()).collect();
        paths.sort();
        paths.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).expect("text"))).collect()
    }

    fn records(&self, filter: Filter) -> Vec<AuditRecord> {
        let mut tail = Tail::new(&self.directory(), filter, 0);
        let page = tail.page(100_000).expect("a page");
        assert!(page.ended);
        page.records
    }

    fn verified(&self) -> Verified {
        verify(&self.directory(), None).expect("it can be read")
    }
}

use api::AuditRecord;

fn alice() -> Principal {
    let identity = Identity { groups: ["a", "b"].map(str::to_owned).into(), ..Identity::new(Kind::User, "alice") };
    Principal::of(identity).came("192.0.2.7".parse().expect("an address"), true)
}

fn asked(audit: &Audit, who: &Principal, verb: Verb, path: &str) {
    let path: LogicalPath = path.parse().expect("a path");
    let ask = Ask::new(who, verb, &path, std::time::SystemTime::now().into());
    let decision = Policy::default().decide(ask);
    audit.saw(&ask, &decision);
}

#[tokio::test]
async fn a_decision_is_told_in_full_and_the_chain_holds() {
    let room = Room::new();
    let audit = room.open();
    asked(&audit, &alice(), Verb::Delete, "/a/b");
    audit.tell(Event::TokenMade, Some(&alice()), "0123", "for night shift");
    audit.settled().await.expect("durable");
    let records = room.records(Filter::default());
    let first = &records[0];
    assert_eq!(
        (first.sequence, first.event.as_str(), first.decision),
        (1, "decision", Some(api::AuditDecision::Refused))
    );
    assert_eq!(
        (first.who.as_deref(), first.from.as_deref(), first.tls),
        (Some("alice"), Some("192.0.2.7"), Some(true))
    );
    assert_eq!((first.verb.as_deref(), first.path.as_deref(), first.groups), (Some("delete"), Some("/a/b"), Some(2)));
    assert!(first.rule.is_some() && first.reason.is_some());
    assert_eq!((records[1].event.as_str(), records[1].subject.as_deref()), ("token-made", Some("0123")));
    audit.close().await;
    let found = room.verified();
    assert_eq!((found.lines, found.first, found.last, found.faults), (2, 1, 2, vec![]));
    let mode = fs::metadata(&room.files()[0].0).expect("it").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
}

#[tokio::test]
async fn permitted_looks_are_written_only_where_the_settings_ask_for_it() {
    let mut room = Room::new();
    let audit = room.open();
    let host = Principal::host();
    for verb in [Verb::Read, Verb::List, Verb::Stat, Verb::Create, Verb::CreateToken] {
        asked(&audit, &host, verb, "/a");
    }
    asked(&audit, &alice(), Verb::Read, "/a");
    room.settings.audit.reads = true;
    assert!(audit.reload(&room.settings).changed && !audit.reload(&room.settings).changed);
    asked(&audit, &host, Verb::Read, "/a");
    audit.close().await;
    let verbs: Vec<_> = room.records(Filter::default()).into_iter().filter_map(|record| record.verb).collect();
    assert_eq!(verbs, ["create", "create-token", "read", "read"]);
}

/// Every place where a crash can end a write: the next start finds the last whole line, says what it cut off, and goes on.
#[tokio::test]
async fn a_torn_line_is_cut_off_at_the_next_start_and_told() {
    let room = Room::new();
    let audit = room.open();
    asked(&audit, &alice(), Verb::Delete, "/first");
    asked(&audit, &alice(), Verb::Delete, "/second");
    audit.close().await;
    let (path, whole) = room.files().remove(0);
    let second = whole.find('\n').expect("a line") + 1;
    for cut in [second + 1, second + 40, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).expect("cut");
        let audit = room.open();
        asked(&audit, &alice(), Verb::Delete, "/third");
        audit.close().await;
        let records = room.records(Filter::default());
        assert_eq!(
            records.iter().map(|record| record.event.as_str()).collect::<Vec<_>>(),
            ["decision", "repaired", "decision"]
        );
        assert_eq!(records[1].bytes, Some((cut - second) as u64));
        assert_eq!(room.verified().faults, vec![], "cut at {cut}");
    }
    // Blocks that the file system had promised and a power cut left empty.
    fs::write(&path, format!("{}\0\0\0\0\n\0\0", &whole[..second])).expect("zeros");
    room.open().close().await;
    assert_eq!(room.records(Filter::default()).len(), 2);
    assert_eq!(room.verified().faults, vec![]);
}

#[tokio::test]
async fn whatever_is_changed_or_taken_away_breaks_the_chain() {
    let room = Room::new();
    let audit = room.open();
    for path in ["/1", "/2", "/3", "/4"] {
        asked(&audit, &alice(), Verb::Delete, path);
    }
    audit.close().await;
    let (path, whole) = room.files().remove(0);
    let lines: Vec<&str> = whole.lines().collect();
    let join = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let changed = lines[1].replace("/2", "/9");
    let forged = [
        ("a line was changed", join(&[lines[0], &changed, lines[2], lines[3]])),
        ("a line was removed", join(&[lines[0], lines[2], lines[3]])),
        ("the beginning was removed", join(&lines[1..])),
        ("lines were exchanged", join(&[lines[0], lines[2], lines[1], lines[3]])),
        ("a line was put in", join(&[lines[0], lines[0], lines[1], lines[2], lines[3]])),
        ("a line was made unreadable", join(&[lines[0], "x", lines[2], lines[3]])),
    ];
    for (what, text) in forged {
        fs::write(&path, text).expect("forged");
        assert_ne!(room.verified().faults, vec![], "{what}");
    }
    fs::write(&path, &whole).expect("as it was");
    let found = room.verified();
    assert_eq!(found.faults, vec![]);
    // Of the end only who noted it elsewhere can tell.
    let head = format!("{}:{}", found.last, found.head);
    fs::write(&path, join(&lines[..3])).expect("shorter");
    let shorter = verify(&room.directory(), Some(&head)).expect("it can be read");
    assert!(shorter.faults.is_empty() && !shorter.expected_there);
    fs::write(&path, &whole).expect("as it was");
    assert!(verify(&room.directory(), Some(&head)).expect("it can be read").expected_there);
}

#[tokio::test]
async fn old_segments_go_whole_and_a_line_says_so() {
    let mut room = Room::new();
    fs::create_dir_all(room.directory()).expect("a folder");
    // Three days long ago, one line each.
    let mut chain = Chain::beginning();
    for day in ["2020-01-01", "2020-01-02", "2020-01-03"] {
        let record = AuditRecord { at: format!("{day}T12:00:00.000Z"), ..Event::Start.record(String::new()) };
        let (first, mut bytes) = (chain.sequence + 1, Vec::new());
        chain.append(record, &mut bytes);
        fs::write(room.directory().join(format!("{first:016}-{day}.jsonl")), bytes).expect("written");
    }
    room.settings.audit.keep = Span(Duration::from_secs(36_500 * 86_400));
    let audit = room.open();
    audit.tell(Event::Start, None, "", "");
    audit.settled().await.expect("durable");
    assert_eq!(room.files().len(), 4, "a new day has a new file, and none is too old");
    room.settings.audit.keep = Span(Duration::from_secs(86_400));
    audit.reload(&room.settings);
    audit.tell(Event::Stop, None, "", "");
    audit.close().await;
    assert_eq!(room.files().len(), 1);
    let records = room.records(Filter::default());
    let told = records.iter().find(|record| record.event == "segments-removed").expect("it is told");
    assert_eq!(told.reason.as_deref(), Some("3 segments with the lines 1 to 3"));
    let found = room.verified();
    assert_eq!((found.first, found.faults), (4, vec![]), "what was removed in order is no fault");
}

#[tokio::test]
async fn the_record_stays_within_its_size() {
    let mut room = Room::new();
    fs::create_dir_all(room.directory()).expect("a folder");
    let today = event::now()[..10].to_owned();
    let mut chain = Chain::beginning();
    for _ in 0..3 {
        let (first, mut bytes) = (chain.sequence + 1, Vec::new());
        chain.append(Event::Start.record("x".repeat(8_000)), &mut bytes);
        fs::write(room.directory().join(format!("{first:016}-{today}.jsonl")), bytes).expect("written");
    }
    room.settings.audit.size = ByteSize(10_000);
    room.open().close().await;
    assert_eq!(room.files().len(), 1, "never the one that is written");
    assert_eq!(room.verified().faults, vec![]);
}

#[tokio::test]
async fn filters_find_what_they_should() {
    let room = Room::new();
    let audit = room.open();
    let stranger = Principal::anonymous().came("2001:db8::1".parse().expect("an address"), false);
    asked(&audit, &alice(), Verb::Delete, "/a/b");
    asked(&audit, &stranger, Verb::Read, "/a/bc");
    asked(&audit, &Principal::host(), Verb::Create, "/a/b/c");
    audit.tell(Event::Reload, Some(&alice()), "", "all is well");
    audit.close().await;
    let found = |filter: Filter| room.records(filter).iter().map(|record| record.sequence).collect::<Vec<_>>();
    let all = Filter::default;
    let network = |text: &str| Some(text.parse().expect("a network"));
    assert_eq!(found(Filter { who: Some("ali".to_owned()), ..all() }), [1, 4]);
    assert_eq!(
        found(Filter { path: Some("/a/b".parse().expect("a path")), ..all() }),
        [1, 3],
        "/a/bc is not below /a/b"
    );
    assert_eq!(found(Filter { verb: Some("read".to_owned()), ..all() }), [2]);
    assert_eq!(found(Filter { decision: Some(api::AuditDecision::Refused), ..all() }), [1, 2]);
    assert_eq!(found(Filter { decision: Some(api::AuditDecision::Unauthenticated), ..all() }), [2]);
    assert_eq!(found(Filter { decision: Some(api::AuditDecision::Allowed), ..all() }), [3]);
    assert_eq!(found(Filter { from: network("192.0.2.0/24"), ..all() }), [1, 4]);
    assert_eq!(found(Filter { from: network("2001:db8::/32"), ..all() }), [2]);
    assert_eq!(found(Filter { from: network("192.0.2.8"), ..all() }), [] as [u64; 0]);
    assert_eq!(found(Filter { event: Some("reload".to_owned()), ..all() }), [4]);
    let now: Timestamp = std::time::SystemTime::now().into();
    assert_eq!(found(Filter { since: Some(now.after(Duration::from_secs(60))), ..all() }), [] as [u64; 0]);
    assert_eq!(found(Filter { until: Some(now.after(Duration::from_secs(60))), ..all() }), [1, 2, 3, 4]);
    for wrong in ["", "192.0.2.0/33", "192.0.2", "x/8", "::/129"] {
        assert!(wrong.parse::<terms::Network>().is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_while_it_is_written() {
    let room = Room::new();
    let audit = room.open();
    let mut tail = Tail::new(&room.directory(), Filter::default(), 0);
    assert!(tail.page(10).expect("a page").records.is_empty());
    for at in 0..5 {
        asked(&audit, &alice(), Verb::Delete, &format!("/{at}"));
    }
    audit.settled().await.expect("durable");
    let mut seen = Vec::new();
    loop {
        let page = tail.page(2).expect("a page");
        seen.extend(page.records.iter().map(|record| record.sequence));
        if page.ended {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    let mut end = Tail::at_end(&room.directory(), Filter::default()).expect("the end");
    asked(&audit, &alice(), Verb::Delete, "/new");
    audit.settled().await.expect("durable");
    for tail in [&mut tail, &mut end] {
        let news: Vec<_> =
            tail.page(10).expect("a page").records.into_iter().filter_map(|record| record.path).collect();
        assert_eq!(news, ["/new"]);
    }
}

#[test]
fn a_flood_of_refusals_is_counted_and_does_not_fill_the_disk() {
    let mut suppressor = Suppressor::default();
    let now = Instant::now();
    let refusal = |from: &str| AuditRecord {
        from: Some(from.to_owned()),
        at: "then".to_owned(),
        ..Event::SignInFailed.record(String::new())
    };
    let (loud, quiet) = (refusal("2001:db8::1"), refusal("192.0.2.1"));
    let other_of_the_same_host = refusal("2001:db8::2");
    let written = (0..WRITTEN + 50).filter(|_| suppressor.admits(&loud, now)).count() as u64;
    assert_eq!(written, WRITTEN);
    assert!(!suppressor.admits(&other_of_the_same_host, now), "one host has a whole /64");
    assert!(suppressor.admits(&quiet, now));
    assert!(
        suppressor.admits(
            &AuditRecord { from: Some("2001:db8::1".to_owned()), ..Event::TokenMade.record(String::new()) },
            now
        )
    );
    assert!(suppressor.told(now, false).is_empty());
    let told = suppressor.told(now + WINDOW, false);
    assert_eq!(told.len(), 1);
    assert!(told[0].reason.as_deref().is_some_and(|told| told.starts_with("51 more refusals")), "{told:?}");
    assert!(suppressor.admits(&loud, now + WINDOW), "a new minute begins");
}

#[test]
fn a_port_does_not_start_without_its_record() {
    let room = Room::new();
    fs::write(room.directory(), "a file where the folder should be").expect("written");
    assert!(Audit::open(&room.settings).is_err());
}

#[tokio::test]
async fn commands_beside_a_running_port_leave_their_lines_to_it() {
    let room = Room::new();
    leave(&room.settings, Event::TokenMade, "0123", "'night'".to_owned()).expect("left");
    leave(&room.settings, Event::TokenRevoked, "0123", String::new()).expect("left");
    room.open().close().await;
    let records = room.records(Filter::default());
    assert_eq!(records.iter().map(|record| record.event.as_str()).collect::<Vec<_>>(), ["token-made", "token-revoked"]);
    assert!(records[0].who.as_deref().is_some_and(|who| who.starts_with("user ")));
    room.open().close().await;
    assert_eq!(room.records(Filter::default()).len(), 2, "each is taken once");
    assert_eq!(room.verified().faults, vec![]);
}

#[test]
fn lines_for_people_cannot_move_the_cursor_and_tables_hold_no_formulas() {
    let mut record = Event::SignInFailed.record("a \"b\", c".to_owned());
    record.at = "2026-11-21T22:48:39.123Z".to_owned();
    record.who = Some("=cmd()\u{1b}[2J\n".to_owned());
    let text = to_text(&record);
    assert!(!text.contains('\u{1b}') && !text.contains('\n'), "{text}");
    assert!(text.starts_with("2026-11-21T22:48:39.123Z  sign-in-failed"), "{text}");
    let line = to_csv(&record);
    assert!(line.contains(",\"'=cmd()\u{1b}[2J\n\",") && line.ends_with(",\"a \"\"b\"\", c\",,"), "{line}");
    assert_eq!(CSV_HEADER.matches(',').count(), to_csv(&AuditRecord::default()).matches(',').count());
}

#[test]
fn every_line_begins_with_its_number() {
    let (mut chain, mut bytes) = (Chain::beginning(), Vec::new());
    chain.append(Event::Start.record(String::new()), &mut bytes);
    assert_eq!(chain::sequence_of(&bytes), Some(1));
    assert_eq!(parse(&bytes[..bytes.len() - 1]).map(|record| record.sequence), Some(1));
    for wrong in ["", "{", "{\"seq\":", "{\"seq\":x", "{\"seq\":99999999999999999999999,"] {
        assert_eq!(chain::sequence_of(wrong.as_bytes()), None);
    }
}

/// And what a request pays for it, told with `--no-capture`.
#[tokio::test]
async fn permitted_reads_are_written_when_they_are_wanted_and_every_one_of_them() {
    const ROUNDS: u32 = 20_000;
    let mut room = Room::new();
    let audit = room.open();
    let (who, path): (_, LogicalPath) = (alice(), "/survey/night-1/image-0001.fits".parse().expect("a path"));
    let ask = Ask::new(&who, Verb::Read, &path, std::time::SystemTime::now().into());
    let decision = Policy::default().decide(Ask { who: &Principal::host(), ..ask });
    for reads in [false, true] {
        room.settings.audit.reads = reads;
        audit.reload(&room.settings);
        let began = Instant::now();
        for _ in 0..ROUNDS {
            audit.saw(&ask, &decision);
        }
        let each = began.elapsed() / ROUNDS;
        // The only place that a measurement of a library can speak from.
        #[allow(clippy::print_stderr, reason = "a measurement is told to who asked for it")]
        {
            eprintln!("reads = {reads}: {each:?} for a permitted read");
        }
    }
    audit.close().await;
    let read =
        room.records(Filter::default()).into_iter().filter(|record| record.path.as_deref() == Some(path.as_str()));
    assert_eq!(read.count(), ROUNDS as usize, "those of before they were wanted are not there");
}
