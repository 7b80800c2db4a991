//! What is on its way, by the time at which it arrives. Most of it arrives in the order in which it left, and that is the
//! quick case: a queue. What overtakes or falls behind goes to a heap beside it.

use super::packet::Layout;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

/// A packet as it was read, with its note.
#[derive(Debug)]
pub(super) struct Packet {
    /// A buffer that begins with it.
    pub(super) bytes: Vec<u8>,
    pub(super) length: usize,
    pub(super) layout: Layout,
}

/// Some successive segments of a packet that arrive together.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) at: Duration,
    pub(super) packet: Rc<Packet>,
    pub(super) segments: Range<u32>,
    /// Which bit is wrong, of a single segment.
    pub(super) corrupt: Option<u32>,
}

impl Piece {
    /// Whether the other can arrive as one packet with this one, behind it.
    fn continues(&self, next: &Self) -> bool {
        Rc::ptr_eq(&self.packet, &next.packet)
            && self.segments.end == next.segments.start
            && self.corrupt.is_none()
            && next.corrupt.is_none()
    }
}

/// All that is on its way.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    in_order: VecDeque<Numbered>,
    out_of_order: BinaryHeap<Reverse<Numbered>>,
    number: u64,
}

/// Pieces for the same instant arrive in the order in which they were put in.
#[derive(Debug)]
struct Numbered {
    number: u64,
    piece: Piece,
}

impl Schedule {
    /// Adds a piece; `true` when it will arrive before one that was put in earlier.
    pub(super) fn put(&mut self, piece: Piece) -> bool {
        self.number += 1;
        let numbered = Numbered { number: self.number, piece };
        let overtakes = self.in_order.back().is_some_and(|last| last.piece.at > numbered.piece.at);
        if overtakes {
            self.out_of_order.push(Reverse(numbered));
        } else {
            self.in_order.push_back(numbered);
        }
        overtakes
    }

    /// When the next piece arrives.
    pub(super) fn next_at(&self) -> Option<Duration> {
        let queue = self.in_order.front().map(|first| first.piece.at);
        let heap = self.out_of_order.peek().map(|Reverse(first)| first.piece.at);
        match (queue, heap) {
            (Some(queue), Some(heap)) => Some(queue.min(heap)),
            (queue, heap) => queue.or(heap),
        }
    }

    /// Takes what has arrived by now: a piece, grown by those behind it that continue it.
    pub(super) fn take(&mut self, now: Duration) -> Option<Piece> {
        if self.next_at()? > now {
            return None;
        }
        let mut piece = self.pop()?;
        while self.first().is_some_and(|next| next.at <= now && piece.continues(next)) {
            let next = self.pop()?;
            piece.segments.end = next.segments.end;
        }
        Some(piece)
    }

    fn heap_is_first(&self) -> bool {
        match (self.in_order.front(), self.out_of_order.peek()) {
            (Some(queue), Some(Reverse(heap))) => heap < queue,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }

    fn first(&self) -> Option<&Piece> {
        if self.heap_is_first() {
            self.out_of_order.peek().map(|Reverse(first)| &first.piece)
        } else {
            self.in_order.front().map(|first| &first.piece)
        }
    }

    fn pop(&mut self) -> Option<Piece> {
        if self.heap_is_first() {
            self.out_of_order.pop().map(|Reverse(first)| first.piece)
        } else {
            self.in_order.pop_front().map(|first| first.piece)
        }
    }
}

impl Numbered {
    fn key(&self) -> (Duration, u64) {
        (self.piece.at, self.number)
    }
}

impl PartialEq for Numbered {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Numbered {}

impl PartialOrd for Numbered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Numbered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests;
