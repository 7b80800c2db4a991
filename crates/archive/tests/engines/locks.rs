//! WebDAV locks.

use crate::place::Place;
use crate::samples::{instant, lock};
use archive::LockRecord;

pub(crate) async fn come_back_until_removed(place: Place) {
    let archive = place.open().await;
    let (first, second) = (lock(1, "/b"), LockRecord { deep: false, shared: true, ..lock(2, "/a/é") });
    archive.record_lock(&first).await.unwrap();
    archive.record_lock(&second).await.unwrap();
    assert_eq!(archive.locks().await.unwrap(), [second.clone(), first.clone()]);

    let refreshed = LockRecord { expires: instant(1_900_000_000), ..first };
    archive.record_lock(&refreshed).await.unwrap();
    assert_eq!(archive.locks().await.unwrap(), [second.clone(), refreshed.clone()]);

    archive.remove_lock(&refreshed.token).await.unwrap();
    archive.remove_lock("urn:uuid:nothing").await.unwrap();
    assert_eq!(archive.locks().await.unwrap(), [second]);
}
