//! The table of a whole site, which is reviewed as one file: each change of what anybody may do shows there.

use super::*;
use std::net::Ipv4Addr;

/// The sample site of the documentation, and two people of whom it does not know.
const SITE: &str = include_str!("site.toml");

#[tokio::test]
async fn the_matrix_of_the_sample_site_is_the_reviewed_one() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("site.cedar"), include_str!("site.cedar")).expect("written");
    let settings = Settings::parse(SITE, &directory.path().join("site.toml")).unwrap_or_else(|wrong| panic!("{wrong}"));
    let archive = crate::open_archive(&settings).await.expect("an archive");
    let caller = |who: &str, groups: &[&str]| Caller {
        who: who.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        issuer: None,
        from: Some(Ipv4Addr::new(192, 0, 2, 7).into()),
        tls: true,
    };
    let callers = [
        caller("anonymous", &[]),
        caller("anybody", &[]),
        caller("/DC=org/DC=example/CN=Member", &["/survey"]),
        caller("alice", &[]),
        caller("telescope", &[]),
        caller("operator", &[]),
    ];
    let at = Timestamp::from_seconds(1_800_000_000);
    let table = matrix(&settings, &archive, &callers, &[], at).await.expect("a table");
    archive.close().await;
    crate::golden::check("crates/daemon/src/explain/matrix.md", &table);
}
