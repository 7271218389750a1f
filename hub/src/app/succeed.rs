//! Another life of a site takes over, without all that the earlier ones had: the appliance was restored from a copy, set
//! up anew, or replaced. What the earlier lives were given is taken back, so that nothing is granted, promised or
//! numbered twice, and the site is sent again what it works with.

use outpost_model::id::{DocumentKey, SiteId, Sku};
use outpost_model::page::{HubPageEvent, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_sync::seal::Name;
use outpost_sync::{DocumentId, Incarnation, Item, Record};

use super::enroll::Terms;
use super::{documents, lease, offer, reference};
use crate::error::HubError;
use crate::store::{authority, case, enrollment, item, recovery, rights, sealed, serial};
use crate::wake::News;
use crate::write::Unit;

/// Returned rights that fit into one event of the hub's page.
const RETURNED_MAX: usize = 200;

/// Frames of a life that is over may still be under way for so long.
const UNDER_WAY_MS: i64 = 60_000;

/// A life of the site, and the last number of it that the life which takes over still has.
pub type Retired = (Incarnation, u64);

/// A site tells another past than the one that is stored: the life that speaks now takes over.
pub async fn take_over(
    unit: &mut Unit,
    site: &SiteId,
    retired: &[Retired],
    terms: &Terms,
) -> Result<(), HubError> {
    let now = unit.now();
    enrollment::retire(unit.db(), site, retired, now).await?;
    begin_anew(unit, site, terms).await?;
    tracing::warn!(%site, lives = retired.len(), "another life of the site has taken over");
    Ok(())
}

/// A life that was taken over from goes on speaking: there are two appliances. Nothing more is promised from the site
/// until a person has decided which is the right one.
pub async fn hold(unit: &mut Unit, site: &SiteId, incarnation: Incarnation) -> Result<(), HubError> {
    let now = unit.now();
    let retired_at = enrollment::retired_at(unit.db(), site, incarnation).await?;
    if retired_at.is_some_and(|at| now.since(at) < UNDER_WAY_MS) {
        return Ok(());
    }
    let unshown = recovery::waits(unit.db(), site).await?;
    if recovery::hold(unit.db(), site, now).await? {
        match unshown {
            true => recovery::owe_rights(unit.db(), site).await?,
            false => give_rights_back(unit, site).await?,
        }
        unit.wakes.news.insert(News::Site(site.clone()));
    }
    Ok(())
}

/// The site begins with nothing that was granted, promised or numbered before, and is sent all it works with.
pub async fn begin_anew(unit: &mut Unit, site: &SiteId, terms: &Terms) -> Result<(), HubError> {
    // Rights first and then the stream, as everywhere, so that transactions do not wait for each other in a circle.
    let back = match recovery::waits(unit.db(), site).await? {
        // A restored hub does not know yet all that it has promised from them.
        true => {
            recovery::owe_rights(unit.db(), site).await?;
            Vec::new()
        }
        false => take_rights_back(unit, site).await?,
    };
    let incarnation = Incarnation::mint(unit.ids().rng());
    unit.begin_stream_anew(site, incarnation).await?;
    // Positions count from the beginning again: what was covered by number is covered no more.
    authority::forget_through(unit.db(), site).await?;
    say_returned(unit, site, &back).await?;
    let now = unit.now();
    for block in serial::void(unit.db(), site, now).await? {
        let voided = HubPageEvent::SerialsVoided { first: block.first, count: block.count };
        documents::say_on_page(unit, site, vec![voided]).await?;
    }
    lease::lease(unit, site, &terms.sscc).await?;
    reference::forget(unit, site).await?;
    for row in case::live(unit.db(), site).await? {
        send_again(unit, site, row).await?;
    }
    unit.wakes.news.insert(News::Site(site.clone()));
    Ok(())
}

/// Takes back what earlier lives have granted, and says so.
pub async fn give_rights_back(unit: &mut Unit, site: &SiteId) -> Result<(), HubError> {
    let back = take_rights_back(unit, site).await?;
    say_returned(unit, site, &back).await
}

/// R := G − P: nothing more is promised from what earlier lives have granted.
async fn take_rights_back(unit: &mut Unit, site: &SiteId) -> Result<Vec<SkuQty>, HubError> {
    let mut units = Vec::new();
    for (sku, [granted, promised, returned]) in rights::of_site(unit.db(), site, rights::ALL).await? {
        let unused = u64::try_from(granted - promised - returned).unwrap_or(0);
        if unused > 0 {
            let sku = Sku::new(sku).map_err(|error| HubError::corrupt("rights", site, error))?;
            let mut back = rights::give_back(unit.db(), site, &sku, unused).await?;
            // Grants add up to more than one quantity holds.
            while back > 0 {
                let part = back.min(u64::from(Quantity::MAX.get()));
                let qty = Quantity::new(part).map_err(|error| HubError::Invariant(error.to_string()))?;
                units.push(SkuQty { sku: sku.clone(), qty });
                back -= part;
            }
        }
    }
    Ok(units)
}

async fn say_returned(unit: &mut Unit, site: &SiteId, units: &[SkuQty]) -> Result<(), HubError> {
    for chunk in units.chunks(RETURNED_MAX) {
        let returned = HubPageEvent::Returned { units: chunk.to_vec(), recall: None };
        documents::say_on_page(unit, site, vec![returned]).await?;
    }
    Ok(())
}

/// Sends an open case again, with the records it needs before it. The site's own part comes by repair.
async fn send_again(unit: &mut Unit, site: &SiteId, mut row: case::Row) -> Result<(), HubError> {
    let header = &row.state.header;
    let mut records: Vec<Record> = Vec::new();
    if let Some(consignee) = header.consignee {
        records.extend(offer::contact_record(unit, consignee).await?);
    }
    for bought in &row.state.bought {
        let key = bought.record.to_string();
        let bytes = sealed::get(unit.db(), Name { kind: sealed::LABEL, key: &key }).await?;
        records.extend(bytes.map(|bytes| Record::new(sealed::LABEL, key, bytes)));
    }
    if !records.is_empty() {
        unit.append(site, &records.into_iter().map(Item::Record).collect::<Vec<_>>()).await?;
    }
    say_again(unit, site, &mut row).await
}

/// Moves what the hub has said of an open case to the end of the stream, so that authority, which counts by number, can
/// cover it there.
pub async fn say_again(unit: &mut Unit, site: &SiteId, row: &mut case::Row) -> Result<(), HubError> {
    let header = &row.state.header;
    let doc = DocumentId::new(DocumentKey::Case(header.case).to_string())
        .map_err(|error| HubError::Invariant(error.to_string()))?;
    let changes = item::own_changes(unit.db(), site, &doc).await?;
    if let Some((founding, later)) = changes.split_first() {
        row.position = unit.append_again(site, std::slice::from_ref(founding)).await?;
        unit.append_again(site, later).await?;
        case::put_position(unit.db(), header.case, row.position).await?;
    }
    Ok(())
}
