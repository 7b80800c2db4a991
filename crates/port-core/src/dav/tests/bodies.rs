use crate::dav::*;
use proptest::prelude::*;

fn prop(inside: &str) -> Result<Propfind, Refusal> {
    propfind(format!("<?xml version=\"1.0\"?><D:propfind xmlns:D=\"DAV:\">{inside}</D:propfind>").as_bytes())
}

#[test]
fn propfind_asks_in_three_ways() {
    assert_eq!(propfind(b" \r\n"), Ok(Propfind::All { include: vec![] }));
    assert_eq!(prop("<D:allprop/>"), Ok(Propfind::All { include: vec![] }));
    let include = vec![Name::new("DAV:", "quota-used-bytes")];
    assert_eq!(prop("<D:allprop/><D:include><D:quota-used-bytes/></D:include>"), Ok(Propfind::All { include }));
    assert_eq!(prop("<D:propname/>"), Ok(Propfind::Names));
    let names = vec![Name::new("DAV:", "getetag"), Name::new("urn:x", "a"), Name::new("", "b")];
    assert_eq!(
        prop("<!-- c --><unknown/><D:prop><D:getetag/><x:a xmlns:x='urn:x'>v</x:a><b/><b/></D:prop>"),
        Ok(Propfind::These(names))
    );
    for bad in ["", "<D:prop/><D:allprop/>", "<D:propname/><D:prop/>", "<prop/>"] {
        assert!(matches!(prop(bad), Err(Refusal::Meaning { .. })), "{bad}");
    }
    assert!(matches!(propfind(b"<propfind xmlns='urn:DAV'><allprop/></propfind>"), Err(Refusal::Meaning { .. })));
}

#[test]
fn names_follow_the_rules_of_namespaces() {
    assert_eq!(prop("<D:prop><b:c xmlns:b='u&amp;v'/></D:prop>"), Ok(Propfind::These(vec![Name::new("u&v", "c")])));
    for bad in [
        "<D:prop><b:c xmlns:b=''/></D:prop>",
        "<D:prop><b:c/></D:prop>",
        "<D:prop><a xmlns:xml='u'/></D:prop>",
        "<D:prop><a xmlns:xmlns='u'/></D:prop>",
        "<D:prop><a xmlns:b='http://www.w3.org/2000/xmlns/'/></D:prop>",
        "<D:prop><a:b:c xmlns:a='u'/></D:prop>",
        "<D:prop><:c/></D:prop>",
        "<D:prop><1/></D:prop>",
        "<D:prop><a x='1' x='2'/></D:prop>",
        "<D:prop><a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/></D:prop>",
    ] {
        assert!(matches!(prop(bad), Err(Refusal::Xml(_))), "{bad}");
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for bad in [
        &b"<D:propfind xmlns:D=\"DAV:\"><D:prop>"[..],
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>x",
        b"x",
        b"<a>\x01</a>",
        b"<a>&#1;</a>",
        b"<a>\xFF</a>",
        b"<?xml version=\"1.0\" encoding=\"latin1\"?><a/>",
        b"<a",
        b"<a b=c/>",
        b"<a><?xml version='1.0'?></a>",
    ] {
        assert!(matches!(propfind(bad), Err(Refusal::Xml(_))), "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn nothing_is_expanded() {
    let bomb = "<!DOCTYPE b [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><propfind xmlns='DAV:'><allprop/>&b;</propfind>";
    assert_eq!(propfind(bomb.as_bytes()), Err(Refusal::Entity));
    assert_eq!(prop("<D:allprop/>&b;"), Err(Refusal::Entity));
    assert_eq!(prop("<D:allprop a='&b;'/>"), Err(Refusal::Entity));
    assert_eq!(propfind(b"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), Err(Refusal::Entity));
}

#[test]
fn every_bound_is_kept() {
    let deep = format!("{}{}", "<a>".repeat(spec::MAX_DEPTH), "</a>".repeat(spec::MAX_DEPTH));
    assert!(matches!(prop(&deep), Err(Refusal::Bound(XmlBound::Depth))));
    assert!(matches!(prop(&"<a/>".repeat(spec::MAX_ELEMENTS)), Err(Refusal::Bound(XmlBound::Elements))));
    let attributes: String = (0..=spec::MAX_ATTRIBUTES).map(|at| format!(" a{at}=''")).collect();
    assert!(matches!(prop(&format!("<a{attributes}/>")), Err(Refusal::Bound(XmlBound::Attributes))));
    let long = "n".repeat(spec::MAX_NAME_BYTES + 1);
    assert!(matches!(prop(&format!("<{long}/>")), Err(Refusal::Bound(XmlBound::Name))));
    assert!(matches!(prop(&format!("<a xmlns='{long}'/>")), Err(Refusal::Bound(XmlBound::Name))));
    assert!(matches!(propfind(&vec![b'a'; spec::MAX_ASK_BYTES + 1]), Err(Refusal::LargeBody { .. })));
    let many: String = (0..=spec::MAX_ASKED_PROPERTIES).map(|at| format!("<a{at}/>")).collect();
    assert!(matches!(prop(&format!("<D:prop>{many}</D:prop>")), Err(Refusal::Meaning { .. })));
}

fn set(inside: &str) -> String {
    let body = format!("<D:propertyupdate xmlns:D='DAV:' xmlns:o='urn:o'>{inside}</D:propertyupdate>");
    match &propertyupdate(body.as_bytes()).unwrap()[..] {
        [PatchStep::Set { xml, .. }] => xml.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_stand_by_themselves() {
    let value = |property: &str| set(&format!("<D:set><D:prop>{property}</D:prop></D:set>"));
    assert_eq!(value("<o:a>1</o:a>"), "<o:a xmlns:o=\"urn:o\">1</o:a>");
    assert_eq!(value("<a xmlns='u'/>"), "<a xmlns=\"u\"/>");
    assert_eq!(value("<a/>"), "<a/>");
    assert_eq!(value("<a xmlns='u'><b xmlns=''/></a>"), "<a xmlns=\"u\"><b xmlns=\"\"/></a>");
    assert_eq!(
        value("<a>x <o:b y='&lt;&quot;'>&amp;</o:b> z</a>"),
        "<a>x <o:b xmlns:o=\"urn:o\" y=\"&lt;&#34;\">&amp;</o:b> z</a>"
    );
    assert_eq!(
        value("<a><o:b/><o:b o:c='1'/></a>"),
        "<a><o:b xmlns:o=\"urn:o\"/><o:b xmlns:o=\"urn:o\" o:c=\"1\"/></a>"
    );
    assert_eq!(value("<a>\u{10FFFF} &#x10348;<![CDATA[<b>]]></a>"), "<a>\u{10FFFF} \u{10348}&lt;b&gt;</a>");
    assert_eq!(value("<a xmlns:q='urn:q'>q:name</a>"), "<a xmlns:q=\"urn:q\">q:name</a>");
}

#[test]
fn language_is_inherited() {
    let body = "<D:set><D:prop xml:lang='de'><o:a/></D:prop></D:set>";
    assert_eq!(set(body), "<o:a xmlns:o=\"urn:o\" xml:lang=\"de\"/>");
    let body = "<D:set xml:lang='en'><D:prop><o:a xml:lang='fr'/></D:prop></D:set>";
    assert_eq!(set(body), "<o:a xmlns:o=\"urn:o\" xml:lang=\"fr\"/>");
}

#[test]
fn steps_keep_the_order_of_the_document() {
    let body = "<propertyupdate xmlns='DAV:'><set><prop><a xmlns='u'>1</a></prop></set><remove><prop><a xmlns='u'/></prop></remove>\
                <set><prop><a xmlns='u'>2</a><a xmlns='v'>3</a></prop></set></propertyupdate>";
    let steps = propertyupdate(body.as_bytes()).unwrap();
    assert_eq!(
        steps.iter().map(PatchStep::name).map(|name| &name.namespace[..]).collect::<Vec<_>>(),
        ["u", "u", "u", "v"]
    );
    assert!(matches!(steps[1], PatchStep::Remove { .. }));
    assert!(propertyupdate(b"").is_err());
    assert!(propertyupdate(b"<propertyupdate xmlns='DAV:'/>").is_err());
}

#[test]
fn values_are_bounded_as_they_are_stored() {
    let large = "x".repeat(spec::MAX_PROPERTY_BYTES);
    let body = format!("<propertyupdate xmlns='DAV:'><set><prop><a>{large}</a></prop></set></propertyupdate>");
    assert!(matches!(propertyupdate(body.as_bytes()), Err(Refusal::LargeProperty { .. })));
    let namespace = "n".repeat(1_000);
    let body = format!(
        "<D:propertyupdate xmlns:D='DAV:' xmlns:p='{namespace}'><D:set><D:prop>{}</D:prop></D:set></D:propertyupdate>",
        "<p:a/>".repeat(9_000)
    );
    assert!(matches!(propertyupdate(body.as_bytes()), Err(Refusal::LargeBody { .. })));
}

#[test]
fn lock_bodies() {
    let body = |scope: &str, owner: &str| {
        format!(
            "<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype>{owner}</D:lockinfo>"
        )
    };
    assert_eq!(lock_info(b""), Ok(None));
    let owner = "<D:owner>me <D:href>http://a/&amp;</D:href></D:owner>";
    let expected = LockInfo { shared: true, owner: "me <D:href xmlns:D=\"DAV:\">http://a/&amp;</D:href>".into() };
    assert_eq!(lock_info(body("shared", owner).as_bytes()), Ok(Some(expected)));
    assert_eq!(lock_info(body("exclusive", "").as_bytes()), Ok(Some(LockInfo { shared: false, owner: String::new() })));
    assert!(lock_info(body("read", "").as_bytes()).is_err());
    assert!(lock_info(b"<D:lockinfo xmlns:D='DAV:'/>").is_err());
}

#[test]
fn both_encodings_are_read() {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><propfind xmlns=\"DAV:\"><propname/></propfind>";
    let wide: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(propfind(&wide), Ok(Propfind::Names));
    let marked = [&b"\xEF\xBB\xBF"[..], b"<propfind xmlns=\"DAV:\"><propname/></propfind>"].concat();
    assert_eq!(propfind(&marked), Ok(Propfind::Names));
}

proptest! {
    /// Whatever is read can be stored, set into an answer, and read again as the same.
    #[test]
    fn values_survive_storing(inside in "(<a>|</a>|<b:c d='e'/>|x|&lt;|é| |<a xmlns='q' b:z='1'>|\\r|\\t){0,12}") {
        let body = format!("<propertyupdate xmlns='DAV:' xmlns:b='urn:b'><set><prop><v>{inside}</v></prop></set></propertyupdate>");
        if let Ok(steps) = propertyupdate(body.as_bytes()) {
            let PatchStep::Set { xml, .. } = &steps[0] else { panic!("a set") };
            let again = format!("<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop>{xml}</D:prop></D:set></D:propertyupdate>");
            prop_assert_eq!(propertyupdate(again.as_bytes()).unwrap(), steps);
        }
    }

    #[test]
    fn the_reader_of_bodies_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (propfind(&body), propertyupdate(&body), lock_info(&body));
    }
}
