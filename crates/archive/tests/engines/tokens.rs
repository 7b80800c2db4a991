//! Access tokens.

use crate::place::Place;
use crate::samples::{bare_token, id, instant, token};
use archive::TokenRecord;
use terms::TokenId;

pub(crate) async fn come_back_and_are_revoked_once(place: Place) {
    let archive = place.open().await;
    let (first, second) = (token(1, "night shift"), bare_token(2, "Ännchen's"));
    archive.record_token(&second).await.unwrap();
    archive.record_token(&first).await.unwrap();
    assert_eq!(archive.token(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(archive.token(TokenId(id(99))).await.unwrap(), None);
    assert_eq!(archive.tokens().await.unwrap(), [first.clone(), second.clone()]);

    let at = instant(1_750_000_000);
    assert!(archive.revoke_token(first.id, at).await.unwrap());
    assert!(!archive.revoke_token(first.id, instant(1_760_000_000)).await.unwrap());
    assert!(!archive.revoke_token(TokenId(id(99)), at).await.unwrap());
    assert_eq!(archive.tokens().await.unwrap(), [TokenRecord { revoked: Some(at), ..first }, second]);
}
