//! The report: a table with a sparkline for each stream, a verdict for each direction; the same as JSON.

use super::Done;
use soundings_core::throughput::report::{Counted, Flow, StreamReport};
use soundings_core::throughput::series::{Cpu, End};
use soundings_core::verdict::Verdict;
use std::fmt::Write as _;
use terms::Rate;

/// For people.
pub(super) fn text(done: &Done) -> String {
    let mut out = String::new();
    for (flow, verdict) in done.report.flows.iter().zip(&done.verdicts) {
        let _ = write!(out, "{}", head(done, flow));
        let _ = write!(out, "{}", table(flow));
        let _ = write!(out, "{}", processors(done));
        let _ = write!(out, "{}", judged(verdict));
    }
    out
}

fn head(done: &Done, flow: &Flow) -> String {
    let way = if flow.to_responder { "to" } else { "from" };
    let layer = match done.ends.tls {
        Some((version, suite)) => format!("{version}, {suite}"),
        None => "TCP".to_owned(),
    };
    let control = flow.streams.iter().find_map(|stream| stream.congestion_control.as_deref()).unwrap_or("unknown");
    let family = net::Family::of(done.address.ip());
    let omit = match done.request.omit_seconds {
        omit if omit > 0.0 => format!(", after {omit} s of warm-up"),
        _ => String::new(),
    };
    let seconds = flow.received.map_or(0.0, |counted| counted.seconds);
    format!("{way} {} over {family}: {layer}, {control}, {seconds:.2} s counted{omit}\n", done.address)
}

fn table(flow: &Flow) -> String {
    let mut rows = vec![[
        "stream".to_owned(),
        "received".to_owned(),
        "sent".to_owned(),
        "sent again".to_owned(),
        "round trip".to_owned(),
        "window".to_owned(),
        "over time".to_owned(),
    ]];
    let most = flow.streams.iter().flat_map(|stream| &stream.bits_per_second_over_time).copied().fold(0.0, f64::max);
    rows.extend(flow.streams.iter().map(|stream| row(stream, most)));
    if flow.streams.len() > 1 {
        rows.push([
            "sum".to_owned(),
            rate(flow.received),
            rate(flow.sent),
            again(flow.retransmits, flow.loss),
            String::new(),
            String::new(),
            String::new(),
        ]);
    }
    let widths: Vec<usize> =
        (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 | 6 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "  {}", line.trim_end());
    }
    for stream in &flow.streams {
        for failure in &stream.failures {
            let _ = writeln!(out, "  stream {} ended early: {failure}", stream.number);
        }
    }
    out
}

fn row(stream: &StreamReport, most: f64) -> [String; 7] {
    let trip = stream.rtt_least_seconds.zip(stream.rtt_mean_seconds);
    let window = stream.congestion_window_mean_bytes.map(|bytes| terms::ByteSize(bytes as u64).to_string());
    [
        stream.number.to_string(),
        rate(stream.received),
        rate(stream.sent),
        again(stream.retransmits, stream.loss),
        trip.map(|(least, mean)| format!("{:.3}–{:.3} ms", least * 1e3, mean * 1e3)).unwrap_or_default(),
        window.unwrap_or_default(),
        sparkline(&stream.bits_per_second_over_time, most),
    ]
}

fn rate(counted: Option<Counted>) -> String {
    counted.map_or_else(|| "–".to_owned(), |counted| Rate(counted.bits_per_second as u64).to_string())
}

fn again(segments: Option<u64>, loss: Option<f64>) -> String {
    match (segments, loss) {
        (Some(0), _) => "0".to_owned(),
        (Some(segments), Some(loss)) => format!("{segments} ({:.4} %)", loss * 100.0),
        (Some(segments), None) => segments.to_string(),
        _ => "–".to_owned(),
    }
}

/// The rate over time, as blocks; the highest of all streams is the full height.
pub(super) fn sparkline(rates: &[f64], most: f64) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let block = |rate: &f64| {
        let height = if most > 0.0 { rate / most * 7.0 } else { 0.0 };
        BLOCKS[(height.round() as usize).min(7)]
    };
    rates.iter().map(block).collect()
}

fn processors(done: &Done) -> String {
    let end = |who: &str, cpu: &Cpu| {
        let share = cpu.process_ns as f64 / cpu.over_ns.max(1) as f64;
        let host = match cpu.host_busy {
            Some(busy) => format!(", the whole host {:.0} % of {}", busy * 100.0, cpu.processors),
            None => String::new(),
        };
        format!("{who} {:.0} % of a processor{host}", share * 100.0)
    };
    format!("  processors: {}; {}\n", end("here", &done.ends.here.cpu), end("there", &done.ends.there.cpu))
}

fn judged(verdict: &Verdict) -> String {
    let mut out = format!("  verdict: {}\n", verdict.sentence);
    let not: Vec<String> = verdict.ruled_out.iter().map(|out| format!("{} ({})", words(out.limit), out.why)).collect();
    if !not.is_empty() {
        let _ = writeln!(out, "  it was not: {}", not.join("; "));
    }
    let _ = writeln!(out, "  next: {}", verdict.next);
    out
}

/// The word of the JSON, with blanks.
fn words(limit: soundings_core::verdict::Limit) -> String {
    let word = serde_json::to_value(limit).ok();
    word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().replace('-', " ")
}

/// For programs; `docs/reference/throughput-protocol.md` tells the fields.
pub(super) fn json(host: &str, all: &[Done]) -> String {
    let tests: Vec<serde_json::Value> = all.iter().map(one).collect();
    let text = serde_json::json!({ "host": host, "tests": tests });
    format!("{text:#}\n")
}

fn one(done: &Done) -> serde_json::Value {
    let flows: Vec<serde_json::Value> = done.report.flows.iter().zip(&done.verdicts).map(flow).collect();
    serde_json::json!({
        "address": done.address.to_string(),
        "local": done.ends.local.to_string(),
        "family": net::Family::of(done.address.ip()).to_string(),
        "tls": done.ends.tls.map(|(version, suite)| serde_json::json!({ "version": version, "suite": suite })),
        "request": done.request,
        "grant": {
            "rate_bits_per_second": done.ends.grant.rate_bits_per_second,
            "longest_seconds": done.ends.grant.longest_seconds,
        },
        "flows": flows,
        "here": end(&done.ends.here),
        "there": end(&done.ends.there),
    })
}

fn flow((flow, verdict): (&Flow, &Verdict)) -> serde_json::Value {
    let mut value = serde_json::json!(flow);
    if let Some(object) = value.as_object_mut() {
        object.insert("verdict".to_owned(), serde_json::json!(verdict));
    }
    value
}

fn end(end: &End) -> serde_json::Value {
    let streams: Vec<serde_json::Value> = end
        .streams
        .iter()
        .map(|stream| {
            let mut value = serde_json::json!(stream);
            if let Some(object) = value.as_object_mut() {
                object.insert("samples".to_owned(), serde_json::json!(stream.samples));
            }
            value
        })
        .collect();
    serde_json::json!({ "cpu": end.cpu, "read": end.read, "written": end.written, "streams": streams })
}
