//! Which cases a name chooses, and that an upload that is not whole is found.

use super::*;
use std::collections::HashSet;

const SIZES: Sizes = Sizes { one_bytes: 3 * MIB + 5, eight_bytes: 10, small_count: 3, small_rounds: 1 };

fn chosen(pattern: &str) -> usize {
    Case::all().into_iter().filter(|case| case.chosen(&[pattern.to_owned()])).count()
}

#[test]
fn cases_are_chosen_by_parts_of_their_names() {
    let names: HashSet<String> = Case::all().into_iter().map(Case::name).collect();
    assert_eq!(names.len(), 24);
    assert!(Case::all().iter().all(|case| case.chosen(&[])));
    let counts = ["get", "put-tls", "one-plain-h1", "get-small-tls-h2", "tls-put", "ge"].map(chosen);
    assert_eq!(counts, [12, 6, 2, 1, 0, 0]);
}

#[test]
fn an_upload_that_misses_differs_or_is_too_much_is_found() {
    let scratch = tempfile::tempdir().expect("a folder");
    let place = Place::create(scratch.path(), Path::new("portolan")).expect("a place");
    prepare(&place, &SIZES, &Case::all()).expect("files");
    let (get, put) = (place.files.join("get"), place.files.join("put"));
    let check = || check_uploads(&place, &SIZES, Load::One, &put, true);
    assert_eq!(check(), Err("0 of 1 uploads are there".to_owned()));
    fs::copy(get.join("one"), put.join("one")).expect("copied");
    assert_eq!(check(), Ok(()));
    let mut content = fs::read(put.join("one")).expect("read");
    *content.last_mut().expect("not empty") ^= 1;
    fs::write(put.join("one"), &content).expect("written");
    assert_eq!(check(), Err("upload one differs from what was sent".to_owned()));
    assert_eq!(check_uploads(&place, &SIZES, Load::One, &put, false), Ok(()));
    fs::write(put.join("one"), &content[1..]).expect("written");
    assert!(check().is_err_and(|why| why.contains("has 3145732 bytes instead of 3145733")));
    fs::write(put.join("beside"), "").expect("written");
    assert_eq!(check(), Err("2 of 1 uploads are there".to_owned()));
}

#[test]
fn files_that_are_there_in_the_right_size_are_left() {
    let scratch = tempfile::tempdir().expect("a folder");
    let place = Place::create(scratch.path(), Path::new("portolan")).expect("a place");
    prepare(&place, &SIZES, &Case::all()).expect("files");
    let small = place.files.join("get/small-00001");
    assert_ne!(fs::read(&small).expect("read"), fs::read(place.files.join("get/small-00002")).expect("read"));
    fs::write(&small, vec![7; SMALL_BYTES as usize]).expect("written");
    prepare(&place, &SIZES, &Case::all()).expect("files");
    assert_eq!(fs::read(&small).expect("read")[0], 7);
    assert_eq!(SIZES.space_bytes(&Case::all()), 2 * SIZES.one_bytes + 80 + 3 * 5 * KIB);
}
