//! States: what is sent when, and what becomes of a peer that does what it must not.

use crate::ndt7::spec::{DEADLINE, MESSAGE_BYTES_FIRST, MESSAGE_BYTES_OURS, PATIENCE, RUN, SPACING_MAX, SPACING_MIN};
use crate::ndt7::{Ending, Session, Side, Step, Test};
use std::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn server(test: Test) -> Session {
    Session::new(Side::Server, test, RUN, None, 7)
}

fn client(test: Test) -> Session {
    Session::new(Side::Client, test, RUN, None, 7)
}

/// What the session does from its beginning to its end, if the peer says nothing: sends (each takes a millisecond),
/// measurements with their instants, and the end.
fn alone(session: &mut Session) -> (Vec<usize>, Vec<Duration>, Vec<Step>, Duration) {
    let (mut now, mut sizes, mut measured, mut rest) = (Duration::ZERO, Vec::new(), Vec::new(), Vec::new());
    loop {
        match session.poll(now, true) {
            Step::Send(bytes) => {
                sizes.push(bytes);
                session.handle_queued(bytes);
                now += ms(1);
            }
            Step::Measure => measured.push(now),
            Step::Wait(until) => {
                assert!(until > now, "waits for the past");
                now = until;
            }
            step => {
                rest.push(step);
                if matches!(step, Step::Leave(_)) {
                    return (sizes, measured, rest, now);
                }
            }
        }
    }
}

/// Ten seconds of messages that grow as the document says, measurements between them, then the end; a client that does not
/// answer it is left at the deadline.
#[test]
fn a_download() {
    let mut session = server(Test::Download);
    let (sizes, measured, rest, now) = alone(&mut session);
    assert_eq!(rest, [Step::Conclude(1000), Step::Leave(Ending::Complete)]);
    assert_eq!(now, DEADLINE);
    assert_eq!(sizes[0], MESSAGE_BYTES_FIRST);
    assert_eq!(*sizes.last().unwrap(), MESSAGE_BYTES_OURS);
    let mut sent = 0;
    for pair in sizes.windows(2) {
        sent += pair[0];
        let grown = pair[1] == 2 * pair[0] && pair[0] <= sent / 16;
        assert!(pair[1] == pair[0] || grown, "{} after {sent}", pair[1]);
    }
    assert_eq!(session.bytes(), sizes.iter().sum::<usize>() as u64);
    assert!((20..80).contains(&measured.len()), "{} measurements", measured.len());
    for pair in measured.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((SPACING_MIN..=SPACING_MAX + ms(2)).contains(&gap), "{gap:?}");
    }
    assert!(measured.iter().all(|at| *at < RUN));
}

/// Gaps are exponential but for their bounds: their mean is that of the clipped distribution, 237 ms.
#[test]
fn spacing() {
    let mut sum = Duration::ZERO;
    let mut count = 0;
    for seed in 0..200 {
        let mut session = Session::new(Side::Server, Test::Upload, RUN, None, seed);
        let (_, measured, ..) = alone(&mut session);
        sum += *measured.last().unwrap();
        count += measured.len();
    }
    let mean = sum.as_secs_f64() / count as f64;
    assert!((0.225..0.245).contains(&mean), "{mean}");
}

#[test]
fn an_upload() {
    let mut session = server(Test::Upload);
    assert!(!session.sends());
    session.handle_data(5000);
    session.handle_binary(ms(5), 5000);
    session.handle_text(ms(6), r#"{"AppInfo":{"NumBytes":1,"ElapsedTime":2}}"#);
    session.handle_text(ms(7), "no measurement, and no harm");
    assert_eq!(session.heard().unwrap().app_info.unwrap().num_bytes, 1);
    let (sizes, _, rest, _) = alone(&mut session);
    assert!(sizes.is_empty());
    assert_eq!(rest, [Step::Conclude(1000), Step::Leave(Ending::Complete)]);
    // What is still on the way when the time is over does not count.
    session.handle_data(1);
    assert_eq!(session.bytes(), 5000);
}

/// The end is answered: over at once.
#[test]
fn the_closing_handshake() {
    let mut session = server(Test::Download);
    assert_eq!(session.poll(RUN, true), Step::Conclude(1000));
    assert_eq!(session.poll(RUN, true), Step::Wait(DEADLINE));
    session.handle_close();
    assert_eq!(session.poll(RUN + ms(1), true), Step::Leave(Ending::Complete));
    let mut session = client(Test::Download);
    session.handle_data(10);
    session.handle_close();
    assert_eq!(session.poll(ms(9_990), true), Step::Answer);
    assert_eq!(session.poll(ms(9_991), true), Step::Leave(Ending::Complete));
}

/// Only a download of the server ends early, and only when so much is acknowledged.
#[test]
fn early_exit() {
    let mut session = Session::new(Side::Server, Test::Download, RUN, Some(250_000_000), 1);
    session.handle_acknowledged(249_999_999);
    assert!(session.is_running());
    session.handle_acknowledged(250_000_000);
    assert_eq!(session.poll(ms(700), true), Step::Conclude(1000));
    session.handle_close();
    assert_eq!(session.poll(ms(710), true), Step::Leave(Ending::EarlyExit));
    let mut session = Session::new(Side::Server, Test::Upload, RUN, Some(250_000_000), 1);
    session.handle_acknowledged(250_000_000);
    assert!(session.is_running());
}

/// Data where none is expected, on either side, ends the test with a code, and the peer has a second to hear it.
#[test]
fn data_on_the_wrong_side() {
    for mut session in [server(Test::Download), client(Test::Upload)] {
        session.handle_data(1);
        assert_eq!(session.poll(ms(100), true), Step::Conclude(1003));
        assert_eq!(session.poll(ms(100), true), Step::Wait(ms(1100)));
        assert_eq!(session.poll(ms(1100), true), Step::Leave(Ending::Violation));
    }
    let mut session = server(Test::Download);
    session.handle_binary(ms(1), 0);
    assert_eq!(session.poll(ms(100), true), Step::Conclude(1003), "an empty one is one too");
}

/// Empty messages, pings and texts have a bound; ten a second, as the document has it, are far below.
#[test]
fn chatter() {
    let mut session = server(Test::Upload);
    for at in 0..100 {
        session.handle_text(ms(at * 100), "{}");
        session.handle_binary(ms(at * 100), 0);
        session.handle_binary(ms(at * 100), 4096);
    }
    assert!(session.is_running());
    let mut session = server(Test::Upload);
    for _ in 0..51 {
        session.handle_binary(ms(900), 0);
    }
    assert_eq!(session.poll(ms(900), true), Step::Conclude(1008));
    let mut session = server(Test::Upload);
    session.handle_violation(1009);
    assert_eq!(session.poll(ms(1), true), Step::Conclude(1009));
}

/// Whoever goes away ends the test, in each state.
#[test]
fn gone_in_each_state() {
    let mut running = server(Test::Download);
    running.handle_end();
    assert_eq!(running.poll(ms(1), true), Step::Leave(Ending::Broken));
    let mut closing = server(Test::Download);
    assert_eq!(closing.poll(RUN, true), Step::Conclude(1000));
    closing.handle_end();
    assert_eq!(closing.poll(RUN, true), Step::Leave(Ending::Complete));
    let mut early = server(Test::Upload);
    early.handle_close();
    assert_eq!(early.poll(ms(4000), true), Step::Conclude(1000));
    assert_eq!(early.poll(ms(4000), true), Step::Leave(Ending::PeerClosed));
    early.handle_end();
    early.handle_close();
    early.handle_data(1);
    early.handle_cut();
    assert_eq!(early.poll(ms(4001), true), Step::Leave(Ending::PeerClosed), "over is over");
    let mut cut = server(Test::Upload);
    cut.handle_cut();
    assert_eq!(cut.poll(ms(100), true), Step::Conclude(1001));
    assert_eq!(cut.poll(ms(1100), true), Step::Leave(Ending::Cut));
}

/// A client sends for ten seconds, waits for the server's close, and gives up as the document allows.
#[test]
fn a_client_waits_for_the_close() {
    let mut session = client(Test::Upload);
    let (sizes, _, rest, now) = alone(&mut session);
    assert!(sizes.len() > 1000);
    assert_eq!((rest, now), (vec![Step::Leave(Ending::Deadline)], PATIENCE));
    let mut session = client(Test::Download);
    let (sizes, ..) = alone(&mut session);
    assert!(sizes.is_empty());
}

/// Nothing is sent while something waits to leave, and a shorter run is kept to.
#[test]
fn waits_for_room() {
    let mut session = Session::new(Side::Server, Test::Download, ms(300), None, 3);
    assert!(matches!(session.poll(ms(1), true), Step::Send(_)));
    assert!(matches!(session.poll(ms(1), false), Step::Wait(_)));
    assert_eq!(session.poll(ms(300), false), Step::Conclude(1000));
}
