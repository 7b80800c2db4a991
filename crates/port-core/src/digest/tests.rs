//! Known values of each algorithm, and parts against wholes.

use super::*;
use proptest::prelude::*;

const ALL: &[Algorithm] = &Algorithm::ALL;

#[test]
fn known_values() {
    // "Wikipedia" is the worked example of Adler-32; "123456789" the check value of the CRC catalogue (CRC-32/ISCSI).
    let hex = |text: &str, algorithm| of_bytes(ALL, text.as_bytes()).get(algorithm).map(Digest::to_hex);
    assert_eq!(hex("Wikipedia", Algorithm::Adler32).as_deref(), Some("11e60398"));
    assert_eq!(hex("123456789", Algorithm::Crc32c).as_deref(), Some("e3069283"));
    // RFC 1321 appendix A.5 and FIPS 180-4's example of one block.
    assert_eq!(hex("abc", Algorithm::Md5).as_deref(), Some("900150983cd24fb0d6963f7d28e17f72"));
    assert_eq!(
        hex("abc", Algorithm::Sha256).as_deref(),
        Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    );
}

#[test]
fn nothing_has_its_digests_too() {
    let none = of_bytes(ALL, b"");
    assert_eq!(none.get(Algorithm::Adler32).map(Digest::to_hex).as_deref(), Some("00000001"));
    assert_eq!(none.get(Algorithm::Crc32c).map(Digest::to_hex).as_deref(), Some("00000000"));
    assert!(of_bytes(&[], b"abc").is_empty());
    assert!(Digester::new(&[]).is_idle());
}

#[test]
fn a_clone_is_a_checkpoint() {
    let mut digester = Digester::new(ALL);
    digester.update(b"abc");
    let checkpoint = digester.clone();
    digester.update(b"def");
    assert_eq!(checkpoint.length_bytes(), 3);
    assert_eq!(checkpoint.finish(), of_bytes(ALL, b"abc"));
    assert_eq!(digester.finish(), of_bytes(ALL, b"abcdef"));
}

#[test]
fn long_bodies_combine_where_modulo_matters() {
    let body = vec![0xff_u8; 200_000];
    for cut in [0, 1, 65_520, 65_521, 65_522, 131_042, 200_000] {
        let (first, second) = body.split_at(cut);
        let whole = combine_sets(&of_bytes(ALL, first), &of_bytes(ALL, second), second.len() as u64);
        assert_eq!(whole, of_bytes(&[Algorithm::Adler32, Algorithm::Crc32c], &body), "cut at {cut}");
    }
}

#[test]
fn what_has_no_rule_is_not_combined() {
    let (one, two) = (of_bytes(ALL, b"a"), of_bytes(ALL, b"b"));
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        assert!(!is_combinable(algorithm));
        let (first, second) = (one.get(algorithm).expect("a digest"), two.get(algorithm).expect("a digest"));
        assert_eq!(combine(first, second, 1), None);
    }
    let (adler, crc) = (one.get(Algorithm::Adler32).expect("one"), two.get(Algorithm::Crc32c).expect("two"));
    assert_eq!(combine(adler, crc, 1), None);
}

proptest! {
    #[test]
    fn parts_give_the_whole(body in proptest::collection::vec(any::<u8>(), 0..5_000), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|index| index.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let cheap = [Algorithm::Adler32, Algorithm::Crc32c];
        let combined = cuts.windows(2).fold(of_bytes(&cheap, b""), |sum, pair| {
            let part = &body[pair[0]..pair[1]];
            combine_sets(&sum, &of_bytes(&cheap, part), part.len() as u64)
        });
        prop_assert_eq!(combined, of_bytes(&cheap, &body));
        let mut stepwise = Digester::new(ALL);
        cuts.windows(2).for_each(|pair| stepwise.update(&body[pair[0]..pair[1]]));
        prop_assert_eq!(stepwise.finish(), of_bytes(ALL, &body));
    }
}
