//! A packet as a TUN device gives and takes it: a note on checksum and segmentation (`struct virtio_net_hdr` of the virtio
//! specification, 5.1.6), then IP. One such packet may stand for many on the wire, its segments: this file knows how many
//! and how long they are, and makes a packet of any run of them without touching their payload.
//!
//! What does not parse passes as one packet, unchanged: a link carries everything.

use super::checksum::{Sum, finish};
use crate::tun::NOTE_BYTES;
use std::ops::Range;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the checksum at `start + offset` covers the pseudo-header alone so far.
const NEEDS_CHECKSUM: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_*`.
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
/// `VIRTIO_NET_HDR_GSO_ECN`: the first segment alone carries CWR.
const GSO_ECN: u8 = 0x80;

/// Where the transport's checksum is, from the start of its header.
const TCP_CHECKSUM: usize = 16;
const UDP_CHECKSUM: usize = 6;
const UDP_HEADER_BYTES: usize = 8;
const TCP_HEADER_BYTES: usize = 20;
/// Flags of TCP that belong to the last segment (FIN, PSH) and to the first (CWR).
const LAST_ONLY: u8 = 0x01 | 0x08;
const FIRST_ONLY: u8 = 0x80;

/// Longest header that is rewritten: IPv6 with extensions and TCP with all its options fit.
const HEADER_MAX_BYTES: usize = 256;

/// The note, decoded. Its numbers are in the byte order of this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Note {
    flags: u8,
    gso: u8,
    header_bytes: u16,
    segment_bytes: u16,
    checksum_start: u16,
    checksum_offset: u16,
}

impl Note {
    fn parse(bytes: &[u8; NOTE_BYTES]) -> Self {
        let number = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Self {
            flags: bytes[0],
            gso: bytes[1],
            header_bytes: number(2),
            segment_bytes: number(4),
            checksum_start: number(6),
            checksum_offset: number(8),
        }
    }

    fn bytes(&self) -> [u8; NOTE_BYTES] {
        let mut bytes = [0; NOTE_BYTES];
        bytes[0] = self.flags;
        bytes[1] = self.gso;
        bytes[2..4].copy_from_slice(&self.header_bytes.to_ne_bytes());
        bytes[4..6].copy_from_slice(&self.segment_bytes.to_ne_bytes());
        bytes[6..8].copy_from_slice(&self.checksum_start.to_ne_bytes());
        bytes[8..10].copy_from_slice(&self.checksum_offset.to_ne_bytes());
        bytes
    }
}

/// What a packet is, without its octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    note: Note,
    /// Octets of IP, without the note.
    bytes: usize,
    /// Where the transport begins, and where its payload; both 0 unless it has segments.
    transport: usize,
    payload: usize,
    segments: u32,
}

/// A packet to be written: note and header by value, then a slice of the original's payload.
pub(crate) struct Cut {
    head: [u8; NOTE_BYTES + HEADER_MAX_BYTES],
    head_bytes: usize,
    payload: Range<usize>,
}

impl Cut {
    pub(crate) fn head(&self) -> &[u8] {
        &self.head[..self.head_bytes]
    }

    /// Which octets of the original follow, its note included.
    pub(crate) fn payload(&self) -> Range<usize> {
        self.payload.clone()
    }
}

impl Layout {
    /// Looks at a packet with its note; `None` when it is too short to have both.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let (note, ip) = packet.split_first_chunk::<NOTE_BYTES>()?;
        let note = Note::parse(note);
        let whole = Self { note, bytes: ip.len(), transport: 0, payload: 0, segments: 1 };
        if ip.is_empty() {
            return None;
        }
        Some(whole.cut_up(ip).unwrap_or(whole))
    }

    /// The same with its segments; `None` when it has none or is not understood.
    fn cut_up(self, ip: &[u8]) -> Option<Self> {
        let transport = usize::from(self.note.checksum_start);
        let smallest = match ip[0] >> 4 {
            4 => 20,
            6 => 40,
            _ => return None,
        };
        let (header, shortest) = match self.note.gso & !GSO_ECN {
            GSO_TCPV4 | GSO_TCPV6 => (usize::from(*ip.get(transport + 12)? >> 4) * 4, TCP_HEADER_BYTES),
            GSO_UDP_L4 => (UDP_HEADER_BYTES, UDP_HEADER_BYTES),
            _ => return None,
        };
        let payload = transport + header;
        let each = usize::from(self.note.segment_bytes);
        let fits = transport >= smallest
            && header >= shortest
            && payload < ip.len()
            && payload <= HEADER_MAX_BYTES
            && each > 0
            && self.note.flags & NEEDS_CHECKSUM != 0;
        let segments = u32::try_from((ip.len() - payload.min(ip.len())).div_ceil(each.max(1))).ok()?;
        fits.then_some(Self { transport, payload, segments, ..self })
    }

    /// How many packets it is on the wire.
    pub(crate) fn segments(&self) -> u32 {
        self.segments
    }

    /// Octets of IP of each segment but the last.
    pub(crate) fn each_bytes(&self) -> u32 {
        if self.segments == 1 { self.last_bytes() } else { (self.payload + self.each()) as u32 }
    }

    /// Octets of IP of the last segment.
    pub(crate) fn last_bytes(&self) -> u32 {
        let before = (self.segments as usize - 1) * self.each();
        (self.bytes - before) as u32
    }

    /// Octets of IP that these segments are on the wire, each with its header.
    pub(crate) fn wire_bytes(&self, segments: &Range<u32>) -> u64 {
        if segments.is_empty() {
            return 0;
        }
        let count = u64::from(segments.end - segments.start);
        let last = if segments.end == self.segments { self.last_bytes() } else { self.each_bytes() };
        (count - 1) * u64::from(self.each_bytes()) + u64::from(last)
    }

    fn each(&self) -> usize {
        usize::from(self.note.segment_bytes)
    }

    /// Makes one packet of some successive segments; `None`: take the original as it is.
    pub(crate) fn cut(&self, original: &[u8], segments: &Range<u32>) -> Option<Cut> {
        if segments.start == 0 && segments.end == self.segments {
            return None;
        }
        let ip = &original[NOTE_BYTES..];
        let from = self.payload + segments.start as usize * self.each();
        let to = (self.payload + segments.end as usize * self.each()).min(self.bytes);
        let mut cut = Cut {
            head: [0; NOTE_BYTES + HEADER_MAX_BYTES],
            head_bytes: NOTE_BYTES + self.payload,
            payload: NOTE_BYTES + from..NOTE_BYTES + to,
        };
        let mut note = self.note;
        note.header_bytes = self.payload as u16;
        if segments.end - segments.start == 1 {
            (note.gso, note.segment_bytes) = (GSO_NONE, 0);
        }
        cut.head[..NOTE_BYTES].copy_from_slice(&note.bytes());
        let header = &mut cut.head[NOTE_BYTES..NOTE_BYTES + self.payload];
        header.copy_from_slice(&ip[..self.payload]);
        self.rewrite(header, segments, to - from);
        Some(cut)
    }

    /// Makes the header of the original one of these segments: lengths, identification, sequence number, flags, and the
    /// checksums that depend on them.
    fn rewrite(&self, header: &mut [u8], segments: &Range<u32>, payload_bytes: usize) {
        let skipped = segments.start as usize * self.each();
        let transport_bytes = self.payload - self.transport + payload_bytes;
        let (network, transport) = header.split_at_mut(self.transport);
        if network[0] >> 4 == 4 {
            network[2..4].copy_from_slice(&((self.transport + transport_bytes) as u16).to_be_bytes());
            let identification = u16::from_be_bytes([network[4], network[5]]).wrapping_add(segments.start as u16);
            network[4..6].copy_from_slice(&identification.to_be_bytes());
            network[10..12].fill(0);
            let header_bytes = (usize::from(network[0] & 0x0f) * 4).clamp(20, network.len());
            let sum = finish(Sum::default().add(&network[..header_bytes]));
            network[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            network[4..6].copy_from_slice(&((self.transport - 40 + transport_bytes) as u16).to_be_bytes());
        }
        let checksum_at = if self.note.gso & !GSO_ECN == GSO_UDP_L4 {
            transport[4..6].copy_from_slice(&(transport_bytes as u16).to_be_bytes());
            UDP_CHECKSUM
        } else {
            let sequence = u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
            transport[4..8].copy_from_slice(&sequence.wrapping_add(skipped as u32).to_be_bytes());
            if segments.end != self.segments {
                transport[13] &= !LAST_ONLY;
            }
            if segments.start != 0 {
                transport[13] &= !FIRST_ONLY;
            }
            TCP_CHECKSUM
        };
        // The checksum of the pseudo-header alone, not complemented: whoever needs it whole completes it.
        let protocol = if checksum_at == UDP_CHECKSUM { 17 } else { 6 };
        let sum = pseudo_header(network, protocol, transport_bytes).fold();
        transport[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
    }

    /// One segment as whole octets with its checksum complete, and then one bit of its transport header or payload
    /// inverted: `which` modulo their number. What has no transport that is known loses its bit anywhere behind the IP
    /// header.
    pub(crate) fn corrupted(&self, original: &[u8], segment: u32, which: u32) -> Vec<u8> {
        let range = segment..segment + 1;
        let mut packet = match self.cut(original, &range) {
            Some(cut) => [cut.head(), &original[cut.payload()]].concat(),
            None => original.to_vec(),
        };
        let note: &[u8; NOTE_BYTES] = packet.first_chunk().unwrap_or(&[0; NOTE_BYTES]);
        let note = Note::parse(note);
        let ip = &mut packet[NOTE_BYTES..];
        let start = usize::from(note.checksum_start);
        let at = start + usize::from(note.checksum_offset);
        if note.flags & NEEDS_CHECKSUM != 0 && at + 2 <= ip.len() {
            let sum = finish(Sum::default().add(&ip[start..]));
            // Of UDP, 0 says that there is no checksum (RFC 768): its other form says 0.
            let sum = if sum == 0 && usize::from(note.checksum_offset) == UDP_CHECKSUM { 0xffff } else { sum };
            ip[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        let network = match ip[0] >> 4 {
            4 => usize::from(ip[0] & 0x0f) * 4,
            6 => 40,
            _ => 0,
        };
        let network = if network < ip.len() { network } else { 0 };
        let bit = which as usize % ((ip.len() - network) * 8);
        ip[network + bit / 8] ^= 1 << (bit % 8);
        packet[..NOTE_BYTES].fill(0);
        packet
    }
}

/// The sum over the pseudo-header: RFC 9293 section 3.1 for IPv4, RFC 8200 section 8.1 for IPv6.
fn pseudo_header(network: &[u8], protocol: u8, transport_bytes: usize) -> Sum {
    let addresses = if network[0] >> 4 == 4 { 12..20 } else { 8..40 };
    let length = (transport_bytes as u32).to_be_bytes();
    Sum::default().add(&network[addresses]).add(&length).add(&[0, protocol])
}

#[cfg(test)]
mod tests;
