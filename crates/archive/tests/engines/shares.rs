//! Shares and their budgets.

use crate::place::Place;
use crate::samples::{bare_share, id, instant, share};
use archive::{Archive, ShareRecord};
use std::time::Duration;
use terms::{ShareId, Timestamp};

pub(crate) async fn come_back_and_are_revoked_once(place: Place) {
    let archive = place.open().await;
    let (first, second) = (share(1, "/night"), bare_share(2, "/"));
    archive.record_share(&second).await.unwrap();
    archive.record_share(&first).await.unwrap();
    assert!(archive.record_share(&first).await.is_err(), "an id is used once");
    assert_eq!(archive.share(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(archive.share(ShareId(id(99))).await.unwrap(), None);
    assert_eq!(archive.shares().await.unwrap(), [first.clone(), second.clone()]);

    let at = instant(1_750_000_000);
    assert!(archive.revoke_share(first.id, at).await.unwrap());
    assert!(!archive.revoke_share(first.id, instant(1_760_000_000)).await.unwrap());
    assert!(!archive.revoke_share(ShareId(id(99)), at).await.unwrap());
    assert_eq!(archive.shares().await.unwrap(), [ShareRecord { revoked: Some(at), ..first }, second]);
}

pub(crate) async fn are_found_by_creator(place: Place) {
    let archive = place.open().await;
    let all = [share(1, "/a"), share(2, "/b"), bare_share(3, "/c")];
    for share in &all {
        archive.record_share(share).await.unwrap();
    }
    let creator = &all[0].creator;
    assert_eq!(archive.shares_of(creator).await.unwrap(), all[..2]);
    assert_eq!(archive.shares_of("nobody").await.unwrap(), []);
    let (during, after) = (instant(1_750_000_000), instant(1_800_000_000));
    assert_eq!(archive.count_live_shares_of(creator, during).await.unwrap(), 2);
    assert_eq!(archive.count_live_shares_of(creator, after).await.unwrap(), 0, "the end is not part of the life");
    assert!(archive.revoke_share(all[0].id, during).await.unwrap());
    assert_eq!(archive.count_live_shares_of(creator, during).await.unwrap(), 1);
}

/// Forty callers at once, each wanting one download and 3 bytes, where there are 7 downloads or 20 bytes.
pub(crate) async fn spend_no_more_than_they_have(place: Place) {
    let archive = place.open().await;
    let by_downloads = ShareRecord { downloads_max: Some(10), bytes_max: None, bytes: 0, ..share(1, "/a") };
    let by_bytes = ShareRecord { downloads: 0, downloads_max: None, bytes: 80, bytes_max: Some(100), ..share(2, "/b") };
    for (share, expected) in [(by_downloads, 7), (by_bytes, 6)] {
        archive.record_share(&share).await.unwrap();
        let callers = (0..40).map(|_| {
            let archive = archive.clone();
            tokio::spawn(async move { archive.spend_share(share.id, 1, 3).await.unwrap() })
        });
        let mut served = 0;
        for caller in callers.collect::<Vec<_>>() {
            served += u64::from(caller.await.unwrap());
        }
        assert_eq!(served, expected);
        let left = read(&archive, share.id).await;
        assert_eq!((left.downloads, left.bytes), (share.downloads + expected, share.bytes + 3 * expected));
        assert!(!archive.spend_share(share.id, u64::MAX, 0).await.unwrap(), "more than a number can hold");
        assert!(!archive.spend_share(share.id, i64::MAX as u64, i64::MAX as u64).await.unwrap());
    }
}

pub(crate) async fn give_back_what_was_taken(place: Place) {
    let archive = place.open().await;
    let whole = ShareRecord { downloads: 0, downloads_max: Some(1), bytes: 0, bytes_max: Some(10), ..share(1, "/a") };
    archive.record_share(&whole).await.unwrap();
    assert!(archive.spend_share(whole.id, 1, 10).await.unwrap());
    assert!(!archive.spend_share(whole.id, 0, 1).await.unwrap());
    archive.refund_share(whole.id, 1, 4).await.unwrap();
    assert_eq!(read(&archive, whole.id).await, ShareRecord { bytes: 6, ..whole.clone() });
    assert!(archive.spend_share(whole.id, 1, 4).await.unwrap());
    archive.refund_share(whole.id, 5, 50).await.unwrap();
    assert_eq!(read(&archive, whole.id).await, whole, "never less than nothing");
    archive.tally_share(whole.id, 2, 20).await.unwrap();
    let counted = ShareRecord { downloads: 2, bytes: 20, ..whole.clone() };
    assert_eq!(read(&archive, whole.id).await, counted, "what was moved is told, whatever the budget is");

    let other = ShareRecord { downloads_max: None, bytes_max: None, ..share(2, "/b") };
    archive.record_share(&other).await.unwrap();
    assert!(archive.spend_share(other.id, 1, 1).await.unwrap());
    archive.revoke_share(other.id, instant(1_750_000_000)).await.unwrap();
    assert!(!archive.spend_share(other.id, 1, 1).await.unwrap(), "revoked");
}

pub(crate) async fn that_are_over_are_forgotten(place: Place) {
    let archive = place.open().await;
    let kept = [bare_share(1, "/"), share(2, "/a")];
    let revoked = ShareRecord { revoked: Some(instant(1_710_000_000)), ..share(3, "/b") };
    let over = ShareRecord { expires: Some(instant(1_710_000_000)), ..share(4, "/b") };
    for share in kept.iter().chain([&revoked, &over]) {
        archive.record_share(share).await.unwrap();
    }
    assert_eq!(archive.forget_shares_over_before(instant(1_710_000_000)).await.unwrap(), 0);
    let later: Timestamp = instant(1_710_000_000).after(Duration::from_nanos(1));
    assert_eq!(archive.forget_shares_over_before(later).await.unwrap(), 2);
    assert_eq!(archive.shares().await.unwrap(), kept);
}

async fn read(archive: &Archive, id: ShareId) -> ShareRecord {
    archive.share(id).await.unwrap().unwrap()
}
