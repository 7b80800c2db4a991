//! The control connection: messages in and out.

use net::Connection;
use soundings_core::throughput::wire::{self, Message};
use std::io;
use std::time::Duration;
use terms::{Blame, Problem, Retry};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Messages that were read and not handled yet; a peer that sends more waits.
const AHEAD: usize = 16;

/// A message is small: who does not take it for so long takes nothing any more.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// Both directions. Dropping it closes the connection.
pub(super) struct Control {
    writer: WriteHalf<Connection>,
    messages: mpsc::Receiver<Result<Message, Problem>>,
    reader: AbortHandle,
}

impl Control {
    pub(super) fn new(connection: Connection) -> Self {
        let (reader, writer) = tokio::io::split(connection);
        let (tell, messages) = mpsc::channel(AHEAD);
        let reader = tokio::spawn(read(reader, tell)).abort_handle();
        Self { writer, messages, reader }
    }

    /// The next message. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> Result<Message, Problem> {
        self.messages.recv().await.unwrap_or_else(|| Err(gone(&io::ErrorKind::UnexpectedEof.into())))
    }

    /// Sends one. Not to be dropped midway.
    pub(super) async fn send(&mut self, message: &Message) -> Result<(), Problem> {
        let bytes = wire::encode(message).map_err(|error| ours(&error))?;
        let write = async {
            self.writer.write_all(&bytes).await?;
            self.writer.flush().await
        };
        match tokio::time::timeout(WRITE_LIMIT, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(gone(&error)),
            Err(_) => Err(gone(&io::ErrorKind::TimedOut.into())),
        }
    }

    /// Says the last word, and closes.
    pub(super) async fn close(mut self) {
        // It is over either way.
        let _ = tokio::time::timeout(WRITE_LIMIT, self.writer.shutdown()).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(mut reader: ReadHalf<Connection>, tell: mpsc::Sender<Result<Message, Problem>>) {
    loop {
        let read = read_one(&mut reader).await;
        let broken = read.is_err();
        if tell.send(read).await.is_err() || broken {
            return;
        }
    }
}

async fn read_one(reader: &mut ReadHalf<Connection>) -> Result<Message, Problem> {
    let mut head = [0; 4];
    reader.read_exact(&mut head).await.map_err(|error| gone(&error))?;
    let len = wire::length(head).map_err(|error| garbled(&error))?;
    let mut body = vec![0; len];
    reader.read_exact(&mut body).await.map_err(|error| gone(&error))?;
    wire::decode(&body).map_err(|error| garbled(&error))
}

fn gone(error: &io::Error) -> Problem {
    let how = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
        io::ErrorKind::TimedOut => "it takes nothing any more".to_owned(),
        _ => error.to_string(),
    };
    Problem {
        status: 502,
        kind: "peer-gone",
        title: "the other host is gone",
        detail: format!("The control connection ended before the test did: {how}."),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "See if a responder of Portolan runs there, and try again.".to_owned(),
    }
}

fn garbled(error: &wire::WireError) -> Problem {
    Problem {
        status: 400,
        kind: "protocol",
        title: "the other host does not keep to the protocol",
        detail: format!("{error}."),
        blame: Blame::Peer,
        retry: Retry::Never,
        next: "Check that both ends are Portolan, and of versions that go together.".to_owned(),
    }
}

fn ours(error: &wire::WireError) -> Problem {
    Problem {
        status: 500,
        kind: "protocol",
        title: "a message of ours does not fit",
        detail: format!("{error}."),
        blame: Blame::Us,
        retry: Retry::Never,
        next: "Please report this.".to_owned(),
    }
}
