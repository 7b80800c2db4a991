//! The server: who may have which test, its turn, and the test itself.

use super::drive::{Drive, Owner};
use crate::guard::turn::{Claim, NoTurn, Turn};
use crate::responder::http::{allowance, problem_response};
use crate::responder::{Protocol, Refusal, Run, Shared, Start};
use http::{Request, Response};
use net::websocket::Handshake;
use net::{Body, ConnectionFacts, Peer, RequestBody, SocketOptions, Upgraded};
use soundings_core::ndt7::spec::{DEADLINE, DOWNLOAD_PATH, RUN, SUBPROTOCOL, UPLOAD_PATH};
use soundings_core::ndt7::{
    AppInfo, ConnectionInfo, Ending, Measurement, Origin, Query, Record, Session, Side, Test, Verdict, judge, uuid,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};
use terms::{Blame, Principal, Problem, Rate, Retry, Timestamp};

/// How often a waiting caller is looked after: whoever hangs up leaves the queue.
const LOOK: Duration = Duration::from_millis(500);

/// Answers a request for a test by a caller who is known.
pub async fn respond(mut request: Request<RequestBody>, who: &Principal, shared: &Arc<Shared>) -> Response<Body> {
    let test = match request.uri().path() {
        DOWNLOAD_PATH => Test::Download,
        UPLOAD_PATH => Test::Upload,
        path => return problem_response(&not_found(path)),
    };
    match prepare(&request, test, who, shared).await {
        Ok((handshake, plan)) => {
            let answer = handshake.answer(&mut request, move |stream| plan.carry_out(stream));
            answer.unwrap_or_else(|problem| problem_response(&problem))
        }
        Err((refusal, problem)) => {
            shared.runs.refused(Some(Protocol::Ndt7), refusal);
            problem_response(&problem)
        }
    }
}

/// A test that has its turn.
struct Plan {
    test: Test,
    query: Query,
    peer: Peer,
    who: String,
    allowed: Option<Rate>,
    longest: Duration,
    shared: Arc<Shared>,
    turn: Turn,
}

async fn prepare(
    request: &Request<RequestBody>,
    test: Test,
    who: &Principal,
    shared: &Arc<Shared>,
) -> Result<(Handshake, Plan), (Refusal, Problem)> {
    let malformed = |problem| (Refusal::Malformed, problem);
    let handshake = Handshake::check(request, SUBPROTOCOL).map_err(malformed)?;
    let query =
        Query::parse(request.uri().query().unwrap_or("")).map_err(|why| malformed(unacceptable(&why.to_string())))?;
    let peer = request.extensions().get::<Peer>().copied();
    let peer = peer.ok_or_else(|| malformed(unacceptable("this request came by no connection")))?;
    let allowance = allowance(request.headers(), who, shared);
    let claim = Claim { what: "ndt7", who: peer.address.ip().to_canonical().to_string(), longest: DEADLINE };
    let turn = tokio::select! {
        turn = shared.turn(claim, shared.settings.patience, |_| {}) => turn,
        () = gone(request.extensions().get::<ConnectionFacts>().cloned()) => return Err((Refusal::Silent, hung_up())),
        () = shared.drain.begun() => return Err((Refusal::Draining, stopping())),
    };
    let turn = turn.map_err(|why| (Refusal::Busy, busy(&why)))?;
    if allowance != shared.guard.anyone() {
        // It is on record who had more than anybody may.
        let _ = shared.guard.used(who, Timestamp::from(SystemTime::now()));
    }
    Ok((
        handshake,
        Plan {
            test,
            query,
            peer,
            who: who.name().to_owned(),
            allowed: allowance.stream_rate,
            longest: allowance.longest.min(RUN),
            shared: Arc::clone(shared),
            turn,
        },
    ))
}

/// Returns when the caller has hung up.
async fn gone(facts: Option<ConnectionFacts>) {
    let Some(facts) = facts else { return std::future::pending().await };
    while facts.is_established() {
        tokio::time::sleep(LOOK).await;
    }
}

impl Plan {
    async fn carry_out(self, stream: Upgraded) {
        let Self { test, query, peer, who, allowed, longest, shared, turn } = self;
        if test == Test::Download {
            // "Whenever possible, ndt7 uses a recent version of TCP BBR." Where it is not possible, the kernel's own stays.
            let options = SocketOptions {
                congestion_control: Some("bbr".to_owned()),
                no_delay: true,
                ..SocketOptions::default()
            };
            let _ = net::retune(&stream, peer.local.is_ipv6(), &options);
        }
        let (mut octets, mut seed) = ([0; 16], [0; 8]);
        net::fill_random(&mut octets);
        net::fill_random(&mut seed);
        let scheme = if peer.tls.is_some() { "wss" } else { "ws" };
        let run = shared.runs.begin(Start {
            protocol: Protocol::Ndt7,
            who: who.clone(),
            peer: peer.address,
            what: format!("{} over {scheme}", test.name()),
            longest: DEADLINE,
        });
        let session = Session::new(Side::Server, test, longest, query.early_exit_bytes, u64::from_ne_bytes(seed));
        let mut server = Server {
            test,
            connection: ConnectionInfo {
                client: plain(peer.address).to_string(),
                server: plain(peer.local).to_string(),
                uuid: Some(uuid(octets)),
                start_time: Some(Timestamp::from(SystemTime::now()).to_string()),
            },
            allowed,
            other_way: shared.ndt7.other_way(peer.address.ip().to_canonical(), test),
            run,
            cut: Box::pin({
                let shared = Arc::clone(&shared);
                async move { shared.cut().await }
            }),
            last: None,
            verdict: None,
        };
        let mut drive = Drive::new(stream, Side::Server, session, allowed);
        let (ending, elapsed) = drive.run(&mut server).await;
        let heard = drive.session.heard().cloned();
        let bytes = drive.session.bytes();
        drive.farewell().await;
        drop(turn);
        let Server { connection, verdict, last, run, .. } = server;
        if let Some(verdict) = &verdict {
            shared.ndt7.note(peer.address.ip().to_canonical(), test, Rate(verdict.rate_bits_per_second as u64));
        }
        if matches!(ending, Ending::Complete | Ending::EarlyExit) {
            run.finish();
        }
        log(&Record {
            uuid: connection.uuid.unwrap_or_default(),
            test,
            started: connection.start_time.unwrap_or_default(),
            seconds: elapsed.as_secs_f64(),
            client: connection.client,
            server: connection.server,
            who,
            tls: peer.tls.is_some(),
            ending,
            bytes,
            metadata: query.metadata,
            server_measurement: last,
            client_measurement: heard,
            verdict,
        });
    }
}

/// IPv4 in IPv6, as a wildcard listener sees it, is IPv4: that is what is on the wire.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// One line for each test; the record itself is for the archive.
fn log(record: &Record) {
    let verdict = record.verdict.as_ref();
    let says = verdict.and_then(Verdict::limit).map_or("too short to tell", |finding| &finding.says);
    let rate = verdict.map_or(0, |verdict| verdict.rate_bits_per_second as u64);
    tracing::info!(
        test = record.uuid,
        client = record.client,
        who = record.who,
        ending = ?record.ending,
        bytes = record.bytes,
        seconds = record.seconds,
        "ndt7 {}: {}; {says}",
        record.test.name(),
        Rate(rate)
    );
    tracing::debug!(record = %serde_json::to_string(record).unwrap_or_default(), "an ndt7 test in full");
}

/// The server's words in a test.
struct Server {
    test: Test,
    connection: ConnectionInfo,
    allowed: Option<Rate>,
    other_way: Option<Rate>,
    run: Run,
    cut: futures_util::future::BoxFuture<'static, ()>,
    last: Option<Measurement>,
    verdict: Option<Verdict>,
}

impl Server {
    fn say(&mut self, drive: &mut Drive, now: Duration) -> Measurement {
        let bytes = drive.session.bytes();
        let moved = self.run.moved();
        let counter = if drive.session.sends() { &moved.sent_bytes } else { &moved.received_bytes };
        counter.store(bytes, Relaxed);
        let measurement = Measurement {
            app_info: Some(AppInfo::new(bytes, now)),
            connection_info: Some(self.connection.clone()),
            origin: Some(Origin::Server),
            test: Some(self.test),
            tcp_info: drive.gathered.look(&drive.socket, now).cloned(),
            bbr_info: drive.gathered.bbr(&drive.socket, now),
            congestion_control: drive.gathered.our_control().map(str::to_owned),
            verdict: None,
        };
        self.last = Some(measurement.clone());
        measurement
    }
}

impl Owner for Server {
    fn measure(&mut self, drive: &mut Drive, now: Duration) -> Option<String> {
        Some(self.say(drive, now).to_text())
    }

    fn conclude(&mut self, drive: &mut Drive, now: Duration) -> Option<String> {
        let mut measurement = self.say(drive, now);
        let sent = drive.session.bytes();
        let bytes =
            if drive.session.sends() { drive.gathered.acknowledged().map_or(sent, |a| a.min(sent)) } else { sent };
        let evidence = drive.gathered.evidence(now, bytes, self.allowed, self.other_way);
        let verdict = judge(self.test, &evidence);
        self.verdict = Some(verdict.clone());
        measurement.verdict = Some(verdict);
        Some(measurement.to_text())
    }

    fn must_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.cut.as_mut().poll(cx)
    }
}

/// What was reached lately, by address: a duplex mismatch shows in the difference of the directions.
#[derive(Default, Debug)]
pub struct Recent {
    reached: Mutex<VecDeque<(IpAddr, Test, Rate, Instant)>>,
}

/// Tests remembered.
const RECENT_MAX: usize = 256;

/// For how long: one test after the other.
const RECENT_SPAN: Duration = Duration::from_secs(120);

impl Recent {
    fn note(&self, address: IpAddr, test: Test, reached: Rate) {
        let mut list = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() >= RECENT_MAX {
            list.pop_front();
        }
        list.push_back((address, test, reached, Instant::now()));
    }

    fn other_way(&self, address: IpAddr, test: Test) -> Option<Rate> {
        let list = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest = list.iter().rev().take_while(|(.., at)| at.elapsed() < RECENT_SPAN);
        newest.find(|(from, other, ..)| *from == address && *other != test).map(|(_, _, reached, _)| *reached)
    }
}

fn unacceptable(why: &str) -> Problem {
    Problem {
        status: 400,
        kind: "ndt7-request",
        title: "Not an ndt7 request as the document has it",
        detail: format!("This test cannot begin: {why}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Look at 'Query string parameters' in the ndt7 specification.".to_owned(),
    }
}

fn not_found(path: &str) -> Problem {
    Problem {
        status: 404,
        kind: "not-found",
        title: "There is no such test",
        detail: format!("'{path}' is neither {DOWNLOAD_PATH} nor {UPLOAD_PATH}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Ask for one of these two.".to_owned(),
    }
}

fn busy(why: &NoTurn) -> Problem {
    let again = why.again();
    Problem {
        status: 503,
        kind: "busy",
        title: "Other tests run",
        detail: format!(
            "One test runs at a time, so that results mean something, and there is no turn for this one: {why}."
        ),
        blame: Blame::Us,
        retry: Retry::After(again),
        next: "Try again when these have ended.".to_owned(),
    }
}

fn hung_up() -> Problem {
    Problem {
        status: 408,
        kind: "hung-up",
        title: "The caller hung up",
        detail: "The caller hung up while it waited for its turn.".to_owned(),
        blame: Blame::Caller,
        retry: Retry::Soon,
        next: "Wait longer.".to_owned(),
    }
}

fn stopping() -> Problem {
    Problem {
        status: 503,
        kind: "draining",
        title: "This responder is stopping",
        detail: "It takes no new tests.".to_owned(),
        blame: Blame::Us,
        retry: Retry::After(Duration::from_secs(60)),
        next: "Try again in a minute.".to_owned(),
    }
}
