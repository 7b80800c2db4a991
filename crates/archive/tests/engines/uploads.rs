//! Resumable uploads.

use crate::place::Place;
use crate::samples::{bare_upload, id, upload};
use archive::{ArchiveError, UploadRecord};
use terms::UploadId;

pub(crate) async fn come_back_until_removed(place: Place) {
    let archive = place.open().await;
    let (first, second) = (upload(1, "/night/x.fits"), bare_upload(9, "/y"));
    archive.record_upload(&second).await.unwrap();
    archive.record_upload(&first).await.unwrap();
    assert_eq!(archive.upload(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(archive.upload(UploadId(id(99))).await.unwrap(), None);
    assert_eq!(archive.uploads().await.unwrap(), [first.clone(), second.clone()]);

    let longer = UploadRecord { length_bytes: Some(7), ..second };
    archive.record_upload(&longer).await.unwrap();
    let impossible = UploadRecord { length_bytes: Some(u64::MAX), ..longer.clone() };
    assert!(matches!(archive.record_upload(&impossible).await, Err(ArchiveError::Failed { .. })));
    archive.remove_upload(first.id).await.unwrap();
    archive.remove_upload(first.id).await.unwrap();
    assert_eq!(archive.uploads().await.unwrap(), [longer]);
}
