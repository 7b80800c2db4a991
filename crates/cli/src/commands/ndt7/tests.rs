use super::*;

fn target(text: &str) -> Target {
    Target::parse(text).unwrap()
}

#[test]
fn hosts_and_urls() {
    let plain = target("ndt.example");
    assert_eq!((plain.tls, plain.port, plain.test), (true, 443, None));
    assert!(plain.uri(Test::Upload).to_string().starts_with("https://ndt.example/ndt/v7/upload?client_name=portolan&"));
    assert_eq!(target("ndt.example:4443").port, 4443);
    assert_eq!((target("ws://[2001:db8::1]:5201").host.as_str(), target("ws://x").port), ("[2001:db8::1]", 80));
    let whole = target("wss://ndt.example/ndt/v7/download?access_token=a.b");
    assert_eq!(whole.test, Some(Test::Download));
    assert!(whole.uri(Test::Download).to_string().contains("?access_token=a.b&client_name=portolan"));
    for wrong in ["ftp://x", "ws://x/elsewhere", "a b", "wss://"] {
        assert!(Target::parse(wrong).is_err(), "{wrong}");
    }
}
