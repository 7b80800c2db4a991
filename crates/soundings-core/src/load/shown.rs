//! A report as people read it.

use super::report::Cpu;
use super::{Report, Way};
use crate::distribution::{Buckets, Distribution, span};
use std::time::Duration;
use terms::{ByteSize, Rate};

/// Bits per second of a floating-point rate, with its unit.
pub fn rate_of(bits_per_second: f64) -> String {
    Rate(bits_per_second.max(0.0).round() as u64).to_string()
}

/// What is shown each second while it runs.
pub fn live_line(elapsed: Duration, bits_per_second: f64, requests: u64, failures: u64) -> String {
    let failed = if failures > 0 { format!(", {failures} failed") } else { String::new() };
    format!("{:>4} s  {:>14}  {requests} requests{failed}", elapsed.as_secs(), rate_of(bits_per_second))
}

impl Report {
    /// The whole report, several lines.
    pub fn shown(&self) -> String {
        let mut text = self.head();
        let row = |name: &str, value: String| format!("  {name:<18}{value}\n");
        text += &row("throughput", format!("{} over {:.2} s", rate_of(self.bits_per_second), self.seconds));
        text += &row("bytes", format!("{} ({} bytes)", ByteSize(self.bytes), self.bytes));
        text += &row("requests", self.requests_line());
        for (name, told) in [
            ("latency", &self.latency),
            ("first byte", &self.first_byte),
            ("TCP connections", &self.connecting),
            ("TLS handshakes", &self.handshake),
        ] {
            if let Some(told) = told {
                text += &row(name, figures(told));
            }
        }
        for (name, cpu) in [("client's CPU", &self.client_cpu), ("server's CPU", &self.server_cpu)] {
            if let Some(cpu) = cpu {
                text += &row(name, processor(cpu, self.bytes));
            }
        }
        if let Some(line) = self.tcp_line() {
            text += &row("TCP, our side", line);
        }
        for failure in &self.failures {
            text += &row("failed", format!("{} × {}: {}", failure.count, failure.kind, failure.example));
        }
        text
    }

    fn head(&self) -> String {
        let from = self.from.as_ref().map(|from| format!("{from} ")).unwrap_or_default();
        let way = match self.way {
            Way::Download => "←",
            Way::Upload => "→",
        };
        let address = self.address.as_ref().map(|address| format!(" [{address}]")).unwrap_or_default();
        let tls = self.tls.as_ref().map_or_else(|| ", no TLS".to_owned(), |tls| format!(", {tls}"));
        let connections =
            if self.connections == 1 { "1 connection".to_owned() } else { format!("{} connections", self.connections) };
        let streams = if self.streams > 1 { format!(" × {} streams", self.streams) } else { String::new() };
        format!("{from}{way} {}{address}\n  {}{tls}, {connections}{streams}\n", self.to, self.http)
    }

    fn requests_line(&self) -> String {
        let failed: u64 = self.failures.iter().map(|failure| failure.count).sum();
        let cut = if self.cut > 0 { format!(", {} cut at the end", self.cut) } else { String::new() };
        format!("{} complete ({:.1} /s), {failed} failed{cut}", self.requests, self.requests_per_second)
    }

    fn tcp_line(&self) -> Option<String> {
        let tcp = &self.tcp;
        let seconds = |value: f64| span(Duration::try_from_secs_f64(value).unwrap_or_default());
        let least = tcp.round_trip_least_seconds.map(|least| format!("round trip {} at least", seconds(least)));
        let most = tcp.round_trip_largest_seconds.map(|most| format!("{} at the end", seconds(most)));
        let window = tcp.congestion_window_largest_bytes.map(|window| format!("window {}", ByteSize(window)));
        let again = format!("{} segments sent again", tcp.retransmits);
        let parts: Vec<String> = [least, most, window].into_iter().flatten().chain([again]).collect();
        (tcp.connections > 0).then(|| parts.join(", "))
    }
}

fn figures(told: &Buckets) -> String {
    let seconds = |value: f64| span(Duration::try_from_secs_f64(value).unwrap_or_default());
    let summary = &told.summary;
    let tail = Distribution::try_from(told).ok().and_then(|all| all.quantile(0.99)).map(span).unwrap_or_default();
    format!(
        "min {}, median {}, p90 {}, p99 {tail}, max {}",
        seconds(summary.minimum),
        seconds(summary.median),
        seconds(summary.p90),
        seconds(summary.maximum)
    )
}

fn processor(cpu: &Cpu, bytes: u64) -> String {
    let share = if cpu.of_seconds > 0.0 { cpu.seconds / cpu.of_seconds } else { 0.0 };
    let each = if bytes > 0 { format!(", {:.2} s/GB", cpu.seconds / (bytes as f64 / 1e9)) } else { String::new() };
    format!("{:.2} s, {share:.2} of a processor{each}", cpu.seconds)
}
