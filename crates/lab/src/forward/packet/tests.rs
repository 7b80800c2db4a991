use super::*;
use proptest::prelude::*;

/// A TCP segment of three of 100 octets and one of 50, over IPv4 (RFC 791, RFC 9293). FIN, PSH, ACK and CWR are set.
const TCP_V4: &str = "
    01 81 2800 6400 1400 1000                   note: checksum at 20 + 16, GSO TCPv4 with ECN, 40 of header, 100 each
    45 00 01 86  12 34 40 00  40 06 00 00       version, length 390, identification, DF, TTL 64, TCP
    0a 00 00 01  0a 00 00 02                    from 10.0.0.1 to 10.0.0.2
    04 d2 16 2e  ff ff ff 38  00 00 00 07       ports 1234 and 5678, sequence, acknowledgement
    50 99 01 00  15 70 00 00                    20 octets; FIN, PSH, ACK, CWR; window; sum of the pseudo-header
";

/// A UDP datagram of two of 60 octets, over IPv6 (RFC 8200, RFC 768).
const UDP_V6: &str = "
    01 05 3000 3c00 2800 0600                   note: checksum at 40 + 6, GSO UDP, 48 of header, 60 each
    60 00 00 00  00 80 11 40                    version, length 128, UDP, hop limit
    fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
    fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02
    04 d2 16 2e  00 80 00 00                    ports 1234 and 5678, length 128, sum not looked at
";

fn packet(text: &str, payload_bytes: usize) -> Vec<u8> {
    let hex = text.lines().flat_map(|line| line.split("       ").find(|part| !part.trim().is_empty()));
    let digits: String = hex.flat_map(str::chars).filter(char::is_ascii_hexdigit).collect();
    let mut bytes: Vec<u8> =
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect();
    bytes.extend((0..payload_bytes).map(|at| at as u8));
    bytes
}

fn written(original: &[u8], segments: Range<u32>) -> Vec<u8> {
    let layout = Layout::of(original).unwrap();
    match layout.cut(original, &segments) {
        Some(cut) => [cut.head(), &original[cut.payload()]].concat(),
        None => original.to_vec(),
    }
}

/// The one's complement sum over all octets, computed one word after the other.
fn sum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Whether the transport's checksum is right, over the pseudo-header as its RFC writes it.
fn is_right(ip: &[u8]) -> bool {
    if ip[0] >> 4 == 4 {
        let length = (ip.len() as u16 - 20).to_be_bytes();
        sum(&[&ip[12..20], &[0, ip[9]], &length, &ip[20..]]) == 0xffff
    } else {
        let length = (ip.len() as u32 - 40).to_be_bytes();
        sum(&[&ip[8..40], &length, &[0, 0, 0, ip[6]], &ip[40..]]) == 0xffff
    }
}

#[test]
fn a_train_knows_its_segments() {
    let tcp = packet(TCP_V4, 350);
    let layout = Layout::of(&tcp).unwrap();
    assert_eq!((layout.segments(), layout.each_bytes(), layout.last_bytes()), (4, 140, 90));
    assert_eq!(layout.wire_bytes(&(0..4)), 3 * 140 + 90);
    assert_eq!(layout.wire_bytes(&(1..3)), 280);
    let udp = packet(UDP_V6, 120);
    let layout = Layout::of(&udp).unwrap();
    assert_eq!((layout.segments(), layout.each_bytes(), layout.last_bytes()), (2, 108, 108));
}

#[test]
fn a_middle_segment_is_cut_out_of_tcp() {
    let ours = written(&packet(TCP_V4, 350), 1..2);
    let (note, ip) = ours.split_at(NOTE_BYTES);
    assert_eq!(note, [1, 0, 40, 0, 0, 0, 20, 0, 16, 0], "a single packet, its checksum still to be completed");
    assert_eq!(ip[2..4], [0, 140], "the length");
    assert_eq!(ip[4..6], [0x12, 0x35], "the next identification");
    assert_eq!(sum(&[&ip[..20]]), 0xffff, "the checksum of the header");
    assert_eq!(ip[24..28], [0xff, 0xff, 0xff, 0x9c], "the sequence number, 100 on");
    assert_eq!(ip[33], 0x10, "ACK alone");
    assert_eq!(ip[36..38], sum(&[&ip[12..20], &[0, 6, 0, 120]]).to_be_bytes(), "the pseudo-header's sum");
    assert_eq!(ip[40..], packet(TCP_V4, 350)[50 + 100..50 + 200]);
}

#[test]
fn flags_stay_with_the_segment_that_they_belong_to() {
    let tcp = packet(TCP_V4, 350);
    let flags = |segments| written(&tcp, segments)[NOTE_BYTES + 33];
    assert_eq!(flags(0..2), 0x90, "CWR and ACK");
    assert_eq!(flags(2..4), 0x19, "ACK, PSH and FIN");
    assert_eq!(flags(0..4), 0x99, "all as they were");
    let end = written(&tcp, 2..4);
    assert_eq!(end[1] & !GSO_ECN, GSO_TCPV4, "two segments are still a train");
    assert_eq!(end[NOTE_BYTES + 24..NOTE_BYTES + 28], [0, 0, 0, 0], "the sequence number goes over the top");
}

#[test]
fn a_segment_is_cut_out_of_udp() {
    let ours = written(&packet(UDP_V6, 120), 1..2);
    let ip = &ours[NOTE_BYTES..];
    assert_eq!(ip[4..6], [0, 68]);
    assert_eq!(ip[44..46], [0, 68]);
    assert_eq!(ip[46..48], sum(&[&ip[8..40], &[0, 0, 0, 68, 0, 0, 0, 17]]).to_be_bytes());
    assert_eq!(ip.len(), 108);
}

/// Every bit of the transport can be the wrong one, and then the checksum says so; inverted back, it is right.
#[test]
fn one_wrong_bit_is_found() {
    for (text, payload_bytes) in [(TCP_V4, 350), (UDP_V6, 120)] {
        let original = packet(text, payload_bytes);
        let layout = Layout::of(&original).unwrap();
        for segment in 0..layout.segments() {
            for which in (0..2000).step_by(7) {
                let damaged = layout.corrupted(&original, segment, which);
                assert_eq!(damaged[..NOTE_BYTES], [0; NOTE_BYTES], "the note promises nothing");
                let mut ip = damaged[NOTE_BYTES..].to_vec();
                assert!(!is_right(&ip), "bit {which} of segment {segment}");
                let network = if ip[0] >> 4 == 4 { 20 } else { 40 };
                let bit = which as usize % ((ip.len() - network) * 8);
                ip[network + bit / 8] ^= 1 << (bit % 8);
                assert!(is_right(&ip), "bit {which} of segment {segment}, set right");
            }
        }
    }
}

#[test]
fn what_is_not_understood_passes_whole() {
    let plain = [&[0; NOTE_BYTES][..], &[0x45, 0, 0, 21]].concat();
    let layout = Layout::of(&plain).unwrap();
    assert_eq!((layout.segments(), layout.last_bytes()), (1, 4));
    assert!(layout.cut(&plain, &(0..1)).is_none());
    assert_eq!(Layout::of(&[0; NOTE_BYTES]), None);
    assert_eq!(Layout::of(&[]), None);
}

proptest! {
    /// A note and a packet come from a program that may write what it likes.
    #[test]
    fn no_octets_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400), which: u32) {
        if let Some(layout) = Layout::of(&bytes) {
            let segments = layout.segments();
            prop_assert_eq!(layout.wire_bytes(&(0..segments)) >= (bytes.len() - NOTE_BYTES) as u64, true);
            for segment in [0, segments / 2, segments - 1] {
                if let Some(cut) = layout.cut(&bytes, &(segment..segment + 1)) {
                    prop_assert!(cut.payload().end <= bytes.len() && cut.head().len() >= NOTE_BYTES);
                }
                layout.corrupted(&bytes, segment, which);
            }
        }
    }

    /// However a train is cut, all of its payload arrives once and in order.
    #[test]
    fn cuts_lose_nothing(first in 0_u32..4, second in 0_u32..5) {
        let original = packet(TCP_V4, 350);
        let (from, to) = (first.min(second), first.max(second));
        let parts = [0..from, from..to, to..4];
        let payload: Vec<u8> = parts.iter().filter(|part| !part.is_empty())
            .flat_map(|part| written(&original, part.clone())[50..].to_vec()).collect();
        prop_assert_eq!(&payload[..], &original[50..]);
    }
}
