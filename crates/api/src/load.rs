//! Loads: HTTP requests that a port makes to measure a route.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /api/v1/loads`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLoad {
    /// Where it goes, all at once.
    #[schema(min_items = 1, max_items = 8)]
    pub targets: Vec<LoadTarget>,
    /// How long it takes, its warm-up with it; one hour at most.
    #[schema(example = 12.0)]
    pub seconds: f64,
    /// What is left out of it at the beginning.
    #[serde(default)]
    pub warm_up_seconds: f64,
    /// How long until it begins, so that several ports begin together; ten minutes at most.
    #[serde(default)]
    pub begin_in_seconds: f64,
    /// Which way the bytes go.
    #[serde(default)]
    pub way: LoadWay,
    /// Bytes of one upload.
    #[serde(default = "gigabyte")]
    pub size_bytes: u64,
    /// It ends earlier after so many requests for each target.
    #[serde(default)]
    pub requests: Option<u64>,
    /// Version of HTTP: 1 or 2.
    #[serde(default = "one_byte")]
    #[schema(minimum = 1, maximum = 2)]
    pub http: u8,
    /// Connections at once, to each target; 256 to all together.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 256)]
    pub connections: u32,
    /// Requests at once on each connection; more than 1 needs HTTP/2.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1024)]
    pub streams: u32,
    /// Which addresses; absent: whichever the host names first.
    #[serde(default)]
    pub family: Option<LoadFamily>,
    /// Believe any certificate. Nothing secret is sent.
    #[serde(default)]
    pub insecure: bool,
    /// Congestion control, as the kernel names it.
    #[serde(default)]
    #[schema(example = "cubic", max_length = 15)]
    pub congestion_control: Option<String>,
}

/// Where a load goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadTarget {
    /// What is asked for; `{n}` in it is replaced by the number of the request.
    #[schema(example = "https://port.example:8443/synthetic/1GB", max_length = 2000)]
    pub url: String,
    /// The turn that was taken for it (`POST /synthetic/lease` there); absent: one is asked for.
    #[serde(default)]
    pub lease: Option<String>,
}

/// Which way the bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoadWay {
    /// From the target to this port: `GET`.
    #[default]
    Download,
    /// From this port to the target: `PUT`.
    Upload,
}

/// A family of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoadFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Answer of `GET /api/v1/loads`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoadsAnswer {
    /// Those that run and the last that ended, the oldest first.
    pub loads: Vec<LoadAnswer>,
}

/// One load.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoadAnswer {
    /// Which: what `GET` and `DELETE /api/v1/loads/{id}` take.
    pub id: String,
    /// Who asked.
    pub who: String,
    /// When.
    #[schema(format = DateTime)]
    pub asked: String,
    /// Where it is.
    pub state: LoadState,
    /// Bytes of bodies so far, the warm-up's with them.
    pub bytes: u64,
    /// Requests completed so far.
    pub requests: u64,
    /// Requests and connections that failed so far.
    pub failures: u64,
    /// What came of each target.
    pub results: Vec<LoadResult>,
}

/// Where a load is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoadState {
    /// It has not begun.
    Waiting,
    /// It runs.
    Running,
    /// It ended by itself.
    Finished,
    /// Somebody ended it.
    Cancelled,
}

/// What came of one target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoadResult {
    /// What was asked for.
    pub url: String,
    /// To which address.
    #[schema(example = "192.0.2.7:8443")]
    pub address: String,
    /// The report, as `portolan httpload --json` tells it; absent as long as it runs.
    #[schema(value_type = Option<Object>)]
    pub report: Option<serde_json::Value>,
    /// Why there is no report: the load could not begin.
    pub problem: Option<String>,
}

fn gigabyte() -> u64 {
    1_000_000_000
}

fn one() -> u32 {
    1
}

fn one_byte() -> u8 {
    1
}
