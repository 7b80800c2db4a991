use super::{matches, parse};

#[test]
fn a_file_of_igtf_is_read() {
    let text = "# comment\n\n access_id_CA      X509         '/C=DE/O=GermanGrid/CN=GridKa-CA'\n pos_rights        globus  \
                      CA:sign # all\n cond_subjects     globus       '\"/C=DE/O=GermanGrid/*\" \"/O=GermanGrid/*\"'\n\
                access_id_CA X509 \"/CN=B/Email=a@b\"\npos_rights globus CA:sign\ncond_subjects globus '/CN=?/*'\n\
                cond_subjects globus \"/CN=one\"\n";
    let groups = parse(text).unwrap();
    assert_eq!(groups[0].0, "/C=DE/O=GermanGrid/CN=GridKa-CA");
    assert_eq!(groups[0].1, ["/C=DE/O=GermanGrid/*", "/O=GermanGrid/*"]);
    assert_eq!(groups[1].0, "/CN=B/emailAddress=a@b");
    assert_eq!(groups[1].1, ["/CN=?/*", "/CN=one"]);
}

#[test]
fn what_is_not_understood_is_told_by_its_line() {
    let refused = |text: &str| parse(text).unwrap_err();
    assert_eq!(refused(""), "its file holds no access_id_CA");
    assert_eq!(refused("access_id_CA X509 '/CN=a"), "line 1 of its file has a quotation mark without its other");
    assert_eq!(refused("access_id_CA X509 '/CN=a'\nneg_rights globus CA:sign"), "line 2 of its file is not understood");
    let early = "access_id_CA X509 '/CN=a'\ncond_subjects globus '/*'";
    assert_eq!(refused(early), "line 2 of its file has conditions without the right CA:sign before them");
}

#[test]
fn stars_stand_for_any_text() {
    for (pattern, name, expected) in [
        ("/CN=a", "/CN=a", true),
        ("/CN=a", "/CN=ab", false),
        ("/CN=a*", "/CN=a", true),
        ("*", "", true),
        ("", "/", false),
        ("/C=*/CN=x*", "/C=DE/O=y/CN=xyz", true),
        ("/C=*/CN=x", "/C=DE/CN=xx/CN=x", true),
        ("/C=??/*", "/C=DE/O", true),
        ("/C=??/*", "/C=DEU/O", false),
        ("/cn=a", "/CN=a", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
}
