//! Mutations from a seed: the same seed gives the same octets, so that what fails can be had again.

/// Longest input; no message of a peer is read in larger pieces than its limits, which are tested by their numbers.
const BYTES_MAX: usize = 16 << 10;

/// What parsers stumble over.
const WORDS: &[&[u8]] = &[
    b"-1",
    b"1.8446744073709552e+19",
    b"18446744073709551616",
    b"1e999",
    b"null",
    b"true",
    b"\"\"",
    b"[]",
    b"{}",
    b"\\u0000",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x09",
    b"\x0a",
    b"\x01\x02",
    b"\x04",
    b"\x0d",
    b"\xfe",
    b"\xff",
];

/// Makes inputs.
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// Of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64: small, and good enough to wander.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// One input, made of one of these seeds.
    pub fn input(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
        let choice = self.below(seeds.len());
        let mut input = seeds.get(choice).map_or_else(Vec::new, |seed| seed.to_vec());
        for _ in 0..self.below(8) {
            self.mutate(&mut input, seeds);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, seeds: &[&[u8]]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at + 1);
        match self.below(7) {
            0 => {
                if let Some(octet) = input.get_mut(at) {
                    *octet = (self.next() & 0xff) as u8;
                }
            }
            1 => {
                if let Some(octet) = input.get_mut(at) {
                    *octet ^= 1 << self.below(8);
                }
            }
            2 => drop(input.drain(at..end)),
            3 => {
                let word = WORDS[self.below(WORDS.len())];
                drop(input.splice(at..at, word.iter().copied()));
            }
            4 => {
                let word = WORDS[self.below(WORDS.len())];
                drop(input.splice(at..end, word.iter().copied()));
            }
            5 => {
                let copy = input[at..end].to_vec();
                drop(input.splice(at..at, copy));
            }
            _ => {
                let other = self.below(seeds.len());
                if let Some(other) = seeds.get(other) {
                    let from = self.below(other.len());
                    input.truncate(at);
                    input.extend(&other[from..]);
                }
            }
        }
    }
}
