//! What a room must never do: clocks, files, sockets and chance in the cores; sockets anywhere but in `net`.

use super::Finding;
use super::source::Source;

/// Rooms that think only (ARCHITECTURE.md, "Thinking and acting are apart").
const CORES: [&str; 3] = ["crates/terms", "crates/policy", "crates/port-core"];

/// Words that no core may hold, and what to do instead.
const IN_CORES: &[(&str, &str)] = &[
    ("Instant::now", "take 'now' as an argument"),
    ("SystemTime::now", "take 'now' as an argument"),
    ("Timestamp::now", "take 'now' as an argument"),
    ("Zoned::now", "take 'now' as an argument"),
    ("now_v7", "take the identifier as an argument"),
    ("new_v4", "take the identifier as an argument"),
    ("std::net", "addresses as values are in core::net; sockets belong to net"),
    ("std::fs", "files belong to the acting crate"),
    ("std::env", "settings come in as values"),
    ("std::process", "other programs belong to the acting crate"),
    ("std::thread", "threads belong to the acting crate"),
    ("tokio", "tasks belong to the acting crate"),
    ("async fn", "tasks belong to the acting crate"),
    ("ring::rand", "random bytes come in as values"),
    ("rand::", "random bytes come in as values"),
];

/// How a socket comes into being. The database driver opens its own and is not ours.
const SOCKETS: [&str; 9] = [
    "TcpListener::bind",
    "TcpStream::connect",
    "UdpSocket::bind",
    "UnixListener::bind",
    "UnixStream::connect",
    "UnixDatagram::bind",
    "TcpSocket::new",
    "Socket::new",
    "lookup_host(",
];

/// Rooms outside the product, which play its users and peers.
const OUTSIDE: [&str; 3] = ["xtask", "bench", "interop"];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let folder = source.folder();
        let core = CORES.contains(&folder);
        let may_open = folder == "crates/net" || OUTSIDE.contains(&folder);
        for (number, line) in source.shipped() {
            if core {
                for (word, instead) in IN_CORES.iter().filter(|(word, _)| has_word(line, word)) {
                    findings.push(Finding::at(&source.path, number, format!("'{word}' in a core: {instead}")));
                }
            }
            if !may_open {
                for word in SOCKETS.iter().filter(|word| has_word(line, word)) {
                    findings.push(Finding::at(&source.path, number, format!("'{word}': only net opens a socket")));
                }
            }
        }
    }
    findings
}

/// Whether the line has this text and not as the end of a longer word (`operand::` is not `rand::`).
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| line[..at].chars().next_back().is_none_or(|before| !(before.is_alphanumeric() || before == '_')))
}
