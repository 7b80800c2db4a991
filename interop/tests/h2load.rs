//! h2load: many requests at once on few HTTP/2 connections.

use interop::{Port, Run, needs};

#[test]
fn many_streams_on_few_connections_are_all_answered() {
    if !needs(&[("h2load", "nghttp2-client")]) {
        return;
    }
    let port = Port::start();
    std::fs::write(port.store().join("f"), interop::tree::bytes(1, 4096)).unwrap();
    let h2load = Run::new("h2load")
        .args(["-n", "3000", "-c", "3", "-m", "100", "-H", &port.bearer(), &port.url("/data/f")])
        .succeed();
    let text = h2load.text();
    assert!(text.contains("Application protocol: h2"), "{h2load}");
    assert!(text.contains("3000 succeeded, 0 failed, 0 errored"), "{h2load}");
    assert!(text.contains("status codes: 3000 2xx"), "{h2load}");
}
