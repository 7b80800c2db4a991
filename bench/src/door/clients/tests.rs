//! What curl and h2load really print, and each way in which a run does not count.

use super::super::cases::Load;
use super::*;

const GET_TLS_H2: Case = Case { verb: Verb::Get, load: Load::Small, transport: Transport::Tls, version: Version::H2 };
const PUT_PLAIN_H1: Case = Case { verb: Verb::Put, load: Load::One, transport: Transport::Plain, version: Version::H1 };

/// h2load 1.52.0 against nginx 1.22.1.
const H2LOAD: &str = "starting benchmark...
spawning thread #0: 1 total client(s). 300 total requests
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Server Temp Key: X25519 253 bits
Application protocol: h2
progress: 100% done

finished in 19.64ms, 15278.84 req/s, 1.29MB/s
requests: 300 total, 300 started, 300 done, 300 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 300 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 25.92KB (26538) total, 3.52KB (3600) headers (space savings 96.20%), 0B (0) data
";

#[test]
fn the_end_of_h2load_is_read() {
    let result = H2loadResult::parse(H2LOAD).expect("a whole report");
    assert_eq!((result.succeeded, result.status_2xx), (300, 300));
    assert_eq!((result.protocol.as_str(), result.cipher.as_deref()), ("h2", Some(CIPHER)));
    assert_eq!(result.check(GET_TLS_H2, 300), Ok(()));
}

#[test]
fn an_h2load_run_with_another_count_status_protocol_or_cipher_does_not_count() {
    let told =
        |from: &str, to: &str| H2loadResult::parse(&H2LOAD.replace(from, to)).and_then(|r| r.check(GET_TLS_H2, 300));
    let few = told("300 succeeded, 0 failed", "252 succeeded, 48 failed").expect_err("48 failed");
    assert!(few.contains("252 succeeded"), "{few}");
    assert!(told("300 2xx, 0 3xx", "299 2xx, 1 3xx").is_err());
    assert!(told("protocol: h2", "protocol: http/1.1").is_err());
    assert!(told("TLS_AES_128", "TLS_AES_256").is_err());
    assert!(H2loadResult::parse(H2LOAD).and_then(|r| r.check(GET_TLS_H2, 301)).is_err());
    assert!(H2loadResult::parse("").is_err());
}

#[test]
fn the_line_of_curl_is_read_and_judged() {
    let check = |line: &str| CurlResult::parse(line).and_then(|result| result.check(PUT_PLAIN_H1, 67_108_864));
    assert_eq!(check("201 1.1 0 67108864"), Ok(()));
    assert_eq!(check("200 1.1 12 67108864\n"), Ok(()));
    assert_eq!(check("507 1.1 310 67108864"), Err("curl got status 507".to_owned()));
    assert_eq!(check("201 2 0 67108864"), Err("HTTP/2 was spoken instead of 1.1".to_owned()));
    assert_eq!(check("201 1.1 0 4096"), Err("curl moved 4096 bytes instead of 67108864".to_owned()));
    assert!(check("").is_err());
    assert!(check("201 1.1 0 many").is_err());
}

#[test]
fn the_rate_is_taken_while_all_processes_are_at_work() {
    let mut times = Times::default();
    // From 0 to 10 ms, one request each millisecond; then from 4 to 14 ms.
    let log = |first_us: u64| (0..10).map(|n| format!("{}\t201\t1000\n", first_us + 1_000 * n)).collect::<String>();
    times.add(&log(1_795_306_000_000_000)).expect("a log");
    times.add(&log(1_795_306_000_004_000)).expect("a log");
    assert!((times.wall_s() - 0.014).abs() < 1e-9);
    // In the 6 ms in common each ended six, of which those at the very end do not count.
    assert!((times.rate_per_s() - 2_000.0).abs() < 200.0, "{}", times.rate_per_s());
    assert!(times.add("1795306000000100 201 300").is_err());
}

#[test]
fn without_time_in_common_the_rate_is_over_all_of_it() {
    let mut times = Times::default();
    times.add("1000\t200\t500\n1500\t200\t500\n").expect("a log");
    times.add("2000\t200\t500\n2500\t200\t500\n").expect("a log");
    assert!((times.rate_per_s() - 2_000.0).abs() < 1e-6);
}
