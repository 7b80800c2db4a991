//! The images are valid by the standard's own sums, and differ; what a foreign program says of them is in `interop`.

use crate::fits::{BLOCK_BYTES, Image, ones_complement_sum};
use crate::night::Night;
use terms::Timestamp;

fn night() -> Night {
    Night { exposures: 2, files: 230, file_size_bytes: 100_000, seed: 7, begun: Timestamp::from_seconds(1_795_300_000) }
}

#[test]
fn an_image_has_its_announced_size_and_sums_to_minus_zero() {
    for exposure in night().exposures() {
        for (_, image) in exposure.images.iter().step_by(40) {
            let mut file = Vec::new();
            image.write_to(&mut file).expect("memory takes it all");
            assert_eq!(file.len() as u64, image.size_bytes());
            assert_eq!(file.len() % BLOCK_BYTES, 0);
            assert_eq!(ones_complement_sum(&file, 0), u32::MAX, "CHECKSUM must make the whole sum -0");
        }
    }
}

#[test]
fn every_name_and_every_image_of_a_night_is_its_own() {
    let night = night();
    let mut names = std::collections::BTreeSet::new();
    let mut seeds = std::collections::BTreeSet::new();
    for exposure in night.exposures() {
        for (name, image) in &exposure.images {
            assert!(names.insert(format!("{}/{name}", exposure.name)), "{name} twice");
            assert!(seeds.insert(image.seed), "seed of {name} twice");
        }
    }
    assert_eq!(names.len(), 460);
}

#[test]
fn rows_follow_the_wished_size() {
    assert_eq!(Image::rows_for(0), 1);
    let wished = 20_000_000;
    let image = Image { rows: Image::rows_for(wished), ..night().exposures().next().expect("one").images[0].1.clone() };
    assert!(image.size_bytes().abs_diff(wished) < 10_000);
}
