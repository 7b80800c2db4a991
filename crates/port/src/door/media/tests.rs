use super::is_harmless;

#[test]
fn harmless_is_what_every_browser_reads_as_harmless() {
    for kind in ["text/plain; charset=utf-8", "image/png", "IMAGE/JPEG", "application/fits", "video/mp4"] {
        assert!(is_harmless(kind), "{kind}");
    }
    let active =
        ["text/html", "image/svg+xml", "image/SVG+XML", "Image/Svg+Xml; a=b", "image/unheard-of", "", "image/"];
    // Of a list, browsers take the last.
    let lists = ["image/png,text/html", "text/plain;a,text/html", "text/plain; charset=\"x\",text/html;charset=utf-8"];
    for kind in active.into_iter().chain(lists) {
        assert!(!is_harmless(kind), "{kind}");
    }
}
