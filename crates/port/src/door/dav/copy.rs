//! COPY within this port (RFC 4918 §9.8). File copies pass the staging area, so that nothing half-written is visible.

use super::refused::Refused;
use super::tree::{self, Afterwards, Errand};
use super::{mkcol, problems};
use crate::door::copy::Order;
use crate::door::{DataRequest, Door};
use http::Response;
use net::Body;
use port_core::dav::{self, Depth};
use terms::Verb;

pub(super) async fn handle(door: &Door, data: DataRequest) -> Result<Response<Body>, Refused> {
    let DataRequest { path, principal, parts, .. } = data;
    let judged = door.consider(&principal, Verb::Read, &path, None).await?.settle(door)?;
    let depth = dav::depth(&parts.headers, Depth::Infinity)?;
    if depth == Depth::One {
        return Err(problems::depth("COPY", "0 or infinity").into());
    }
    let errand = Errand::read(door, &path, principal, &parts).await?;
    errand.check_destination(door)?;
    let (from, to, who) = (&errand.from.path, &errand.to.path, &errand.who);
    {
        let _names = door.hold_names().await;
        errand.clear(door).await?;
        if errand.source.is_folder() && depth == Depth::Zero {
            mkcol::make_folder(door, to).await?;
            tree::copy_own_properties(door, from, to).await?;
            return Ok(tree::done(&errand));
        }
    }
    if errand.source.is_folder() {
        let failures = tree::carry_folder(door, from, to, who, Afterwards::Keep).await?;
        if !failures.is_empty() {
            return Err(tree::multistatus(&failures));
        }
    } else {
        let (overwrite, replaced) = (errand.overwrite, errand.replaced);
        tree::copy_file(door, Order { from, to, overwrite, who, judged, replaced, keeps_owner: false }).await?;
    }
    Ok(tree::done(&errand))
}
