//! Labels: a handling label needs nobody, a carrier's commits to a shipment and needs authority.

use super::guard::{container, facts, going_on, only_for, permission, refuse, room_in};
use super::pick::taken_on;
use super::{Context, Decided};
use crate::fact::{LabelKind, Permission, SiteFact};
use crate::fulfillment::{Container, Fulfillment};
use crate::header::Service;
use crate::id::ContainerId;
use crate::rejection::Rejection;

pub(super) fn label(
    case: &Fulfillment,
    id: &ContainerId,
    kind: LabelKind,
    override_reason: Option<&str>,
    ctx: &Context<'_>,
) -> Decided {
    going_on(case)?;
    if kind == LabelKind::Carrier {
        only_for(case, &[Service::Ship, Service::ShipToStore])?;
    }
    free_for(case, id, kind, ctx)?;
    let Some(resolved) = &ctx.label else {
        return refuse("label_missing", missing(kind));
    };
    let used = case.containers.iter().find(|(other, at)| *other != id && bears(at, &resolved.number));
    if let Some((other, _)) = used {
        return refuse("label_used", format!("Label {} is on container {other}.", resolved.number));
    }
    if case.bought.iter().any(|bought| bought.number == resolved.number && bought.voided) {
        return refuse("label_missing", "The carrier has taken this label back. Wait for a new one.");
    }
    let permission = match kind {
        // Nothing irrevocable: the number is the site's own.
        LabelKind::Handling => Permission::Granted,
        LabelKind::Carrier => permission(case, override_reason, false, ctx)?,
    };
    let labeled = SiteFact::Labeled {
        container: id.clone(),
        label: kind,
        number: resolved.number.clone(),
        carrier: resolved.carrier.clone(),
        label_hash: resolved.label_hash.clone(),
        permission,
    };
    facts(taken_on(case, labeled))
}

/// A parcel may be labeled before it is packed, or even filled; one that is closed may be labeled too.
fn free_for(
    case: &Fulfillment,
    id: &ContainerId,
    kind: LabelKind,
    ctx: &Context<'_>,
) -> Result<(), Rejection> {
    match case.containers.get(id) {
        Some(at) if !at.gone && at.packed => {}
        _ => room_in(case, id, ctx)?,
    }
    let bears_one = |at: &Container| at.labels.iter().any(|label| label.kind == kind);
    match case.containers.get(id).is_some_and(bears_one) {
        true => {
            refuse("already_labeled", format!("Container {id} bears such a label. Print it again instead."))
        }
        false => Ok(()),
    }
}

fn bears(container: &Container, number: &str) -> bool {
    container.labels.iter().any(|label| label.number == number)
}

fn missing(kind: LabelKind) -> &'static str {
    match kind {
        LabelKind::Handling => "This site has no label numbers left. They come with the line.",
        LabelKind::Carrier => "No carrier label has come for this parcel yet. It comes with the line.",
    }
}

/// Allowed whatever became of the case.
pub(super) fn destroy(case: &Fulfillment, id: &ContainerId, number: &str) -> Decided {
    match bears(container(case, id)?, number) {
        true => facts(vec![SiteFact::LabelDestroyed { container: id.clone(), number: number.to_owned() }]),
        false => refuse("no_such_label", format!("Container {id} bears no label {number}.")),
    }
}
