//! The octets of a control connection, both ways, so that waiting for one of them can be given up at any time.

use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::{sleep_until, timeout};

/// For the last words: an error, a good-bye.
const FAREWELL: Duration = Duration::from_secs(2);

/// Read at once.
const READ_BYTES: usize = 4096;

pub(super) struct Control<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    outgoing: Vec<u8>,
    closed: bool,
}

/// What was heard.
pub(super) enum Heard {
    Octets(Vec<u8>),
    Closed,
    /// Nothing, until then.
    Late,
}

impl<S: AsyncRead + AsyncWrite> Control<S> {
    pub(super) fn new(stream: S) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader, writer, outgoing: Vec::new(), closed: false }
    }

    /// Goes out while [`Control::hear`] is waited for.
    pub(super) fn say(&mut self, octets: &[u8]) {
        self.outgoing.extend(octets);
    }

    /// Waits for octets, for the end, or for this instant. Giving up waiting loses nothing.
    pub(super) async fn hear(&mut self, until: Option<Instant>) -> Heard {
        let mut octets = [0; READ_BYTES];
        loop {
            tokio::select! {
                biased;
                wrote = self.writer.write(&self.outgoing), if !self.outgoing.is_empty() => match wrote {
                    Ok(count) if count > 0 => drop(self.outgoing.drain(..count)),
                    _ => {
                        self.outgoing.clear();
                        return self.close();
                    }
                },
                read = self.reader.read(&mut octets), if !self.closed => return match read {
                    Ok(count) if count > 0 => Heard::Octets(octets[..count].to_vec()),
                    _ => self.close(),
                },
                () = at(until) => return Heard::Late,
            }
        }
    }

    fn close(&mut self) -> Heard {
        self.closed = true;
        Heard::Closed
    }

    /// Says what is left to say, and waits a little until the other side has closed: what is said must not be lost in a
    /// reset, and who still sends must not learn of the end from a closed stream first.
    pub(super) async fn farewell(mut self) {
        let last = async {
            let said = self.writer.write_all(&self.outgoing).await.is_ok() && self.writer.shutdown().await.is_ok();
            let mut octets = [0; READ_BYTES];
            while said && !self.closed {
                self.closed = !self.reader.read(&mut octets).await.is_ok_and(|count| count > 0);
            }
        };
        let _ = timeout(FAREWELL, last).await;
    }
}

/// Returns then, or never.
pub(super) async fn at(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
