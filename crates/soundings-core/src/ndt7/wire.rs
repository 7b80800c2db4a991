//! Measurements, the text messages of both sides ("Measurement message").

use super::tcp::{BbrInfo, TcpInfo};
use super::verdict::Verdict;
use super::{Ending, spec};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which of the two tests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Test {
    /// The server sends.
    Download,
    /// The client sends.
    Upload,
}

impl Test {
    /// Where it is asked for.
    pub fn path(self) -> &'static str {
        match self {
            Self::Download => spec::DOWNLOAD_PATH,
            Self::Upload => spec::UPLOAD_PATH,
        }
    }

    /// Its name in messages and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

/// Who measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// What the program moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AppInfo {
    /// Bytes of binary messages.
    pub num_bytes: i64,
    /// Since the test began, microseconds.
    pub elapsed_time: i64,
}

impl AppInfo {
    /// So many bytes in this time.
    pub fn new(bytes: u64, elapsed: Duration) -> Self {
        Self { num_bytes: bytes as i64, elapsed_time: elapsed.as_micros() as i64 }
    }

    /// Bits per second; `None` before any time has passed.
    pub fn rate(&self) -> Option<f64> {
        (self.elapsed_time > 0 && self.num_bytes >= 0).then(|| self.num_bytes as f64 * 8e6 / self.elapsed_time as f64)
    }
}

/// Which connection.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConnectionInfo {
    /// The client's end.
    pub client: String,
    /// The server's end.
    pub server: String,
    /// Names the test, for ever.
    #[serde(rename = "UUID", default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// When it began (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
}

/// A text message. What is not there is not known.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Measurement {
    /// What the program moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_info: Option<AppInfo>,
    /// Which connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_info: Option<ConnectionInfo>,
    /// Who measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Which test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
    /// What the kernel knows.
    #[serde(rename = "TCPInfo", skip_serializing_if = "Option::is_none")]
    pub tcp_info: Option<TcpInfo>,
    /// What BBR knows (an extension of the reference server).
    #[serde(rename = "BBRInfo", skip_serializing_if = "Option::is_none")]
    pub bbr_info: Option<BbrInfo>,
    /// Congestion control of who measured, by its name in the kernel (an extension of ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// What the figures mean, in the server's last message (an extension of ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

impl Measurement {
    /// Reads a text message.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// As a text message.
    pub fn to_text(&self) -> String {
        // Plain numbers and strings: there is nothing in it that JSON cannot hold, but for a number that is none.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// What remains of a test when it is over.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Record {
    /// Names it, for ever.
    pub uuid: String,
    /// Which test.
    pub test: Test,
    /// When it began (RFC 3339).
    pub started: String,
    /// How long data flowed, seconds.
    pub seconds: f64,
    /// The client's end.
    pub client: String,
    /// The server's end.
    pub server: String,
    /// Who asked.
    pub who: String,
    /// Over TLS?
    pub tls: bool,
    /// How it ended.
    pub ending: Ending,
    /// Bytes of binary messages.
    pub bytes: u64,
    /// What the client said of itself.
    pub metadata: Vec<(String, String)>,
    /// The last that the server measured.
    pub server_measurement: Option<Measurement>,
    /// The last that the client said.
    pub client_measurement: Option<Measurement>,
    /// What the figures mean; `None` of a test too short to tell.
    pub verdict: Option<Verdict>,
}

/// A name of a test, from random octets (RFC 9562, section 5.4).
pub fn uuid(mut octets: [u8; 16]) -> String {
    octets[6] = octets[6] & 0x0f | 0x40;
    octets[8] = octets[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, octet) in octets.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [octet >> 4, octet & 0xf] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}
