use super::own;

#[test]
fn addresses_of_this_host_are_known() {
    assert!(own("127.0.0.1".parse().unwrap()).is_some() && own("::ffff:127.0.0.1".parse().unwrap()).is_some());
    assert!(own("192.0.2.1".parse().unwrap()).is_none() && own("2001:db8::1".parse().unwrap()).is_none());
}
