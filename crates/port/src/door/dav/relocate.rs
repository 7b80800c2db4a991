//! MOVE (RFC 4918 §9.9): one rename where source and destination are on one file system, else copies and a removal.

use super::gain;
use super::locks::{self, Touch};
use super::own_authority;
use super::problems;
use super::refused::Refused;
use super::tree::{self, Afterwards, Errand};
use crate::door::copy::Order;
use crate::door::rights::About;
use crate::door::{DataRequest, Door, problem, remove};
use http::Response;
use http::request::Parts;
use net::Body;
use port_core::dav::{self, Depth, Destination};
use std::io;
use std::sync::Arc;
use terms::{LogicalPath, Principal, Verb};

pub(super) async fn handle(door: &Door, data: DataRequest) -> Result<Response<Body>, Refused> {
    let DataRequest { path, principal, parts, .. } = data;
    let judged = match renames_freely(door, &path, &principal, &parts).await? {
        // To the rules it is a removal like any other: what they forbid stays forbidden.
        true => door.consider(&principal.as_renamer(), Verb::Delete, &path, None).await?.settle(door)?,
        false => tree::authorise_removal(door, &principal, &path).await?,
    };
    if door.namespaces().holds_mount(&path) {
        return Err(remove::holds_mount(&path).into());
    }
    let depth = dav::depth(&parts.headers, Depth::Infinity)?;
    let errand = Errand::read(door, &path, principal, &parts).await?;
    if errand.source.is_folder() && depth != Depth::Infinity {
        return Err(problems::depth("MOVE of a folder", "infinity").into());
    }
    gain::check(door, &errand).await?;
    if Arc::ptr_eq(&errand.from.namespace, &errand.to.namespace) {
        // A caller that hangs up must not stop it between the rename and its record: hence a task of its own.
        let (own, errand) = (door.clone(), Arc::new(errand));
        let shared = Arc::clone(&errand);
        let renamed = tokio::spawn(async move { rename(&own, &shared, judged).await }).await;
        if let Renamed::Done = renamed.map_err(|error| problem::ours(format!("a move ended early: {error}")))?? {
            return Ok(tree::done(&errand));
        }
        return copy_and_remove(door, &errand).await;
    }
    copy_and_remove(door, &errand).await
}

/// Is it a file that is to be moved to a free name, by somebody who may do just that without the verb `delete`? Should
/// the name not be free any more when it comes to it, the move ends there.
async fn renames_freely(door: &Door, path: &LogicalPath, who: &Principal, parts: &Parts) -> Result<bool, Refused> {
    let headers = &parts.headers;
    let Destination::Here(to) = dav::destination(headers, own_authority(&parts.uri, headers))? else {
        return Ok(false);
    };
    if !door.rights().policy().may_rename(who, path, &to) {
        return Ok(false);
    }
    let there = tree::look(&door.namespaces().resolve(&to)?).await?;
    Ok(there.is_none() && door.namespaces().stat(path).await?.is_file())
}

enum Renamed {
    Done,
    /// Inside one store, but on two file systems.
    CrossesDevices,
}

async fn rename(door: &Door, errand: &Errand, judged: About) -> Result<Renamed, Refused> {
    let (from, to) = (&errand.from, &errand.to);
    let _names = door.hold_names().await;
    // What was true before the names were held may not be now.
    let (source, there) = (tree::look(from).await?, tree::look(to).await?);
    let source = source.filter(|source| source.kind == errand.source.kind);
    let source = source.ok_or_else(|| problem::not_found(&from.path))?;
    judged.check(&from.path, &source)?;
    if door.wants_object(&errand.who, Verb::Read, &to.path) {
        // What was found to give nothing away was this very file.
        About::Bytes(errand.source.is_file().then(|| errand.source.identity())).check(&from.path, &source)?;
    }
    if there.map(|there| there.kind) != errand.there.map(|there| there.kind) {
        return Err(problem::already_there(&to.path).into());
    }
    if let Some(there) = &there {
        errand.replaced.check(&to.path, there)?;
    }
    errand.passes.check(door, &from.path, Touch::Tree)?;
    errand.check_destination(door)?;
    let archive = door.archive();
    let failed = |error| problem::of_archive(&error);
    let id = archive.begin_move(&from.path, &to.path).await.map_err(failed)?;
    let renamed = match errand.clear(door).await {
        Ok(()) => from.namespace.store.rename(&from.within, &to.within, there.is_some()).await,
        Err(refused) => {
            archive.abandon_move(id).await.map_err(failed)?;
            return Err(refused);
        }
    };
    if let Err(error) = renamed {
        archive.abandon_move(id).await.map_err(failed)?;
        return match error.kind() {
            io::ErrorKind::CrossesDevices => Ok(Renamed::CrossesDevices),
            _ => Err(problem::of_io(&error, "move", &from.path).into()),
        };
    }
    archive.finish_move(id).await.map_err(failed)?;
    // Locks do not move (RFC 4918 §7.5).
    locks::forget(door, &from.path).await?;
    Ok(Renamed::Done)
}

/// Each file goes from the source only when its copy is durable.
async fn copy_and_remove(door: &Door, errand: &Errand) -> Result<Response<Body>, Refused> {
    let (from, to, who) = (&errand.from, &errand.to, &errand.who);
    let judged = door.consider(who, Verb::Read, &from.path, None).await?.settle(door)?;
    errand.passes.check(door, &from.path, Touch::Tree)?;
    errand.check_destination(door)?;
    {
        let _names = door.hold_names().await;
        errand.clear(door).await?;
    }
    if errand.source.is_folder() {
        let failures = tree::carry_folder(door, &from.path, &to.path, who, Afterwards::Remove).await?;
        if !failures.is_empty() {
            return Err(tree::multistatus(&failures));
        }
    } else {
        let before = door.namespaces().stat(&from.path).await?;
        let (overwrite, replaced) = (errand.overwrite, errand.replaced);
        let order = Order { from: &from.path, to: &to.path, overwrite, who, judged, replaced, keeps_owner: true };
        tree::copy_file(door, order).await?;
        tree::remove_carried(door, &from.path, &before).await?;
    }
    Ok(tree::done(errand))
}
