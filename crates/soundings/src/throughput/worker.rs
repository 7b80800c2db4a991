//! The hot loops: one thread for each stream, at a blocking socket.

use super::counters::{Book, Counters};
use super::disk::{Fill, Place, Sink, Source};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where bytes of a stream come from or go to at this end.
pub(super) enum Store {
    /// The same block again and again, or nowhere.
    Memory,
    /// A disk that is read.
    Read(Place),
    /// A disk that is written.
    Write(Place),
}

/// The connection of a stream.
pub(super) enum Wire {
    Plain(Arc<TcpStream>),
    Tls(Box<net::BlockingTls>, Arc<TcpStream>),
}

impl Wire {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => (&**stream).write_all(bytes),
            Self::Tls(tls, _) => tls.write_all(bytes),
        }
    }

    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => (&**stream).read(into),
            Self::Tls(tls, _) => tls.read(into),
        }
    }

    /// Says that nothing more comes.
    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown(Shutdown::Write),
            Self::Tls(tls, stream) => {
                tls.close()?;
                stream.shutdown(Shutdown::Write)
            }
        }
    }
}

/// The moment at which senders begin.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<Door>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Door {
    #[default]
    Shut,
    Open,
    /// It will never open.
    Walled,
}

impl Gate {
    pub(super) fn open(&self) {
        self.set(Door::Open);
    }

    /// Sends those who wait home; once open it stays open.
    pub(super) fn wall(&self) {
        self.set(Door::Walled);
    }

    fn set(&self, door: Door) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == Door::Shut {
            *state = door;
        }
        self.changed.notify_all();
    }

    /// Waits; true when it opened.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while *state == Door::Shut {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state == Door::Open
    }
}

/// What all threads of one end share.
pub(super) struct Common {
    pub(super) gate: Gate,
    /// Senders end after the block that they are at.
    pub(super) stop: AtomicBool,
    /// When this end began.
    pub(super) origin: Instant,
    pub(super) block_bytes: usize,
}

/// A rate kept by sleeping: what the kernel's pacing does not bound, or not everywhere.
pub(super) struct Bucket {
    bytes_per_second: f64,
    since: Option<Instant>,
}

/// How far a sender may be ahead of its rate before it sleeps: shorter sleeps are not kept by kernels.
const AHEAD: Duration = Duration::from_millis(2);

impl Bucket {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1) as f64, since: None }
    }

    /// How much may be given at once, so that nothing comes in lumps longer than 5 ms.
    pub(super) fn block(bytes_per_second: u64, block_bytes: usize) -> usize {
        block_bytes.min(usize::try_from(bytes_per_second / 200).unwrap_or(usize::MAX)).max(1 << 10)
    }

    /// Sleeps until so many bytes fit. Did it sleep?
    fn wait(&mut self, bytes: u64, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let due = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let Some(early) = due.checked_sub(now - since).filter(|early| *early > AHEAD) else { return false };
        std::thread::sleep(early);
        true
    }
}

/// Sends until it is told to stop, or all is sent.
pub(super) fn send(
    wire: &mut Wire,
    store: Store,
    common: &Common,
    counters: &Arc<Counters>,
    bytes_max: Option<u64>,
    mut bucket: Option<Bucket>,
) {
    if !common.gate.wait() {
        return;
    }
    let fill = match store {
        Store::Read(place) => {
            Source::start(place, Arc::clone(counters)).map(|disk| Fill::Disk(disk, common.block_bytes))
        }
        _ => Ok(Fill::memory(common.block_bytes)),
    };
    let mut fill = match fill {
        Ok(fill) => fill,
        Err(error) => return counters.fail(format!("no thread for the disk: {error}")),
    };
    let mut book = Book::new(counters, common.origin);
    let outcome: Result<(), String> = loop {
        if common.stop.load(Relaxed) || bytes_max.is_some_and(|max| book.bytes() >= max) {
            break Ok(());
        }
        if let Some(bucket) = &mut bucket
            && bucket.wait(book.bytes(), book.now())
        {
            book.idled();
        }
        let block = match fill.next(&mut book) {
            Ok(block) => block,
            Err(why) => break Err(why),
        };
        let left = bytes_max.map_or(u64::MAX, |max| max - book.bytes());
        let block = &block[..block.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        if let Err(error) = wire.send(block) {
            break if common.stop.load(Relaxed) { Ok(()) } else { Err(format!("sending failed: {error}")) };
        }
        book.moved(block.len());
    };
    if let Err(why) = outcome {
        counters.fail(why);
    }
    // Who has cut us hears nothing more.
    let _ = wire.finish();
}

/// Receives until the sender says that it is done.
pub(super) fn receive(wire: &mut Wire, store: Store, common: &Common, counters: &Arc<Counters>) {
    let mut memory = Vec::new();
    let mut sink = match store {
        Store::Write(place) => match Sink::start(place, Arc::clone(counters)) {
            Ok(sink) => Some(sink),
            Err(error) => return counters.fail(format!("no thread for the disk: {error}")),
        },
        _ => {
            memory = vec![0; common.block_bytes];
            None
        }
    };
    let mut book = Book::new(counters, common.origin);
    let outcome: Result<(), String> = loop {
        let received = match &mut sink {
            None => wire.receive(&mut memory),
            Some(sink) => {
                let room = match sink.room(&mut book) {
                    Ok(room) => room,
                    Err(why) => break Err(why),
                };
                wire.receive(room)
            }
        };
        match received {
            Ok(0) => break Ok(()),
            Ok(count) => {
                book.moved(count);
                if let Some(sink) = &mut sink
                    && let Err(why) = sink.took(count)
                {
                    break Err(why);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if common.stop.load(Relaxed) => break Ok(()),
            Err(error) => break Err(format!("receiving failed: {error}")),
        }
    };
    let written = sink.map_or(Ok(()), |sink| sink.finish(&mut book));
    if let Err(why) = outcome.and(written) {
        counters.fail(why);
    }
}
