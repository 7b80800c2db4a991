//! A test as iperf3's text: an iperf3 user reads it at once. Line by line, so that it can be shown as the test runs.

use super::model::{End, Interval, Role, Span, Start, StreamEnd};
use super::report::sum;
use super::wire::Direction;
use terms::TcpInfo;

/// In which unit rates are shown (`-f`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// Bits, by what fits.
    #[default]
    Adaptive,
    /// Bits, thousands to the power of this: `k`, `m`, `g`, `t`.
    Bits(u32),
    /// Octets, 1024s to the power of this: `K`, `M`, `G`, `T`.
    Bytes(u32),
}

impl Format {
    /// Of iperf3's letter.
    pub fn of(letter: char) -> Option<Self> {
        let power = |letter: char| "kmgt".find(letter).and_then(|at| u32::try_from(at + 1).ok());
        match letter {
            'a' => Some(Self::Adaptive),
            letter if letter.is_ascii_uppercase() => power(letter.to_ascii_lowercase()).map(Self::Bytes),
            letter => power(letter).map(Self::Bits),
        }
    }

    /// A rate with its unit.
    pub fn rate(self, bits_per_second: f64) -> String {
        match self {
            Self::Adaptive => adaptive(bits_per_second, 1000.0, "bits/sec"),
            Self::Bits(power) => scaled(bits_per_second, 1000.0, power, "bits/sec"),
            Self::Bytes(power) => scaled(bits_per_second / 8.0, 1024.0, power, "Bytes/sec"),
        }
    }
}

/// An amount with its unit, 1024s.
pub fn amount(bytes: u64) -> String {
    adaptive(bytes as f64, 1024.0, "Bytes")
}

fn adaptive(value: f64, base: f64, unit: &str) -> String {
    let mut power = 0;
    let mut left = value;
    while left >= base && power < 4 {
        left /= base;
        power += 1;
    }
    scaled(value, base, power, unit)
}

fn scaled(value: f64, base: f64, power: u32, unit: &str) -> String {
    let value = value / base.powi(i32::try_from(power).unwrap_or(0));
    let letter = [" ", " K", " M", " G", " T"].get(power as usize).copied().unwrap_or(" ");
    // Three figures that count.
    if value < 9.995 {
        format!("{value:4.2}{letter}{unit}")
    } else if value < 99.95 {
        format!("{value:4.1}{letter}{unit}")
    } else {
        format!("{value:4.0}{letter}{unit}")
    }
}

const RULE: &str = "- - - - - - - - - - - - - - - - - - - - - - - - -";

/// Writes the lines of one test.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    start: &'a Start,
    format: Format,
}

impl<'a> Text<'a> {
    /// Of this test.
    pub fn new(start: &'a Start, format: Format) -> Self {
        Self { start, format }
    }

    /// What is said when the streams are open: each of them, then the head of the table.
    pub fn opening(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.start.role == Role::Server {
            lines.push(format!("Accepted connection from {}, port {}", self.start.host, self.start.port));
        } else if self.start.parameters.direction == Direction::Reverse {
            lines.push(format!("Reverse mode, remote host {} is sending", self.start.host));
        }
        for stream in &self.start.streams {
            let [local, remote] = [stream.local, stream.remote].map(|address| {
                let ip = address.ip().to_canonical();
                format!("{ip} port {}", address.port())
            });
            lines.push(format!("[{:3}] local {local} connected to {remote}", stream.socket));
        }
        lines.push(self.head(false));
        self.titled(lines)
    }

    /// The lines of one interval.
    pub fn interval(&self, interval: &Interval) -> Vec<String> {
        let mut lines = Vec::new();
        let mark = if interval.omitted { "(omitted)" } else { "" };
        let directions = self.start.directions();
        let many = directions.iter().any(|(_, places)| places.len() > 1);
        if many && interval.streams.first().is_some_and(|first| first.start > 0.0) {
            lines.push(RULE.to_owned());
        }
        for (sends, places) in &directions {
            let of_direction = || places.iter().filter_map(|place| interval.streams.get(*place));
            for (place, span) in places.iter().zip(of_direction()) {
                lines.push(self.interval_line(&self.name(*place), *sends, span, true, mark));
            }
            if places.len() > 1 {
                let spans: Vec<Span> = of_direction().copied().collect();
                let name = format!("[SUM]{}", self.role(*sends));
                lines.push(self.interval_line(&name, *sends, &sum(&spans), false, mark));
            }
        }
        self.titled(lines)
    }

    /// The lines after the last interval. Of a server: its own side only, as iperf3 shows it.
    pub fn closing(&self, end: &End) -> Vec<String> {
        let mut lines = vec![RULE.to_owned(), self.head(true)];
        for (sends, places) in self.start.directions() {
            let ends: Vec<&StreamEnd> = places.iter().filter_map(|place| end.streams.get(*place)).collect();
            for (place, figures) in places.iter().zip(&ends) {
                let name = self.name(*place);
                lines.extend(self.end_lines(&name, sends, figures.retransmits, &figures.sent, &figures.received));
            }
            if ends.len() > 1 {
                let name = format!("[SUM]{}", self.role(sends));
                let retransmits = ends.iter().filter_map(|end| end.retransmits).reduce(u64::saturating_add);
                let sent = sum(&ends.iter().map(|end| end.sent).collect::<Vec<_>>());
                let received = sum(&ends.iter().map(|end| end.received).collect::<Vec<_>>());
                lines.extend(self.end_lines(&name, sends, retransmits, &sent, &received));
            }
        }
        let mut lines = self.titled(lines);
        lines.extend(peer_output(end));
        lines
    }

    fn end_lines(
        &self,
        name: &str,
        sends: bool,
        retransmits: Option<u64>,
        sent: &Span,
        received: &Span,
    ) -> Vec<String> {
        let client = self.start.role == Role::Client;
        let mut lines = Vec::with_capacity(2);
        if client || sends {
            lines.push(self.end_line(name, sent, retransmits, "sender"));
        }
        if client || !sends {
            lines.push(self.end_line(name, received, None, "receiver"));
        }
        lines
    }

    fn name(&self, place: usize) -> String {
        self.start
            .streams
            .get(place)
            .map_or_else(String::new, |stream| format!("[{:3}]{}", stream.socket, self.role(stream.sends)))
    }

    fn titled(&self, lines: Vec<String>) -> Vec<String> {
        match &self.start.parameters.title {
            Some(title) => lines.into_iter().map(|line| format!("{title}:  {line}")).collect(),
            None => lines,
        }
    }

    fn role(&self, sends: bool) -> &'static str {
        match (self.start.is_both(), self.start.role, sends) {
            (false, ..) => "",
            (true, Role::Client, true) => "[TX-C]",
            (true, Role::Client, false) => "[RX-C]",
            (true, Role::Server, true) => "[TX-S]",
            (true, Role::Server, false) => "[RX-S]",
        }
    }

    fn head(&self, end: bool) -> String {
        let start = self.start;
        let sends = start.streams.first().is_some_and(|stream| stream.sends);
        let both = start.is_both();
        let role = if both { "[Role]" } else { "" };
        // What only senders know stands in the head where somebody here sends, or where the client tells both sides.
        let sender = sends || both || (end && start.role == Role::Client);
        let columns = match (start.is_udp(), end, sender) {
            (true, false, true) if !both => "         Total Datagrams",
            (true, ..) => "         Jitter    Lost/Total Datagrams",
            (false, false, true) => "         Retr  Cwnd",
            (false, true, true) => "         Retr",
            (false, _, false) => "",
        };
        format!("[ ID]{role} Interval           Transfer     Bitrate{columns}")
    }

    fn figures(&self, name: &str, span: &Span) -> String {
        let rate = self.format.rate(span.bits_per_second());
        format!("{name} {:6.2}-{:<6.2} sec  {}  {rate}", span.start, span.end, amount(span.bytes))
    }

    fn interval_line(&self, name: &str, sends: bool, span: &Span, connection: bool, mark: &str) -> String {
        let figures = self.figures(name, span);
        match (self.start.is_udp(), sends, span.tcp) {
            (true, true, _) => {
                let pad = if self.start.is_both() { "          " } else { "" };
                format!("{figures} {pad} {}  {mark}", span.packets)
            }
            (true, false, _) => format!("{figures}  {}  {mark}", datagrams(span)),
            (false, true, Some((retransmits, info))) if connection => {
                format!("{figures}  {retransmits:3}   {}       {mark}", window(&info))
            }
            (false, true, Some((retransmits, _))) => format!("{figures}  {retransmits:3}             {mark}"),
            (false, ..) => format!("{figures}                  {mark}"),
        }
    }

    fn end_line(&self, name: &str, span: &Span, retransmits: Option<u64>, who: &str) -> String {
        let figures = self.figures(name, span);
        if self.start.is_udp() {
            return format!("{figures}  {}  {who}", datagrams(span));
        }
        match retransmits {
            Some(count) => format!("{figures}  {count:3}             {who}"),
            None => format!("{figures}                  {who}"),
        }
    }
}

fn datagrams(span: &Span) -> String {
    let percent = span.lost_percent();
    let percent = if percent == 0.0 || percent >= 10.0 { format!("{percent:.0}") } else { format!("{percent:.2}") };
    format!("{:5.3} ms  {}/{} ({percent}%)", span.jitter_seconds * 1000.0, span.lost, span.packets)
}

fn window(info: &TcpInfo) -> String {
    amount(info.congestion_window_bytes)
}

fn peer_output(end: &End) -> Vec<String> {
    let text = match (&end.peer_text, &end.peer_json) {
        (Some(text), _) => text.clone(),
        (None, Some(json)) => serde_json::to_string_pretty(json).unwrap_or_default(),
        (None, None) => return Vec::new(),
    };
    let mut lines = vec![String::new(), "Server output:".to_owned()];
    // It comes from the other side and goes to a terminal.
    lines.extend(text.lines().map(|line| line.chars().filter(|letter| !letter.is_control()).collect()));
    lines.push(String::new());
    lines
}
