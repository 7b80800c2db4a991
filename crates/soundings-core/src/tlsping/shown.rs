//! A report as people read it.

use super::report::{Agreed, Distance, Form, Report, Round, Stage};
use crate::distribution::{Buckets, span, span_short};
use std::time::Duration;

impl Report {
    /// The whole report, several lines.
    pub fn shown(&self) -> String {
        let at_once = if self.concurrency > 1 {
            format!(", {} at once: their times are those of a queue, too", self.concurrency)
        } else {
            ", one after another".to_owned()
        };
        let mut text = format!("{} [{}] over {}{at_once}\n", self.host, self.address, self.family);
        for round in &self.rounds {
            text += &round.shown();
        }
        text
    }
}

impl Round {
    fn shown(&self) -> String {
        let title = match self.stage {
            Stage::Tcp => "TCP connections",
            Stage::Full => "TLS, full handshakes",
            Stage::Resumed => "TLS, resumed handshakes",
        };
        let mut text = format!("\n{title}\n");
        for (name, told) in [("TCP", &self.connecting), ("TLS", &self.handshake)] {
            if let Some(told) = told {
                text += &format!("  {name}  {}\n", figures(told));
            }
        }
        for (agreed, count) in &self.agreed {
            text += &format!("  {count} × {}\n", agreed.shown());
            if self.stage == Stage::Resumed && agreed.form != Form::Resumed {
                text += "      asked to resume, and the server did not: it gave no ticket, or took none\n";
            }
        }
        for line in &self.drawn {
            text += &format!("  {line}\n");
        }
        if let Some(distance) = &self.distance {
            text += &distance.shown();
        }
        for failure in &self.failures {
            text += &format!("  {} failed ({}): {}\n", failure.count, failure.kind, failure.example);
        }
        text
    }
}

impl Agreed {
    fn shown(&self) -> String {
        let form = match self.form {
            Form::Full => "full",
            Form::Retried => "full after a retry for another group",
            Form::Resumed => "resumed",
        };
        let group = self.group.as_ref().map(|group| format!(", key exchange {group}")).unwrap_or_default();
        let key = self.key.as_ref().map(|key| format!(", certificate {key}")).unwrap_or_default();
        let alpn = self.alpn.as_ref().map(|alpn| format!(", ALPN {alpn}")).unwrap_or_default();
        format!("{form}: {} {}{group}{key}{alpn}", self.version, self.cipher)
    }
}

impl Distance {
    fn shown(&self) -> String {
        let tls = self.round_trips - 1;
        let parts = if tls > 0 { format!("TCP 1 + TLS {tls}") } else { "TCP 1".to_owned() };
        let here = Duration::try_from_secs_f64(self.round_trip_seconds).unwrap_or_default();
        let trips = here * self.round_trips;
        let plural = if self.round_trips == 1 { "" } else { "s" };
        let at: Vec<String> = self
            .at
            .iter()
            .map(|at| format!("{} at {}", short(at.connection_seconds), short(at.round_trip_seconds)))
            .collect();
        let work = if tls > 0 { format!(", {} is work", seconds(self.work_seconds)) } else { String::new() };
        format!(
            "  {parts} = {} round trip{plural}: {} × {} = {} is distance{work}\n  a new connection takes {}\n",
            self.round_trips,
            self.round_trips,
            span(here),
            span(trips),
            at.join(", ")
        )
    }
}

fn figures(told: &Buckets) -> String {
    let summary = &told.summary;
    format!(
        "{:>5} times  min {}, median {}, p90 {}, p99 {}, max {}",
        summary.count,
        seconds(summary.minimum),
        seconds(summary.median),
        seconds(summary.p90),
        seconds(summary.p99),
        seconds(summary.maximum)
    )
}

fn short(value: f64) -> String {
    span_short(Duration::try_from_secs_f64(value).unwrap_or_default())
}

fn seconds(value: f64) -> String {
    span(Duration::try_from_secs_f64(value).unwrap_or_default())
}
