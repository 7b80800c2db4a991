//! Whatever bytes a client sends: never a panic, and never another identity than the one that was signed.

use super::{captured, captured_source, now, organisation, store};
use crate::x509::{TrustSource, TrustStore, judge};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

static STORE: LazyLock<TrustStore> =
    LazyLock::new(|| store(&TrustSource { organisations: vec![organisation()], ..captured_source() }));

/// The chain may be refused, or its attributes left aside; whoever is still accepted is the same with no more groups.
fn judge_changed(chain: &[Vec<u8>], name: &str, groups: &BTreeSet<String>) {
    if let Ok(judged) = judge(chain, &STORE, now()) {
        assert_eq!(judged.identity.name, name);
        assert!(judged.identity.groups.is_subset(groups), "{:?}", judged.identity.groups);
    }
}

#[test]
fn each_byte_of_a_chain_changed() {
    for file in ["voms-proxy.pem", "limited-proxy.pem"] {
        let chain = captured(file);
        let good = judge(&chain, &STORE, now()).unwrap().identity;
        for (index, certificate) in chain.iter().enumerate() {
            for at in 0..certificate.len() {
                for bit in [0x01, 0x20, 0x80] {
                    let mut changed = chain.clone();
                    changed[index][at] ^= bit;
                    judge_changed(&changed, &good.name, &good.groups);
                    if let Ok(judged) = judge(&changed, &STORE, now()) {
                        assert_eq!(judged.identity.bounds, good.bounds, "a limit is never lost");
                    }
                }
            }
        }
    }
}

#[test]
fn a_chain_cut_at_each_byte() {
    let chain = captured("voms-proxy.pem");
    for end in 0..chain[0].len() {
        let cut = [chain[0][..end].to_vec(), chain[1].clone()];
        assert!(judge(&cut, &STORE, now()).is_err());
    }
}

proptest! {
    #[test]
    fn any_bytes_at_all(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(judge(&[bytes], &STORE, now()).is_err());
    }

    /// Bytes put into the right places: a run of them in a good chain.
    #[test]
    fn any_bytes_inside(at in 0..2_400_usize, length in 0..40_usize, bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut chain = captured("voms-proxy.pem");
        let end = (at + length).min(chain[0].len());
        chain[0].splice(at.min(end)..end, bytes);
        let groups = ["/testvo", "/testvo/Role=production"].map(str::to_owned).into();
        judge_changed(&chain, "/DC=org/DC=example/CN=Alice", &groups);
    }

    #[test]
    fn any_files_in_the_directory(bytes in proptest::collection::vec(any::<u8>(), 0..500), text in ".{0,200}") {
        use super::named;
        let mut source = captured_source();
        source.authorities.push(named("a.0", bytes.clone()));
        source.revocation_lists.push(named("a.r0", bytes));
        source.signing_policies.push(named("a.signing_policy", text.clone()));
        let mut organisation = organisation();
        organisation.lists.push(named("b.lsc", text));
        source.organisations.push(organisation);
        prop_assert!(TrustStore::build(&source).is_ok());
    }
}
