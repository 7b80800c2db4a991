use super::*;

/// A refusal is shown to people, in words of the server.
#[test]
fn what_a_server_says_is_made_plain() {
    let body = serde_json::json!({ "detail": "no\u{1b}[2J\n", "next": "x".repeat(10_000) }).to_string().into_bytes();
    let problem = read(&Answer { status: StatusCode::SERVICE_UNAVAILABLE, body }).unwrap_err();
    assert_eq!((problem.detail.as_str(), problem.next.len()), ("no [2J ", 500));
}
