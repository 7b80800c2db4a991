//! TLS over a blocking socket, for a thread that moves bulk in one direction and has nothing else to do.

use rustls::Connection;
use std::io::{self, BufRead as _, Read, Write};
use std::net::TcpStream;

/// Bytes that are read from the socket at once: what 16 records take, and a little.
const READ_BYTES: usize = 260 << 10;

/// A TLS session taken from its socket, for a thread that reads and writes both by itself.
#[derive(Debug)]
pub struct TlsSession {
    session: Connection,
    /// What came from the socket and the session has not seen: before anything that the socket still gives.
    received: Vec<u8>,
}

impl TlsSession {
    pub(crate) fn new(session: Connection, received: Vec<u8>) -> Self {
        Self { session, received }
    }

    /// Put over its socket again, which must be blocking.
    pub fn over(self, stream: TcpStream) -> BlockingTls {
        let end = self.received.len();
        let mut buffer = self.received;
        buffer.resize(READ_BYTES.max(end), 0);
        BlockingTls { session: self.session, stream, ahead: Ahead { buffer, start: 0, end } }
    }
}

/// A TLS connection that one thread reads and writes.
#[derive(Debug)]
pub struct BlockingTls {
    session: Connection,
    stream: TcpStream,
    ahead: Ahead,
}

/// What the socket gave and the session has not taken yet.
#[derive(Debug)]
struct Ahead {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Read for Ahead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.end - self.start);
        into[..count].copy_from_slice(&self.buffer[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}

impl BlockingTls {
    /// Says that nothing more comes. The socket is left as it is.
    pub fn close(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.flush()
    }

    /// Taken from its socket again.
    pub fn into_session(self) -> TlsSession {
        let Ahead { buffer, start, end } = self.ahead;
        TlsSession::new(self.session, buffer[start..end].to_vec())
    }

    /// Gives the session something to think about; false at the end of the connection.
    fn feed(&mut self) -> io::Result<bool> {
        if self.ahead.start == self.ahead.end {
            (self.ahead.start, self.ahead.end) = (0, 0);
            self.ahead.end = self.stream.read(&mut self.ahead.buffer)?;
        }
        let some = self.session.read_tls(&mut self.ahead)? > 0;
        self.session.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(some)
    }
}

impl Read for BlockingTls {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut taken = 0;
        loop {
            match self.session.reader().fill_buf() {
                Ok([]) => return Ok(taken),
                Ok(plain) => {
                    let count = plain.len().min(into.len() - taken);
                    into[taken..taken + count].copy_from_slice(&plain[..count]);
                    self.session.reader().consume(count);
                    taken += count;
                    if taken == into.len() {
                        return Ok(taken);
                    }
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if taken > 0 && self.ahead.start == self.ahead.end {
                return Ok(taken);
            }
            self.flush()?;
            // The end without a word is told by the next look.
            self.feed()?;
        }
    }
}

impl Write for BlockingTls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.session.writer().write(bytes)?;
        self.flush()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.stream)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}
