//! FITS images made from a seed: valid (FITS Standard 4.0), in the shape of one sensor of a wide-field camera, and
//! different in every byte from sensor to sensor, so that a mix-up cannot pass as a success.

use std::io::{self, Write};

/// FITS files are a whole number of these (§3.1).
pub const BLOCK_BYTES: usize = 2_880;

/// Columns of one image: those of a 4k × 4k science sensor.
pub const COLUMNS: u64 = 4_072;

/// Header blocks that [`Image::write_to`] writes.
const HEADER_BLOCKS: u64 = 1;

/// One image to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Seeds the noise and the stars.
    pub seed: u64,
    /// Rows; the columns are [`COLUMNS`].
    pub rows: u64,
    /// The exposure that it belongs to, as `OBSID`.
    pub exposure: String,
    /// The sensor, as `DETECTOR`: `R22_S11`.
    pub sensor: String,
    /// Begin of the exposure, as `DATE-OBS`: `2026-11-21T03:04:05`.
    pub begun: String,
}

impl Image {
    /// As many rows as come nearest to `size_bytes`, at least one.
    pub fn rows_for(size_bytes: u64) -> u64 {
        (size_bytes / (COLUMNS * 2)).max(1)
    }

    /// Exact size of the file.
    pub fn size_bytes(&self) -> u64 {
        let block = BLOCK_BYTES as u64;
        HEADER_BLOCKS * block + (self.rows * COLUMNS * 2).div_ceil(block) * block
    }

    /// Writes the whole file.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let data = self.pixels();
        let datasum = ones_complement_sum(&data, 0);
        let mut cards = self.cards(datasum);
        let header_sum = ones_complement_sum(&header(&cards), datasum);
        set_checksum(&mut cards, &encode_checksum(!header_sum));
        out.write_all(&header(&cards))?;
        out.write_all(&data)
    }

    fn cards(&self, datasum: u32) -> Vec<String> {
        vec![
            card("SIMPLE", "T", "conforms to FITS Standard 4.0"),
            card("BITPIX", "16", "16-bit integers"),
            card("NAXIS", "2", "an image"),
            card("NAXIS1", &COLUMNS.to_string(), "columns"),
            card("NAXIS2", &self.rows.to_string(), "rows"),
            card("BSCALE", "1.0", ""),
            card("BZERO", "32768.0", "pixels are unsigned"),
            card("BUNIT", "'adu     '", ""),
            card("ORIGIN", "'Portolan demo'", "synthetic: no sky was observed"),
            card("OBSID", &quoted(&self.exposure), "exposure"),
            card("DETECTOR", &quoted(&self.sensor), "raft and sensor"),
            card("DATE-OBS", &quoted(&self.begun), "UTC, begin of exposure"),
            card("EXPTIME", "30.0", "[s]"),
            card("FILTER", "'r       '", ""),
            card("DATASUM", &quoted(&datasum.to_string()), "of the data"),
            card("CHECKSUM", "'0000000000000000'", "of the file: sums to -0"),
        ]
    }

    /// Sky level, read-out noise and some stars, big-endian (§5.2), padded with zero to whole blocks.
    fn pixels(&self) -> Vec<u8> {
        let count = usize::try_from(self.rows * COLUMNS).unwrap_or(usize::MAX);
        let mut data = vec![0; (count * 2).div_ceil(BLOCK_BYTES) * BLOCK_BYTES];
        let mut random = Random::new(self.seed);
        for four in data[..count * 2].chunks_mut(8) {
            let bits = random.next();
            for (at, pixel) in four.chunks_exact_mut(2).enumerate() {
                let part = (bits >> (at * 16)) as u16;
                // Two uniform numbers added: a triangle, near enough to noise for an eye and not compressible.
                let noise = (part & 0xff) + (part >> 8);
                pixel.copy_from_slice(&stored(1_000 + noise).to_be_bytes());
            }
        }
        for _ in 0..count / 40_000 {
            self.add_star(&mut data[..count * 2], &mut random);
        }
        data
    }

    fn add_star(&self, data: &mut [u8], random: &mut Random) {
        let (column, row) = (random.next() % COLUMNS, random.next() % self.rows);
        let peak = 2_000.0 + (random.next() % 40_000) as f64;
        for dy in -4_i64..=4 {
            for dx in -4_i64..=4 {
                let (Some(x), Some(y)) = (column.checked_add_signed(dx), row.checked_add_signed(dy)) else { continue };
                if x >= COLUMNS || y >= self.rows {
                    continue;
                }
                let at = ((y * COLUMNS + x) * 2) as usize;
                let light = (peak * (-((dx * dx + dy * dy) as f64) / 4.5).exp()) as u16;
                let sky = i16::from_be_bytes([data[at], data[at + 1]]);
                let value = (i32::from(sky) + 32_768) as u16;
                data[at..at + 2].copy_from_slice(&stored(value.saturating_add(light)).to_be_bytes());
            }
        }
    }
}

/// An unsigned pixel as FITS stores it with BZERO 32768 (§5.2.5).
fn stored(value: u16) -> i16 {
    (i32::from(value) - 32_768) as i16
}

/// One header card: keyword in columns 1 to 8, `= `, value to column 30 or beyond, comment; 80 columns (§4.1).
fn card(keyword: &str, value: &str, comment: &str) -> String {
    let value = if value.starts_with('\'') { format!("{value:<20}") } else { format!("{value:>20}") };
    let comment = if comment.is_empty() { String::new() } else { format!(" / {comment}") };
    let text = format!("{keyword:<8}= {value}{comment}");
    format!("{:<80}", text.chars().take(80).collect::<String>())
}

/// A string value: at least eight characters between its quotes (§4.2.1).
fn quoted(text: &str) -> String {
    format!("'{:<8}'", text.replace('\'', "''"))
}

fn header(cards: &[String]) -> Vec<u8> {
    let mut text = cards.concat();
    text.push_str(&format!("{:<80}", "END"));
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().div_ceil(BLOCK_BYTES) * BLOCK_BYTES, b' ');
    bytes
}

fn set_checksum(cards: &mut [String], value: &str) {
    if let Some(at) = cards.iter().position(|card| card.starts_with("CHECKSUM")) {
        cards[at] = card("CHECKSUM", &format!("'{value}'"), "of the file: sums to -0");
    }
}

/// The 32-bit ones' complement sum of FITS (§J.1), going on from `sum`.
pub fn ones_complement_sum(bytes: &[u8], sum: u32) -> u32 {
    let words = bytes.chunks_exact(4).map(|word| u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]])));
    let mut total = words.fold(u64::from(sum), |total, word| total + word);
    while total >> 32 != 0 {
        total = (total & 0xffff_ffff) + (total >> 32);
    }
    total as u32
}

/// The ASCII form of a checksum (§J.2): sixteen characters, none of them punctuation, rotated right by one.
fn encode_checksum(value: u32) -> String {
    let mut text = [0_u8; 16];
    for (column, byte) in value.to_be_bytes().into_iter().enumerate() {
        let quotient = byte / 4 + b'0';
        let mut four = [quotient + byte % 4, quotient, quotient, quotient];
        while four.iter().any(|c| (0x3a..=0x40).contains(c) || (0x5b..=0x60).contains(c)) {
            for pair in four.chunks_exact_mut(2) {
                if pair.iter().any(|c| (0x3a..=0x40).contains(c) || (0x5b..=0x60).contains(c)) {
                    pair[0] += 1;
                    pair[1] -= 1;
                }
            }
        }
        for (row, character) in four.into_iter().enumerate() {
            text[row * 4 + column] = character;
        }
    }
    text.rotate_right(1);
    text.iter().map(|byte| char::from(*byte)).collect()
}

/// xorshift64*: fast, seeded, and good enough for pixels.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // SplitMix64's step spreads neighbouring seeds apart; the state must not be zero.
        let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self((mixed ^ (mixed >> 31)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
