use super::*;
use std::task::Waker;
use tokio::io::duplex;

const LIMITS: Limits = Limits { binary_bytes_max: 1 << 24, text_bytes_max: 1 << 10 };

/// All that a server hears of these bytes, given in pieces of this size.
fn hear(role: Role, bytes: &[u8], piece: usize) -> Result<Vec<Received>, Violation> {
    let mut reader = Reader::new(role, LIMITS);
    let mut heard = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut rest = piece;
        loop {
            let (taken, received) = reader.take(rest)?;
            rest = &rest[taken..];
            let nothing = received.is_none();
            heard.extend(received);
            if nothing && taken == 0 {
                break;
            }
        }
    }
    Ok(heard)
}

fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = head(opcode, payload.len() as u64, Some(key));
    let begin = bytes.len();
    bytes.extend_from_slice(payload);
    mask(&mut bytes[begin..], key, 0);
    bytes
}

/// RFC 6455, section 5.7, to the byte.
#[test]
fn examples_of_the_document() {
    let single = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let hello = || Received::Text("Hello".to_owned());
    assert_eq!(hear(Role::Client, &single, 99), Ok(vec![hello()]));
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(hear(Role::Server, &masked, 99), Ok(vec![hello()]));
    let pieces = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    for size in 1..10 {
        assert_eq!(hear(Role::Client, &pieces, size), Ok(vec![hello()]));
    }
    let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(hear(Role::Client, &ping, 3), Ok(vec![Received::Ping(b"Hello".to_vec())]));
    assert_eq!(head(Opcode::Binary, 256, None), [0x82, 0x7e, 0x01, 0x00]);
    assert_eq!(head(Opcode::Binary, 65_536, None), [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
}

/// The word of section 1.3.
#[test]
fn the_accepting_word() {
    assert_eq!(handshake::accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/// Binary messages are counted as they come, whole and in fragments, with control frames between the fragments.
#[test]
fn binary_is_counted() {
    let mut bytes = masked(Opcode::Binary, &[7; 70_000]);
    let mut first = masked(Opcode::Binary, &[1; 1000]);
    first[0] &= 0x7f;
    bytes.extend(first);
    bytes.extend(masked(Opcode::Ping, b"x"));
    bytes.extend(masked(Opcode::Continuation, &[2; 500]));
    bytes.extend(masked(Opcode::Binary, &[]));
    for piece in [1, 13, 4096, 1 << 20] {
        let heard = hear(Role::Server, &bytes, piece).unwrap();
        let data: usize = heard.iter().map(|one| if let Received::Data(bytes) = one { *bytes } else { 0 }).sum();
        assert_eq!(data, 71_500);
        let rest: Vec<_> = heard.into_iter().filter(|one| !matches!(one, Received::Data(_))).collect();
        let expected =
            [Received::Binary(70_000), Received::Ping(b"x".to_vec()), Received::Binary(1500), Received::Binary(0)];
        assert_eq!(rest, expected);
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let code = |role, bytes: &[u8]| hear(role, bytes, 7).unwrap_err().code();
    assert_eq!(code(Role::Server, &[0x82, 0x01, 0]), 1002, "unmasked from a client");
    assert_eq!(code(Role::Client, &masked(Opcode::Binary, b"x")), 1002, "masked from a server");
    assert_eq!(code(Role::Client, &[0xc2, 0x01, 0]), 1002, "a reserved bit");
    assert_eq!(code(Role::Client, &[0x83, 0x01, 0]), 1002, "a reserved opcode");
    assert_eq!(code(Role::Client, &[0x80, 0x01, 0]), 1002, "a continuation of nothing");
    assert_eq!(code(Role::Client, &[0x02, 0x01, 0, 0x82, 0x01, 0]), 1002, "a message inside a message");
    assert_eq!(code(Role::Client, &[0x09, 0x01, 0]), 1002, "a ping in pieces");
    assert_eq!(code(Role::Client, &[0x89, 0x7e, 0, 126]), 1002, "a long ping");
    assert_eq!(code(Role::Client, &[0x82, 0x7e, 0, 125]), 1002, "a length that is too long-winded");
    assert_eq!(code(Role::Client, &[0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0]), 1002, "a negative length");
    assert_eq!(code(Role::Client, &[0x88, 0x01, 0]), 1002, "half a code");
    assert_eq!(code(Role::Client, &[0x81, 0x02, 0xc3, 0x28]), 1007, "no UTF-8");
    assert_eq!(code(Role::Client, &[0x82, 0x7f, 0, 0, 0, 0, 1, 0, 0, 1]), 1009, "2^24 + 1 octets");
    assert_eq!(code(Role::Client, &[0x81, 0x7e, 0x04, 0x01]), 1009, "a long text");
    let mut pieces = head(Opcode::Binary, 1 << 24, None);
    pieces[0] &= 0x7f;
    pieces.extend(vec![0; 1 << 24]);
    pieces.extend([0x80, 0x01, 0]);
    assert_eq!(hear(Role::Client, &pieces, 1 << 20).unwrap_err().code(), 1009, "one octet too many in the last piece");
}

/// Both ends over a pipe: texts, random bytes and the end, each as it was sent.
#[tokio::test]
async fn a_conversation() {
    let (ours, theirs) = duplex(1 << 12);
    let mut client = WebSocket::new(ours, Role::Client, LIMITS);
    let mut server = WebSocket::new(theirs, Role::Server, LIMITS);
    let talk = async move {
        client.queue_text("from here");
        client.queue_random(Bytes::from(vec![5; 100_000]));
        client.queue_close(1000, "done");
        std::future::poll_fn(|cx| client.poll_send(cx)).await.unwrap();
        assert!(client.is_idle());
        client
    };
    let listen = async move {
        let mut heard = Vec::new();
        loop {
            let received = std::future::poll_fn(|cx| server.poll_receive(cx)).await.unwrap().unwrap();
            let last = matches!(received, Received::Close(_));
            if !matches!(received, Received::Data(_)) {
                heard.push(received);
            }
            if last {
                return heard;
            }
        }
    };
    let (_client, heard) = tokio::join!(talk, listen);
    let close = Received::Close(Some((1000, "done".to_owned())));
    assert_eq!(heard, [Received::Text("from here".to_owned()), Received::Binary(100_000), close]);
}

/// A ping is answered with its own bytes; who waits for more holds no buffer.
#[tokio::test]
async fn a_ping_is_answered() {
    let (mut ours, theirs) = duplex(1 << 12);
    let mut server = WebSocket::new(theirs, Role::Server, LIMITS);
    tokio::io::AsyncWriteExt::write_all(&mut ours, &masked(Opcode::Ping, b"echo")).await.unwrap();
    let received = std::future::poll_fn(|cx| server.poll_receive(cx)).await.unwrap();
    assert_eq!(received, Some(Received::Ping(b"echo".to_vec())));
    assert!(server.poll_receive(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(server.input.is_none());
    std::future::poll_fn(|cx| server.poll_send(cx)).await.unwrap();
    let mut answer = [0; 6];
    tokio::io::AsyncReadExt::read_exact(&mut ours, &mut answer).await.unwrap();
    assert_eq!(&answer, b"\x8a\x04echo");
}

/// Who pings without end and takes no answer makes us keep few of them, and none behind the end.
#[tokio::test]
async fn pings_cost_no_memory() {
    let (ours, mut theirs) = duplex(1 << 20);
    let mut socket = WebSocket::new(ours, Role::Server, LIMITS);
    let mut cx = Context::from_waker(Waker::noop());
    for ended in [false, true] {
        if ended {
            socket.output.clear();
            socket.queue_close(1000, "");
        }
        for _ in 0..1000 {
            tokio::io::AsyncWriteExt::write_all(&mut theirs, &masked(Opcode::Ping, b"x")).await.unwrap();
        }
        let mut heard = 0;
        while let Poll::Ready(Ok(Some(received))) = socket.poll_receive(&mut cx) {
            assert_eq!(received, Received::Ping(b"x".to_vec()));
            heard += 1;
        }
        assert_eq!(heard, 1000);
        assert_eq!(socket.output.len(), if ended { 2 } else { QUEUED_WITH_PONGS_MAX });
    }
}
