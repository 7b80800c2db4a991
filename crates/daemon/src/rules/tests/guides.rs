//! What the pages for operators show as settings is taken as settings.

use super::*;
use std::path::PathBuf;

/// Every example of every guide is accepted alone, and its rules are compiled. Guides that come later are found here too.
#[test]
fn the_examples_of_the_guides_are_settings() {
    let mut read = 0;
    for file in pages() {
        let page = std::fs::read_to_string(&file).expect("a page");
        for example in page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let shown = || format!("{}:\n{example}", file.display());
            let settings = Settings::parse(example, Path::new("portolan.toml"))
                .unwrap_or_else(|findings| panic!("{}\n{findings}", shown()));
            assert_eq!(faults(&settings), [], "{}", shown());
            assert_eq!(doubts(&settings), [""; 0], "{}", shown());
            read += 1;
        }
    }
    assert!(read >= 5, "{read}");
}

/// Its examples are scenarios of emulated networks.
const OF_THE_LAB: &str = "lab.md";

/// `README.md` and the guides.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guides = std::fs::read_dir(root.join("docs/guides")).expect("the guides");
    let guides = guides.map(|entry| entry.expect("an entry").path()).filter(|page| !page.ends_with(OF_THE_LAB));
    guides.chain([root.join("README.md")]).collect()
}
