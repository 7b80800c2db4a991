//! Frames (RFC 6455, section 5), without any socket: bytes in, happenings out.
//!
//! The payload of binary messages is counted and never kept or unmasked: who measures throughput throws it away.

/// Which end of a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Its frames are masked.
    Client,
    /// Its frames are not.
    Server,
}

/// What a peer may send at once; every bound is the memory that it costs, but for binary messages, which cost none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Largest binary message, bytes.
    pub binary_bytes_max: u64,
    /// Largest text message, bytes.
    pub text_bytes_max: usize,
}

/// What a peer did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// So many bytes of a binary message arrived.
    Data(usize),
    /// A binary message of so many bytes is complete.
    Binary(u64),
    /// A text message.
    Text(String),
    /// It wants these bytes back in a pong.
    Ping(Vec<u8>),
    /// It answered a ping, or says that it lives.
    Pong,
    /// It ends the conversation, perhaps with a code and a reason.
    Close(Option<(u16, String)>),
}

/// How a peer broke the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// Reserved bits or opcodes, lengths that are no lengths, fragments out of order.
    #[error("a WebSocket frame breaks the protocol: {0}")]
    Frame(&'static str),
    /// Text that is not UTF-8.
    #[error("a text message is not UTF-8")]
    Text,
    /// A message above the limit.
    #[error("a message is longer than {0} bytes")]
    TooLong(u64),
}

impl Violation {
    /// The code to close with (RFC 6455, section 7.4.1).
    pub fn code(self) -> u16 {
        match self {
            Self::Frame(_) => 1002,
            Self::Text => 1007,
            Self::TooLong(_) => 1009,
        }
    }
}

/// What a frame is (RFC 6455, section 11.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// Longest payload of a control frame (RFC 6455, section 5.5).
pub(crate) const CONTROL_BYTES: usize = 125;

/// Head with the longest length and a mask.
const HEAD_BYTES: usize = 14;

/// The head of an unfragmented frame; `mask` of a client.
pub(crate) fn head(opcode: Opcode, bytes: u64, mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.push(0x80 | opcode as u8);
    match bytes {
        0..=125 => head.push(masked | bytes as u8),
        126..=0xffff => {
            head.push(masked | 126);
            head.extend((bytes as u16).to_be_bytes());
        }
        _ => {
            head.push(masked | 127);
            head.extend(bytes.to_be_bytes());
        }
    }
    head.extend(mask.into_iter().flatten());
    head
}

/// Masks or unmasks (it is the same), from byte `at` of the payload on (RFC 6455, section 5.3).
pub(crate) fn mask(bytes: &mut [u8], key: [u8; 4], at: usize) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte ^= key[(at + index) % 4];
    }
}

/// Takes frames apart.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    /// Frames of the peer must be masked.
    masked: bool,
    head: [u8; HEAD_BYTES],
    head_len: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    control: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    last: bool,
    key: Option<[u8; 4]>,
    length: u64,
    taken: u64,
}

/// A message of which frames are still to come, or bytes.
#[derive(Debug)]
enum Message {
    Binary(u64),
    Text(Vec<u8>),
}

impl Reader {
    /// For one who speaks as `role`, and so hears the other.
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            limits,
            masked: role == Role::Server,
            head: [0; HEAD_BYTES],
            head_len: 0,
            frame: None,
            message: None,
            control: Vec::new(),
        }
    }

    /// Takes from the front of what came: says how many bytes it took and what they mean. Call it until it takes nothing
    /// and nothing happened; then it needs more bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Received>), Violation> {
        let mut taken = 0;
        if self.frame.is_none() {
            taken = self.take_head(bytes)?;
            if self.frame.is_none() {
                return Ok((taken, None));
            }
        }
        let (more, received) = self.take_payload(&bytes[taken..])?;
        Ok((taken + more, received))
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let mut taken = 0;
        loop {
            let want = head_bytes(&self.head[..self.head_len]);
            let more = (want - self.head_len).min(bytes.len() - taken);
            self.head[self.head_len..self.head_len + more].copy_from_slice(&bytes[taken..taken + more]);
            self.head_len += more;
            taken += more;
            if self.head_len < want {
                return Ok(taken);
            }
            if head_bytes(&self.head[..self.head_len]) == self.head_len {
                self.begin_frame()?;
                self.head_len = 0;
                return Ok(taken);
            }
        }
    }

    fn begin_frame(&mut self) -> Result<(), Violation> {
        let head = &self.head[..self.head_len];
        let (last, masked) = (head[0] & 0x80 != 0, head[1] & 0x80 != 0);
        if head[0] & 0x70 != 0 {
            return Err(Violation::Frame("a reserved bit is set"));
        }
        if masked != self.masked {
            return Err(Violation::Frame(if masked { "a server masks" } else { "a client does not mask" }));
        }
        let opcode = match head[0] & 0x0f {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err(Violation::Frame("the opcode is reserved")),
        };
        let length = length_of(head)?;
        let key =
            masked.then(|| [head[head.len() - 4], head[head.len() - 3], head[head.len() - 2], head[head.len() - 1]]);
        match (opcode, &self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {
                if !last || length > CONTROL_BYTES as u64 {
                    return Err(Violation::Frame("a control frame is long or in pieces"));
                }
                self.control.clear();
            }
            (Opcode::Continuation, None) => return Err(Violation::Frame("a continuation of nothing")),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(Violation::Frame("a message inside a message")),
            (Opcode::Text, None) => self.message = Some(Message::Text(Vec::new())),
            (Opcode::Binary, None) => self.message = Some(Message::Binary(0)),
            (Opcode::Continuation, Some(_)) => {}
        }
        if matches!(opcode, Opcode::Continuation | Opcode::Text | Opcode::Binary) {
            self.bound(length)?;
        }
        self.frame = Some(Frame { opcode, last, key, length, taken: 0 });
        Ok(())
    }

    /// Is there room for so many bytes more in the message?
    fn bound(&self, length: u64) -> Result<(), Violation> {
        let (have, most) = match &self.message {
            Some(Message::Binary(have)) => (*have, self.limits.binary_bytes_max),
            Some(Message::Text(have)) => (have.len() as u64, self.limits.text_bytes_max as u64),
            None => (0, 0),
        };
        if have.checked_add(length).is_none_or(|sum| sum > most) { Err(Violation::TooLong(most)) } else { Ok(()) }
    }

    fn take_payload(&mut self, bytes: &[u8]) -> Result<(usize, Option<Received>), Violation> {
        let Some(frame) = &mut self.frame else { return Ok((0, None)) };
        let count = usize::try_from(frame.length - frame.taken).unwrap_or(usize::MAX).min(bytes.len());
        let at = (frame.taken % 4) as usize;
        frame.taken += count as u64;
        let Frame { opcode, last, key, length, taken } = *frame;
        let ended = taken == length;
        let control = matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
        let kept = match &mut self.message {
            _ if control => Some(&mut self.control),
            Some(Message::Text(text)) => Some(text),
            Some(Message::Binary(sum)) => {
                *sum += count as u64;
                None
            }
            None => None,
        };
        if let Some(kept) = kept {
            let begin = kept.len();
            kept.extend_from_slice(&bytes[..count]);
            if let Some(key) = key {
                mask(&mut kept[begin..], key, at);
            }
        } else if count > 0 {
            // The end of a message is told by the next call, which takes nothing.
            if ended && !last {
                self.frame = None;
            }
            return Ok((count, Some(Received::Data(count))));
        }
        if !ended {
            return Ok((count, None));
        }
        self.frame = None;
        if control {
            return Ok((count, Some(self.end_control(opcode)?)));
        }
        Ok((count, if last { self.end_message()? } else { None }))
    }

    fn end_message(&mut self) -> Result<Option<Received>, Violation> {
        match self.message.take() {
            Some(Message::Binary(bytes)) => Ok(Some(Received::Binary(bytes))),
            Some(Message::Text(text)) => {
                String::from_utf8(text).map(Received::Text).map(Some).map_err(|_| Violation::Text)
            }
            None => Ok(None),
        }
    }

    fn end_control(&mut self, opcode: Opcode) -> Result<Received, Violation> {
        let payload = std::mem::take(&mut self.control);
        match opcode {
            Opcode::Ping => Ok(Received::Ping(payload)),
            Opcode::Close => match payload.split_at_checked(2) {
                None if payload.is_empty() => Ok(Received::Close(None)),
                None => Err(Violation::Frame("half a code of closing")),
                Some((code, reason)) => {
                    let reason = String::from_utf8(reason.to_vec()).map_err(|_| Violation::Text)?;
                    Ok(Received::Close(Some((u16::from_be_bytes([code[0], code[1]]), reason))))
                }
            },
            _ => Ok(Received::Pong),
        }
    }
}

/// How long the head is that begins so: more when more is known.
fn head_bytes(head: &[u8]) -> usize {
    let Some(second) = head.get(1) else { return 2 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 != 0 { 4 } else { 0 }
}

fn length_of(head: &[u8]) -> Result<u64, Violation> {
    let (length, least) = match head[1] & 0x7f {
        126 => (u64::from(u16::from_be_bytes([head[2], head[3]])), 126),
        127 => {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[2..10]);
            (u64::from_be_bytes(bytes), 0x1_0000)
        }
        short => (u64::from(short), 0),
    };
    if length < least || length >> 63 != 0 {
        return Err(Violation::Frame("a length is not written in the shortest form"));
    }
    Ok(length)
}
