//! The accounts are read as the kernel writes them, and the verdict names what was short.

use super::*;

#[test]
fn the_kernels_accounts_are_read() {
    assert_eq!(processor_ticks("cpu  10 0 20 60 10 0 0 0 0 0\ncpu0 1"), Some((30, 100)));
    assert_eq!(processor_ticks("nonsense"), None);
    let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 total=9";
    assert_eq!(some_total(text), Some(Duration::from_millis(2_500)));
}

#[test]
fn the_verdict_names_what_was_short() {
    let verdict = |processor_busy, disk_wait| Usage { processor_busy, disk_wait }.verdict();
    assert!(verdict(0.97, None).starts_with("processors (97 %"));
    assert!(verdict(0.5, Some(0.8)).starts_with("disk"));
    assert!(verdict(0.95, Some(0.8)).contains("and disk"));
    assert!(verdict(0.5, Some(0.1)).starts_with("neither"));
}
