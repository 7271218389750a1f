//! What follows from what a site has said, in the same transaction: answers are noted, orders settled, rights given
//! back, serials leased, labels given up, exceptions raised.

use std::collections::BTreeSet;

use outpost_config::SsccSettings;
use outpost_model::id::{OrderId, SiteId};
use outpost_model::page::{HubPageEvent, SkuQty};
use outpost_model::quantity::Quantity;

use super::project::{Answered, Before, OfSite, Projection};
use crate::app::{documents, label, lease, settle};
use crate::error::HubError;
use crate::store::{counter, exception, intent, order, recovery, rights};
use crate::wake::News;
use crate::write::Unit;

/// Reacts to batches whose projection is written.
pub async fn react(unit: &mut Unit, projection: &Projection, sscc: &SsccSettings) -> Result<(), HubError> {
    for answered in &projection.answers {
        answer(unit, answered, projection).await?;
    }
    let mut orders: BTreeSet<OrderId> = BTreeSet::new();
    let changed = projection.changed.iter().filter_map(|id| Some((id, projection.cases.get(id)?)));
    for (id, (row, before)) in changed {
        let now = Before::of(row);
        if now == *before {
            continue;
        }
        unit.wakes.news.insert(News::Case(*id));
        settle::raise_new(unit, row, &before.exceptions).await?;
        let over = now.weight.ended || now.weight.closed;
        if over && row.state.handovers.is_empty() {
            label::over(unit, *id).await?;
        }
        if now.weight != before.weight {
            orders.insert(row.state.header.order);
        }
    }
    settle::orders(unit, &orders, |case| projection.cases.get(&case).map(|(row, _)| row)).await?;
    for (site, of_site) in &projection.sites {
        react_at(unit, site, of_site, sscc).await?;
    }
    Ok(())
}

/// What concerns the site as a whole.
async fn react_at(
    unit: &mut Unit,
    site: &SiteId,
    of_site: &OfSite,
    sscc: &SsccSettings,
) -> Result<(), HubError> {
    if !of_site.grants.is_empty() || of_site.day_changed {
        let now = unit.now();
        unit.wakes.routing |= order::hurry(unit.db(), now).await? > 0;
        unit.wakes.news.insert(News::Site(site.clone()));
    }
    // A restored hub may have promised these units and lost that, or may have given them back before.
    let unshown = !of_site.recalls.is_empty() && recovery::waits(unit.db(), site).await?;
    if unshown {
        recovery::owe_rights(unit.db(), site).await?;
    }
    for (recall, units) in &of_site.recalls {
        let mut back = Vec::with_capacity(units.len());
        for SkuQty { sku, qty } in units.iter().filter(|_| !unshown) {
            let given = rights::give_back(unit.db(), site, sku, u64::from(qty.get())).await?;
            let qty = Quantity::new(given).map_err(|error| HubError::Invariant(error.to_string()))?;
            back.push(SkuQty { sku: sku.clone(), qty });
        }
        // An answer even when nothing is left to give back: the site must not wait for it.
        documents::say_on_page(
            unit,
            site,
            vec![HubPageEvent::Returned { units: back, recall: Some(*recall) }],
        )
        .await?;
    }
    if of_site.handling_labels > 0 {
        lease::top_up(unit, site, of_site.handling_labels, sscc).await?;
    }
    Ok(())
}

async fn answer(unit: &mut Unit, answered: &Answered, projection: &Projection) -> Result<(), HubError> {
    let now = unit.now();
    let kind = intent::answer(unit.db(), answered.intent, answered.refused.as_ref(), now).await?;
    if kind.as_deref() != Some("cancel_requested") {
        return Ok(());
    }
    let Some(reason) = &answered.refused else {
        unit.count(counter::CANCELS_ACCEPTED, 1);
        return Ok(());
    };
    unit.count(counter::CANCELS_REFUSED, 1);
    let Some((row, _)) = projection.cases.get(&answered.case) else { return Ok(()) };
    let header = &row.state.header;
    unit.raise(exception::New {
        code: "cancel_refused",
        sentence: format!(
            "{} could not cancel its part of order {} ({reason}). Call the goods back, or open a return.",
            header.site, header.order_number
        ),
        once: format!("cancel_refused {}", answered.intent),
        order: Some(header.order),
        case: Some(header.case),
        site: Some(header.site.clone()),
        payload: None,
    })
    .await?;
    Ok(())
}
