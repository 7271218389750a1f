//! What repair brings: changes without a place in the site's stream. They go through the same checks, projections and
//! reactions as all others, by being a stream of their own: its positions are given here, and nobody acknowledges them.

use outpost_config::SsccSettings;
use outpost_model::id::SiteId;
use outpost_sync::repair::{Mend, Standing};
use outpost_sync::{
    Batch, Change, DocumentId, Incarnation, Incoming, Inspection, InstallId, Item, Limits, Position,
    Progress, Refusal,
};

use super::apply::{self, Applied};
use super::own::{self, Taken};
use crate::error::HubError;
use crate::store::{document, enrollment, exception, inbox, outbox, parked};
use crate::write::Unit;

/// The stream of what came by repair. No writer has this name: it is no author, and never registered to a site.
pub const REPAIR: Incarnation = Incarnation([0; Incarnation::BYTES]);

/// Takes in what repair brought. What cannot be taken is in quarantine afterwards.
pub async fn mend(unit: &mut Unit, mend: &Mend, sscc: &SsccSettings) -> Result<Applied, HubError> {
    if enrollment::keys(unit.db(), &mend.site).await?.find(mend.install).is_none() {
        return Ok(Applied::Revoked);
    }
    if !unit.holds(&mend.site).await? {
        return Ok(Applied::NotHeld);
    }
    for (doc, standing) in &mend.notes {
        note(unit, mend, doc, *standing).await?;
    }
    let present = unit.actor();
    let lives = outbox::past_lives(unit.db(), &mend.site, present).await?;
    if lives.is_empty() {
        let batch = stream(unit, &mend.site, mend.install, &mend.changes).await?;
        return apply::apply(unit, &batch, sscc).await;
    }
    // A restored hub: its own changes and the site's build on each other, so they are taken in turns. Each gets its
    // position when its turn comes, since what it wakes is given positions too.
    let mut refused = Vec::new();
    let mut of_site: Vec<Change> = Vec::new();
    for change in &mend.changes {
        let own = Inspection::of(change, &Limits::PROTOCOL).ok();
        match own.filter(|inspection| lives.contains(&inspection.author)) {
            None => of_site.push(change.clone()),
            Some(inspection) => {
                refused.extend(flush(unit, mend, &mut of_site, sscc).await?);
                refused.extend(take_own(unit, mend, change, &inspection, sscc).await?);
            }
        }
    }
    refused.extend(flush(unit, mend, &mut of_site, sscc).await?);
    Ok(Applied::Stored(refused))
}

/// Takes in the site's changes that have gathered.
async fn flush(
    unit: &mut Unit,
    mend: &Mend,
    of_site: &mut Vec<Change>,
    sscc: &SsccSettings,
) -> Result<Vec<Refusal>, HubError> {
    if of_site.is_empty() {
        return Ok(Vec::new());
    }
    let batch = stream(unit, &mend.site, mend.install, of_site).await?;
    of_site.clear();
    let applied = apply::apply(unit, &batch, sscc).await?;
    match applied {
        Applied::Stored(refused) | Applied::StoredBut { refused, .. } => Ok(refused),
        Applied::Revoked | Applied::NotHeld => Ok(Vec::new()),
    }
}

/// Takes one of the hub's own changes back, and what has waited for it.
async fn take_own(
    unit: &mut Unit,
    mend: &Mend,
    change: &Change,
    inspection: &Inspection,
    sscc: &SsccSettings,
) -> Result<Vec<Refusal>, HubError> {
    let site = &mend.site;
    let batch = stream(unit, site, mend.install, std::slice::from_ref(change)).await?;
    let Some(incoming) = batch.items.first() else { return Ok(Vec::new()) };
    let taken = own::take(unit, site, incoming, inspection).await?;
    inbox::count(unit.db(), site, incoming).await?;
    let doc = change.doc.clone();
    match taken {
        Taken::Yes => {
            wake(unit, &batch, &[doc], sscc).await?;
            Ok(Vec::new())
        }
        Taken::NotNow => Ok(Vec::new()),
        Taken::Refused(reason) => {
            apply::set_aside(unit, site, incoming, reason).await?;
            document::quarantine(unit.db(), site, &doc, reason).await?;
            Ok(vec![Refusal { position: incoming.position, reason: reason.to_owned() }])
        }
    }
}

/// Puts changes in quarantine that broke the transaction they were applied in.
pub async fn give_up(unit: &mut Unit, mend: &Mend, reason: &'static str) -> Result<(), HubError> {
    let batch = stream(unit, &mend.site, mend.install, &mend.changes).await?;
    apply::give_up(unit, &batch, reason).await.map(drop)
}

/// Gives changes the next positions of the repair stream.
async fn stream(
    unit: &mut Unit,
    site: &SiteId,
    install: InstallId,
    changes: &[Change],
) -> Result<Batch, HubError> {
    let known = inbox::progress(unit.db(), site).await?;
    let last = match known.iter().find(|progress| progress.incarnation() == REPAIR) {
        // Above all that was ever given, also where one found no room.
        Some(progress) => progress.beyond().map(|(n, _)| n).max().unwrap_or(progress.through()),
        None => {
            // Written before the first use, or the name would be registered as one of the site's.
            inbox::save_all(unit.db(), &[(site, &Progress::start(REPAIR))]).await?;
            0
        }
    };
    let items = (last + 1..).zip(changes).map(|(n, change)| {
        let item = Item::Change(change.clone());
        Incoming { position: Position { incarnation: REPAIR, n }, digest: item.digest(), gap: None, item }
    });
    Ok(Batch { site: site.clone(), install, items: items.collect() })
}

/// Tries what has waited for a document's newest changes. What still lacks something waits on.
pub(super) async fn wake(
    unit: &mut Unit,
    batch: &Batch,
    docs: &[DocumentId],
    sscc: &SsccSettings,
) -> Result<(), HubError> {
    let changes = parked::of_documents(unit.db(), &batch.site, docs).await?;
    if changes.is_empty() {
        return Ok(());
    }
    for change in &changes {
        parked::unpark(unit.db(), &batch.site, change).await?;
    }
    let found = document::named(unit.db(), docs).await?;
    for mut row in found.into_values().filter(|row| row.place.waiting) {
        row.place.waiting = false;
        document::put(unit.db(), &[&row]).await?;
    }
    let again = stream(unit, &batch.site, batch.install, &changes).await?;
    // What comes of it is in the database: the positions are nobody's, and need no answer.
    Box::pin(apply::apply(unit, &again, sscc)).await.map(drop)
}

/// Notes what a document is at the site.
async fn note(unit: &mut Unit, mend: &Mend, doc: &DocumentId, standing: Standing) -> Result<(), HubError> {
    let found = document::named(unit.db(), std::slice::from_ref(doc)).await?;
    let Some(mut row) = found.into_values().find(|row| row.site == mend.site) else { return Ok(()) };
    row.place.there = standing;
    document::put(unit.db(), &[&row]).await?;
    let site = &mend.site;
    if standing == Standing::Held {
        unit.raise(exception::New {
            code: "held_by_site",
            sentence: format!("{site} has set aside what the hub wrote into {doc}."),
            once: format!("held_by_site {site} {doc} {}", row.hub_n),
            site: Some(site.clone()),
            ..Default::default()
        })
        .await?;
    }
    Ok(())
}
