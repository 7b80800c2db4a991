//! ndt7: the measurements that both sides send as text.

use soundings_core::ndt7::Measurement;

/// As the protocol's text shows them.
pub(crate) const MEASUREMENTS: &[&[u8]] = &[
    br#"{"AppInfo":{"ElapsedTime":1234,"NumBytes":5678},"Origin":"client","Test":"download"}"#,
    br#"{"ConnectionInfo":{"Client":"192.0.2.1:5678","Server":"[2001:db8::1]:443","UUID":"x"},"TCPInfo":{"BusyTime":1,"BytesAcked":2,"MinRTT":3,"RTT":4,"ElapsedTime":5},"BBRInfo":{"BW":6,"MinRTT":7,"ElapsedTime":8}}"#,
];

/// What is read is written so that it can be read again.
pub(crate) fn measurement(octets: &[u8]) {
    if let Ok(text) = str::from_utf8(octets)
        && let Ok(read) = Measurement::parse(text)
    {
        assert!(Measurement::parse(&read.to_text()).is_ok());
    }
}
