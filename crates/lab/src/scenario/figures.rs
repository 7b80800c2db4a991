//! What is written about one direction of a link: any part of it, laid over what was said before.

use super::reader::{Fields, Reader};
use super::value::{self, Change, QueueLength, sent_in};
use crate::impair::{Direction, Distribution, GilbertElliott, Jitter, Reorder};
use std::time::Duration;
use terms::{ByteSize, Rate};

/// The keys, in the order of the reference.
pub(super) const KEYS: &[&str] = &[
    "rate",
    "queue",
    "overhead",
    "delay",
    "rtt",
    "jitter",
    "loss",
    "burst",
    "reorder",
    "duplicate",
    "corrupt",
    "mtu",
    "blackhole_above",
    "down",
];

/// Every queue has room for this long at the rate, and for so many octets, when nothing is said: a switch has as much.
const LEAST_QUEUE_TIME: Duration = Duration::from_millis(5);
const LEAST_QUEUE: ByteSize = ByteSize(128 << 10);

/// A direction whose queue may still have to be computed.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Draft {
    pub(super) direction: Direction,
    pub(super) queue: Option<QueueLength>,
}

/// What is said; the rest stays as it was.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Figures {
    rate: Option<Option<Rate>>,
    queue: Option<QueueLength>,
    overhead: Option<u32>,
    delay: Option<Change>,
    jitter: Option<Option<Jitter>>,
    loss: Option<f64>,
    burst: Option<Option<GilbertElliott>>,
    reorder: Option<Option<Reorder>>,
    duplicate: Option<f64>,
    corrupt: Option<f64>,
    mtu: Option<u16>,
    blackhole_above: Option<Option<u16>>,
    down: Option<bool>,
}

impl Figures {
    /// Reads the keys that are there. `relative`: a delay may be told as a difference.
    pub(super) fn read(reader: &mut Reader, fields: Fields<'_, '_>, relative: bool) -> Self {
        let halved = reader.take(fields, "rtt", |value| value::change(value, relative)).map(Change::halved);
        if let (Some(_), Some(span)) = (halved, fields.span_of("delay")) {
            reader.report(&span, "'delay' and 'rtt' say the same twice", "keep one of them");
        }
        Self {
            rate: reader.take_or_none(fields, "rate", value::rate),
            queue: reader.take(fields, "queue", value::queue),
            overhead: reader.take(fields, "overhead", |value| value::whole(value, 0, 1_000)).map(|bytes| bytes as u32),
            delay: reader.take(fields, "delay", |value| value::change(value, relative)).or(halved),
            jitter: jitter(reader, fields),
            loss: reader.take(fields, "loss", value::share),
            burst: burst(reader, fields),
            reorder: reorder(reader, fields),
            duplicate: reader.take(fields, "duplicate", value::share),
            corrupt: reader.take(fields, "corrupt", value::share),
            mtu: reader.take(fields, "mtu", value::octets),
            blackhole_above: reader.take_or_none(fields, "blackhole_above", value::octets),
            down: reader.take(fields, "down", value::boolean),
        }
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn apply(&self, draft: &mut Draft) {
        let direction = &mut draft.direction;
        set(&mut direction.rate, self.rate);
        set(&mut direction.overhead_bytes, self.overhead);
        set(&mut direction.jitter, self.jitter);
        set(&mut direction.loss.independent, self.loss);
        set(&mut direction.loss.bursty, self.burst);
        set(&mut direction.reorder, self.reorder);
        set(&mut direction.duplicate, self.duplicate);
        set(&mut direction.corrupt, self.corrupt);
        set(&mut direction.mtu, self.mtu);
        set(&mut direction.blackhole_above, self.blackhole_above);
        set(&mut direction.down, self.down);
        if let Some(change) = self.delay {
            direction.delay = change.apply(direction.delay);
        }
        draft.queue = self.queue.or(draft.queue);
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Gives both directions their queues. Where none is written it is a bandwidth-delay product of the round trip, the old
/// rule for a buffer that keeps a link full behind one flow.
pub(super) fn finish(forward: &Draft, backward: &Draft) -> (Direction, Direction) {
    let round_trip = forward.direction.delay + backward.direction.delay;
    let finished = |draft: &Draft| {
        let mut direction = draft.direction.clone();
        direction.queue = match (draft.queue, direction.rate) {
            (Some(length), rate) => length.bytes(rate),
            (None, Some(rate)) => sent_in(rate, round_trip.max(LEAST_QUEUE_TIME)).max(LEAST_QUEUE),
            (None, None) => ByteSize(0),
        };
        direction
    };
    (finished(forward), finished(backward))
}

fn jitter(reader: &mut Reader, fields: Fields<'_, '_>) -> Option<Option<Jitter>> {
    const JITTER: &[&str] = &["spread", "distribution", "keeps_order"];
    let plain = Jitter { spread: Duration::ZERO, distribution: Distribution::Normal, keeps_order: true };
    let Some(inner) = fields.table_of("jitter") else {
        let spread = reader.take_or_none(fields, "jitter", value::travel)?;
        return Some(spread.map(|spread| Jitter { spread, ..plain }));
    };
    reader.only(inner, "in this jitter", &[JITTER]);
    let spread = reader.require(inner, "spread", "\"2 ms\"", value::travel);
    let distribution = reader.take(inner, "distribution", distribution).unwrap_or(plain.distribution);
    let keeps_order = reader.take(inner, "keeps_order", value::boolean).unwrap_or(plain.keeps_order);
    Some(spread.map(|spread| Jitter { spread, distribution, keeps_order }))
}

fn distribution(written: &toml::de::DeValue<'_>) -> value::Taken<Distribution> {
    let known = Distribution::ALL.iter().map(|distribution| distribution.name());
    let instead = format!("write one of {}", known.clone().collect::<Vec<_>>().join(", "));
    let text = value::text(written, &instead)?;
    let found = Distribution::ALL.into_iter().find(|distribution| distribution.name() == text);
    let missing = || value::refuse(format!("cannot be \"{text}\""), super::findings::suggestion(text, known));
    found.map_or_else(missing, Ok)
}

fn burst(reader: &mut Reader, fields: Fields<'_, '_>) -> Option<Option<GilbertElliott>> {
    const BURST: &[&str] = &["p", "r", "1-h", "1-k"];
    let instead = "write { p = \"0.01 %\", r = \"25 %\" }, or \"none\"";
    let Some(inner) = fields.table_of("burst") else {
        return reader.take_or_none(fields, "burst", |_| value::refuse("is not a table", instead));
    };
    reader.only(inner, "in this burst", &[BURST]);
    let p = reader.require(inner, "p", "\"0.01 %\"", value::share);
    let r = reader.require(inner, "r", "\"25 %\"", value::share);
    let loss_in_bad = reader.take(inner, "1-h", value::share).unwrap_or(1.0);
    let loss_in_good = reader.take(inner, "1-k", value::share).unwrap_or(0.0);
    if let (Some(0.0), Some(span)) = (r, inner.span_of("r")) {
        reader.report(&span, "with 'r' of 0 % a burst never ends", "write the probability that it ends, as \"25 %\"");
    }
    Some(p.zip(r).map(|(p, r)| GilbertElliott { p, r, loss_in_bad, loss_in_good }))
}

fn reorder(reader: &mut Reader, fields: Fields<'_, '_>) -> Option<Option<Reorder>> {
    const REORDER: &[&str] = &["probability", "by", "gap"];
    let instead = "write { probability = \"0.1 %\", by = \"1 ms\" }, or \"none\"";
    let Some(inner) = fields.table_of("reorder") else {
        return reader.take_or_none(fields, "reorder", |_| value::refuse("is not a table", instead));
    };
    reader.only(inner, "in this reorder", &[REORDER]);
    let probability = reader.require(inner, "probability", "\"0.1 %\"", value::share);
    let by = reader.require(inner, "by", "\"1 ms\"", value::travel);
    let gap = reader.take(inner, "gap", |value| value::whole(value, 1, 1_000_000)).unwrap_or(1);
    Some(probability.zip(by).map(|(probability, by)| Reorder { probability, by, gap: gap as u32 }))
}
