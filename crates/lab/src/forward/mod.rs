//! One direction of a link: a thread that takes packets from the device at its near end, asks [`Impairment`] when each
//! arrives, keeps it until then, and hands it to the device at the far end.
//!
//! Packets come as trains: many segments of one flow with one header. A train stays whole as long as the same happens to
//! all of its segments; where it does not, it is cut at that place, and what is delivered together is joined again. So the
//! work is counted in trains, while every segment has its own fate.

mod checksum;
mod counters;
mod packet;
mod priority;
mod schedule;

pub(crate) use counters::Counters;
pub use counters::{Carried, Dropped};

use crate::impair::{Direction, Fate, Impairment, Train};
use crate::tun::{READ_MAX_BYTES, Tun};
use counters::{add, raise};
use packet::Layout;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use schedule::{Packet, Piece, Schedule};
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most octets that are on their way in one direction: 10 Gbit/s for 0.8 s. It is memory of this program.
const HELD_MAX_BYTES: u64 = 1 << 30;

/// A packet up to this length is copied out of the buffer that it was read into, which is then used again.
const COPIED_MAX_BYTES: usize = 16 * 1024;

/// Buffers that are kept for use again, each of 64 KiB.
const SPARE_BUFFERS: usize = 4096;

/// Reads in a row before what is due is looked at again.
const READS_IN_A_ROW: usize = 8;

/// What a direction is told while it runs.
#[derive(Debug)]
pub(crate) struct Orders {
    news: AtomicBool,
    told: Mutex<Told>,
    bell: OwnedFd,
}

#[derive(Debug, Default)]
struct Told {
    direction: Option<Direction>,
    end: bool,
}

impl Orders {
    fn new() -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { news: AtomicBool::new(false), told: Mutex::default(), bell })
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.store(true, Ordering::Release);
        // It can only fail when it rings already.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn hear(&self) -> Option<Told> {
        self.news.swap(false, Ordering::Acquire).then(|| {
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
            std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

/// A running direction. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Forwarder {
    orders: Arc<Orders>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// Begins to carry packets from one device to the other.
    pub(crate) fn start(
        name: &str,
        from: Arc<Tun>,
        to: Arc<Tun>,
        direction: &Direction,
        seed: u64,
    ) -> io::Result<Self> {
        let orders = Arc::new(Orders::new()?);
        let counters = Arc::new(Counters::default());
        let direction = direction.clone();
        let (its_orders, its_counters) = (orders.clone(), counters.clone());
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            priority::raise();
            let impairment = Impairment::new(&direction, seed);
            Way::new(from, to, impairment, its_counters).run(&its_orders);
        })?;
        Ok(Self { orders, counters, thread: Some(thread) })
    }

    /// From now on the direction is like that.
    pub(crate) fn change(&self, direction: &Direction) {
        let direction = direction.clone();
        self.orders.tell(|told| told.direction = Some(direction));
    }

    /// What it has carried.
    pub(crate) fn carried(&self) -> Carried {
        self.counters.read()
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.orders.tell(|told| told.end = true);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so on stderr.
            let _ = thread.join();
        }
    }
}

/// The state of the thread.
struct Way {
    from: Arc<Tun>,
    to: Arc<Tun>,
    impairment: Impairment,
    counters: Arc<Counters>,
    began: Instant,
    on_its_way: Schedule,
    held_bytes: u64,
    buffer: Vec<u8>,
    spare: Vec<Vec<u8>>,
}

impl Way {
    fn new(from: Arc<Tun>, to: Arc<Tun>, impairment: Impairment, counters: Arc<Counters>) -> Self {
        Self {
            from,
            to,
            impairment,
            counters,
            began: Instant::now(),
            on_its_way: Schedule::default(),
            held_bytes: 0,
            buffer: vec![0; READ_MAX_BYTES],
            spare: Vec::new(),
        }
    }

    fn run(mut self, orders: &Orders) {
        loop {
            if let Some(told) = orders.hear() {
                if told.end {
                    return;
                }
                if let Some(direction) = told.direction {
                    self.impairment.change(&direction);
                }
            }
            self.deliver_due();
            match self.take_some() {
                Ok(true) => {}
                Ok(false) => self.wait(orders),
                // The device is gone or down: what is on its way still arrives.
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Sleeps until a packet comes, the next one is due, or there are orders.
    fn wait(&self, orders: &Orders) {
        let timeout = match self.on_its_way.next_at() {
            None => None,
            Some(at) => match at.checked_sub(self.now()) {
                None | Some(Duration::ZERO) => return,
                Some(left) => Some(Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }),
            },
        };
        let mut files = [PollFd::new(&*self.from, PollFlags::IN), PollFd::new(&orders.bell, PollFlags::IN)];
        // A failure is an interruption, and then the loop comes back here.
        let _ = poll(&mut files, timeout.as_ref());
    }

    /// Takes what the near end has sent, but not for long; `false` when there was nothing.
    fn take_some(&mut self) -> io::Result<bool> {
        for count in 0..READS_IN_A_ROW {
            let Some(length) = self.from.read(&mut self.buffer)? else {
                return Ok(count > 0);
            };
            self.take(length);
            if self.on_its_way.next_at().is_some_and(|at| at <= self.now()) {
                break;
            }
        }
        Ok(true)
    }

    /// Decides on the packet in the buffer.
    fn take(&mut self, length: usize) {
        let Some(layout) = Layout::of(&self.buffer[..length]) else { return };
        let now = self.now();
        let Self { impairment, counters, on_its_way, held_bytes, buffer, spare, .. } = self;
        let all = 0..layout.segments();
        add(&counters.reads, 1);
        add(&counters.taken_packets, u64::from(all.end));
        add(&counters.taken_bytes, layout.wire_bytes(&all));
        if *held_bytes > HELD_MAX_BYTES {
            add(&counters.dropped_for_memory, u64::from(all.end));
            return;
        }
        let mut packet = None;
        // In parts that the link sends in a fraction of a millisecond, since a train arrives with its last bit.
        let part = (impairment.longest_train_bytes() / layout.each_bytes()).max(1);
        for start in (0..all.end).step_by(part as usize) {
            let part = start..(start + part).min(all.end);
            let last_bytes = if part.end == all.end { layout.last_bytes() } else { layout.each_bytes() };
            let train = Train { segments: part.end - part.start, each_bytes: layout.each_bytes(), last_bytes };
            for run in impairment.admit(now, train) {
                let segments = start + run.segments.start..start + run.segments.end;
                let count = u64::from(segments.end - segments.start);
                let (at, again, corrupt) = match run.fate {
                    Fate::Drop(why) => {
                        add(counters.dropped(why), count);
                        continue;
                    }
                    Fate::Deliver { at, again, corrupt } => (at, again, corrupt),
                };
                let packet = packet.get_or_insert_with(|| {
                    *held_bytes += length as u64;
                    Rc::new(keep(buffer, spare, length, layout))
                });
                let piece = |at| Piece { at, packet: packet.clone(), segments: segments.clone(), corrupt };
                if on_its_way.put(piece(at)) {
                    add(&counters.overtaken, count);
                }
                if let Some(again) = again {
                    add(&counters.duplicated, count);
                    on_its_way.put(piece(again));
                }
            }
        }
        let backlog = impairment.backlog_bytes(now);
        counters.queue_now_bytes.store(backlog, Ordering::Relaxed);
        raise(&counters.queue_max_bytes, backlog);
        counters.held_bytes.store(*held_bytes, Ordering::Relaxed);
    }

    /// Hands over what has arrived by now.
    fn deliver_due(&mut self) {
        let mut now = self.now();
        while let Some(piece) = self.on_its_way.take(now) {
            self.counters.late_by(now.saturating_sub(piece.at));
            self.deliver(&piece);
            if let Some(packet) = Rc::into_inner(piece.packet) {
                self.held_bytes -= packet.length as u64;
                if packet.bytes.len() == READ_MAX_BYTES && self.spare.len() < SPARE_BUFFERS {
                    self.spare.push(packet.bytes);
                }
            }
            now = self.now();
        }
    }

    fn deliver(&self, piece: &Piece) {
        let Packet { bytes, length, layout } = &*piece.packet;
        let original = &bytes[..*length];
        let count = u64::from(piece.segments.end - piece.segments.start);
        let taken = if let Some(which) = piece.corrupt {
            add(&self.counters.corrupted, count);
            piece.segments.clone().all(|segment| {
                let damaged = layout.corrupted(original, segment, which);
                self.to.write(&[IoSlice::new(&damaged)])
            })
        } else if let Some(cut) = layout.cut(original, &piece.segments) {
            self.to.write(&[IoSlice::new(cut.head()), IoSlice::new(&original[cut.payload()])])
        } else {
            self.to.write(&[IoSlice::new(original)])
        };
        add(&self.counters.writes, 1);
        if taken {
            add(&self.counters.delivered_packets, count);
            add(&self.counters.delivered_bytes, layout.wire_bytes(&piece.segments));
        } else {
            add(&self.counters.refused_by_kernel, count);
        }
    }
}

/// Takes the packet out of the buffer: a long one with the buffer itself, in whose place comes another.
fn keep(buffer: &mut Vec<u8>, spare: &mut Vec<Vec<u8>>, length: usize, layout: Layout) -> Packet {
    let bytes = if length <= COPIED_MAX_BYTES {
        buffer[..length].to_vec()
    } else {
        std::mem::replace(buffer, spare.pop().unwrap_or_else(|| vec![0; READ_MAX_BYTES]))
    };
    Packet { bytes, length, layout }
}
