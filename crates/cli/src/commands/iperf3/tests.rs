//! iperf3's values, and what they become.

use super::values::{self, Bitrate};

/// Amounts count by 1024, rates by 1000, as in iperf3.
#[test]
fn numbers_are_read_as_iperf3_reads_them() {
    assert_eq!(values::amount("64K"), Ok(65_536));
    assert_eq!(values::amount("1.5M"), Ok(1_572_864));
    assert_eq!(values::rate("1G"), Ok(1_000_000_000));
    assert_eq!(values::bitrate("100m/8"), Ok(Bitrate { bits_per_second: 100_000_000, burst: 8 }));
    assert_eq!(values::traffic_class("0x20"), Ok(32));
    assert_eq!(values::traffic_class("040"), Ok(32));
    assert_eq!(values::dscp("EF"), Ok(46));
    for wrong in ["", "K", "1KB", "-1", "1e999", "nan"] {
        assert!(values::amount(wrong).is_err(), "{wrong}");
    }
    assert!(values::bitrate("1G/1001").is_err());
    assert!(values::traffic_class("256").is_err());
    assert!(values::dscp("64").is_err());
    assert!(values::interval("0.05").is_err());
}
