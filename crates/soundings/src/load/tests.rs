use super::*;
use crate::guard::turn::{TurnSettings, Turns};
use crate::guard::{Allowance, Guard};
use crate::responder::{Anyone, Settings, Shared};
use core::net::SocketAddr;
use http::HeaderMap;
use net::client::{HttpVersion, LineSettings};
use net::{Body, Drain, Drained, Peer, RequestBody, ServeSettings, handler_fn};
use policy::{Policy, Rights};
use soundings_core::load::{Plan, Report, Way};
use std::sync::Arc;
use terms::{Principal, Problem, Rate};
use tokio::task::JoinHandle;

struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    drain: Drain,
    task: JoinHandle<Drained>,
}

impl Server {
    fn start(anyone: Allowance) -> Self {
        let rights = Rights::new(Policy::default(), ());
        let guard = Guard::new(rights, anyone, Allowance::entitled(), Turns::new(TurnSettings::default()));
        let shared = Shared::new(guard, Arc::new(Anyone), Drain::new(), Settings::default());
        let listener = net::listen("127.0.0.1:0".parse().unwrap(), 64).unwrap();
        let address = listener.local_addr().unwrap();
        let (drain, answering) = (Drain::new(), Arc::clone(&shared));
        let handler = handler_fn(move |request: http::Request<RequestBody>| {
            let shared = Arc::clone(&answering);
            async move {
                let who = Principal::anonymous().came(request.extensions().get::<Peer>().unwrap().address.ip(), false);
                respond(request, &who, &shared).await.unwrap_or_else(|problem| refusal(&problem))
            }
        });
        let task = tokio::spawn(net::serve(listener, ServeSettings::default(), handler, drain.clone()));
        Self { address, shared, drain, task }
    }

    async fn stop(self) {
        self.drain.begin();
        self.task.await.unwrap();
    }

    fn job(&self, path: &str, version: HttpVersion) -> Job {
        Job {
            url: format!("http://{}{path}", self.address),
            address: self.address,
            plan: Plan {
                way: Way::Download,
                size_bytes: 0,
                span: None,
                requests: Some(10),
                warm_up: Duration::ZERO,
                connections: 1,
                streams: 1,
                patience: Duration::from_secs(20),
            },
            lines: LineSettings { version, ..LineSettings::default() },
            headers: HeaderMap::new(),
            lease: LeaseChoice::Ask,
            begin: None,
        }
    }

    /// Returns once nothing runs here.
    async fn idle(&self) {
        tokio::time::timeout(Duration::from_secs(20), self.shared.runs.idle())
            .await
            .expect("a turn is never given back");
    }
}

fn refusal(problem: &Problem) -> http::Response<Body> {
    let mut response = http::Response::new(Body::full(format!("{{\"detail\":\"{}\"}}", problem.detail)));
    *response.status_mut() = http::StatusCode::from_u16(problem.status).unwrap();
    response
}

async fn go(job: &Job) -> Report {
    let progress = Arc::default();
    tokio::time::timeout(Duration::from_secs(60), run(job, &progress, |_| {})).await.unwrap().unwrap()
}

/// Both versions, both ways, several connections and streams: each byte is counted once, on both sides.
#[tokio::test]
async fn every_request_and_byte_is_counted() {
    let server = Server::start(Allowance::entitled());
    let cases = [
        (HttpVersion::Http1, Way::Download, 1, 1),
        (HttpVersion::Http1, Way::Upload, 3, 1),
        (HttpVersion::Http2, Way::Download, 2, 4),
        (HttpVersion::Http2, Way::Upload, 1, 8),
    ];
    for (version, way, connections, streams) in cases {
        let job = server.job("/synthetic/300000", version);
        let plan = Plan { way, size_bytes: 300_000, requests: Some(20), connections, streams, ..job.plan.clone() };
        let report = go(&Job { plan, ..job }).await;
        assert_eq!(report.failures, [], "{version} {way:?}");
        assert_eq!((report.requests, report.bytes, report.cut), (20, 6_000_000, 0), "{version} {way:?}");
        assert_eq!(report.tcp.connections, u64::from(connections));
        assert_eq!(report.connecting.unwrap().summary.count, u64::from(connections));
        assert_eq!(report.first_byte.is_some(), way == Way::Download);
        assert!(report.server_cpu.is_some() && report.client_cpu.is_some());
        server.idle().await;
    }
    let totals = server.shared.runs.totals();
    assert_eq!(totals.finished.values().sum::<u64>(), 4);
    assert_eq!(totals.sent_bytes.values().sum::<u64>(), 12_000_000);
    assert_eq!(totals.received_bytes.values().sum::<u64>(), 12_000_000);
    server.stop().await;
}

/// With a time, requests that still run at the end are cut, and are no failures.
#[tokio::test]
async fn time_ends_a_load() {
    let server = Server::start(Allowance::entitled());
    for way in [Way::Download, Way::Upload] {
        let job = server.job("/synthetic/1TB", HttpVersion::Http2);
        let span = Some(Duration::from_millis(600));
        let warm_up = Duration::from_millis(200);
        let plan = Plan { way, size_bytes: 1 << 40, requests: None, span, warm_up, streams: 2, ..job.plan.clone() };
        let report = go(&Job { plan, ..job }).await;
        assert_eq!(report.failures, []);
        assert_eq!((report.requests, report.cut), (0, 2));
        assert!(report.bytes > 0 && report.bits_per_second > 0.0);
        assert!((0.3..0.6).contains(&report.seconds), "{} s", report.seconds);
        server.idle().await;
    }
    server.stop().await;
}

/// Anyone is held to a rate and a time, in both directions.
#[tokio::test]
async fn anyone_is_held_to_rate_and_time() {
    let rate = 40_000_000;
    let longest = Duration::from_secs(2);
    let server = Server::start(Allowance { stream_rate: Some(Rate(rate)), longest, ..Allowance::anyone(None) });
    for way in [Way::Download, Way::Upload] {
        let job = server.job("/synthetic/1GB", HttpVersion::Http1);
        let span = Some(Duration::from_millis(1_500));
        let warm_up = Duration::from_millis(500);
        let plan =
            Plan { way, size_bytes: 1_000_000_000, requests: None, span, warm_up, connections: 4, ..job.plan.clone() };
        let report = go(&Job { plan, ..job }).await;
        assert!(report.bits_per_second < 1.4 * rate as f64, "{way:?}: {} bit/s", report.bits_per_second);
        assert!(report.bits_per_second > 0.2 * rate as f64, "{way:?}: {} bit/s", report.bits_per_second);
        server.idle().await;
    }
    let job = server.job("/synthetic/1GB", HttpVersion::Http1);
    let long = Job { plan: Plan { span: Some(Duration::from_secs(3)), requests: None, ..job.plan.clone() }, ..job };
    let problem = run(&long, &Arc::default(), |_| {}).await.unwrap_err();
    assert_eq!(problem.kind, "load-too-long");
    // Whoever does not ask how long is cut.
    let job = server.job("/synthetic/1GB", HttpVersion::Http1);
    let report = go(&Job { plan: Plan { requests: Some(1), ..job.plan.clone() }, ..job }).await;
    assert_eq!(report.requests, 0);
    assert_eq!(report.failures[0].kind, "answer-cut");
    server.stop().await;
}

/// One test at a time; the next one is told for whom it waits, and its turn comes.
#[tokio::test]
async fn tests_take_turns() {
    let server = Server::start(Allowance::entitled());
    let job = server.job("/synthetic/1TB", HttpVersion::Http1);
    let span = Some(Duration::from_secs(1));
    let first = Job { plan: Plan { span, requests: None, ..job.plan.clone() }, ..job };
    let running = tokio::spawn(async move { go(&first).await });
    while server.shared.runs.look().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let job = server.job("/synthetic/1000", HttpVersion::Http1);
    let mut waited = Vec::new();
    let progress = Arc::default();
    let report = run(&job, &progress, |told| {
        if let Told::Waiting(lease) = told {
            waited.push(lease.ahead);
        }
    });
    let report = report.await.unwrap();
    assert_eq!(report.requests, 10);
    assert_eq!(waited.first(), Some(&Some(0)), "nobody waits before it, and one runs");
    running.await.unwrap();
    server.stop().await;
}

/// Who does not ask for a turn gets one if it is free, and hears when it is not.
#[tokio::test]
async fn a_request_without_a_lease_needs_a_free_turn() {
    let server = Server::start(Allowance::entitled());
    let job = server.job("/synthetic/1000", HttpVersion::Http2);
    // A lease that is no lease of ours: a program that sends the field for another server.
    let stale = Job { lease: LeaseChoice::Given("00".to_owned()), ..job.clone() };
    let report = go(&stale).await;
    assert_eq!((report.requests, report.failures[0].kind.as_str()), (0, "answer-not-found"));
    // Twenty streams at once, and one turn for all of them.
    let plain = Job { url: job.url.replace("/synthetic/", "//synthetic/"), ..job.clone() };
    let report = go(&Job { plan: Plan { streams: 5, ..job.plan.clone() }, ..plain }).await;
    assert_eq!(report.failures[0].kind, "answer-not-found", "the path is taken as it is");
    let blocker = server.shared.turn(
        crate::guard::turn::Claim { what: "test", who: "test".to_owned(), longest: Duration::from_secs(30) },
        Duration::ZERO,
        |_| {},
    );
    let blocker = blocker.await.unwrap();
    let request = || http::Request::get(&job.url).body(net::client::ClientBody::empty()).unwrap();
    let client = net::client::Client::new(net::client::ClientSettings::default()).unwrap();
    assert_eq!(client.send(request()).await.unwrap().status(), 503);
    drop(blocker);
    assert_eq!(client.send(request()).await.unwrap().status(), 200);
    assert_eq!(client.send(request()).await.unwrap().status(), 200);
    assert_eq!(server.shared.runs.look().len(), 1, "one turn for all requests of an address");
    server.idle().await;
    server.stop().await;
}

/// A server that is not there is a cause of failures, and the load ends.
#[tokio::test]
async fn a_server_that_is_gone_is_counted() {
    let server = Server::start(Allowance::entitled());
    let job = server.job("/elsewhere", HttpVersion::Http1);
    server.stop().await;
    let report = go(&Job { plan: Plan { requests: Some(3), ..job.plan.clone() }, ..job }).await;
    assert_eq!((report.requests, report.bytes), (0, 0));
    assert_eq!((report.failures[0].kind.as_str(), report.failures[0].count), ("peer-unreachable", 3));
}
