//! What the engine wants known about a site: noted, and where a person must look, raised.

use outpost_model::id::SiteId;
use outpost_sync::lineage::Finding;
use outpost_sync::{Incarnation, InstallId, Link, Notice, Position};

use crate::app::succeed::Retired;
use crate::app::{epoch, recover};
use crate::error::HubError;
use crate::store::{enrollment, exception, item, line, outbox};
use crate::wake::News;
use crate::write::Unit;

/// The site was heard of, or has fallen silent.
pub async fn heard(unit: &mut Unit, site: &SiteId, up: bool) -> Result<(), HubError> {
    unit.must_hold(site).await?;
    let now = unit.now();
    let turned = line::note(unit.db(), site, up, now).await?;
    unit.wakes.news.insert(News::Site(site.clone()));
    unit.wakes.routing |= up;
    unit.wakes.reference |= up && turned;
    Ok(())
}

/// The site introduced itself: its incarnations are registered to its install. Says whether its documents must be
/// compared with the hub's.
pub async fn greeted(
    unit: &mut Unit,
    site: &SiteId,
    install: InstallId,
    links: &[Link],
) -> Result<bool, HubError> {
    unit.must_hold(site).await?;
    let now = unit.now();
    // A site that goes by the hub's name is heard, but the name does not become its own.
    let hub = unit.actor();
    for link in links.iter().filter(|link| link.incarnation != hub) {
        enrollment::note_incarnation(unit.db(), site, install, link, now).await?;
    }
    if let Some(parent) = cloned(links) {
        raise(
            unit,
            site,
            "site_cloned",
            &parent.to_string(),
            "runs twice: two appliances continue the same past. Switch one of them off.",
        )
        .await?;
    }
    let compare = recover::greeted(unit, site, links).await?;
    heard(unit, site, true).await?;
    Ok(compare)
}

/// The lives that are over, each with the last number that belongs to the past of the life which takes over.
pub fn retired(findings: &[Finding], lost: &[Position]) -> Vec<Retired> {
    let kept = |life: &Position| {
        findings.iter().find_map(|finding| match finding {
            Finding::RolledBack { incarnation, there, .. } if *incarnation == life.incarnation => {
                Some(*there)
            }
            _ => None,
        })
    };
    lost.iter().map(|life| (life.incarnation, kept(life).unwrap_or(0))).collect()
}

/// A parent with two children.
fn cloned(links: &[Link]) -> Option<Incarnation> {
    let parents = || links.iter().filter_map(|link| link.parent);
    parents().find(|one| parents().filter(|other| other == one).count() > 1).map(|parent| parent.incarnation)
}

/// Anything else a person must look at; `None` for what is of no consequence here.
pub async fn take(unit: &mut Unit, site: &SiteId, notice: &Notice) -> Result<(), HubError> {
    let (code, about, what) = match notice {
        Notice::Repaired(outcome) if outcome.same => return recover::compared(unit, site).await,
        Notice::PeerRolledBack { incarnation, here, there } => (
            "site_rolled_back",
            incarnation.to_string(),
            format!(
                "has lost data: it knows {there} of {here} items it had sent. Was it restored from a copy?"
            ),
        ),
        Notice::Claimed { incarnation, there, proven: true } => {
            return epoch::proved(unit, site, Position { incarnation: *incarnation, n: *there }).await;
        }
        Notice::Claimed { incarnation, there, .. } => (
            "claim_without_proof",
            incarnation.to_string(),
            format!(
                "claims to have {there} items of this hub, of which the hub never wrote the last, and shows no proof. \
                 Nothing more is sent to it."
            ),
        ),
        Notice::RolledBack { incarnation, there } => {
            // Of a life whose end was lost the site has all that is left here; the rest it gives back by repair.
            outbox::acknowledge_rest(unit.db(), site, *incarnation).await?;
            (
                "hub_rolled_back",
                incarnation.to_string(),
                format!("knows {there} items of this hub that are not here. Was the hub restored from a copy?"),
            )
        }
        Notice::Forgotten { peer, next } => (
            "stream_forgotten",
            next.incarnation.to_string(),
            format!(
                "stands at {} and needs items that begin before {}.",
                item::place(*peer),
                item::place(*next)
            ),
        ),
        Notice::Diverged(position) => (
            "stream_diverged",
            item::place(*position),
            format!("has another past than the hub at {}.", item::place(*position)),
        ),
        Notice::Refused(refusal) => (
            "refused_by_site",
            item::place(refusal.position),
            format!("could not take an item of the hub ({}).", refusal.reason),
        ),
        Notice::ItemTooLarge(position) => (
            "item_too_large",
            item::place(*position),
            "cannot be sent an item: it is longer than the line takes.".to_owned(),
        ),
        Notice::PeerRetired(incarnation) => (
            "clone_alive",
            incarnation.to_string(),
            "is spoken for by two appliances: one that was taken over by another goes on running. Its frames are \
             refused; switch it off."
                .to_owned(),
        ),
        Notice::Past { lost, .. } => (
            "site_lost_its_past",
            lost.first().copied().map(item::place).unwrap_or_default(),
            "does not know all it had sent: it was restored from a copy, cloned, or set up anew.".to_owned(),
        ),
        Notice::SchemaApart { theirs, .. } => (
            "update_needed",
            format!("{}-{}", theirs.min, theirs.max),
            "runs a version that this hub does not understand. Nothing is exchanged until it is updated."
                .to_owned(),
        ),
        Notice::Greeted { .. }
        | Notice::Behind(_)
        | Notice::Retired(_)
        | Notice::Deferred(_)
        | Notice::Doubted(_)
        | Notice::Proof(_)
        | Notice::HubTime { .. }
        | Notice::Authority(_)
        | Notice::EpochRaised(_)
        | Notice::EpochOver(_)
        | Notice::Repaired(_)
        | Notice::Silent => return Ok(()),
    };
    raise(unit, site, code, &about, &what).await
}

async fn raise(unit: &mut Unit, site: &SiteId, code: &str, about: &str, what: &str) -> Result<(), HubError> {
    unit.raise(exception::New {
        code,
        sentence: format!("{site} {what}"),
        once: format!("{code} {site} {about}"),
        site: Some(site.clone()),
        ..Default::default()
    })
    .await?;
    Ok(())
}
