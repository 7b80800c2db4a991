//! The findings in words: what, by which figures, and what to do.

use super::rules::{Seen, Shares, Steady};
use super::{Finding, Kind, Test};
use terms::{ByteSize, Rate};

fn finding(kind: Kind, says: String, figures: Vec<String>, next: &str) -> Finding {
    Finding { kind, says, figures, next: next.to_owned() }
}

fn rate(bits_per_second: f64) -> Rate {
    Rate(bits_per_second.max(0.0) as u64)
}

fn millis(seconds: f64) -> String {
    match seconds * 1e3 {
        millis if millis < 0.1 => format!("{:.0} µs", millis * 1e3),
        millis if millis < 10.0 => format!("{millis:.2} ms"),
        millis => format!("{millis:.0} ms"),
    }
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        percent if percent >= 10.0 => format!("{percent:.0} %"),
        percent if percent >= 0.01 => format!("{percent:.2} %"),
        // Long paths feel these.
        percent => format!("{percent:.5} %"),
    }
}

fn size(bytes: f64) -> ByteSize {
    ByteSize(bytes.max(0.0) as u64)
}

/// Who sends, and who receives, as the user sees it.
fn sender(seen: &Seen<'_>) -> &'static str {
    match seen.test {
        Test::Download => "this responder",
        Test::Upload => "your computer",
    }
}

fn receiver(seen: &Seen<'_>) -> &'static str {
    match seen.test {
        Test::Download => "your computer",
        Test::Upload => "this responder",
    }
}

fn reached(seen: &Seen<'_>) -> String {
    format!("reached: {} over {:.1} s", rate(seen.rate), seen.seconds)
}

fn distance(seen: &Seen<'_>) -> Option<String> {
    let least = seen.rtt_least?;
    Some(match seen.rtt_loaded {
        Some(loaded) => format!("round-trip time: {} at least, {} while data flowed", millis(least), millis(loaded)),
        None => format!("round-trip time: {} at least", millis(least)),
    })
}

fn lost(seen: &Seen<'_>) -> Option<String> {
    let (loss, losses) = (seen.loss?, seen.losses?);
    let control = seen.evidence.congestion_control.as_deref().unwrap_or("unknown");
    Some(format!("sent again: {losses:.0} segments, {} of all (congestion control: {control})", percent(loss)))
}

fn time(shares: &Shares) -> String {
    format!(
        "of the time, held back by the receiver's window {}, by the send buffer {}, by the sender's program {}, by the \
         network {}",
        percent(shares.window),
        percent(shares.buffer),
        percent(shares.idle),
        percent(shares.network)
    )
}

fn figures(seen: &Seen<'_>, first: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines = vec![reached(seen)];
    lines.extend(first);
    lines.extend(distance(seen));
    lines.extend(lost(seen));
    if let Some(shares) = &seen.sender {
        lines.push(time(shares));
    }
    lines
}

pub(super) fn too_short(seen: &Seen<'_>) -> Finding {
    let says = format!("The test ended after {:.1} s, which is too short to say what held it back.", seen.seconds);
    finding(Kind::TooShort, says, Vec::new(), "Run it again and let it run its ten seconds.")
}

pub(super) fn allowance(seen: &Seen<'_>) -> Finding {
    let allowance = seen.evidence.allowance.unwrap_or(Rate(0));
    let says = format!(
        "This responder held the test to {allowance}, which is what it allows to this caller. The path may carry more."
    );
    finding(
        Kind::Allowance,
        says,
        figures(seen, [format!("allowed: {allowance}, heads of packets included")]),
        "To measure more, ask whoever runs this responder for the right 'measure', and sign in.",
    )
}

pub(super) fn duplex_mismatch(seen: &Seen<'_>) -> Finding {
    let other = seen.evidence.other_way.unwrap_or(Rate(0));
    let says = format!(
        "This has the signature of a duplex mismatch: steady loss without any queue, and {other} in the other direction. One \
         end of a cable takes the link for half duplex, the other for full duplex."
    );
    let again = seen.losses.unwrap_or(0.0) / seen.seconds;
    finding(
        Kind::DuplexMismatch,
        says,
        figures(seen, [format!("sent again: {again:.1} segments a second"), format!("other direction: {other}")]),
        "Look at both ends of each cable near you: 'ethtool' must show the same speed and full duplex; let both negotiate.",
    )
}

pub(super) fn receiver_window(seen: &Seen<'_>, window: f64, bound: f64) -> Finding {
    let says = format!(
        "The window of {} is too small for this distance: {} at a round-trip time of {} let at most {} through.",
        receiver(seen),
        size(window),
        millis(seen.rtt_typical().unwrap_or(0.0)),
        rate(bound)
    );
    finding(
        Kind::ReceiverWindow,
        says,
        figures(seen, [format!("receiver's window: {}", size(window))]),
        "At the receiver, raise the third number of net.ipv4.tcp_rmem to the wanted rate times the round-trip time (64 MiB \
         for 4 Gbit/s at 100 ms), and let no program set a smaller receive buffer.",
    )
}

pub(super) fn receiver_program(seen: &Seen<'_>) -> Finding {
    let says = format!(
        "{} did not take data faster: its window was closed although it is large enough for this distance.",
        capital(receiver(seen))
    );
    finding(
        Kind::Receiver,
        says,
        figures(seen, None),
        "The receiving program or its processor is the limit: try another browser or 'portolan ndt7', and close what else \
         runs there.",
    )
}

pub(super) fn our_window(seen: &Seen<'_>, window: f64, bound: f64) -> Finding {
    let says = format!(
        "The window of this responder is too small for this distance: {} at a round-trip time of {} let at most {} through.",
        size(window),
        millis(seen.rtt_typical().unwrap_or(0.0)),
        rate(bound)
    );
    finding(
        Kind::ReceiverWindow,
        says,
        figures(seen, None),
        "Tell whoever runs this responder to raise the third number of net.ipv4.tcp_rmem.",
    )
}

pub(super) fn send_buffer(seen: &Seen<'_>, shares: &Shares) -> Finding {
    let says = format!(
        "The send buffer of {} is too small for this distance: it was the limit for {} of the time.",
        sender(seen),
        percent(shares.buffer)
    );
    finding(
        Kind::SendBuffer,
        says,
        figures(seen, None),
        "At the sender, raise the third number of net.ipv4.tcp_wmem to twice the wanted rate times the round-trip time.",
    )
}

pub(super) fn sender_program(seen: &Seen<'_>, shares: &Shares) -> Finding {
    let says = format!(
        "{} did not give data faster: for {} of the time there was nothing to send.",
        capital(sender(seen)),
        percent(shares.idle)
    );
    finding(
        Kind::Sender,
        says,
        figures(seen, None),
        "The sending program or its processor is the limit, not the network: look at what else runs there.",
    )
}

pub(super) fn processor(seen: &Seen<'_>) -> Finding {
    let share = seen.evidence.processor.unwrap_or(0.0);
    let says = "The processor of this responder was the limit: one connection is the work of one processor.".to_owned();
    finding(
        Kind::Processor,
        says,
        figures(seen, [format!("this program used {} of one processor", percent(share))]),
        "The network carries more than this. Measure with 'portolan throughput' and several streams.",
    )
}

pub(super) fn loss_for_distance(seen: &Seen<'_>, steady: &Steady) -> Finding {
    let (loss, rtt) = (steady.loss, seen.rtt_typical().unwrap_or(0.0));
    let mathis = seen.mathis().unwrap_or(0.0);
    let segment = seen.last_of_sender().and_then(|tcp| tcp.snd_mss).unwrap_or(0);
    // What loss would let ten times as much through.
    let wanted = loss / 100.0;
    let says = format!(
        "Loss is too high for this distance. With {} lost, TCP is bound to about {} at {}; queues did not grow, so it is not \
         this test that fills the path.",
        percent(loss),
        rate(mathis),
        millis(rtt)
    );
    let model = format!(
        "Mathis: {segment} B / ({} × √{}) = {}; ten times as much needs loss below {}",
        millis(rtt),
        percent(loss),
        rate(mathis),
        percent(wanted)
    );
    let after = format!(
        "after slow start: {:.0} segments lost, {} of all, and {} reached",
        steady.losses,
        percent(loss),
        rate(steady.rate)
    );
    finding(
        Kind::LossForDistance,
        says,
        figures(seen, [after, model]),
        "Look for damaged cables, dirty optics, error counters and shallow buffers on the way. A short path hides such \
         loss, a long one does not.",
    )
}

pub(super) fn loss(seen: &Seen<'_>, steady: &Steady) -> Finding {
    let says = format!(
        "Loss is high: after slow start {} of all segments were sent again, although queues did not grow.",
        percent(steady.loss)
    );
    finding(
        Kind::Loss,
        says,
        figures(seen, None),
        "Look for damaged cables, dirty optics, policers and error counters on the way. Other congestion controls than BBR \
         will be slowed down far more.",
    )
}

pub(super) fn path_full(seen: &Seen<'_>) -> Finding {
    let says = format!("Nothing is wrong: the path was full at {}.", rate(seen.rate));
    finding(Kind::PathFull, says, figures(seen, None), "")
}

pub(super) fn bufferbloat(seen: &Seen<'_>) -> Finding {
    let (least, loaded) = (seen.rtt_least.unwrap_or(0.0), seen.rtt_loaded.unwrap_or(0.0));
    let says = format!(
        "Bufferbloat: while data flowed, round trips took {} instead of {}. Calls and terminals suffer from that.",
        millis(loaded),
        millis(least)
    );
    let queue = seen.queue().unwrap_or(0.0);
    let held = format!("waiting in a queue: {}, {} at this rate", millis(queue), size(queue * seen.rate / 8.0));
    finding(
        Kind::Bufferbloat,
        says,
        vec![held],
        "The router before the narrowest link holds too much. Where it is yours, let it manage its queue (fq_codel, cake).",
    )
}

pub(super) fn no_window_scale(seen: &Seen<'_>) -> Finding {
    let bound = seen.rtt_typical().map(|rtt| rate(65_535.0 * 8.0 / rtt));
    let bound = bound.map_or(String::new(), |bound| format!(", which is {bound} at this distance"));
    let says = format!("Window scaling was not agreed on: no more than 64 KiB can be on the way{bound}.");
    finding(
        Kind::NoWindowScale,
        says,
        Vec::new(),
        "Set net.ipv4.tcp_window_scaling to 1, and look for a firewall that takes the option out of packets.",
    )
}

pub(super) fn no_sack() -> Finding {
    finding(
        Kind::NoSack,
        "Selective acknowledgements were not agreed on: each loss costs far more.".to_owned(),
        Vec::new(),
        "Set net.ipv4.tcp_sack to 1, and look for a firewall that takes the option out of packets.",
    )
}

pub(super) fn out_of_order(strays: f64, all: f64) -> Finding {
    finding(
        Kind::OutOfOrder,
        format!(
            "{} of all segments came out of order: they were lost or overtaken on the way here.",
            percent(strays / all)
        ),
        vec![format!("{strays:.0} of {all:.0} segments")],
        "Loss or paths of unequal length: 'portolan path-model' tells which, and what it costs.",
    )
}

pub(super) fn unseen(seen: &Seen<'_>) -> Finding {
    let says = format!(
        "Nothing on the side of this responder held the test back. Whether {} or the path did, only the sender can see, and \
         browsers do not tell.",
        sender(seen)
    );
    finding(
        Kind::Unseen,
        says,
        figures(seen, None),
        "'portolan ndt7' sends the sender's figures along and gets the whole verdict.",
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
