//! PROPPATCH (RFC 4918 §9.2): all steps or none.

use super::locks::{Passes, Touch};
use super::refused::Refused;
use super::{problems, read_body, xml};
use crate::door::{DataRequest, Door, problem};
use archive::{Property, PropertyChange};
use http::{Response, StatusCode};
use net::Body;
use port_core::dav::{self, Answer, Kind, Live, Name, Outcome, PatchStep};
use std::collections::HashSet;
use terms::{LogicalPath, Verb};

pub(super) async fn handle(door: &Door, data: DataRequest) -> Result<Response<Body>, Refused> {
    let DataRequest { path, principal, parts, body, .. } = data;
    door.authorise(&principal, Verb::Modify, &path, None).await?;
    let steps = dav::propertyupdate(&read_body(body, dav::spec::MAX_PATCH_BYTES).await?)?;
    let passes = Passes::read(door, &path, &parts.uri, &parts.headers, &principal).await?;
    let _names = door.hold_names().await;
    let found = door.namespaces().stat(&path).await?;
    passes.check(door, &path, Touch::Content)?;
    let kind = if found.is_file() { Kind::File } else { Kind::Folder };
    let outcomes = judge(&steps);
    if outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Done) {
        check_number(door, &path, &steps).await?;
        let changes: Vec<PropertyChange> = steps.into_iter().map(change).collect();
        door.archive().change_properties(&path, &changes).await.map_err(|error| problem::of_archive(&error))?;
    }
    let mut out = dav::multistatus_open().to_owned();
    Answer::patched(&path, kind, &outcomes, &mut out);
    out.push_str(dav::multistatus_close());
    Ok(xml(StatusCode::MULTI_STATUS, Body::full(out)))
}

/// What comes of each property, named once. One that is protected fails all others (RFC 4918 §9.2).
fn judge(steps: &[PatchStep]) -> Vec<(Name, Outcome)> {
    let is_protected = |name: &Name| Live::named(name).is_some_and(Live::is_protected);
    let any_protected = steps.iter().any(|step| is_protected(step.name()));
    let mut seen = HashSet::new();
    let names = steps.iter().map(PatchStep::name).filter(|name| seen.insert((*name).clone()));
    names
        .map(|name| {
            let outcome = match (is_protected(name), any_protected) {
                (true, _) => Outcome::Protected,
                (false, true) => Outcome::FailedDependency,
                (false, false) => Outcome::Done,
            };
            (name.clone(), outcome)
        })
        .collect()
}

async fn check_number(door: &Door, path: &LogicalPath, steps: &[PatchStep]) -> Result<(), Refused> {
    let before = door.archive().properties(path).await.map_err(|error| problem::of_archive(&error))?;
    let mut names: HashSet<Name> =
        before.into_iter().map(|property| Name::new(property.namespace, property.name)).collect();
    for step in steps {
        match step {
            PatchStep::Set { name, .. } => names.insert(name.clone()),
            PatchStep::Remove { name } => names.remove(name),
        };
    }
    if names.len() > dav::spec::MAX_PROPERTIES {
        return Err(problems::too_many("properties of one file or folder", dav::spec::MAX_PROPERTIES).into());
    }
    Ok(())
}

fn change(step: PatchStep) -> PropertyChange {
    match step {
        PatchStep::Set { name, xml } => {
            PropertyChange::Set(Property { namespace: name.namespace, name: name.local, xml })
        }
        PatchStep::Remove { name } => PropertyChange::Remove { namespace: name.namespace, name: name.local },
    }
}
