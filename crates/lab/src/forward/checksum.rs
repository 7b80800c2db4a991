//! The Internet checksum (RFC 1071): the one's complement sum of 16-bit words.

/// A sum under way. Pieces of even length may follow one another.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum(u64);

impl Sum {
    /// Adds octets; a missing last one counts as 0.
    pub(super) fn add(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<2>();
        let mut sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
        if let [last] = rest {
            sum += u64::from(*last) << 8;
        }
        Self(self.0 + sum)
    }

    /// Folded to 16 bits, not complemented.
    pub(super) fn fold(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }
}

/// The checksum as it stands in a header.
pub(super) fn finish(sum: Sum) -> u16 {
    !sum.fold()
}
