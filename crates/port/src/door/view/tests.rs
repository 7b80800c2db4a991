//! What is seen through the address of a share.

use super::*;
use terms::{Blame, Retry};

fn path(text: &str) -> LogicalPath {
    text.parse().unwrap()
}

#[test]
fn addresses_lead_there_and_back_and_to_nothing_else() {
    let view = View::of(path("/survey/dr 1"), "/s/x".to_owned());
    let table = [("/survey/dr 1", "/s/x/dr%201"), ("/survey/dr 1/a/ä", "/s/x/dr%201/a/%C3%A4")];
    for (inside, href) in table {
        assert_eq!(view.href(&path(inside)), href);
        assert_eq!(view.path_of(href), Some(path(inside)));
        assert_eq!(view.path_of(&format!("{href}/")), Some(path(inside)));
    }
    assert_eq!(view.shown(&path("/survey/dr 1/a")), path("/dr 1/a"));
    for outside in ["/survey", "/", "/survey/dr 10", "/other"] {
        assert_eq!(view.href(&path(outside)), "/s/x", "{outside}");
    }
    for outside in
        ["/s/x", "/s/x/", "/s/x/dr%2010", "/s/xdr%201", "/s/y/dr%201", "/data/survey/dr%201", "/s/x/dr%201/%2F"]
    {
        assert_eq!(view.path_of(outside), None, "{outside}");
    }
    assert_eq!(view.home_name(), "dr 1");
}

#[test]
fn the_root_has_no_name_of_its_own() {
    let view = View::of(LogicalPath::root(), "/s/x".to_owned());
    assert_eq!((view.href(&path("/")), view.href(&path("/a"))), ("/s/x".to_owned(), "/s/x/a".to_owned()));
    assert_eq!((view.path_of("/s/x"), view.path_of("/s/x/a")), (Some(path("/")), Some(path("/a"))));
    assert_eq!(view.home_name(), "shared");
    let whole = View::whole();
    assert_eq!((whole.href(&path("/a b")), whole.path_of("/data")), ("/data/a%20b".to_owned(), Some(path("/"))));
    assert_eq!(whole.home_name(), "data");
}

#[test]
fn problems_name_nothing_above() {
    let view = View::of(path("/survey/secret/dr1"), "/s/x".to_owned());
    let told = |detail: &str| {
        let problem = Problem {
            status: 404,
            kind: "k",
            title: "t",
            detail: detail.to_owned(),
            blame: Blame::Caller,
            retry: Retry::Never,
            next: detail.to_owned(),
        };
        let told = view.conceal(problem);
        assert_eq!(told.next, told.detail);
        told.detail
    };
    assert_eq!(told("There is no file or folder /survey/secret/dr1/x."), "There is no file or folder /dr1/x.");
    assert_eq!(told("'/survey/secret/dr1': no"), "'/dr1': no");
    assert_eq!(told("A lock on /survey/secret is in the way."), "A lock on / is in the way.");
    assert_eq!(told("/survey/secret/dr1, /survey/secret."), "/dr1, /.");
    for other in ["/survey/secrets/dr1", "/my/survey/secret/x", "nothing"] {
        assert_eq!(told(other), other);
    }
}
