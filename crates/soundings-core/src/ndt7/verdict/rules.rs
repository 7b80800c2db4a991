//! The rules, in the order in which they are asked: the first that holds is what held the test back.

use super::words;
use super::{Evidence, Finding, TcpInfo, Test};
use std::time::Duration;

/// A share of the time above which something is what held the test back. NDT called a test limited by the receiver or the
/// sender when that state had more of the time than the others; a fifth of it already costs a fifth of the rate.
const SHARE: f64 = 0.2;

/// Of the allowance: what is paced reaches its pace but for heads, and slow start at the beginning.
const ALLOWANCE_SHARE: f64 = 0.85;

/// A program that uses more than this of one processor has nothing left to send with.
const PROCESSOR_SHARE: f64 = 0.9;

/// Within this factor of window over round-trip time, the window is the bound (the rate is an average, both others vary).
const WINDOW_FACTOR: f64 = 1.7;

/// Within this factor of what Mathis predicts, loss explains a rate.
const MATHIS_FACTOR: f64 = 3.0;

/// Fewer losses than this are chance.
const LOSSES_MIN: f64 = 3.0;

/// Loss that BBR feels (it drains its model above some percent).
const LOSS_HIGH: f64 = 0.02;

/// How much longer round trips may be under load before queues are to be seen …
const QUEUE_FACTOR: f64 = 1.5;

/// … and by how much at least.
const QUEUE_MIN_SECONDS: f64 = 0.005;

/// Delay by queues that people feel in calls and terminals (ITU-T G.114 asks for 150 ms one way in all).
const BLOAT_SECONDS: f64 = 0.1;

/// NDT: congestion-limited for more than nine tenths …
const DUPLEX_SHARE: f64 = 0.9;
/// … with more retransmissions a second than this …
const DUPLEX_RETRANSMITS_PER_SECOND: f64 = 2.0;
/// … although Mathis promises more than 2 Mbit/s …
const DUPLEX_MATHIS: f64 = 2e6;
/// … and the other direction reaches this many times as much (a duplex mismatch harms one direction far more).
const DUPLEX_OTHER_FACTOR: f64 = 4.0;
/// … and the sender is found waiting for timeouts: NDT asked for 1 % of the time; two of forty looks are no chance.
const DUPLEX_TIMEOUTS: f64 = 0.05;
/// A mismatch is a matter of links of 10 and 100 Mbit/s.
const DUPLEX_RATE_MAX: f64 = 100e6;

/// Less than this tells nothing: slow start is hardly over.
const ELAPSED_MIN: Duration = Duration::from_secs(2);

/// Segments out of order, of all that came, that are worth a word.
const OUT_OF_ORDER_SHARE: f64 = 0.001;

/// `TCPI_OPT_SACK` and `TCPI_OPT_WSCALE` of linux/tcp.h.
const OPTION_SACK: i64 = 2;
const OPTION_WINDOW_SCALE: i64 = 4;

/// The evidence in the units in which it is judged.
pub(super) struct Seen<'a> {
    pub(super) test: Test,
    pub(super) evidence: &'a Evidence,
    pub(super) seconds: f64,
    /// Bits per second.
    pub(super) rate: f64,
    pub(super) rtt_least: Option<f64>,
    pub(super) rtt_loaded: Option<f64>,
    pub(super) loss: Option<f64>,
    pub(super) losses: Option<f64>,
    pub(super) sender: Option<Shares>,
    pub(super) steady: Option<Steady>,
}

/// What is lost and reached after slow start, which overshoots and loses much at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    pub(super) losses: f64,
    /// Of all segments.
    pub(super) loss: f64,
    /// Bits per second.
    pub(super) rate: f64,
}

/// Where the sender's time went, as parts of the test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    pub(super) window: f64,
    pub(super) buffer: f64,
    pub(super) network: f64,
    pub(super) idle: f64,
}

impl<'a> Seen<'a> {
    pub(super) fn of(test: Test, evidence: &'a Evidence) -> Self {
        let seconds = evidence.elapsed.as_secs_f64();
        let rate = if seconds > 0.0 { evidence.bytes as f64 * 8.0 / seconds } else { 0.0 };
        let ours = evidence.sender.as_ref().or(evidence.receiver.as_ref());
        let rtt_least = ours.and_then(|(first, last)| {
            let told = [first.min_rtt, last.min_rtt].into_iter().flatten();
            told.min().map(|micros| micros as f64 / 1e6)
        });
        let moved = |field: fn(&TcpInfo) -> Option<i64>| {
            let (first, last) = evidence.sender.as_ref()?;
            Some(grown(field(first)?, field(last)?) as f64)
        };
        let losses = moved(|tcp| tcp.total_retrans);
        let sent = moved(|tcp| tcp.data_segs_out);
        Self {
            test,
            evidence,
            seconds,
            rate,
            rtt_least,
            rtt_loaded: median(&evidence.round_trips),
            loss: losses.zip(sent).filter(|(_, sent)| *sent > 0.0).map(|(losses, sent)| losses / sent),
            losses,
            sender: shares(evidence, seconds),
            steady: steady(evidence, seconds),
        }
    }

    pub(super) fn last_of_sender(&self) -> Option<&TcpInfo> {
        self.evidence.sender.as_ref().map(|(_, last)| last)
    }

    /// Mathis: segment over round-trip time and the root of loss, bits per second.
    pub(super) fn mathis(&self) -> Option<f64> {
        let segment = self.last_of_sender()?.snd_mss.filter(|bytes| *bytes > 0)? as f64;
        let loss = self.steady.map(|steady| steady.loss).filter(|loss| *loss > 0.0)?;
        Some(segment * 8.0 / self.rtt_typical()? / loss.sqrt())
    }

    pub(super) fn rtt_typical(&self) -> Option<f64> {
        self.rtt_loaded.or(self.rtt_least).filter(|seconds| *seconds > 0.0)
    }

    /// By how much round trips are longer under load, seconds.
    pub(super) fn queue(&self) -> Option<f64> {
        Some((self.rtt_loaded? - self.rtt_least?).max(0.0))
    }

    fn queues_grow(&self) -> bool {
        self.queue()
            .zip(self.rtt_least)
            .is_some_and(|(queue, least)| queue > QUEUE_MIN_SECONDS && queue > least * (QUEUE_FACTOR - 1.0))
    }

    /// Does the sender slow down at each loss?
    fn loss_based(&self) -> bool {
        self.evidence.congestion_control.as_deref().is_some_and(|name| !name.starts_with("bbr") && name != "vegas")
    }
}

fn median(spans: &[Duration]) -> Option<f64> {
    let mut sorted: Vec<Duration> = spans.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map(Duration::as_secs_f64)
}

/// From the sender's words after slow start, or from all of them where these are missing.
fn steady(evidence: &Evidence, seconds: f64) -> Option<Steady> {
    let (first, last) = evidence.sender.as_ref()?;
    let begin = evidence.settled.as_ref().unwrap_or(first);
    let span = span(begin, last).unwrap_or(seconds);
    let moved = |field: fn(&TcpInfo) -> Option<i64>| Some(grown(field(begin)?, field(last)?) as f64);
    let (losses, sent) = (moved(|tcp| tcp.total_retrans)?, moved(|tcp| tcp.data_segs_out)?);
    let bytes = moved(|tcp| tcp.bytes_acked).unwrap_or(evidence.bytes as f64);
    (sent > 0.0 && span > 0.0).then(|| Steady { losses, loss: losses / sent, rate: bytes * 8.0 / span })
}

/// What a counter grew by. It may be the peer's, and then be any number.
fn grown(first: i64, last: i64) -> i64 {
    last.saturating_sub(first).max(0)
}

/// Between two of one end's words, seconds.
fn span(first: &TcpInfo, last: &TcpInfo) -> Option<f64> {
    let micros = last.elapsed_time?.checked_sub(first.elapsed_time?)?;
    (micros > 0).then_some(micros as f64 / 1e6)
}

fn shares(evidence: &Evidence, seconds: f64) -> Option<Shares> {
    let (first, last) = evidence.sender.as_ref()?;
    // The peer's words begin a little later and end a little earlier than the test.
    let seconds = span(first, last).unwrap_or(seconds);
    if seconds <= 0.0 {
        return None;
    }
    let part =
        |field: fn(&TcpInfo) -> Option<i64>| Some((grown(field(first)?, field(last)?) as f64 / 1e6 / seconds).min(1.0));
    let busy = part(|tcp| tcp.busy_time)?;
    let (window, buffer) = (part(|tcp| tcp.rwnd_limited)?, part(|tcp| tcp.snd_buf_limited)?);
    Some(Shares { window, buffer, network: (busy - window - buffer).max(0.0), idle: 1.0 - busy })
}

/// All that is found: first what held the test back.
pub(super) fn findings(seen: &Seen<'_>) -> Vec<Finding> {
    if seen.evidence.elapsed < ELAPSED_MIN || seen.evidence.bytes == 0 {
        return vec![words::too_short(seen)];
    }
    let limit = match &seen.sender {
        Some(shares) => of_sender(seen, shares),
        None => of_receiver(seen),
    };
    let mut found = vec![limit];
    if seen.queue().is_some_and(|queue| queue >= BLOAT_SECONDS) && seen.queues_grow() {
        found.push(words::bufferbloat(seen));
    }
    if let Some(options) = options(seen) {
        if options & OPTION_WINDOW_SCALE == 0 {
            found.push(words::no_window_scale(seen));
        }
        if options & OPTION_SACK == 0 {
            found.push(words::no_sack());
        }
    }
    // Who sends knows what it sent again, and has said so.
    if seen.sender.is_none()
        && let Some((strays, all)) = out_of_order(seen)
        && strays / all >= OUT_OF_ORDER_SHARE
    {
        found.push(words::out_of_order(strays, all));
    }
    found
}

fn options(seen: &Seen<'_>) -> Option<i64> {
    let ours = seen.evidence.receiver.as_ref().or(seen.evidence.sender.as_ref());
    ours.and_then(|(_, last)| last.options)
}

fn out_of_order(seen: &Seen<'_>) -> Option<(f64, f64)> {
    let (first, last) = seen.evidence.receiver.as_ref()?;
    let strays = grown(first.rcv_ooo_pack.unwrap_or(0), last.rcv_ooo_pack?) as f64;
    let all = grown(first.data_segs_in.unwrap_or(0), last.data_segs_in?) as f64;
    (all > 0.0).then_some((strays, all))
}

fn allowed(seen: &Seen<'_>) -> bool {
    seen.evidence.allowance.is_some_and(|allowance| seen.rate >= allowance.0 as f64 * ALLOWANCE_SHARE)
}

fn busy(seen: &Seen<'_>) -> bool {
    seen.evidence.processor.is_some_and(|share| share >= PROCESSOR_SHARE)
}

/// What the sender knows.
fn of_sender(seen: &Seen<'_>, shares: &Shares) -> Finding {
    if allowed(seen) {
        return words::allowance(seen);
    }
    if is_duplex_mismatch(seen, shares) {
        return words::duplex_mismatch(seen);
    }
    let sender_is_here = seen.test == Test::Download;
    if shares.window > SHARE && shares.window >= shares.buffer {
        return match window_bound(seen) {
            Some((window, bound)) if seen.rate * WINDOW_FACTOR >= bound => words::receiver_window(seen, window, bound),
            _ if !sender_is_here && busy(seen) => words::processor(seen),
            _ => words::receiver_program(seen),
        };
    }
    if shares.buffer > SHARE {
        return words::send_buffer(seen, shares);
    }
    if shares.idle > SHARE {
        return if sender_is_here && busy(seen) { words::processor(seen) } else { words::sender_program(seen, shares) };
    }
    of_path(seen)
}

/// The receiver's window, and what it allows at this distance, bits per second.
fn window_bound(seen: &Seen<'_>) -> Option<(f64, f64)> {
    let window = seen.last_of_sender()?.snd_wnd.filter(|bytes| *bytes > 0)? as f64;
    Some((window, window * 8.0 / seen.rtt_typical()?))
}

fn is_duplex_mismatch(seen: &Seen<'_>, shares: &Shares) -> bool {
    let retransmits = seen.losses.map_or(0.0, |losses| losses / seen.seconds);
    let other = seen.evidence.other_way.is_some_and(|rate| rate.0 as f64 > seen.rate * DUPLEX_OTHER_FACTOR);
    shares.network > DUPLEX_SHARE
        && retransmits > DUPLEX_RETRANSMITS_PER_SECOND
        && seen.mathis().is_some_and(|mathis| mathis > DUPLEX_MATHIS)
        && seen.rate < DUPLEX_RATE_MAX
        && other
        && seen.evidence.timeouts.is_some_and(|share| share >= DUPLEX_TIMEOUTS)
        && !seen.queues_grow()
}

/// Neither end: loss, or a full path.
fn of_path(seen: &Seen<'_>) -> Finding {
    if let Some(steady) = seen.steady.filter(|steady| steady.losses >= LOSSES_MIN && !seen.queues_grow()) {
        let explained = seen.mathis().is_some_and(|mathis| steady.rate <= mathis * MATHIS_FACTOR);
        if seen.loss_based() && explained {
            return words::loss_for_distance(seen, &steady);
        }
        if !seen.loss_based() && steady.loss >= LOSS_HIGH {
            return words::loss(seen, &steady);
        }
    }
    words::path_full(seen)
}

/// What the receiver sees when the sender does not tell.
fn of_receiver(seen: &Seen<'_>) -> Finding {
    if allowed(seen) {
        return words::allowance(seen);
    }
    let window = seen.evidence.receiver.as_ref().and_then(|(_, last)| last.rcv_ss_thresh).filter(|bytes| *bytes > 0);
    if let Some((window, rtt)) = window.zip(seen.rtt_typical()) {
        let bound = window as f64 * 8.0 / rtt;
        if seen.rate * WINDOW_FACTOR >= bound {
            return words::our_window(seen, window as f64, bound);
        }
    }
    if busy(seen) {
        return words::processor(seen);
    }
    words::unseen(seen)
}
