use super::group;
use crate::x509::voms::Lsc;

#[test]
fn names_become_groups() {
    for (name, expected) in [
        ("/vo", Some("/vo")),
        ("/vo/Role=NULL/Capability=NULL", Some("/vo")),
        ("/vo/Role=production/Capability=NULL", Some("/vo/Role=production")),
        ("/vo/a/b-c.d_e/Role=pilot", Some("/vo/a/b-c.d_e/Role=pilot")),
        ("/vo/a/Capability=x", Some("/vo/a/Capability=x")),
        ("/other/Role=NULL", None),
        ("/vox", None),
        ("vo", None),
        ("", None),
        ("/vo/", None),
        ("/vo//a", None),
        ("/vo/a b", None),
        ("/vo/Role=a/b", None),
        ("/vo/Role=a/Role=b", None),
        ("/vo/Capability=a/Role=b", None),
        ("/vo/Role=", None),
        ("/vo/X=y", None),
        ("/vo/\u{e9}", None),
    ] {
        assert_eq!(group(name, "vo").ok().as_deref(), expected, "{name}");
    }
}

#[test]
fn lists_of_names() {
    let read = |text: &str| Lsc::parse_all(text.as_bytes());
    let chains = read("/CN=a\n/CN=b\n------ NEXT CHAIN ------\n/CN=c/E=x@y\n# and\n/CN=d\n").unwrap();
    let chain = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert!(chains[0].names(&chain(&["/CN=a", "/CN=b", "/CN=root"])));
    assert!(!chains[0].names(&chain(&["/CN=a"])) && !chains[0].names(&chain(&["/CN=a", "/CN=z"])));
    assert!(chains[1].names(&chain(&["/CN=c/emailAddress=x@y", "/CN=d"])));
    for text in ["", "/CN=a\n", "/CN=a\n/CN=b\nNEXT CHAIN\n/CN=c\n", "CN=a,DC=b\n/CN=c"] {
        assert!(read(text).is_err(), "{text}");
    }
    assert!(Lsc::parse_all(b"\xff").is_err());
}
