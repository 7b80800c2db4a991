//! Dead properties.

use crate::place::Place;
use crate::samples::{path, property, set};
use archive::{ArchiveError, Property, PropertyChange};
use terms::LogicalPath;

fn remove(name: &str) -> PropertyChange {
    PropertyChange::Remove { namespace: property(name, "").namespace, name: name.to_owned() }
}

pub(crate) async fn are_changed_in_order(place: Place) {
    let archive = place.open().await;
    let a = path("/a");
    archive.change_properties(&a, &[]).await.unwrap();
    archive.change_properties(&a, &[set("b", "1"), set("a", "2"), set("b", "3"), remove("nothing")]).await.unwrap();
    assert_eq!(archive.properties(&a).await.unwrap(), [property("a", "2"), property("b", "3")]);
    archive.change_properties(&a, &[set("a", "4"), remove("a"), remove("b"), set("b", "5")]).await.unwrap();
    assert_eq!(archive.properties(&a).await.unwrap(), [property("b", "5")]);

    // The same name in another namespace, and in none, is another property.
    let other =
        |namespace: &str| Property { namespace: namespace.to_owned(), name: "b".to_owned(), xml: "<b/>".to_owned() };
    archive
        .change_properties(&a, &[PropertyChange::Set(other("")), PropertyChange::Set(other("urn:z"))])
        .await
        .unwrap();
    assert_eq!(archive.properties(&a).await.unwrap(), [other(""), property("b", "5"), other("urn:z")]);

    let with_nul = [remove("b"), set("c", "\0")];
    assert!(matches!(archive.change_properties(&a, &with_nul).await, Err(ArchiveError::Failed { .. })));
    assert_eq!(archive.properties(&a).await.unwrap().len(), 3);
}

pub(crate) async fn are_read_for_one_level(place: Place) {
    let archive = place.open().await;
    for name in ["/", "/a", "/a/B", "/a/b", "/a/b/c", "/a-b", "/a0"] {
        archive.change_properties(&path(name), &[set("y", name), set("x", name)]).await.unwrap();
    }
    let expected = |names: &[&str]| -> Vec<(LogicalPath, Property)> {
        names.iter().flat_map(|name| [(path(name), property("x", name)), (path(name), property("y", name))]).collect()
    };
    assert_eq!(archive.properties_in(&path("/a")).await.unwrap(), expected(&["/a", "/a/B", "/a/b"]));
    assert_eq!(archive.properties_in(&path("/")).await.unwrap(), expected(&["/", "/a", "/a-b", "/a0"]));
    assert_eq!(archive.properties_in(&path("/a/b/c")).await.unwrap(), expected(&["/a/b/c"]));
    assert_eq!(archive.properties_in(&path("/nothing")).await.unwrap(), []);
}

pub(crate) async fn are_copied_by_tree(place: Place) {
    let archive = place.open().await;
    for name in ["/from", "/from/ä/x", "/fromage", "/to", "/to/old"] {
        archive.change_properties(&path(name), &[set("colour", name)]).await.unwrap();
    }
    let of = async |name: &str| archive.properties(&path(name)).await.unwrap();
    archive.copy_properties(&path("/from"), &path("/to")).await.unwrap();
    for name in ["", "/ä/x"] {
        let original = property("colour", &format!("/from{name}"));
        assert_eq!(of(&format!("/from{name}")).await, std::slice::from_ref(&original));
        assert_eq!(of(&format!("/to{name}")).await, [original]);
    }
    assert_eq!(of("/to/old").await, []);
    assert_eq!(of("/toage").await, []);

    // Onto itself: nothing happens. Into itself: what was there is replaced by what is copied.
    archive.copy_properties(&path("/from"), &path("/from")).await.unwrap();
    archive.copy_properties(&path("/from"), &path("/from/ä")).await.unwrap();
    assert_eq!(of("/from").await, [property("colour", "/from")]);
    assert_eq!(of("/from/ä").await, [property("colour", "/from")]);
    assert_eq!(of("/from/ä/x").await, []);
    archive.copy_properties(&path("/"), &path("/all")).await.unwrap();
    assert_eq!(of("/all/from").await, [property("colour", "/from")]);
    assert_eq!(of("/all").await, []);
    let error = archive.copy_properties(&path("/from/ä"), &path("/from")).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Failed { .. }), "{error}");
}

pub(crate) async fn may_have_long_names(place: Place) {
    let archive = place.open().await;
    let long = |last: &str| Property {
        namespace: format!("urn:{}{last}", "ns".repeat(5_000)),
        name: "n".repeat(5_000),
        xml: format!("<x>{}</x>", "long ".repeat(200_000)),
    };
    let both = [PropertyChange::Set(long("1")), PropertyChange::Set(long("2"))];
    archive.change_properties(&path("/a"), &both).await.unwrap();
    assert_eq!(archive.properties(&path("/a")).await.unwrap(), [long("1"), long("2")]);
}
