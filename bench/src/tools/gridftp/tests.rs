use super::*;

const LOG: &str = "\
[1] Transfer stats: DATE=20261122065308.591960 HOST=vm START=20261122065306.694214 FILE=/dev/zero NBYTES=4294967296 CODE=226
[2] Closed connection
[3] Transfer stats: DATE=20261122000001.500000 HOST=vm START=20261121235959.500000 FILE=/dev/null NBYTES=1000 CODE=226 retrans=1,0,2
[3] Closed connection";

#[test]
fn the_last_transfer_of_the_log_counts_over_midnight_too() {
    let moved = last_moved(LOG).unwrap();
    assert_eq!((moved.bytes, moved.retransmits), (1000, Some(3)));
    assert!((moved.seconds - 2.0).abs() < 1e-6);
    let first = last_moved(LOG.lines().next().unwrap()).unwrap();
    assert!((first.seconds - 1.897_746).abs() < 1e-6);
    assert_eq!(first.retransmits, None);
    assert_eq!(last_moved("nothing yet"), None);
}

#[test]
fn the_client_moves_both_ways() {
    let get = client(("10.0.0.2", 2811), Way::Get, ["/dev/zero", "/dev/null"], 5, 1).join(" ");
    assert_eq!(get, "globus-url-copy -fast -len 5 ftp://10.0.0.2:2811/dev/zero file:///dev/null");
    let put = client(("10.0.0.2", 2811), Way::Put, ["/tmp/a", "/tmp/b"], 5, 4).join(" ");
    assert_eq!(put, "globus-url-copy -fast -p 4 -len 5 file:///tmp/b ftp://10.0.0.2:2811/tmp/a");
}
