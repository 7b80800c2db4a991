//! What changes when. A step holds from its moment on, or for a time; several may hold at once, the later written above
//! the earlier. What comes out is the whole state of a link at each moment where it changes.

use super::build::Drafted;
use super::figures::{self, Draft, Figures, finish};
use super::findings::suggestion;
use super::reader::{Fields, Reader};
use super::routes::{Graph, way};
use super::value::{self, LONGEST_RUN, refuse};
use super::{LinkState, Step, What};
use std::collections::BTreeSet;
use std::time::Duration;

const MOST_STEPS: usize = 1_000;

/// A change of a link while it holds.
struct Layer {
    link: usize,
    from: Duration,
    until: Option<Duration>,
    forward: bool,
    backward: bool,
    figures: Figures,
}

impl Layer {
    fn holds(&self, at: Duration) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// `[[step]]`.
pub(super) fn read(reader: &mut Reader, top: Fields<'_, '_>, links: &[Drafted], graph: &Graph<'_>) -> Vec<Step> {
    const OF_WAYS: &[&str] = &["at", "way", "one_way"];
    const OF_LINKS: &[&str] = &["at", "link", "for", "direction"];
    let (mut layers, mut steps) = (Vec::new(), Vec::new());
    let tables = reader.tables(top, "step");
    if tables.len() > MOST_STEPS {
        let what = format!("these are {} steps", tables.len());
        reader.report(&top.near("step"), what, format!("write at most {MOST_STEPS}"));
    }
    for fields in tables {
        let at = reader.require(fields, "at", "\"30 s\"", |value| value::span(value, LONGEST_RUN));
        if fields.value("way").is_some() {
            reader.only(fields, "of a step that leads another way", &[OF_WAYS]);
            let routes = way(reader, fields, graph);
            steps.extend(at.map(|at| Step { at, what: What::Routes(routes) }));
            continue;
        }
        reader.only(fields, "of a step", &[OF_LINKS, figures::KEYS]);
        layers.extend(layer(reader, fields, links, at));
    }
    steps.extend(states(links, &layers));
    steps.sort_by_key(|step| step.at);
    steps
}

fn layer(reader: &mut Reader, fields: Fields<'_, '_>, links: &[Drafted], at: Option<Duration>) -> Option<Layer> {
    let names = links.iter().map(|drafted| drafted.link.name.as_str());
    if fields.value("link").is_none() && links.len() > 1 {
        reader.report(&fields.near("link"), "'link' or 'way' is missing", "name the link that changes, or the new way");
        return None;
    }
    let link = reader.take(fields, "link", |value| {
        let written = value::text(value, "write the name of a link")?;
        let place = names.clone().position(|name| name == written);
        place.map_or_else(|| refuse(format!("cannot be \"{written}\""), suggestion(written, names.clone())), Ok)
    });
    let direction = reader.take(fields, "direction", |value| {
        match value::text(value, "write \"forward\", \"backward\" or \"both\"")? {
            "forward" => Ok((true, false)),
            "backward" => Ok((false, true)),
            "both" => Ok((true, true)),
            other => refuse(format!("cannot be \"{other}\""), "write \"forward\", \"backward\" or \"both\""),
        }
    });
    let (forward, backward) = direction.unwrap_or((true, true));
    let figures = Figures::read(reader, fields, true);
    if figures.is_empty() && reader.found_nothing() {
        reader.report(&fields.near("at"), "this step changes nothing", "add what changes, as delay = \"+5 ms\"");
    }
    for key in ["mtu", "overhead"] {
        if let Some(span) = fields.span_of(key) {
            reader.report(&span, format!("'{key}' cannot change while the network is up"), "set it at the link");
        }
    }
    let length = reader.take(fields, "for", |value| value::span(value, LONGEST_RUN));
    if let (Some(Duration::ZERO), Some(span)) = (length, fields.span_of("for")) {
        reader.report(&span, "'for' is no time at all", "write how long it holds, or leave it out");
    }
    let link = if fields.value("link").is_some() { link? } else { 0 };
    let from = at?;
    Some(Layer { link, from, until: length.map(|length| from + length), forward, backward, figures })
}

/// The states of all links at the moments at which they change.
fn states(links: &[Drafted], layers: &[Layer]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (place, drafted) in links.iter().enumerate() {
        let own: Vec<&Layer> = layers.iter().filter(|layer| layer.link == place).collect();
        let moments: BTreeSet<Duration> =
            own.iter().flat_map(|layer| [Some(layer.from), layer.until]).flatten().collect();
        let mut before = (drafted.link.forward.clone(), drafted.link.backward.clone());
        for at in moments {
            let now = state(drafted, own.iter().copied().filter(|layer| layer.holds(at)));
            if now != before {
                let (forward, backward) = now.clone();
                steps.push(Step { at, what: What::Link(Box::new(LinkState { link: place, forward, backward })) });
                before = now;
            }
        }
    }
    steps
}

fn state<'a>(
    drafted: &Drafted,
    layers: impl Iterator<Item = &'a Layer>,
) -> (crate::impair::Direction, crate::impair::Direction) {
    let (mut forward, mut backward) =
        (settled(&drafted.forward, drafted, true), settled(&drafted.backward, drafted, false));
    for layer in layers {
        for (applies, draft) in [(layer.forward, &mut forward), (layer.backward, &mut backward)] {
            if applies {
                layer.figures.apply(draft);
            }
        }
    }
    finish(&forward, &backward)
}

/// A draft whose queue stays as long as at the beginning, whatever becomes of the delay.
fn settled(draft: &Draft, drafted: &Drafted, forward: bool) -> Draft {
    let finished = if forward { &drafted.link.forward } else { &drafted.link.backward };
    let queue = draft.queue.or_else(|| finished.rate.map(|_| value::QueueLength::Bytes(finished.queue)));
    Draft { direction: draft.direction.clone(), queue }
}
