//! The one list of metrics, from which the reference page is made.

use super::text::{Kind, Metric};
#[cfg(test)]
use std::fmt::Write as _;

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $help:literal;)*) => {
        $(pub(super) const $constant: Metric = Metric { name: $name, kind: Kind::$kind, help: $help };)*
        /// All of them, in the order of the page.
        #[cfg(test)]
        pub(super) const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD Gauge "portolan_build_info" "Version of the program and engine of its archive, as labels; always 1.";
    REQUESTS Counter "portolan_http_requests_total" "Requests answered, by method and class of status.";
    REFUSED Counter "portolan_refused_total" "Requests refused, by reason.";
    RUNNING Gauge "portolan_http_requests_running" "Requests being answered.";
    PANICS Counter "portolan_panics_total" "Requests that ran into a fault of the program itself.";
    CONNECTIONS_OPEN Gauge "portolan_connections_open" "Connections open now.";
    CONNECTIONS Counter "portolan_connections_total" "Connections accepted.";
    RECEIVED Counter "portolan_received_bytes_total" "Bytes of files received.";
    SENT Counter "portolan_sent_bytes_total" "Bytes of files sent.";
    ACTIVE Gauge "portolan_transfers_active" "Transfers under way.";
    MISMATCHES Counter "portolan_digest_mismatches_total" "Files refused because a claimed digest was not that of the bytes received.";
    GROUPS Histogram "portolan_publish_group_files" "Files made durable together by one group of syncs and one archive transaction.";
    FILES Gauge "portolan_files" "Files that the archive has a record of.";
    FILES_BYTES Gauge "portolan_files_bytes" "Bytes of the files that the archive has a record of.";
    SPACE Gauge "portolan_namespace_size_bytes" "Size of the file system that holds the store of a namespace.";
    FREE Gauge "portolan_namespace_free_bytes" "Free bytes, for this process, in the file system that holds the store of a namespace.";
    TESTS Counter "portolan_responder_tests_total" "Tests of throughput that have ended, by protocol and how: finished, or broken off.";
    TESTS_RUNNING Gauge "portolan_responder_tests_running" "Tests of throughput that run, by protocol.";
    TESTS_WAITING Gauge "portolan_responder_tests_waiting" "Tests of throughput that wait for their turn.";
    TESTS_REFUSED Counter "portolan_responder_refused_total" "Callers of the responder that were sent away, by protocol (`none`: before that was known) and reason.";
    TESTS_RECEIVED Counter "portolan_responder_received_bytes_total" "Bytes received by tests that have ended, by protocol.";
    TESTS_SENT Counter "portolan_responder_sent_bytes_total" "Bytes sent by tests that have ended, by protocol.";
    EXPIRY Gauge "portolan_certificate_expiry_timestamp_seconds" "When the certificate of this host expires, in seconds since 1970.";
    ISSUER_KEYS Gauge "portolan_issuer_keys" "Keys of an issuer of signed tokens that are in force; 0: its tokens cannot be judged.";
    ISSUER_FETCHED Gauge "portolan_issuer_keys_fetched_timestamp_seconds" "When the keys of an issuer were fetched, in seconds since 1970.";
    ISSUER_UNTIL Gauge "portolan_issuer_keys_until_timestamp_seconds" "Until when the keys of an issuer stay in force if it cannot be reached, in seconds since 1970.";
    ISSUER_FAILING Gauge "portolan_issuer_failing" "1 when the last attempt to fetch the keys of an issuer failed, else 0.";
    AUDIT_LOST Counter "portolan_audit_lost_lines_total" "Lines of the audit record that were lost because the disk did not take them.";
    CPU Counter "process_cpu_seconds_total" "Processor time of this process, user and system, in seconds.";
    RESIDENT Gauge "process_resident_memory_bytes" "Resident memory of this process.";
    VIRTUAL Gauge "process_virtual_memory_bytes" "Virtual memory of this process.";
    OPEN_FILES Gauge "process_open_fds" "Open file descriptors of this process.";
    MOST_FILES Gauge "process_max_fds" "Most file descriptors that this process may open.";
    STARTED Gauge "process_start_time_seconds" "When this process was started, in seconds since 1970.";
}

/// The page `docs/reference/metrics.md`.
#[cfg(test)]
pub(super) fn reference_markdown() -> String {
    let mut out = String::from(
        "# Metrics\n\nGenerated from the list in `crates/daemon/src/metrics/list.rs`; do not edit. `GET /metrics` tells \
         them in the Prometheus text format. Names and labels are a contract. No label holds a name of a file or caller.\n\n\
         | metric | kind | meaning |\n|---|---|---|\n",
    );
    for Metric { name, kind, help } in ALL {
        let _ = writeln!(out, "| `{name}` | {} | {help} |", kind.name());
    }
    out.push_str("\nCounters begin at 0 with each start. Every request is in exactly one class of status.\n");
    out
}
