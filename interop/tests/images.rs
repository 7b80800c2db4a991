//! fitsverify: NASA's judge of FITS files, on the images that the demonstration makes.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

use interop::{Run, needs, port};
use std::time::Duration;

#[test]
fn the_demonstrations_images_are_valid_fits() {
    if !needs(&[("fitsverify", "fitsverify")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    Run::new(port::program())
        .within(folder.path())
        .args(["demo", "--exposures", "1", "--files", "3", "--file-size", "1MB", "--stop", "--dir", "demo"])
        .limit(Duration::from_secs(120))
        .succeed();
    let images: Vec<String> =
        interop::tree::digests(folder.path()).into_keys().filter(|name| name.ends_with(".fits")).collect();
    assert!(!images.is_empty(), "no image below {}", folder.path().display());
    for image in images {
        let verdict = Run::new("fitsverify").within(folder.path()).args(["-q", &image]).succeed();
        assert!(verdict.text().contains("verification OK"), "{verdict}");
    }
}
