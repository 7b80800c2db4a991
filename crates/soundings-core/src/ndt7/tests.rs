mod session;
mod verdict;

use super::*;
use std::time::Duration;

#[test]
fn queries() {
    let parsed = Query::parse("client_name=ndt7-js&note=a%20b+c&empty=&server_x=1&early_exit=250").unwrap();
    let pairs = [("client_name", "ndt7-js"), ("note", "a b c"), ("empty", ""), ("early_exit", "250")];
    assert_eq!(parsed.metadata, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(parsed.early_exit_bytes, Some(250_000_000));
    assert_eq!(Query::parse(""), Ok(Query::default()));
    assert_eq!(Query::parse("key").unwrap().metadata, [("key".to_owned(), String::new())]);
}

#[test]
fn queries_that_are_refused() {
    let most = format!("a={}", "x".repeat(spec::QUERY_BYTES_MAX - 2));
    assert!(Query::parse(&most).is_ok());
    assert_eq!(Query::parse(&format!("{most}x")), Err(InvalidQuery::TooLong(4097)));
    assert_eq!(Query::parse("=x"), Err(InvalidQuery::EmptyKey));
    assert_eq!(Query::parse("a=1&b=2&a=3"), Err(InvalidQuery::DoubleKey("a".to_owned())));
    // Twice is twice, however it is written.
    assert_eq!(Query::parse("a=1&%61=3"), Err(InvalidQuery::DoubleKey("a".to_owned())));
    for wrong in ["%", "%4", "a=%zz", "a=%ff"] {
        assert_eq!(Query::parse(wrong), Err(InvalidQuery::Encoding), "{wrong}");
    }
    for wrong in ["", "0", "249", "0250", "250.0", "500"] {
        let refused = Query::parse(&format!("early_exit={wrong}"));
        assert_eq!(refused, Err(InvalidQuery::EarlyExit(wrong.to_owned())));
    }
}

/// A message of the reference server, shortened, with what it may send that we do not know.
const GOLDEN: &str = r#"{"AppInfo":{"NumBytes":20495360,"ElapsedTime":1500010},"BBRInfo":{"BW":1732509,"MinRTT":11030,
    "PacingGain":739,"CwndGain":739,"ElapsedTime":1500055},"ConnectionInfo":{"Client":"[2001:db8::1]:49152",
    "Server":"192.0.2.1:443","UUID":"ndt-abc_1600000000_unsafe_00000000000138E4","StartTime":"2020-10-10T00:00:00Z"},
    "Origin":"server","Test":"download","TCPInfo":{"State":1,"CAState":0,"RTO":212000,"SndMSS":1428,"RTT":11590,
    "RTTVar":340,"MinRTT":11030,"PacingRate":-1,"BytesAcked":20012345,"BusyTime":1490000,"RWndLimited":0,
    "SndBufLimited":0,"ElapsedTime":1500055,"Unheard":1},"Unheard":{}}"#;

#[test]
fn a_message_of_the_reference_server() {
    let measurement = Measurement::parse(GOLDEN).unwrap();
    assert_eq!((measurement.origin, measurement.test), (Some(Origin::Server), Some(Test::Download)));
    let rate = measurement.app_info.unwrap().rate().unwrap();
    assert!((rate - 109.3e6).abs() < 1e5, "{rate}");
    let tcp = measurement.tcp_info.clone().unwrap();
    assert_eq!((tcp.rtt, tcp.min_rtt, tcp.pacing_rate, tcp.snd_cwnd), (Some(11_590), Some(11_030), Some(-1), None));
    assert_eq!(measurement.bbr_info.clone().unwrap().bandwidth, 1_732_509);
    let again = Measurement::parse(&measurement.to_text()).unwrap();
    assert_eq!(again, measurement);
    assert_eq!(Measurement::default().to_text(), "{}");
}

#[test]
fn messages_that_are_none() {
    for wrong in ["", "[1]", "1", "{", r#"{"AppInfo":1}"#, r#"{"Test":"sideways"}"#, r#"{"AppInfo":{"NumBytes":"1"}}"#]
    {
        assert!(Measurement::parse(wrong).is_err(), "{wrong}");
    }
}

/// Fields of the kernel's structure, at their places; what is not told stays away.
#[test]
fn what_the_kernel_tells() {
    let mut bytes = [0_u8; 232];
    bytes[0] = 1;
    bytes[7] = 0xff;
    bytes[68..72].copy_from_slice(&11_590_u32.to_ne_bytes());
    bytes[104..112].copy_from_slice(&u64::MAX.to_ne_bytes());
    bytes[148..152].copy_from_slice(&u32::MAX.to_ne_bytes());
    bytes[208..216].copy_from_slice(&77_u64.to_ne_bytes());
    bytes[228..232].copy_from_slice(&65_535_u32.to_ne_bytes());
    let told = TcpInfo::of_kernel(&bytes, Duration::from_millis(1500));
    assert!(told.is_established());
    assert_eq!((told.rtt, told.rtt_var, told.min_rtt), (Some(11_590), None, None));
    assert_eq!((told.app_limited, told.pacing_rate, told.bytes_retrans), (Some(1), Some(-1), Some(77)));
    assert_eq!((told.snd_wnd, told.elapsed_time), (Some(65_535), Some(1_500_000)));
    let old = TcpInfo::of_kernel(&bytes[..104], Duration::ZERO);
    assert_eq!((old.total_retrans, old.pacing_rate, old.snd_wnd), (Some(0), None, None));
    assert_eq!(TcpInfo::of_kernel(&[], Duration::ZERO).state, None);
    let mut bbr = [0_u8; 20];
    bbr[4] = u8::from(cfg!(target_endian = "little"));
    bbr[8..12].copy_from_slice(&9_u32.to_ne_bytes());
    let told = BbrInfo::of_kernel(&bbr, Duration::ZERO).unwrap();
    assert_eq!(told.min_rtt, 9);
    assert!(cfg!(target_endian = "big") || told.bandwidth == 1 << 32);
    assert_eq!(BbrInfo::of_kernel(&bbr[..19], Duration::ZERO), None);
}

#[test]
fn names_of_tests() {
    assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
}
