//! Values as iperf3's command line has them.

use std::time::Duration;

/// `10`, `64K`, `1.5M`: octets or a count, 1024s.
pub(super) fn amount(text: &str) -> Result<u64, String> {
    scaled(text, 1024.0)
}

/// A rate and, after a slash, the blocks of a burst: `1G`, `100M/8`; 1000s.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bitrate {
    pub(super) bits_per_second: u64,
    pub(super) burst: u64,
}

/// Most blocks of a burst.
const BURST_MAX: u64 = 1000;

pub(super) fn bitrate(text: &str) -> Result<Bitrate, String> {
    let (rate, burst) = text.split_once('/').unwrap_or((text, "0"));
    let burst = burst.parse().ok().filter(|burst| *burst <= BURST_MAX);
    let burst = burst.ok_or_else(|| format!("a burst is a number of blocks up to {BURST_MAX}"))?;
    Ok(Bitrate { bits_per_second: scaled(rate, 1000.0)?, burst })
}

/// `1G`, `100M`; 1000s.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    scaled(text, 1000.0)
}

fn scaled(text: &str, base: f64) -> Result<u64, String> {
    let fault = || format!("'{text}' is no number with one of K, M, G, T behind it");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let power = match &text[digits.len()..] {
        "" => 0,
        "k" | "K" => 1,
        "m" | "M" => 2,
        "g" | "G" => 3,
        "t" | "T" => 4,
        _ => return Err(fault()),
    };
    let number: f64 = digits.parse().map_err(|_| fault())?;
    let value = number * base.powi(power);
    // Beyond 2^63 nothing here means anything.
    if value.is_finite() && (0.0..9.2e18).contains(&value) { Ok(value as u64) } else { Err(fault()) }
}

/// `32`, `0x20`, `040`: as iperf3 reads a type of service.
pub(super) fn traffic_class(text: &str) -> Result<u8, String> {
    let parsed = if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        u8::from_str_radix(hex, 16)
    } else if text.len() > 1 && text.starts_with('0') {
        u8::from_str_radix(text, 8)
    } else {
        text.parse()
    };
    parsed.map_err(|_| format!("'{text}' is no type of service: 0 to 255, also as 0x20 or 040"))
}

/// A DSCP, 0 to 63 or by its name in RFC 2474, 2597 and 3246.
pub(super) fn dscp(text: &str) -> Result<u8, String> {
    const NAMES: [(&str, u8); 22] = [
        ("cs0", 0),
        ("cs1", 8),
        ("cs2", 16),
        ("cs3", 24),
        ("cs4", 32),
        ("cs5", 40),
        ("cs6", 48),
        ("cs7", 56),
        ("af11", 10),
        ("af12", 12),
        ("af13", 14),
        ("af21", 18),
        ("af22", 20),
        ("af23", 22),
        ("af31", 26),
        ("af32", 28),
        ("af33", 30),
        ("af41", 34),
        ("af42", 36),
        ("af43", 38),
        ("ef", 46),
        ("va", 44),
    ];
    let name = text.to_ascii_lowercase();
    if let Some((_, value)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(*value);
    }
    traffic_class(text)
        .ok()
        .filter(|value| *value < 64)
        .ok_or_else(|| format!("'{text}' is no DSCP: 0 to 63, or a name"))
}

/// Seconds, with a fraction; 0 is no reports.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is no number of seconds"))?;
    if seconds == 0.0 || (0.1..=60.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("an interval is 0.1 to 60 seconds, or 0 for no reports".to_owned())
    }
}
