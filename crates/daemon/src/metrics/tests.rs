//! The page against its own list, and against the tool that operators check with.

use super::*;
use crate::golden;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn full() -> String {
    let counters = Counters::default();
    counters.answered(&Method::GET, StatusCode::OK);
    counters.answered(&Method::PUT, StatusCode::UNAUTHORIZED);
    counters.answered(&Method::from_bytes(b"BREW").expect("a method"), StatusCode::METHOD_NOT_ALLOWED);
    let readings = Readings {
        publish_groups: (vec![1, 2, 4], vec![5, 0, 2, 1], 30),
        files: Some((3, 1 << 40)),
        namespaces: vec![("/".to_owned(), 100, 50), ("/odd \"name\"\\".to_owned(), 1, 1)],
        certificate_expiry: Some(SystemTime::now()),
        issuers: vec![IssuerState {
            issuer: "https://issuer.example".to_owned(),
            keys: vec!["a".to_owned()],
            fetched: Some(SystemTime::now().into()),
            until: Some(SystemTime::now().into()),
            failure: None,
        }],
        started: Some(SystemTime::now()),
        engine: "sqlite",
        process: ProcessFacts::read(),
        responder: Some(responder()),
        ..Readings::default()
    };
    page(&counters, &readings)
}

/// One test that runs, one that has ended, one caller sent away.
fn responder() -> ResponderReadings {
    use policy::{Policy, Rights};
    use soundings::guard::turn::{TurnSettings, Turns};
    use soundings::guard::{Allowance, Guard};
    use soundings::responder::{Anyone, Protocol, Refusal, Settings, Shared, Start};
    let rights = Rights::new(Policy::default(), ());
    let turns = Turns::new(TurnSettings::default());
    let guard = Guard::new(rights, Allowance::anyone(None), Allowance::entitled(), turns);
    let shared = Shared::new(guard, std::sync::Arc::new(Anyone), net::Drain::new(), Settings::default());
    let start = |protocol| Start {
        protocol,
        who: "anonymous".to_owned(),
        peer: std::net::SocketAddr::from(([192, 0, 2, 1], 5201)),
        what: "TCP".to_owned(),
        longest: std::time::Duration::from_secs(10),
    };
    let _running = shared.runs.begin(start(Protocol::Iperf3));
    drop(shared.runs.begin(start(Protocol::Ndt7)));
    shared.runs.refused(None, Refusal::Silent);
    ResponderReadings::of(&shared)
}

#[test]
fn the_page_tells_each_metric_of_the_list_once() {
    let page = full();
    for metric in list::ALL {
        let head = format!("# TYPE {} {}\n", metric.name, metric.kind.name());
        assert_eq!(page.matches(&head).count(), 1, "{}", metric.name);
    }
    assert_eq!(page.matches("# TYPE").count(), list::ALL.len());
    assert!(page.contains("portolan_http_requests_total{method=\"OTHER\",status_class=\"4xx\"} 1\n"));
    assert!(page.contains("portolan_refused_total{reason=\"not-signed-in\"} 1\n"));
    assert!(page.contains("portolan_responder_tests_running{protocol=\"iperf3\"} 1\n"));
    assert!(page.contains("portolan_responder_tests_total{protocol=\"ndt7\",outcome=\"broken\"} 1\n"));
    assert!(page.contains("portolan_responder_refused_total{protocol=\"none\",reason=\"silent\"} 1\n"));
    assert!(page.contains("portolan_publish_group_files_bucket{le=\"+Inf\"} 8\n"));
    assert!(page.contains("namespace=\"/odd \\\"name\\\"\\\\\""));
}

#[test]
fn promtool_has_nothing_to_complain_about() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    // The whole suite installs it (Debian: prometheus); a single crate may be tested without.
    let Ok(mut promtool) = promtool else { return };
    promtool.stdin.take().expect("its input").write_all(full().as_bytes()).expect("the page is taken");
    let said = promtool.wait_with_output().expect("promtool ends");
    let text = String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && text.trim().is_empty(), "{text}");
}

#[test]
fn reference_of_metrics_is_current() {
    golden::check("docs/reference/metrics.md", &reference_markdown());
}
